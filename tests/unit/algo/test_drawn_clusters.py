"""Draws of clusters and of seeds, chances, and Holm's adjustment, against counting by hand."""

import random
from statistics import fmean, pvariance

import numpy as np
import pytest

from redone.algo.statistics import cluster_weights, holm, percentile_interval, seed_weights, two_sided


def test_records_of_a_cluster_are_drawn_together_and_as_many_clusters_as_there_are():
    drawn = cluster_weights(["a", "b", "a", "c"], seed=1, resamples=300)
    assert drawn.shape == (300, 4)
    assert (drawn[:, 0] == drawn[:, 2]).all()
    assert (drawn[:, [0, 1, 3]].sum(1) == 3).all()
    assert {tuple(row) for row in drawn[:, [0, 1, 3]]} > {(1, 1, 1), (3, 0, 0), (0, 2, 1)}
    assert not (cluster_weights(["a", "b", "a", "c"], seed=2, resamples=300) == drawn).all()


def test_the_mean_of_drawn_seeds_spreads_as_much_as_that_of_as_many_new_ones():
    values = [3.0, 5.0, 10.0]
    weights = seed_weights(3, seed=1, resamples=20_000)
    assert weights.sum(1) == pytest.approx(np.ones(20_000))
    unbiased = pvariance(values) * 3 / 2 / 3
    assert (weights @ values).var() == pytest.approx(unbiased, rel=0.05)
    assert (weights @ values).mean() == pytest.approx(6.0, abs=0.05)
    assert (seed_weights(1, seed=1, resamples=5) == 1).all()


def test_a_chance_is_twice_the_smaller_side_with_the_sample_among_it():
    draws = [1.0] * 97 + [-1.0, 0.0]
    assert two_sided(draws, 0.0) == pytest.approx(2 * 3 / 100)
    assert two_sided(draws, -5.0) == pytest.approx(2 / 100)
    assert two_sided([0.0] * 9, 0.0) == 1.0


def test_holm_multiplies_the_smallest_by_their_number_and_never_orders_them_anew():
    # Holm (1979): of 0.01, 0.04, 0.03 the adjusted are 0.03, 0.06, 0.06
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "spread"), [(3, 0.02), (5, 0.05)])
def test_intervals_over_seeds_and_clusters_cover_the_truth_nearly_as_often_as_they_say(seeds, spread):
    """A paired difference of 0 on average, which seeds shift and which clusters of three records share."""
    source, trials, covered = random.Random(7), 300, 0
    clusters = [str(i // 3) for i in range(240)]
    for trial in range(trials):
        shifts = [source.gauss(0, spread) for _ in range(seeds)]
        shared = {name: source.gauss(0, 0.3) for name in clusters}
        diffs = [[shift + shared[name] + source.gauss(0, 0.3) for name in clusters] for shift in shifts]
        weights = cluster_weights(clusters, seed=trial, resamples=400) / 240
        over_records = weights @ np.array(diffs).T  # [D, S]
        draws = (over_records * seed_weights(seeds, seed=trial, resamples=400)).sum(1)
        low, high = percentile_interval(draws)
        covered += low <= 0 <= high
        assert low < fmean(map(fmean, diffs)) < high
    assert 0.89 <= covered / trials <= 0.995, covered / trials
