"""Intervals (95 %), pass@k, and chances. Everything is in the unit of what is given."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

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


def unseen(n: int) -> float:
    """How large a share may be that none of n showed: the upper end of Wilson's interval."""
    return wilson(0, n)[1]


def paired_interval(draws: Sequence[float] | NDArray[np.float64], width: float) -> tuple[float, float]:
    """Of a difference in points of 100, by its draws; where these are all alike, as where no record changed, `width` to
    either side, since so many records leave that open."""
    found = np.asarray(draws)
    if found.min() < found.max():
        return percentile_interval(found)  # type: ignore[arg-type]
    return max(-100.0, float(found[0]) - width), min(100.0, float(found[0]) + width)


def pass_at_k(passed: int, n: int, k: int) -> float:
    """Unbiased chance that k of n samples hold one that passes: 1 - C(n - passed, k) / C(n, k) (Chen et al. 2021)."""
    assert 0 <= passed <= n >= k > 0
    return 1.0 - math.comb(n - passed, k) / math.comb(n, k)


def cluster_weights(clusters: Sequence[str], *, seed: int, resamples: int) -> NDArray[np.float64]:  # -> [D, n]
    """How often each of n records is in a sample of their clusters, as many as there are, drawn with replacement."""
    names = {name: place for place, name in enumerate(dict.fromkeys(clusters))}
    drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    return drawn[:, [names[name] for name in clusters]].astype(np.float64)


def seed_weights(seeds: int, *, seed: int, resamples: int) -> NDArray[np.float64]:  # -> [D, S]
    """The share of each of S seeds in a sample of S - 1, drawn with replacement.

    Of S - 1, because the mean of S drawn from so few spreads less than the mean of S new ones, by (S - 1) / S; that of
    S - 1 spreads as much (Rao and Wu 1988). One seed has no spread.
    """
    count = max(1, seeds - 1)
    return np.random.default_rng(seed).multinomial(count, np.full(seeds, 1 / seeds), size=resamples) / count


def two_sided(draws: Sequence[float] | NDArray[np.float64], value: float) -> float:
    """How unlikely it is, by the draws of a bootstrap, that what they are of is `value`: twice the share of the draws
    that lie on its smaller side, the sample itself counted among them."""
    found = np.asarray(draws)
    smaller = min(int((found <= value).sum()), int((found >= value).sum()))
    return min(1.0, 2 * (smaller + 1) / (len(found) + 1))


def holm(chances: Sequence[float]) -> list[float]:
    """The chances adjusted for how many are looked at (Holm 1979): the smallest times their number, the next times one
    less, and so on, none below one before it, none above 1."""
    adjusted, most = [0.0] * len(chances), 0.0
    for rank, place in enumerate(sorted(range(len(chances)), key=lambda i: chances[i])):
        most = max(most, min(1.0, (len(chances) - rank) * chances[place]))
        adjusted[place] = most
    return adjusted
