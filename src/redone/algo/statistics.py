"""Intervals (95 %) and pass@k. Everything is in the unit of what is given."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

Z = 1.959963984540054  # 97.5 % point of the normal distribution


def wilson(successes: float, n: int) -> tuple[float, float]:
    """Wilson's score interval of a share (1927); it behaves at 0 and 1, where the plain one has no width."""
    assert 0 <= successes <= n and n > 0
    share, square = successes / n, Z * Z
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = Z / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def bootstrap(
    statistic: Callable[[np.ndarray], float], n: int, *, seed: int, resamples: int
) -> tuple[float, float]:
    """Percentile interval of statistic(indices) over resamples of n items with replacement (Efron 1979)."""
    random = np.random.default_rng(seed)
    values = [statistic(random.integers(n, size=n)) for _ in range(resamples)]
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def interval_of_averages(
    values: Mapping[str, Sequence[float]],
    average: Callable[[Mapping[str, float]], float],
    *,
    seed: int,
    resamples: int,
) -> tuple[float, float]:
    """Bootstrap interval of average({task: mean of its values}), records resampled within each task."""
    random = np.random.default_rng(seed)
    means = {}
    for name, mine in values.items():
        array = np.asarray(mine, dtype=float)
        means[name] = array[random.integers(len(array), size=(resamples, len(array)))].mean(1)
    results = [average({name: float(mine[i]) for name, mine in means.items()}) for i in range(resamples)]
    low, high = np.percentile(results, [2.5, 97.5])
    return float(low), float(high)


def pass_at_k(passed: int, n: int, k: int) -> float:
    """Unbiased chance that k of n samples hold one that passes: 1 - C(n - passed, k) / C(n, k) (Chen et al. 2021)."""
    assert 0 <= passed <= n and 0 < k <= n
    return 1.0 - math.comb(n - passed, k) / math.comb(n, k)
