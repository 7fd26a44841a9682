"""Two results on the same records: paired differences with intervals, and the records that flipped.

Both answered the same records, so each draw of the bootstrap holds the same records of both: what makes a record easy
or hard cancels out, and the interval is narrower than that of two results that are compared by their own intervals.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from redone.algo.statistics import paired_interval, unseen
from redone.benchmark.aggregate import Values
from redone.benchmark.readings import AGGREGATES
from redone.files import read_object
from redone.measure.definitions import definition
from redone.measure.items import Item, Items, read_items, samples_of
from redone.measure.score import drawn, drawn_weights, exact, known
from redone.measure.shape import Shape, SubsetShape, shape_from_json
from redone.measure.taskset import READING, TASKS, tasks_shape
from redone.records import Task

MEAN = "mean of the benchmarks"
FEWEST = 6  # records that must differ before a difference is clear: five that all go one way are luck in 1 case of 16


@dataclass(frozen=True)
class Result:
    """One side of a comparison."""

    path: Path
    model: str
    items: Mapping[str, Mapping[str, Item]]  # set, such as a benchmark -> id -> item
    shapes: Mapping[str, Shape]  # of the sets that are no benchmarks
    made: Mapping[str, Any]  # the settings it was made with, where they are known


@dataclass(frozen=True)
class Difference:
    """Of B against A, in points of 100; every value is nan where a side has none."""

    a: float
    b: float
    changed: int  # records whose verdicts differ
    draws: Values  # [DRAWS], B less A
    width: float  # of an interval to either side where the draws have none

    def to_json(self) -> dict[str, Any]:
        drawn = self.draws[~np.isnan(self.draws)]
        none = math.isnan(self.b - self.a) or not drawn.size
        low, high = (math.nan, math.nan) if none else paired_interval(drawn, self.width)
        return {
            "a": known(self.a),
            "b": known(self.b),
            "difference": known(self.b - self.a),
            "interval": None if none else [low, high],
            "changed": self.changed,
            "clear": self.changed >= FEWEST and (low > 0 or high < 0),
        }


def compare(a: Path, b: Path) -> dict[str, Any]:
    """What changed from A to B, two `--items` files or two folders of `redone eval`, as JSON can hold it.

    Raises ValueError where one of them is neither, or where they have no record in common.
    """
    one, two = read_result(a), read_result(b)
    shared = [name for name in one.items if name in two.items]
    if not shared:
        raise ValueError(
            f"{a} is of {', '.join(one.items)}, {b} of {', '.join(two.items)}: they have no benchmark in common"
        )
    if not any(one.items[name].keys() & two.items[name].keys() for name in shared):
        raise ValueError(f"{a} and {b} have no record in common")
    entries, averages = {}, {}
    for name in shared:
        if pairs := _pairs(one.items[name].values(), two.items[name].values()):
            shape = _shape(name, one, two)
            found = _compared(shape, pairs, f"{a} and {b}")
            only = {"only_a": len(one.items[name]) - len(pairs), "only_b": len(two.items[name]) - len(pairs)}
            entries[name] = {**_entry(shape, pairs, found), **only}
            averages[name] = found.averages
    return {
        "a": {"path": str(a), "model": one.model},
        "b": {"path": str(b), "model": two.model},
        "benchmarks": entries,
        "suites": _suites({name: mine for name, mine in averages.items() if name not in {**one.shapes, **two.shapes}}),
        "only_a": [name for name in one.items if name not in entries],
        "only_b": [name for name in two.items if name not in entries],
        "settings": _settings(one.made, two.made),
    }


def differences(tasks: Mapping[str, Task], before: Items, after: Items) -> dict[str, Any]:
    """Paired differences of a configuration's tasks, `after` less `before` on the records that both answered:
    {"tasks": task to a difference, "averages": average to one}, each {a, b, difference, interval, changed, clear}."""
    flat = [[item for mine in side.values() for item in mine] for side in (before, after)]
    return _of_tasks(_compared(tasks_shape(tasks), _pairs(*flat), "the two models"))


def _of_tasks(found: "Compared") -> dict[str, Any]:
    return {
        "tasks": {name: mine[READING].to_json() for name, mine in found.subsets.items()},
        "averages": {kind: mine["score"].to_json() for kind, mine in found.averages.items() if mine},
    }


def changes(before: Path, after: Path) -> dict[str, Any]:
    """`differences` of the tasks of two evaluation folders, and "benchmarks": benchmark to that of its average; of
    several also MEAN, that of their mean."""
    one, two = read_result(before), read_result(after)
    made: dict[str, Any] = {"tasks": {}, "averages": {}, "benchmarks": {}}
    averages: dict[str, Difference] = {}
    for name in (name for name in one.items if name in two.items):
        shape = _shape(name, one, two)
        pairs = _pairs(one.items[name].values(), two.items[name].values())
        found = _compared(shape, pairs, f"{before} and {after}")
        if name == TASKS:
            made |= _of_tasks(found)
        elif found.averages["average"]:
            averages[shape.name] = found.averages["average"]["score"]
    if len(averages) > 1:
        averages[MEAN] = _mean(list(averages.values()))
    made["benchmarks"] = {name: one.to_json() for name, one in averages.items()}
    return made


def read_result(path: Path) -> Result:
    """Raises ValueError naming file and line where it is no items file, nor a folder of them."""
    if path.is_dir():
        files = [found for folder in (path, *sorted(path.iterdir())) if (found := _items_of(folder))]
        if not files:
            raise ValueError(f"{path}: no evaluation lies here (there is no <benchmark>/items.jsonl)")
    elif path.is_file():
        files = [path]
    else:
        raise ValueError(f"{path}: there is no such file or folder")
    items: dict[str, Mapping[str, Item]] = {}
    shapes = {}
    for file in files:
        for name, mine in read_items(file).items():
            if name in items:
                raise ValueError(f"{file}: {name} lies in another file of {path} too")
            items[name] = mine
        if shape := _shape_beside(file):
            shapes[shape.name] = shape
    if not items:
        raise ValueError(f"{path}: there are no records in it")
    about = _json(path / "results.json")
    told = about.get("made", {})
    if not isinstance(told, dict):
        raise ValueError(f"{path / 'results.json'}: not the results of an evaluation: `made` is no table")
    templates = {str(table["chat_template"]) for file in files if "chat_template" in (table := _scores_beside(file))}
    made = {**told, **({"chat_template": " and ".join(sorted(templates))} if templates else {})}
    return Result(path, str(about.get("model", path)), items, shapes, made)


def _json(path: Path) -> dict[str, Any]:
    """What the file says, nothing where there is none."""
    try:
        about = read_object(path) if path.is_file() else {}
    except ValueError as error:
        raise ValueError(f"{path}: not JSON in UTF-8 ({error})") from None
    if not isinstance(about, dict):
        raise ValueError(f"{path}: expected a JSON object")
    return about


def _items_of(folder: Path) -> Path | None:
    return next((f for f in (folder / "items.jsonl", folder / "items.jsonl.gz") if f.is_file()), None)


def _shape_beside(items: Path) -> Shape | None:
    """The shape that the scores beside an items file hold, where they are no benchmark's."""
    table = _scores_beside(items).get("shape")
    return None if table is None else shape_from_json(table, str(items.parent / "scores.json"))


def _scores_beside(items: Path) -> dict[str, Any]:
    return _json(items.parent / "scores.json")


def _shape(name: str, one: Result, two: Result) -> Shape:
    """The set's, without subsets that only one side has. Raises ValueError where they differ in another."""
    if name not in one.shapes and name not in two.shapes:
        if name == TASKS:
            raise ValueError(f"{one.path} and {two.path}: the scores.json beside the items of {TASKS} is missing")
        try:
            return definition(name).shape
        except ValueError as error:
            raise ValueError(f"{one.path} and {two.path}: {error}") from None
    a, b = (one.shapes.get(name) or two.shapes[name]), (two.shapes.get(name) or one.shapes[name])
    for subset in a.subsets.keys() & b.subsets.keys():
        if not a.subsets[subset].agrees(b.subsets[subset]):
            raise ValueError(f"{one.path} and {two.path}: {subset} is scored in another way in one than in the other")
    return a


Pair = tuple[Item, Item]


def _pairs(one: Iterable[Item], two: Iterable[Item]) -> list[Pair]:
    theirs = {item.id: item for item in two}
    return [(item, theirs[item.id]) for item in one if item.id in theirs]


@dataclass(frozen=True)
class Compared:
    """A set's differences: subset or average to reading to difference; an average has "score", and maybe "clean"."""

    subsets: Mapping[str, Mapping[str, Difference]]
    groups: Mapping[str, Mapping[str, tuple[int, Mapping[str, Difference]]]]  # subset -> group -> (records, readings)
    columns: Mapping[str, Mapping[str, Difference]]  # those that are not subsets
    averages: Mapping[str, Mapping[str, Difference]]  # empty where no column has a score on both sides
    without: Mapping[str, Sequence[str]]  # average -> the columns that it is without


def _compared(shape: Shape, pairs: Sequence[Pair], where: str) -> Compared:
    by_subset: dict[str, list[Pair]] = {}
    for pair in pairs:
        if pair[0].subset not in shape.subsets:
            raise ValueError(f"{where}: {shape.name} has no subset {pair[0].subset}, of which there is {pair[0].id}")
        by_subset.setdefault(pair[0].subset, []).append(pair)
    found, groups = {}, {}
    for name, subset in shape.subsets.items():
        if mine := by_subset.get(name):
            found[name], groups[name] = _subset(subset, mine, where)
    columns: dict[str, dict[str, Difference]] = {}
    averages, without = {}, {}
    for average, members in shape.averages.items():
        made = _columns(shape, members, found)
        averages[average], without[average] = _average(made, members)
        columns |= {column: both for column, both in made.items() if list(members[column]) != [column]}
    return Compared(found, groups, columns, averages, without)


def _entry(shape: Shape, pairs: Sequence[Pair], found: Compared) -> dict[str, Any]:
    subsets = {}
    for name, readings in found.subsets.items():
        mine = [pair for pair in pairs if pair[0].subset == name]
        subsets[name] = {
            "n": len(mine),
            "readings": _to_json(readings),
            "groups": {group: {"n": n, "readings": _to_json(one)} for group, (n, one) in found.groups[name].items()},
            **_flips(shape.subsets[name], mine),
        }
    return {
        "title": shape.title,
        "n": len(pairs),
        "subsets": subsets,
        "columns": {column: _to_json(both) for column, both in found.columns.items()},
        "averages": {name: _to_json(mine) for name, mine in found.averages.items()},
        "averages_without": found.without,
    }


def _to_json(both: Mapping[str, Difference]) -> dict[str, Any]:
    return {key: one.to_json() for key, one in both.items()}


def _columns(
    shape: Shape, members: Mapping[str, Sequence[str]], found: Mapping[str, Mapping[str, Difference]]
) -> dict[str, dict[str, Difference]]:
    """Of columns all of whose subsets were compared, the difference in the first reading, and in "clean"."""
    columns: dict[str, dict[str, Difference]] = {}
    for column, names in members.items():
        if all(name in found for name in names):
            columns[column] = {"score": _mean([found[name][shape.subsets[name].first] for name in names])}
            if all("clean" in found[name] for name in names):
                columns[column]["clean"] = _mean([found[name]["clean"] for name in names])
    return columns


def _average(
    columns: Mapping[str, Mapping[str, Difference]], members: Mapping[str, Any]
) -> tuple[dict[str, Difference], list[str]]:
    """The mean over the columns that both sides have, in the first reading and in "clean", and which are left out."""
    have = [name for name, both in columns.items() if not math.isnan(both["score"].a + both["score"].b)]
    if not have:
        return {}, list(members)
    keys = [key for key in ("score", "clean") if all(key in columns[name] for name in have)]
    average = {key: _mean([columns[name][key] for name in have]) for key in keys}
    return average, [name for name in members if name not in have]


def _subset(
    subset: SubsetShape, pairs: Sequence[Pair], where: str
) -> tuple[dict[str, Difference], dict[str, tuple[int, dict[str, Difference]]]]:
    """Reading to its difference, and group to its records and theirs."""
    names = [name for name in subset.readings if all(name in item.readings for pair in pairs for item in pair)]
    if subset.first not in names:
        raise ValueError(f"{where}: records of {subset.name} lack the reading {subset.first}; score them anew")
    places: dict[str, list[Pair]] = {}
    for pair in pairs if subset.group else ():
        places.setdefault(pair[0].group, []).append(pair)
    groups = {
        group: (len(mine), _differences(subset, names, mine, f"{subset.name}/{group}"))
        for group, mine in places.items()
    }
    if subset.over == "groups":
        return {name: _mean([mine[name] for _, mine in groups.values()]) for name in names}, groups
    return _differences(subset, names, pairs, subset.name), groups


def _differences(subset: SubsetShape, names: Sequence[str], pairs: Sequence[Pair], seed: str) -> dict[str, Difference]:
    """Reading to the difference of its score; all readings and both sides have the same draws."""
    aggregates = {name: AGGREGATES[subset.readings[name]] for name in names}
    sides = {name: [samples_of([pair[side] for pair in pairs], name) for side in (0, 1)] for name in names}
    draws: dict[str, list[Values]] = {name: [] for name in names}
    for weights in drawn_weights(len(pairs), "compare", seed):
        for name in names:
            a, b = (drawn(aggregates[name], samples, weights) for samples in sides[name])
            draws[name].append(b - a)
    made = {}
    for name in names:
        before, after = (exact(aggregates[name], samples)["score"] for samples in sides[name])
        changed = sum(one.found(name) != two.found(name) for one, two in pairs)
        made[name] = Difference(before, after, changed, np.concatenate(draws[name]), 100 * unseen(len(pairs)))
    return made


def _mean(parts: Sequence[Difference]) -> Difference:
    """Of parts that were each resampled by itself."""
    return Difference(
        fmean(one.a for one in parts),
        fmean(one.b for one in parts),
        sum(one.changed for one in parts),
        np.mean([one.draws for one in parts], axis=0),
        fmean(one.width for one in parts),
    )


def _flips(subset: SubsetShape, pairs: Sequence[Pair]) -> dict[str, Any]:
    """Ids from wrong to right and back, right being a score of 1 in the first reading in every sample; and all changes
    of that score, the largest first."""
    scores = [(one.id, one.score(subset.first), two.score(subset.first)) for one, two in pairs]
    changes = sorted((row for row in scores if row[1] != row[2]), key=lambda row: -abs(row[2] - row[1]))
    return {
        "gained": [id for id, a, b in scores if a < 1 <= b],
        "lost": [id for id, a, b in scores if b < 1 <= a],
        "graded": any(0 < score < 1 for _, a, b in scores for score in (a, b)),
        "changes": [{"id": id, "a": a, "b": b} for id, a, b in changes],
    }


def _suites(averages: Mapping[str, Mapping[str, Mapping[str, Difference]]]) -> dict[str, Any]:
    """The mean over a suite's groups of the mean over each group's benchmarks, where both have two or more of them."""
    suites: dict[str, dict[str, list[Difference]]] = {}
    for name, mine in averages.items():
        benchmark = definition(name)
        if benchmark.suite and mine["average"]:
            suites.setdefault(benchmark.suite, {}).setdefault(benchmark.kind, []).append(mine["average"]["score"])
    made = {}
    for suite, kinds in suites.items():
        if sum(map(len, kinds.values())) > 1:
            groups = {kind: _mean(mine) for kind, mine in kinds.items()}
            average = _mean(list(groups.values())).to_json()
            made[suite] = {"groups": {kind: one.to_json() for kind, one in groups.items()}, "average": average}
    return made


def _settings(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Settings that are known of both sides and differ, [A's, B's]."""
    return {key: [value, b[key]] for key, value in a.items() if key in b and value != b[key]}
