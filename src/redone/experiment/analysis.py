"""From the kept records of every arm and seed to the table, and to what the questions are answered.

One bootstrap serves all. A draw holds seeds, and of every task clusters of its records; both are the same in every arm,
so that every difference is paired. The records are the same under every seed, so they are drawn once for all seeds:
what makes a record hard does not average out over seeds (Owen 2007).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import numpy as np

from redone.algo.statistics import cluster_weights, percentile_interval, seed_weights, two_sided, unseen
from redone.benchmark.aggregate import Values
from redone.benchmark.readings import AGGREGATES
from redone.data.mix import derive_seed
from redone.experiment.definition import Question
from redone.experiment.records import Kept, Subset
from redone.measure.score import drawn, exact
from redone.measure.shape import Shape, SubsetShape

DRAWS = 2000
LEVEL = 0.05
BENCHMARKS = "benchmarks"  # the measure: the mean over the benchmarks' averages

Part = tuple[str, str]  # set and subset
Tree = Part | list["Tree"]  # a score, or the mean over parts


@dataclass(frozen=True)
class Value:
    """A score or a difference, in points of 100, and its draws."""

    value: float
    draws: Values  # [D]
    width: float  # of an interval to either side where the draws have none
    least: float = 0.0  # that there can be

    @property
    def interval(self) -> tuple[float, float]:
        if self.draws.min() < self.draws.max():
            return percentile_interval(self.draws)  # type: ignore[arg-type]
        return max(self.least, self.value - self.width), min(100.0, self.value + self.width)

    def chance(self, value: float) -> float:
        """That the true value is `value`, two-sided."""
        if self.draws.min() < self.draws.max():
            return two_sided(self.draws, value)
        low, high = self.interval
        return 1.0 if low <= value <= high else two_sided(self.draws, value)


def measures(shapes: Mapping[str, Shape]) -> dict[str, Tree]:
    """What can be asked about, by its name: averages of tasks and their groups, tasks, benchmarks' averages, and the
    mean of those. A group of the name of an average, as translation among the general ones, is only that."""
    found: dict[str, Tree] = {}
    averages: list[Tree] = []
    for name, shape in shapes.items():
        for average, columns in shape.averages.items():
            tree: Tree = [[(name, subset) for subset in mine] for mine in columns.values()]
            if average == "average":  # a benchmark's only one
                found[name] = tree
                averages.append(tree)
                continue
            found[average] = tree
            others = {column: mine for column, mine in columns.items() if column not in shape.averages}
            found |= {column: [(name, subset) for subset in mine] for column, mine in others.items()}
        found |= {subset: (name, subset) for subset in shape.subsets if subset not in found}
    return found | ({BENCHMARKS: averages} if len(averages) > 1 else {})


def headline(names: Iterable[str], shapes: Mapping[str, Shape]) -> list[str]:
    """The measures that the table has for every arm: the averages."""
    averages = [name for shape in shapes.values() for name in shape.averages]
    return [name for name in names if name in averages or name in (*shapes, BENCHMARKS)]


def parts_of(tree: Tree) -> list[Part]:
    return [tree] if isinstance(tree, tuple) else [part for one in tree for part in parts_of(one)]


@dataclass
class Bench:
    """All kept runs, cut to the records that every one of them has."""

    kept: Mapping[tuple[str, int], Kept]  # arm and seed
    shapes: Mapping[str, Shape] = field(init=False)
    left_out: dict[Part, int] = field(default_factory=dict)  # records that not every run has
    known: dict[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        runs = list(self.kept.values())
        self.shapes = runs[0].shapes
        self.parts: dict[Part, list[str]] = {}  # the ids that are in every run
        for part in runs[0].subsets:
            if all(part in run.subsets for run in runs):
                common = set.intersection(*(set(run.subsets[part].ids) for run in runs))
                ids = [id for id in runs[0].subsets[part].ids if id in common]
                most = max(len(run.subsets[part].ids) for run in runs)
                self.parts |= {part: ids} if ids else {}
                self.left_out |= {part: most - len(ids)} if len(ids) < most else {}

    def seeds(self, *arms: str) -> list[int]:
        """Those that all the arms have been run with."""
        return sorted(set.intersection(*({seed for mine, seed in self.kept if mine == arm} for arm in arms)))

    def has(self, tree: Tree) -> bool:
        return all(part in self.parts for part in parts_of(tree))

    def score(self, tree: Tree, arm: str, model: str, seeds: Sequence[int]) -> Value:
        """The mean over the seeds."""
        each = [self._one(tree, arm, model, seed) for seed in seeds]
        weights = seed_weights(len(seeds), seed=derive_seed(0, "seeds", len(seeds)), resamples=DRAWS)
        draws = (weights * np.stack([draws for _, draws in each], axis=1)).sum(1)
        return Value(fmean(value for value, _ in each), draws, self._width(tree))

    def difference(self, tree: Tree, one: tuple[str, str], other: tuple[str, str]) -> Value:
        """Of arm and model `one` less those of the `other`, over the seeds that both have."""
        seeds = self.seeds(one[0], other[0])
        a, b = (self.score(tree, *side, seeds) for side in (one, other))
        return Value(a.value - b.value, a.draws - b.draws, self._width(tree), -100.0)

    def _one(self, tree: Tree, arm: str, model: str, seed: int) -> tuple[float, Values]:
        """The score and its draws [D] over records."""
        if isinstance(tree, tuple):
            key = (tree, arm, model, seed)
            if key not in self.known:
                self.known[key] = self._scored(tree, self.kept[arm, seed].subsets[tree], model)
            return self.known[key]
        each = [self._one(part, arm, model, seed) for part in tree]
        return fmean(value for value, _ in each), np.mean([draws for _, draws in each], axis=0)

    def _scored(self, part: Part, subset: Subset, model: str) -> tuple[float, Values]:
        shape = self._shape(part)
        aggregate = AGGREGATES[shape.readings[shape.first]]
        weights, strata = self._weights(part)
        place = {id: i for i, id in enumerate(subset.ids)}
        order = [place[id] for id in self.parts[part]]
        values: list[float] = []
        draws: list[Values] = []
        for rows in strata:
            samples = [[verdicts[order[i]] for i in rows] for verdicts in subset.verdicts[model]]
            values.append(exact(aggregate, samples)["score"])
            draws.append(drawn(aggregate, samples, weights[:, rows]))
        return fmean(values), np.mean(draws, axis=0)

    def _weights(self, part: Part) -> tuple[Values, list[list[int]]]:
        """[D, n] for the records of a subset, and its strata, which are each resampled by themselves: its groups, where
        its score is the mean of theirs."""
        if ("weights", part) not in self.known:
            subset = next(iter(self.kept.values())).subsets[part]
            place = {id: i for i, id in enumerate(subset.ids)}
            order = [place[id] for id in self.parts[part]]
            strata: dict[str, list[int]] = {}
            for i, old in enumerate(order):
                strata.setdefault(subset.groups[old], []).append(i)
            weights = np.zeros((DRAWS, len(order)))
            for group, rows in strata.items():
                clusters = [subset.clusters[order[i]] for i in rows]
                seed = derive_seed(0, "records", *part, group)
                weights[:, rows] = cluster_weights(clusters, seed=seed, resamples=DRAWS)
            self.known["weights", part] = weights, list(strata.values())
        return self.known["weights", part]

    def _shape(self, part: Part) -> SubsetShape:
        return self.shapes[part[0]].subsets[part[1]]

    def _width(self, tree: Tree) -> float:
        """Points by which the truth may differ from what every cluster of the sample says alike, the mean over parts:
        the upper end of Wilson's interval of none of them."""
        if not isinstance(tree, tuple):
            return fmean(self._width(part) for part in tree)
        subset = next(iter(self.kept.values())).subsets[tree]
        place = dict(zip(subset.ids, subset.clusters))
        return 100 * unseen(len({place[id] for id in self.parts[tree]}))


def answer(value: Value, question: Question, adjusted: float) -> str:
    """holds, fails or undecided. A side is decided where the interval lies on it and the adjusted chance is small."""
    low, high = value.interval
    if adjusted < LEVEL and low > question.above:
        return "holds"
    if adjusted < LEVEL and high < question.above:
        return "fails"
    return question.unclear
