"""Sums of verdicts to a score."""

import numpy as np
import pytest

from redone.benchmark.aggregate import Totals
from redone.benchmark.readings import AGGREGATES
from redone.records import Verdict
from redone.rewards import METRICS


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
