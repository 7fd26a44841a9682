"""What words alone tell of a closed task."""

import math
import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from redone.cli.run import print_results
from redone.data.load import Dataset
from redone.measure.items import Item
from redone.measure.ngrams import ngram_verdicts, predicted, unaided
from redone.measure.taskset import summarise
from redone.records import Record, Task
from redone.rewards import score
from redone.run.scoring import in_process

MOOD = Task("mood", "domain", "dialogue", "How is it? {text}", "{label}", "exact")
POSTS = {"glad": ["what a fine day", "so fine , so good", "good morning"], "sad": ["a bad day", "so sad and so bad"]}


def given(task=MOOD, posts=POSTS, asked=("fine", "bad , bad", "nothing"), golds=("glad", "sad", "sad"), **fields):
    """A dataset of these train posts by answer, and eval records of these texts and answers."""

    def record(split, i, text, answer):
        said = ({"role": "user", "content": f"How is it? {text}"},)
        return Record(f"mood/{split}/{i}", "mood", said, answer, split, "x", fields=fields)

    train = [
        record("train", i, *one) for i, one in enumerate((text, label) for label in posts for text in posts[label])
    ]
    evaluated = [record("eval", i, *one) for i, one in enumerate(zip(asked, golds))]
    mine = {"train": tuple(train), "probe": (), "eval": tuple(evaluated)}
    return Dataset({"mood": task}, {"mood": mine}, {"mood": 0})


def verdicts(dataset):
    return ngram_verdicts(dataset, dataset.split("eval"), in_process(dataset.tasks))


def slowly(texts, labels, others):
    """Naive Bayes word for word: one count more than there are of every n-gram in the texts of a label."""

    def ngrams(text):
        words = text.split()
        return [*words, *(" ".join(pair) for pair in pairwise(words))]

    stands_in = Counter(gram for text in texts for gram in set(ngrams(text)))
    known = {gram for gram, count in stands_in.items() if count <= 0.95 * len(texts)}
    counts = {label: Counter() for label in labels}
    for text, label in zip(texts, labels):
        counts[label].update(gram for gram in ngrams(text) if gram in known)

    def log_probability(label, text):
        mine = counts[label]
        found = [math.log((mine[g] + 1) / (mine.total() + len(known))) for g in ngrams(text) if g in known]
        return math.log(labels.count(label) / len(labels)) + math.fsum(found)

    return [max(sorted(counts), key=lambda label: log_probability(label, text)) for text in others]


@pytest.mark.parametrize("seed", range(4))
def test_the_labels_are_those_of_naive_bayes_done_slowly(seed):
    drawn = random.Random(seed)
    words = [f"word{i}" for i in range(30)]

    def text(label):
        return " ".join(["template", *drawn.choices(words, [1 + (i % 3 == label) for i in range(30)], k=8)])

    labels = drawn.choices([0, 1, 2], [3, 2, 1], k=60)
    texts, others = [text(label) for label in labels], [text(i % 3) for i in range(40)]
    found = predicted(texts, [str(label) for label in labels], others)
    assert found == slowly(texts, [str(label) for label in labels], others)
    assert len(set(found)) == 3


def test_letters_case_and_characters_of_chinese_are_words():
    found = predicted(["很好 GOOD", "很差"], ["glad", "sad"], ["好", "差 good", "Good"])
    assert found == ["glad", "sad", "glad"]


@pytest.mark.parametrize("texts", [["", "!"], ["same words", "same words"]])
def test_texts_without_telling_words_have_no_answer(texts):
    assert predicted(texts, ["a", "b"], ["c"]) == []


def test_answers_are_learnt_from_train_and_have_the_verdicts_of_the_reward():
    found = verdicts(given())
    assert [one.score for one in found["mood"]] == [1.0, 1.0, 0.0]  # "nothing" is "glad", of which there are more
    assert [one.said for one in found["mood"]] == ["glad", "sad", "glad"]
    counted = verdicts(given(replace(MOOD, metric="macro_f1")))["mood"]
    assert counted[2].parts == {"parsed": 1.0, "gold sad": 1.0, "said glad": 1.0}


def test_the_answer_is_one_that_the_task_finds():
    task = replace(MOOD, extract=[{"first": "[A-Z].*", "missing": "?"}])  # not the label, which is without case
    found = verdicts(given(task, {"Glad": POSTS["glad"], "Sad": POSTS["sad"]}, golds=("Glad", "Sad", "Sad")))
    assert [one.score for one in found["mood"]] == [1.0, 1.0, 0.0]


def test_an_option_is_answered_by_its_letter_whatever_it_is_called():
    choice = replace(MOOD, options={"kind": "choice"})
    learnt = given(choice, {"joy": POSTS["glad"], "grief": POSTS["sad"]}, candidates=["grief", "joy"])
    other = given(choice, candidates=["sad", "glad"]).records["mood"]["eval"]
    records = {"mood": {**learnt.records["mood"], "eval": other}}
    found = verdicts(replace(learnt, records=records))
    assert [(one.score, one.said) for one in found["mood"]] == [(1.0, "B"), (1.0, "A"), (0.0, "B")]


@pytest.mark.parametrize(
    ("task", "posts"),
    [
        (replace(MOOD, reward="token_f1"), POSTS),  # open
        (MOOD, {}),  # only evaluated
        (MOOD, {"glad": POSTS["glad"]}),
        (replace(MOOD, candidates="tags"), {f"label {i}": [f"a post {i}"] for i in range(21)}),
    ],
)
def test_a_task_without_a_few_labels_in_train_has_none(task, posts):
    dataset = given(task, posts, golds=("glad", "sad", "glad"), tags=["glad", "sad"])
    assert verdicts(dataset) == {}


def summary(metric, said, asked=("fine", "bad", "good", "bad")):
    dataset = given(replace(MOOD, metric=metric), asked=asked, golds=("glad", "sad", "glad", "sad"))
    records, tasks = dataset.split("eval"), dataset.tasks
    readings = [(score(tasks["mood"], record, text),) for record, text in zip(records, said)]
    items = {"mood": [Item("mood", r.id, "", {"score": v}) for r, v in zip(records, readings)]}
    earned = unaided(dataset, records, in_process(tasks))
    return summarise(tasks, items, earned.trivial, earned.ngrams)


@pytest.mark.parametrize("metric", ["mean", "macro_f1"])
def test_a_model_that_answers_as_it_does_is_above_it_by_no_more_than_four_records_leave_open(metric):
    found = summary(metric, ["glad", "glad", "glad", "sad"], ("fine", "good", "good", "bad"))
    assert 0 < found["tasks"]["mood"]["ngrams"]["score"] < 100
    for one in (found["tasks"]["mood"]["ngrams"], found["ngrams"]):  # each draw holds the same records of both
        assert (one["above"], one["above_interval"]) == (0.0, pytest.approx([-49.0, 49.0], abs=0.02))


@pytest.mark.parametrize(("metric", "own"), [("mean", 75.0), ("macro_f1", 100 * (2 / 3 + 4 / 5) / 2)])
def test_it_stands_in_the_results_by_the_tasks_own_metric_with_what_the_model_has_above_it(metric, own, capsys):
    found = summary(metric, ["glad", "sad", "sad", "sad"])
    entry = found["tasks"]["mood"]["ngrams"]
    assert entry["score"] == 100.0
    assert entry["above"] == pytest.approx(own - 100)
    assert entry["above_interval"][0] < own - 100 <= entry["above_interval"][1] == 0.0
    whole = found["ngrams"]
    assert (whole["tasks"], whole["score"], whole["model"]) == (1, 100.0, pytest.approx(own))
    assert found["tasks"]["mood"]["baseline_answer"] != "n-grams"
    print_results({"models": {"base": found}})
    assert f"base: 1 closed task with train records, {own:.1f}; naive Bayes on n-grams 100.0" in capsys.readouterr().out


def test_a_run_whose_tasks_have_none_says_nothing_of_it():
    dataset = given(posts={})
    records = dataset.split("eval")
    items = {"mood": [Item("mood", r.id, "", {"score": (score(MOOD, r, "glad"),)}) for r in records]}
    earned = unaided(dataset, records, in_process(dataset.tasks))
    found = summarise(dataset.tasks, items, earned.trivial, earned.ngrams)
    assert found["ngrams"] is None
    assert "ngrams" not in found["tasks"]["mood"]
