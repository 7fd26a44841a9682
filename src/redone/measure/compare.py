"""Two results on the same records: paired differences with intervals, and the records that flipped.

Both answered the same records, so each draw of the bootstrap holds the same records of both: what makes a record easy
or hard cancels out, and the interval is narrower than that of two results that are compared by their own intervals.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from redone.algo.statistics import percentile_interval
from redone.benchmark.aggregate import Values
from redone.benchmark.readings import AGGREGATES
from redone.files import numbered_jsonl
from redone.measure.definitions import Benchmark, Subset, definition
from redone.measure.score import aggregated, drawn_weights, known
from redone.records import Verdict

FEWEST = 6  # records that must differ before a difference is clear: five that all go one way are luck in 1 case of 16


@dataclass(frozen=True)
class Item:
    """A line of an items file."""

    id: str
    group: str
    readings: Mapping[str, tuple[Verdict, ...]]  # one verdict per sample

    def score(self, reading: str) -> float:
        """The mean over samples, 0 to 1."""
        return fmean(verdict.score for verdict in self.readings[reading])

    def found(self, reading: str) -> list[Any]:
        """All that an aggregate may look at."""
        return [(verdict.score, verdict.parts) for verdict in self.readings[reading]]


@dataclass(frozen=True)
class Result:
    """One side of a comparison."""

    path: Path
    model: str
    items: Mapping[str, Mapping[str, Item]]  # benchmark -> id -> item
    made: Mapping[str, Any]  # the settings it was made with, where they are known


@dataclass(frozen=True)
class Difference:
    """Of B against A, in points of 100; every value is nan where a side has none."""

    a: float
    b: float
    changed: int  # records whose verdicts differ
    draws: Values  # [DRAWS], B less A

    def to_json(self) -> dict[str, Any]:
        drawn = self.draws[~np.isnan(self.draws)]
        none = math.isnan(self.b - self.a) or not drawn.size
        low, high = (math.nan, math.nan) if none else percentile_interval(drawn)  # type: ignore[arg-type]
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
        if common := [id for id in one.items[name] if id in two.items[name]]:
            benchmark = definition(name)
            pairs = [(one.items[name][id], two.items[name][id]) for id in common]
            entries[name], averages[name] = _benchmark(benchmark, pairs, f"{a} and {b}")
            entries[name]["only_a"] = len(one.items[name]) - len(common)
            entries[name]["only_b"] = len(two.items[name]) - len(common)
    return {
        "a": {"path": str(a), "model": one.model},
        "b": {"path": str(b), "model": two.model},
        "benchmarks": entries,
        "suites": _suites(averages),
        "only_a": [name for name in one.items if name not in entries],
        "only_b": [name for name in two.items if name not in entries],
        "settings": _settings(one.made, two.made),
    }


def read_result(path: Path) -> Result:
    """Raises ValueError naming file and line where it is no items file, nor a folder of them."""
    if path.is_dir():
        files = [found for folder in sorted(path.iterdir()) if (found := _items_of(folder))]
        if not files:
            raise ValueError(f"{path}: no evaluation lies here (there is no <benchmark>/items.jsonl)")
    elif path.is_file():
        files = [path]
    else:
        raise ValueError(f"{path}: there is no such file or folder")
    items: dict[str, dict[str, Item]] = {}
    for file in files:
        for line, row in numbered_jsonl(file):
            benchmark, item = _item(row, f"{file}:{line}")
            mine = items.setdefault(benchmark, {})
            if item.id in mine:
                raise ValueError(f"{file}:{line}: {item.id} of {benchmark} stands there twice")
            mine[item.id] = item
    if not items:
        raise ValueError(f"{path}: there are no records in it")
    about = _results_of(path)
    return Result(path, str(about.get("model", path)), items, about.get("made", {}))


def _results_of(path: Path) -> dict[str, Any]:
    """What results.json says beside the items, where there is one."""
    summary = path / "results.json"
    try:
        about = json.loads(summary.read_text(encoding="utf-8")) if summary.is_file() else {}
    except ValueError as error:
        raise ValueError(f"{summary}: not JSON in UTF-8 ({error})") from None
    if not isinstance(about, dict):
        raise ValueError(f"{summary}: expected a JSON object")
    return about


def _items_of(folder: Path) -> Path | None:
    return next((f for f in (folder / "items.jsonl", folder / "items.jsonl.gz") if f.is_file()), None)


def _item(row: Mapping[str, Any], where: str) -> tuple[str, Item]:
    """Benchmark and item. Readings with equal verdicts, which differ in how they are summed up, share them."""
    try:
        seen: list[tuple[Any, tuple[Verdict, ...]]] = []
        readings = {}
        for name, raw in row["readings"].items():
            made = next((verdicts for other, verdicts in seen if other == raw), None)
            readings[name] = made or tuple(map(_verdict, raw))
            seen.append((raw, readings[name]))
        if not all(readings.values()):
            raise ValueError("a reading without verdicts")
        return str(row["benchmark"]), Item(str(row["id"]), str(row.get("group", "")), readings)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{where}: not a line of an items file, which `--items` writes ({error})") from None


def _verdict(one: Mapping[str, Any]) -> Verdict:
    parts = {part: _number(value) for part, value in one["parts"].items()}
    return Verdict(float(one["score"]), one["reason"], parts, one["note"])


def _number(value: float | None) -> float:
    """One and the same nan for all that is no number, so that equal parts are equal."""
    return math.nan if value is None or math.isnan(value) else float(value)


Pair = tuple[Item, Item]


def _benchmark(benchmark: Benchmark, pairs: Sequence[Pair], where: str) -> tuple[dict[str, Any], dict[str, Difference]]:
    """A benchmark's entry, and the difference of its average in its first reading and in "clean"."""
    by_subset: dict[str, list[Pair]] = {}
    for pair in pairs:
        name = pair[0].id.rpartition("/")[0]
        if name not in benchmark.subsets:
            raise ValueError(f"{where}: {benchmark.name} has no subset {name}, of which there is {pair[0].id}")
        by_subset.setdefault(name, []).append(pair)
    found, subsets = {}, {}
    for name, subset in benchmark.subsets.items():
        if mine := by_subset.get(name):
            found[name], groups = _subset(subset, mine, where)
            subsets[name] = {
                "n": len(mine),
                "readings": {reading: one.to_json() for reading, one in found[name].items()},
                "groups": groups,
                **_flips(subset, mine),
            }
    first = {name: _first(subset) for name, subset in benchmark.subsets.items()}
    members = benchmark.columns or {name: [name] for name in benchmark.subsets}
    columns: dict[str, dict[str, Difference]] = {}
    for column, names in members.items():
        if all(name in found for name in names):
            columns[column] = {"score": _mean([found[name][first[name]] for name in names])}
            if all("clean" in found[name] for name in names):
                columns[column]["clean"] = _mean([found[name]["clean"] for name in names])
    average, without = _average(columns, members)
    entry = {
        "title": benchmark.title,
        "n": len(pairs),
        "subsets": subsets,
        "columns": {column: _to_json(both) for column, both in columns.items()} if benchmark.columns else {},
        "average": _to_json(average),
        "average_without": without,
    }
    return entry, average


def _to_json(both: Mapping[str, Difference]) -> dict[str, Any]:
    return {key: one.to_json() for key, one in both.items()}


def _first(subset: Subset) -> str:
    return subset.readings[0].name


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
    subset: Subset, pairs: Sequence[Pair], where: str
) -> tuple[dict[str, Difference], dict[str, dict[str, Any]]]:
    """Reading to its difference, and group to its entry."""
    names = [r.name for r in subset.readings if all(r.name in item.readings for pair in pairs for item in pair)]
    if _first(subset) not in names:
        raise ValueError(f"{where}: records of {subset.name} lack the reading {_first(subset)}; score them anew")
    places: dict[str, list[Pair]] = {}
    for pair in pairs if subset.group else ():
        places.setdefault(pair[0].group, []).append(pair)
    groups = {group: _differences(subset, names, mine, f"{subset.name}/{group}") for group, mine in places.items()}
    if subset.over == "groups":
        whole = {name: _mean([mine[name] for mine in groups.values()]) for name in names}
    else:
        whole = _differences(subset, names, pairs, subset.name)
    entries = {group: {"n": len(places[group]), "readings": _to_json(mine)} for group, mine in groups.items()}
    return whole, entries


def _differences(subset: Subset, names: Sequence[str], pairs: Sequence[Pair], seed: str) -> dict[str, Difference]:
    """Reading to the difference of its score; all readings and both sides have the same draws."""
    n = len(pairs)
    aggregates = {r.name: AGGREGATES[r.aggregate] for r in subset.readings if r.name in names}
    sides = {name: [_samples([pair[side] for pair in pairs], name) for side in (0, 1)] for name in names}

    def scores(name: str, weights: Values) -> tuple[Values, Values]:
        a, b = (aggregated(aggregates[name], samples, weights)["score"] for samples in sides[name])
        return a, b

    drawn: dict[str, list[Values]] = {name: [] for name in names}
    for weights in drawn_weights(n, "compare", seed):
        for name in names:
            a, b = scores(name, weights)
            drawn[name].append(b - a)
    made = {}
    for name in names:
        a, b = scores(name, np.ones((1, n)))
        changed = sum(one.found(name) != two.found(name) for one, two in pairs)
        made[name] = Difference(float(a[0]), float(b[0]), changed, np.concatenate(drawn[name]))
    return made


def _samples(items: Sequence[Item], reading: str) -> list[list[Verdict]]:
    """[K samples][n records]; those that all records have."""
    return [list(sample) for sample in zip(*(item.readings[reading] for item in items))]


def _mean(differences: Sequence[Difference]) -> Difference:
    """Of parts that were each resampled by itself."""
    return Difference(
        fmean(one.a for one in differences),
        fmean(one.b for one in differences),
        sum(one.changed for one in differences),
        np.mean([one.draws for one in differences], axis=0),
    )


def _flips(subset: Subset, pairs: Sequence[Pair]) -> dict[str, Any]:
    """Ids from wrong to right and back, right being a score of 1 in the first reading in every sample; and all changes
    of that score, the largest first."""
    reading = _first(subset)
    scores = [(one.id, one.score(reading), two.score(reading)) for one, two in pairs]
    changes = sorted((row for row in scores if row[1] != row[2]), key=lambda row: -abs(row[2] - row[1]))
    return {
        "gained": [id for id, a, b in scores if a < 1 <= b],
        "lost": [id for id, a, b in scores if b < 1 <= a],
        "graded": any(0 < score < 1 for _, a, b in scores for score in (a, b)),
        "changes": [{"id": id, "a": a, "b": b} for id, a, b in changes],
    }


def _suites(averages: Mapping[str, Mapping[str, Difference]]) -> dict[str, Any]:
    """The mean over a suite's groups of the mean over each group's benchmarks, where both have two or more of them."""
    suites: dict[str, dict[str, list[Difference]]] = {}
    for name, average in averages.items():
        benchmark = definition(name)
        if benchmark.suite and average:
            suites.setdefault(benchmark.suite, {}).setdefault(benchmark.kind, []).append(average["score"])
    made = {}
    for suite, kinds in suites.items():
        if sum(map(len, kinds.values())) > 1:
            groups = {kind: _mean(mine) for kind, mine in kinds.items()}
            average = _mean(list(groups.values())).to_json()
            made[suite] = {"groups": {kind: one.to_json() for kind, one in groups.items()}, "average": average}
    return made


def _settings(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Settings that differ, [A's, B's]; none where a side's are not known."""
    if not a or not b:
        return {}
    return {key: [a.get(key), b.get(key)] for key in dict.fromkeys([*a, *b]) if a.get(key) != b.get(key)}


def lines(result: Mapping[str, Any], flips: int = 5) -> list[str]:
    """What `compare` found, for a terminal; of each subset the first `flips` records that changed."""
    out = [f"{side.upper()}: {', '.join(dict.fromkeys(result[side].values()))}" for side in ("a", "b")]
    out += [f"{key}: {a} in A, {b} in B" for key, (a, b) in result["settings"].items()]
    out += [f"only in {side[-1].upper()}: {', '.join(result[side])}" for side in ("only_a", "only_b") if result[side]]
    for entry in result["benchmarks"].values():
        counts = [f"{entry['n']:,} records in both"]
        counts += [f"{entry[side]:,} only in {side[-1].upper()}" for side in ("only_a", "only_b") if entry[side]]
        out += ["", f"{entry['title']}: {', '.join(counts)}"]
        out += _table(_rows(entry))
        out += [line for name, subset in entry["subsets"].items() for line in _flipped(name, subset, flips)]
    for name, suite in result["suites"].items():
        rows = [(kind, "", None, one) for kind, one in suite["groups"].items()]
        out += ["", f"{name}: means over its benchmarks", *_table([*rows, ("average", "", None, suite["average"])])]
    return [*out, "", f"clear: the interval leaves out 0, and {FEWEST} records or more differ"]


Row = tuple[str, str, int | None, Mapping[str, Any]]  # what, reading, records, difference


def _rows(entry: Mapping[str, Any]) -> Iterator[Row]:
    for name, subset in entry["subsets"].items():
        yield from ((name, reading, subset["n"], one) for reading, one in subset["readings"].items())
        for group, mine in subset["groups"].items():
            reading, one = next(iter(mine["readings"].items()))
            yield f"  {group}", reading, mine["n"], one
    for column, both in entry["columns"].items():
        yield from ((column, "" if key == "score" else key, None, one) for key, one in both.items())
    if entry["columns"] or len(entry["subsets"]) > 1:
        without = f" without {', '.join(entry['average_without'])}" if entry["average_without"] else ""
        for key, one in entry["average"].items():
            yield f"average{without}", "" if key == "score" else key, None, one


def _table(rows: Iterable[Row]) -> list[str]:
    table: list[Sequence[str]] = [("", "", "A", "B", "B - A", "95 % interval", "n", "changed", "")]
    for what, reading, n, one in rows:
        interval = "" if one["interval"] is None else "[{:+.1f}, {:+.1f}]".format(*one["interval"])
        scores = ["-" if one[side] is None else f"{one[side]:.1f}" for side in ("a", "b")]
        change = "-" if one["difference"] is None else f"{one['difference']:+.1f}"
        counts = ["" if n is None else f"{n:,}", f"{one['changed']:,}"]
        table.append((what, reading, *scores, change, interval, *counts, "clear" if one["clear"] else ""))
    widths = [max(map(len, column)) for column in zip(*table)]
    return [
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in table
    ]


def _flipped(name: str, subset: Mapping[str, Any], most: int) -> Iterator[str]:
    def some(ids: Sequence[str]) -> str:
        return ", ".join(ids[:most]) + (f" and {len(ids) - most:,} more" if len(ids) > most else "")

    if not most:
        return
    if subset["graded"]:
        changes = [f"{row['id']} ({100 * row['a']:.0f} to {100 * row['b']:.0f})" for row in subset["changes"]]
        if changes:
            yield f"{name}, largest changes: {some(changes)}"
        return
    for ids, said in ((subset["gained"], "wrong in A, right in B"), (subset["lost"], "right in A, wrong in B")):
        if ids:
            yield f"{name}, {len(ids):,} {said}: {some(ids)}"
