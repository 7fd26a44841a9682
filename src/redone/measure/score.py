"""From items to scores, 0 to 100: every reading's value with a 95 % interval, groups, columns and averages.

One bootstrap serves all: a draw is a row of weights over a subset's records, and an aggregate is a function of weighted
sums. What is an average resamples each of its subsets by itself; the subsets themselves are no sample.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from redone.algo.statistics import percentile_interval, unseen, wilson
from redone.benchmark.aggregate import Aggregate, Totals, Values, best_trivial, mean_or_none, resamples
from redone.benchmark.readings import AGGREGATES
from redone.data.mix import derive_seed
from redone.measure.items import Item, Items, Samples, samples_of
from redone.measure.missing import told
from redone.measure.shape import Shape, SubsetShape

DRAWS = 1000
_AT_ONCE = 4_000_000  # weights of draws that exist at once


@dataclass(frozen=True)
class Measured:
    """A reading of some records: its values, the score (nan where there is none) among them, and its draws [DRAWS]."""

    values: Mapping[str, float]
    interval: tuple[float, float] | None
    draws: Values
    width: float  # points of 100 that so many records leave open though none of them shows any

    @property
    def score(self) -> float:
        return self.values["score"]


@dataclass(frozen=True)
class SubsetMeasured:
    n: int
    readings: Mapping[str, Measured]  # the first gives the score
    groups: Mapping[str, "SubsetMeasured"]

    @property
    def first(self) -> Measured:
        return next(iter(self.readings.values()))


NOTHING = Measured({"score": math.nan}, None, np.full(DRAWS, math.nan), math.nan)


def measured(shape: Shape, items: Items) -> dict[str, SubsetMeasured]:
    """Every subset; the readings of one without items are NOTHING."""
    return {name: _subset(subset, items.get(name, ())) for name, subset in shape.subsets.items()}


def _subset(subset: SubsetShape, items: Sequence[Item]) -> SubsetMeasured:
    if not items:
        return SubsetMeasured(0, dict.fromkeys(subset.readings, NOTHING), {})
    groups = {
        group: SubsetMeasured(
            len(mine),
            {
                name: measure(key, samples_of(mine, name), f"{subset.name}/{group}")
                for name, key in subset.readings.items()
            },
            {},
        )
        for group, mine in grouped(subset, items).items()
    }
    whole = {
        name: _mean_of_groups([mine.readings[name] for mine in groups.values()])
        if subset.over == "groups"
        else measure(key, samples_of(items, name), subset.name)
        for name, key in subset.readings.items()
    }
    return SubsetMeasured(len(items), whole, groups)


def grouped(subset: SubsetShape, items: Sequence[Item]) -> dict[str, list[Item]]:
    """Group to its items, in the order in which they come."""
    groups: dict[str, list[Item]] = {}
    for item in items if subset.group else ():
        groups.setdefault(item.group, []).append(item)
    return groups


def measure(key: str, samples: Samples, seed: str) -> Measured:
    """The aggregate of that key, the mean over samples, with a 95 % interval over records."""
    aggregate = AGGREGATES[key]
    values = exact(aggregate, samples)
    if math.isnan(values["score"]):
        return Measured(values, None, NOTHING.draws, math.nan)
    draws = np.concatenate(
        [drawn(aggregate, samples, weights) for weights in drawn_weights(len(samples[0]), "benchmark", seed)]
    )
    interval = _interval(key, samples, values["score"], draws)
    return Measured(values, interval, draws, 100 * unseen(len(samples[0])))


def exact(aggregate: Aggregate, samples: Samples) -> dict[str, float]:
    """What the aggregate gives, the mean over samples."""
    each = [aggregate(Totals(verdicts)) for verdicts in samples]
    return {name: fmean(float(one[name][0]) for one in each) for name in each[0]}


def drawn(aggregate: Aggregate, samples: Samples, weights: Values) -> Values:
    """The score for each row of weights [D, n], the mean over samples."""
    return np.mean([aggregate(Totals(verdicts, weights))["score"] for verdicts in samples], axis=0)


def drawn_weights(n: int, *seed: str) -> Iterator[Values]:
    """[D, n]: DRAWS rows of weights, as many at a time as memory is spared for."""
    count = max(1, min(DRAWS, _AT_ONCE // n))
    for first in range(0, DRAWS, count):
        yield resamples(n, min(count, DRAWS - first), derive_seed(0, *seed, first))


def _interval(key: str, samples: Samples, score: float, draws: Values) -> tuple[float, float]:
    """Wilson's where the score is a share of right answers, or where all draws are 0 or 100, which would have no width;
    else that of the draws."""
    n = len(samples[0])
    shares = key == "mean" and len(samples) == 1 and {v.score for v in samples[0]} <= {0.0, 1.0}
    if shares or (draws.min() == draws.max() and draws[0] in (0.0, 100.0)):
        low, high = wilson(round(score / 100 * n, 9), n)
        return 100 * low, 100 * high
    return percentile_interval(draws)  # type: ignore[arg-type]


def _mean_of_groups(groups: Sequence[Measured]) -> Measured:
    values = {name: fmean(mine.values[name] for mine in groups) for name in groups[0].values}
    return Measured(values, *_drawn_mean(groups), fmean(mine.width for mine in groups))


def mean_of(parts: Sequence[Measured]) -> Measured:
    """The mean of parts that were each resampled by itself."""
    score = fmean(mine.score for mine in parts)
    return Measured({"score": score}, *_drawn_mean(parts), fmean(mine.width for mine in parts))


def _drawn_mean(parts: Sequence[Measured]) -> tuple[tuple[float, float] | None, Values]:
    """Interval and draws of a mean. Of a single part its own, and where the draws are all alike, so that it would have
    no width, the mean of the parts' ends; None where a part has none."""
    draws = np.mean([mine.draws for mine in parts], axis=0)
    ends = [mine.interval for mine in parts if mine.interval is not None]
    if len(ends) < len(parts):
        return None, draws
    if len(parts) > 1 and draws.min() < draws.max():
        return percentile_interval(draws), draws  # type: ignore[arg-type]
    return (fmean(low for low, _ in ends), fmean(high for _, high in ends)), draws


def known(value: float) -> float | None:
    """None where a value is not a number."""
    return None if math.isnan(value) else float(value)


def points(subset: SubsetShape, items: Sequence[Item]) -> dict[str, float]:
    """Reading to its score alone, without an interval."""
    places = list(grouped(subset, items).values()) if subset.over == "groups" else [items]
    return {
        name: fmean(exact(AGGREGATES[key], samples_of(mine, name))["score"] for mine in places)
        for name, key in subset.readings.items()
    }


def average(shape: Shape, items: Items) -> Measured:
    """A benchmark's average, its first reading's."""
    found = measured(shape, items)
    [members] = shape.averages.values()
    return mean_of([mean_of([found[name].first for name in names]) for names in members.values()])


def scores(shape: Shape, items: Items, trivial: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, Any]:
    """A benchmark's scores.json. trivial: subset to name of an answer that needs no model to its `points`."""
    found = measured(shape, items)
    table = {}
    for name, mine in found.items():
        first = shape.subsets[name].first
        table[name] = {**_entry(mine), "groups": {group: _entry(one) for group, one in mine.groups.items()}}
        table[name] |= told(items.get(name, ()), first)
        table[name]["trivial"] = {
            answer: {
                "clean" if reading == "clean" else "score": known(value)
                for reading, value in earned.items()
                if reading in (first, "clean")
            }
            for answer, earned in trivial.get(name, {}).items()
        }
    [members] = shape.averages.values()
    return {"benchmark": shape.name, "subsets": table, **_averages(members, found, table)}


def _entry(mine: SubsetMeasured) -> dict[str, Any]:
    if not mine.n:
        return {"score": None, "clean": None, "n": 0, "interval": None, "readings": dict.fromkeys(mine.readings)}
    first = _reading(mine.first)
    return {
        "score": first["score"],
        "clean": known(mine.readings["clean"].score) if "clean" in mine.readings else None,
        "n": mine.n,
        "interval": first["interval"],
        "parts": first["parts"],
        "readings": {name: _reading(one) for name, one in mine.readings.items()},
    }


def _reading(one: Measured) -> dict[str, Any]:
    parts = {name: known(value) for name, value in one.values.items() if name != "score"}
    return {"score": known(one.score), "interval": _ends(one), "parts": parts}


def _ends(one: Measured) -> list[float] | None:
    return None if one.interval is None else list(one.interval)


def _averages(
    members: Mapping[str, Sequence[str]], found: Mapping[str, SubsetMeasured], table: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The columns, unless each is a subset, and their average, None while one is None."""
    drawn_columns = {column: mean_of([found[name].first for name in names]) for column, names in members.items()}
    columns = {
        column: {
            "score": known(drawn_columns[column].score),
            "clean": mean_or_none([table[name]["clean"] for name in names]),
            "interval": _ends(drawn_columns[column]),
            "n": sum(table[name]["n"] for name in names),
            "trivial": mean_or_none([best_trivial(table[name]) for name in names]),
        }
        for column, names in members.items()
    }
    without = [column for column, mine in columns.items() if mine["score"] is None]
    named = any([column] != list(names) for column, names in members.items())
    out: dict[str, Any] = {"columns": columns} if named else {}
    whole = mean_of(list(drawn_columns.values()))
    out["average"] = known(whole.score)
    if any(mine["clean"] is not None for mine in columns.values()):
        out["clean_average"] = mean_or_none([mine["clean"] for mine in columns.values()])
    if without:
        out["average_without"] = without
        left = [mine["score"] for column, mine in columns.items() if column not in without]
        out["average_of_the_rest"] = mean_or_none(left)
    else:
        out["average_interval"] = _ends(whole)
    return out
