"""Shares of what was said and of what was right, by hand."""

import pytest

from redone.records import Group, Record, Rollout, Verdict
from redone.train.labels import counted, excess

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
