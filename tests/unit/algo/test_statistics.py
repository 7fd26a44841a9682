import random
from itertools import combinations
from statistics import fmean

import pytest

from redone.algo.statistics import pass_at_k, percentile_interval, resampled, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # Newcombe (1998, Statistics in Medicine 17:857), table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_intervals(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_solves_its_own_equation():
    # the ends are the shares p with |share - p| = z sqrt(p (1 - p) / n)
    for p in wilson(7, 40):
        assert abs(7 / 40 - p) == pytest.approx(1.959963984540054 * (p * (1 - p) / 40) ** 0.5, abs=1e-12)


@pytest.mark.parametrize("n", [1, 5, 100])
def test_wilson_has_a_width_where_all_or_none_succeed_and_stays_within_0_and_1(n):
    (low, high), (other_low, other_high) = wilson(0, n), wilson(n, n)
    assert low == 0.0 < high < 1.0
    assert 0.0 < other_low < other_high == 1.0
    assert other_low == pytest.approx(1 - high)


@pytest.mark.parametrize("n", [1, 4, 7])
def test_pass_at_k_is_the_share_of_draws_that_hold_a_pass(n):
    for passed in range(n + 1):
        samples = [True] * passed + [False] * (n - passed)
        for k in range(1, n + 1):
            draws = list(combinations(samples, k))
            assert pass_at_k(passed, n, k) == pytest.approx(sum(map(any, draws)) / len(draws), abs=1e-12)


def test_pass_at_1_is_the_share_that_passes():
    assert pass_at_k(3, 8, 1) == pytest.approx(3 / 8)


def test_a_percentile_interval_spans_the_middle_95_of_a_hundred():
    assert percentile_interval(range(1001)) == (25.0, 975.0)


def test_resamples_are_as_many_and_as_long_as_the_sample_and_repeat_items():
    drawn = []
    resampled(lambda chosen: drawn.append(list(chosen)) or 0.0, 6, seed=1, resamples=200)
    assert [len(chosen) for chosen in drawn] == [6] * 200
    assert {i for chosen in drawn for i in chosen} == set(range(6))
    assert any(len(set(chosen)) < 6 for chosen in drawn)


def test_the_seed_decides_the_resamples():
    def means(seed):
        return resampled(fmean, 9, seed=seed, resamples=20)

    assert means(1) == means(1)
    assert means(1) != means(2)


def test_resampled_means_have_the_standard_error_of_the_mean():
    values = [0.0, 0.2, 0.5, 0.9, 1.0, 1.0, 0.3, 0.4]
    means = resampled(lambda chosen: fmean(values[i] for i in chosen), 8, seed=4, resamples=4000)
    variance = fmean((v - fmean(values)) ** 2 for v in values) / 8
    assert fmean(means) == pytest.approx(fmean(values), abs=0.01)
    assert fmean((m - fmean(means)) ** 2 for m in means) == pytest.approx(variance, rel=0.1)


def test_a_bootstrap_interval_covers_the_truth_nearly_as_often_as_it_says():
    source = random.Random(5)
    covered = 0
    for trial in range(200):
        sample = [source.random() ** 2 for _ in range(40)]  # mean 1/3
        means = resampled(lambda chosen, s=sample: fmean(s[i] for i in chosen), 40, seed=trial, resamples=200)
        low, high = percentile_interval(means)
        covered += low <= 1 / 3 <= high
    # of 200 trials at 93 to 95 %, five standard deviations are 17
    assert 0.86 <= covered / 200 <= 0.995
