"""Shares of what was said and of what was right, by hand."""

import pytest

from redone.records import Group, Record, Rollout, Verdict
from redone.rewards.labels import Commonest
from redone.train.labels import answered, counted, excess, nearly_constant, remembered

LABELS = {"t/0": "yes", "t/1": "no"}


def group(id, *said):
    """said: what each answer says, with the log-probabilities of its tokens."""
    record = Record(id, "t", ({"role": "user", "content": "?"},), "", "train", "test")
    verdicts = tuple(Verdict(0.0, "wrong", said=one) for one, _ in said)
    return Group(record, (), tuple(Rollout(id, (), logprobs, "", True, 0) for _, logprobs in said), verdicts)


def test_a_group_answers_with_the_label_of_its_likeliest_answer():
    """An undecided policy samples both labels, and would greedily say the same one to every prompt."""
    yes, no = ("yes", (-0.6,)), ("no", (-0.8, -0.01))
    assert answered(group("t/0", no, no, no, yes)) == "yes"
    assert answered(group("t/0", no, ("yes", (-0.5, -0.5)))) == "no"  # of all its tokens
    assert answered(group("t/0", ("", (-0.1,)), no)) == "no"  # a sentence may be likelier than any label
    assert answered(group("t/0", ("", (-0.1,)))) == ""


def test_every_group_counts_for_what_it_answers_and_for_its_reference():
    yes, perhaps = ("yes", (-0.5,)), ("perhaps", (-0.9,))
    silent = group("t/0", ("", (-1.0,)))
    groups = [group("t/0", perhaps, yes), group("t/1", yes, perhaps), group("t/1", perhaps), silent]
    counts = counted([*groups, group("t/1", ("no", (-1.0,)))], LABELS)
    assert counts == {"t": {"yes": [2.0, 2.0], "no": [1.0, 3.0], "perhaps": [1.0, 0.0]}}
    assert excess(counts)["t"] == {"yes": pytest.approx(2 / 3 - 2 / 5), "no": pytest.approx(1 / 3 - 3 / 5)}


def test_earlier_steps_fade():
    yes = ("yes", (-0.5,))
    counts = remembered(counted([group("t/0", yes)], LABELS), counted([group("t/1", yes)], LABELS))
    assert counts["t"]["yes"] == [pytest.approx(1.8), pytest.approx(0.8)]
    assert counts["t"]["no"] == [0.0, 1.0]


def test_an_open_task_has_no_labels():
    assert counted([group("other/0", ("yes", (-0.5,)))], LABELS) == {}


def test_where_no_answer_says_a_label_nothing_is_in_excess():
    assert excess(counted([group("t/0", ("perhaps", (-0.5,)))], LABELS)) == {}


@pytest.mark.parametrize(
    ("groups", "right", "alike"),
    [
        (8, 4, True),  # all of 8: Wilson's lower end is 8 / (8 + 3.84), 0.68, above 0.5 + 0.15
        (7, 3.5, False),  # 0.646
        (3, 1, False),
        (8, 5, False),
        (1, 0.0, False),  # a wrong answer
        (4.9, 0.0, False),  # hardly drawn, or long ago
        (5, 0.0, True),
    ],
)
def test_a_model_is_told_of_when_chance_does_not_explain_that_it_says_one_label(groups, right, alike):
    """All of them answer with "no"."""
    counts = {"t": {"no": [groups, right], "yes": [0.0, groups - right]}}
    wanted = {"t": Commonest("no", 1.0, pytest.approx(right / groups))} if alike else {}
    assert nearly_constant(counts) == wanted


def test_a_label_that_is_never_right_is_told_of_too():
    found = nearly_constant({"t": {"hm": [7.5, 0.0], "no": [2.5, 10.0]}})
    assert found == {"t": Commonest("hm", 0.75, 0.0)}


def test_counts_that_rounding_brought_beyond_all_groups_are_all_of_them():
    counts = {"t": {"no": [10.000000000000002, 5.0], "yes": [0.0, 5.0]}}
    assert nearly_constant(counts)["t"].share == 1.0
