"""`redone compare A B`: what changed from one evaluation to another, for a terminal and as JSON."""

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redone.cli.options import frozen
from redone.texts import visible


@dataclass(frozen=True)
class Options:
    a: Path
    b: Path
    json: Path | None
    flips: int


def add(commands: Any) -> None:
    compare = commands.add_parser("compare", help="paired differences of two evaluations")
    compare.add_argument("a", type=Path, metavar="A", help="a file that score --items wrote, or a folder of eval")
    compare.add_argument("b", type=Path, metavar="B", help="the other one")
    compare.add_argument("--json", type=Path, metavar="FILE", help="write the differences there too")
    compare.add_argument("--flips", type=int, default=5, metavar="N", help="changed items to name (default: 5)")
    compare.set_defaults(command=command)


def command(namespace: argparse.Namespace) -> int:
    options = frozen(Options, namespace)
    from redone.files import write_json
    from redone.measure.compare import compare

    found = compare(options.a, options.b)
    if options.json:
        write_json(options.json, found)
    for line in lines(found, options.flips):
        print(visible(line))
    return 0


def lines(result: Mapping[str, Any], flips: int = 5) -> list[str]:
    """What `compare` found, for a terminal; of each subset the first `flips` records that changed."""
    from redone.measure.compare import FEWEST

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


Shown = tuple[str, str, int | None, Mapping[str, Any]]  # what, reading, records, difference


def _rows(entry: Mapping[str, Any]) -> Iterator[Shown]:
    for name, subset in entry["subsets"].items():
        yield from ((name, reading, subset["n"], one) for reading, one in subset["readings"].items())
        for group, mine in subset["groups"].items():
            reading, one = next(iter(mine["readings"].items()))
            yield f"  {group}", reading, mine["n"], one
    for column, both in entry["columns"].items():
        yield from ((column, "" if key == "score" else key, None, one) for key, one in both.items())
    if entry["columns"] or len(entry["subsets"]) > 1:
        for name, both in entry["averages"].items():
            left_out = entry["averages_without"][name]
            label = ("average" if name == "average" else f"average {name}") + (
                f" without {', '.join(left_out)}" if left_out else ""
            )
            yield from ((label, "" if key == "score" else key, None, one) for key, one in both.items())


def _table(rows: Iterable[Shown]) -> list[str]:
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
