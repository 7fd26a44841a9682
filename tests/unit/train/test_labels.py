"""Shares of what was said and of what was right, by hand."""

import pytest

from redone.records import Group, Record, Rollout, Verdict
from redone.rewards.labels import Commonest
from redone.train.labels import counted, excess, nearly_constant

LABELS = {"t/0": "yes", "t/1": "no"}


def group(id, *said):
    record = Record(id, "t", ({"role": "user", "content": "?"},), "", "train", "test")
    verdicts = tuple(Verdict(0.0, "wrong", said=one) for one in said)
    return Group(record, (), tuple(Rollout(id, (), (), "", True, 0) for _ in said), verdicts)


def test_every_answer_counts_for_what_it_says_and_for_its_reference():
    counts = counted({}, [group("t/0", "yes", "yes", "perhaps"), group("t/1", "yes", "no", "")], LABELS)
    assert counts == {"t": {"yes": [3.0, 3.0], "perhaps": [1.0, 0.0], "no": [1.0, 3.0]}}
    assert excess(counts) == {"t": {"yes": pytest.approx(0.25), "no": pytest.approx(-0.25)}}  # 3/4 and 1/4 of labels


def test_earlier_steps_fade():
    counts = counted(counted({}, [group("t/0", "yes")], LABELS), [group("t/1", "yes")], LABELS)
    assert counts["t"]["yes"] == [pytest.approx(1.8), pytest.approx(0.8)]
    assert counts["t"]["no"] == [0.0, 1.0]


def test_an_open_task_has_no_labels():
    assert counted({}, [group("other/0", "yes")], LABELS) == {}


def test_where_no_answer_says_a_label_nothing_is_in_excess():
    assert excess(counted({}, [group("t/0", "perhaps")], LABELS)) == {}


@pytest.mark.parametrize(
    ("groups", "right", "alike"),
    [
        (8, 4, True),  # all of 8: Wilson's lower end is 8 / (8 + 3.84), 0.68, above 0.5 + 0.15
        (7, 3.5, False),  # 0.646
        (3, 1, False),
        (8, 5, False),
        (0.9, 0.0, False),  # it was drawn long ago
    ],
)
def test_a_model_is_told_of_when_chance_does_not_explain_that_it_says_one_label(groups, right, alike):
    """Eight answers to each prompt, all of them "no"."""
    counts = {"t": {"no": [8.0 * groups, 8.0 * right], "yes": [0.0, 8.0 * (groups - right)]}}
    wanted = {"t": Commonest("no", 1.0, pytest.approx(right / groups))} if alike else {}
    assert nearly_constant(counts, 8) == wanted


def test_a_label_that_is_never_right_is_told_of_too():
    found = nearly_constant({"t": {"hm": [60.0, 0.0], "no": [20.0, 80.0]}}, 8)
    assert found == {"t": Commonest("hm", 0.75, 0.0)}


def test_counts_that_rounding_brought_beyond_all_answers_are_all_of_them():
    counts = {"t": {"no": [80.00000000000001, 40.0], "yes": [0.0, 40.0]}}
    assert nearly_constant(counts, 8)["t"].share == 1.0
