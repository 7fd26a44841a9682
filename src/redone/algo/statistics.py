"""Intervals (95 %) and pass@k. Everything is in the unit of what is given."""

import math
from collections.abc import Callable, Sequence

import numpy as np

Z = 1.959963984540054  # 97.5 % point of the normal distribution


def wilson(successes: float, n: float) -> tuple[float, float]:
    """Wilson's score interval of a share (1927); it behaves at 0 and 1, where the plain one has no width."""
    assert 0 <= successes <= n != 0
    share, square = successes / n, Z * Z
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = Z / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return centre - half if successes else 0.0, centre + half if successes < n else 1.0  # exactly, at the ends


def resampled(statistic: Callable[[list[int]], float], n: int, *, seed: int, resamples: int) -> list[float]:
    """statistic(indices) of `resamples` samples of n items, drawn with replacement (Efron 1979)."""
    random = np.random.default_rng(seed)
    return [statistic(random.integers(n, size=n).tolist()) for _ in range(resamples)]


def percentile_interval(values: Sequence[float]) -> tuple[float, float]:
    """What the middle 95 % of resampled values span."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def pass_at_k(passed: int, n: int, k: int) -> float:
    """Unbiased chance that k of n samples hold one that passes: 1 - C(n - passed, k) / C(n, k) (Chen et al. 2021)."""
    assert 0 <= passed <= n >= k > 0
    return 1.0 - math.comb(n - passed, k) / math.comb(n, k)
