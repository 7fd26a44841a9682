"""Sums of verdicts to a score."""

import random

import numpy as np
import pytest
from sklearn import metrics

from redone.benchmark.aggregate import Totals, resamples
from redone.benchmark.readings import AGGREGATES
from redone.records import Verdict
from redone.rewards import METRICS
from redone.rewards.labels import counts


def counted(value, hits, predicted, gold):
    return Verdict(value, "wrong", {"hits": hits, "predicted": predicted, "gold": gold})


def score(name, verdicts, weights=None):
    return AGGREGATES[name](Totals(verdicts, weights))["score"].tolist()


def test_the_metrics_of_tasks_by_hand():
    verdicts = [counted(2 / 3, 1, 2, 1), counted(0, 0, 0, 2), counted(4 / 5, 2, 2, 3)]
    assert score("micro_f1", verdicts) == [pytest.approx(100 * 2 * 3 / (4 + 6))]  # not the mean of the three
    assert score("mean", verdicts) == [pytest.approx(100 * (2 / 3 + 4 / 5) / 3)]
    assert score("micro_f1", [counted(1, 0, 0, 0)]) == [100]
    assert score("micro_f1", [counted(0, 0, 0, 1)]) == [0]
    assert set(METRICS) <= set(AGGREGATES)


def test_a_score_without_weights_is_that_of_exact_sums():
    """Ten times 0.1 is 1 where it is summed exactly, and a little less where it is not."""
    assert score("mean", [counted(0.1, 0, 0, 0)] * 10) == [10.0]


def test_a_row_of_weights_counts_each_record_so_often():
    verdicts = [counted(1, 1, 1, 1), counted(0, 0, 1, 1), counted(0.5, 1, 2, 2)]
    weights = np.array([[1.0, 1.0, 1.0], [2.0, 1.0, 0.0], [0.0, 0.0, 3.0]])
    assert score("mean", verdicts, weights) == pytest.approx([50.0, 200 / 3, 50.0])
    assert score("micro_f1", verdicts, weights) == pytest.approx([50.0, 200 / 3, 50.0])


# Means over labels


def labelled(golds, said, classes=()):
    return [Verdict(float(a == b), "wrong", counts(a, b, classes)) for a, b in zip(golds, said)]


def test_means_over_labels_by_hand():
    """F1: no 2 * 2 / (3 + 3), yes 2 * 1 / (2 + 1). Recall: no 2/3, yes 1/2. An answer without a label is wrong."""
    verdicts = labelled(["no", "no", "no", "yes", "yes"], ["no", "no", "", "yes", "no"])
    assert score("macro_f1", verdicts) == [pytest.approx(100 * (2 / 3 + 2 / 3) / 2)]
    assert score("macro_recall", verdicts) == [pytest.approx(100 * (2 / 3 + 1 / 2) / 2)]


@pytest.mark.parametrize(
    ("name", "most"), [("mean", 90), ("macro_f1", 100 * (2 * 9 / (9 + 10)) / 2), ("macro_recall", 50)]
)
def test_a_constant_wins_the_mean_and_no_mean_over_labels(name, most):
    assert score(name, labelled(["no"] * 9 + ["yes"], ["no"] * 10)) == [pytest.approx(most)]


LABELS = ["anger", "joy", "rare", "sadness"]


def answers(n, seed):
    """References and answers: skewed, one label rare, some answers no label, or one that no reference has."""
    drawn = random.Random(seed)
    golds = drawn.choices(LABELS, [6, 5, 0.2, 3], k=n)
    noise = [drawn.choice([*LABELS, "", "dunno"]) for _ in golds]
    return golds, [gold if drawn.random() < 0.5 else other for gold, other in zip(golds, noise)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("classes", [(), ("anger", "sadness"), ("rare",)])
def test_means_over_labels_and_their_draws_are_those_of_scikit_learn(seed, classes):
    golds, said = answers(30, seed)
    draws = np.concatenate([np.ones((1, 30)), resamples(30, 50, seed)])
    verdicts = labelled(golds, said, classes)
    found = {name: score(name, verdicts, draws) for name in ("macro_f1", "macro_recall")}
    for i, row in enumerate(draws.astype(int)):
        true, guess = np.repeat(golds, row), np.repeat(said, row)
        labels = [one for one in classes or LABELS if one in true]
        if not labels:
            assert (found["macro_f1"][i], found["macro_recall"][i]) == (0.0, 0.0)
            continue
        given = {"labels": labels, "average": "macro", "zero_division": 0.0}
        assert found["macro_f1"][i] == pytest.approx(100 * metrics.f1_score(true, guess, **given))
        assert found["macro_recall"][i] == pytest.approx(100 * metrics.recall_score(true, guess, **given))


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("seed", range(5))
def test_macro_recall_is_balanced_accuracy(seed):
    golds, said = answers(40, seed)
    wanted = 100 * metrics.balanced_accuracy_score(golds, said)
    assert score("macro_recall", labelled(golds, said)) == [pytest.approx(wanted)]


def test_records_without_a_counted_label_score_0():
    assert score("macro_f1", labelled(["a", "b"], ["a", "b"], ("c",))) == [0.0]
