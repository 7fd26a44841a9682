"""Tasks whose answers are labels: refused metrics, and what is said of references that a constant would win."""

from dataclasses import replace

import pytest

from redone.checks.labels import check_labels
from redone.data.load import Dataset
from redone.records import Record, Task
from redone.run.scoring import in_process

MOOD = Task("mood", "domain", "dialogue", "", "", "exact")


def record(split, i, answer):
    rules = [{"rule": "contains", "text": answer}]
    asked = ({"role": "user", "content": f"{split} {i}"},)
    return Record(f"mood/{split}/{i}", "mood", asked, answer, split, "x", fields={"rules": rules})


def notes(task, answers, evaluated=None):
    """The sentences on a task with these answers in train and probe, and in eval where no others are given."""
    mine = {"train": answers, "probe": answers, "eval": evaluated or answers}
    records = {split: tuple(record(split, i, answer) for i, answer in enumerate(mine[split])) for split in mine}
    return check_labels(Dataset({"mood": task}, {"mood": records}, {"mood": 0}), in_process({"mood": task}))


@pytest.mark.parametrize("metric", ["macro_f1", "macro_recall"])
@pytest.mark.parametrize("answers", [["glad", "glad"], [f"word {i}" for i in range(21)]], ids=["one", "many"])
def test_a_metric_over_labels_is_refused_where_the_references_are_not_a_few_labels(metric, answers):
    with pytest.raises(ValueError) as refused:
        notes(replace(MOOD, metric=metric), answers)
    assert str(refused.value) == (
        f"task mood: metric {metric} is a mean over a few labels, 2 to 20 of 2 records each, and its "
        f'{3 * len(answers)} reference answers are {len(set(answers))} different ones; set metric = "mean"'
    )
    assert notes(replace(MOOD, metric=metric), ["glad", "sad"]) == []


def test_labels_that_hardly_ever_come_again_are_no_labels():
    with pytest.raises(ValueError, match="its 5 reference answers are 3 different ones"):
        notes(replace(MOOD, metric="macro_f1"), ["glad"], ["calm", "sad", "calm"])


def test_a_class_that_no_reference_has_is_refused_with_those_that_there_are():
    over = replace(MOOD, metric="macro_f1", classes=["glad", "happy"])
    with pytest.raises(ValueError) as refused:
        notes(over, ["Glad", "sad."])
    assert (
        str(refused.value) == "task mood: classes names 'happy', which no reference answer is; they are 'glad', 'sad'"
    )
    assert notes(replace(over, classes=["glad"]), ["Glad", "sad."]) == []


def test_references_that_are_all_one_label_are_named():
    said = 'mood: every reference answer is "no", so that always saying so is right, and nothing is learnt'
    assert notes(MOOD, ["no", "no"]) == [said]
    assert notes(replace(MOOD, reward="token_f1"), ["no", "No."]) == [said]
    assert notes(MOOD, ["no", "no"], ["no", "yes"]) == []
    assert notes(replace(MOOD, reward="pattern"), ["no", "no"]) == []  # its rules decide


def test_a_mean_that_one_label_nearly_wins_is_told_of_the_metric_that_none_does():
    said = (
        'mood: 75 % of the references are "no", which is the mean that always saying so has; metric = "macro_f1" is '
        "one that no constant wins"
    )
    assert notes(MOOD, ["no", "yes"], ["no", "No", "no.", "yes"]) == [said]
    assert notes(MOOD, ["no", "yes"], ["no", "no", "no", "yes", "yes"]) == []  # three of five
    assert notes(replace(MOOD, metric="macro_f1"), ["no", "yes"], ["no", "no", "no", "yes"]) == []


LOOSE = (
    'mood: the label "hate" stands within "not hate", so that the lenient reading takes an answer that says the longer '
    "one in other words for the shorter; labels of which none holds another are read surely"
)


def test_labels_within_one_another_are_read_loosely_and_rewards_that_pay_for_them_are_named():
    labels = ["hate", "not hate"]
    assert notes(MOOD, labels) == [LOOSE]
    assert notes(replace(MOOD, reward="token_f1"), labels) == [
        'mood: its reward token_f1 gives "not hate" 0.67 where "hate" is right; the reward "exact" takes no label for '
        "another"
    ]
    assert notes(replace(MOOD, reward="pattern"), labels) == [
        'mood: its reward pattern gives "not hate" 1 where "hate" is right; the reward "exact" takes no label for '
        "another"
    ]


@pytest.mark.parametrize("labels", [["hate", "hateful"], ["hate", "love"], ["hate", "Hate."]])
@pytest.mark.parametrize("reward", ["exact", "token_f1"])
def test_labels_that_share_no_whole_words_are_not(labels, reward):
    assert [
        one for one in notes(replace(MOOD, reward=reward), labels) if "stands within" in one or "gives" in one
    ] == []


def test_answers_that_are_no_labels_may_hold_one_another():
    texts = [f"a text of {i} words{' and more' * i}" for i in range(21)] + ["a text"]
    assert notes(replace(MOOD, reward="token_f1"), texts) == []
