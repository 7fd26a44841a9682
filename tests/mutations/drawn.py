"""How many random mistakes do the tests notice? `python tests/mutations/drawn.py [--number 300] [--seed 0] [--jobs 2]`.

Draws places of algo, method and rewards (`places.py`), each as likely as every other, and makes each change in a copy
of src, alone. Tests that execute the line, as `make coverage` saw it, are run against the copy, the fastest first,
until one fails. For what runs at import these are the tests that execute anything in the file. A mutant that takes ten
times the processor's seconds that its tests usually take, and half a minute more, is killed too.

Prints a line for each mutant and the share killed with Wilson's 95 % interval, with and without those that
equivalent.toml says no test can notice. Results are kept in build: the same command goes on, and `--again` tries the
tests on those that survived; the share of the first pass is still told. Ends with 1 below 85 % killed, with 2 if it
can judge nothing.
"""

import argparse
import hashlib
import json
import random
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

from places import changed, places
from run import ROOT, Mutation, Outcome, try_all

PACKAGES = ("algo", "method", "rewards")
MEASURED = ROOT / "build" / "coverage" / "data"
WANTED = 0.85
# What the tests import beside redone: imported once, before the processes that try the mutants are forked.
IMPORTED = ("torch", "transformers", "jsonschema", "math_verify", "sacrebleu", "sklearn.naive_bayes", "pytest")


@dataclass(frozen=True)
class Mutant:
    file: str  # below src/redone
    line: int
    was: str  # the statement, or its head, in one line
    becomes: str
    source: str  # of the file
    mutated: str
    lines: tuple[int, int] | None  # of the statement; None where it runs at import

    @property
    def key(self) -> str:
        return hashlib.sha256(f"{self.file}\n{self.source}\n{self.mutated}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Test:
    name: str  # node id
    seconds: float  # of the processor


def mutants(number: int, seed: int, sources: Mapping[str, str]) -> list[Mutant]:
    """Drawn from the files' sources. More of one seed begin with fewer of it; a change of any source draws anew."""
    every = [(file, place) for file, source in sorted(sources.items()) for place in places(source)]
    draw = random.Random(seed)
    draw.shuffle(every)
    found = []
    for file, place in every[:number]:
        source = sources[file]
        first, last = place.lines
        change = random.Random(f"{seed} {file} {place}").choice(place.changes)
        mutated = changed(source, change)
        grown = mutated.count("\n") - source.count("\n")
        was, becomes = (
            " ".join(" ".join(text.splitlines()[first - 1 : last + more]).split())
            for text, more in ((source, 0), (mutated, grown))
        )
        found.append(Mutant(file, first, was, becomes, source, mutated, place.lines if place.inside else None))
    return found


def seen(measured: Path) -> dict[str, dict[int, list[Test]]]:
    """For each file below src/redone the tests that execute a line, the fastest first; under 0 those of any line."""
    import coverage
    from seen import SEEN

    rows = [json.loads(line) for line in measured.with_name(SEEN).read_text(encoding="utf-8").splitlines()]
    tests: dict[str, list[Test]] = {}  # of a context: a test, or what a fixture that many share has set up
    for name, seconds, fixtures in rows:
        for context in (name, *fixtures):
            tests.setdefault(context, []).append(Test(name, seconds))
    data = coverage.CoverageData(str(measured))
    data.read()
    found: dict[str, dict[int, list[Test]]] = {}
    for path in data.measured_files():
        by_line = data.contexts_by_lineno(path)
        by_line[0] = sorted({context for contexts in by_line.values() for context in contexts})
        found[path.partition("src/redone/")[2]] = {
            line: sorted({test for context in contexts for test in tests.get(context, ())}, key=lambda t: t.seconds)
            for line, contexts in by_line.items()
        }
    return found


def mutation(mutant: Mutant, tests: Mapping[int, Sequence[Test]], budget: float) -> Mutation:
    """For `run.try_all`: the tests that can see the mutant, the fastest first, as far as the seconds allow."""
    first, last = mutant.lines or (0, 0)
    chosen = sorted({test for line in range(first, last + 1) for test in tests.get(line, ())}, key=lambda t: t.seconds)
    sums = list(accumulate(test.seconds for test in chosen))
    order = [test.name for test, seconds in zip(chosen, sums) if seconds <= budget] or [t.name for t in chosen[:1]]
    files = dict.fromkeys(f"../../{name.partition('::')[0]}" for name in order)
    processor = int(30 + 10 * min([budget, *sums[-1:]]))
    return Mutation(mutant.key, mutant.file, mutant.source, mutant.mutated, tuple(files), tuple(order), processor)


def killer(outcome: Outcome) -> str:
    """What noticed the mutant, or nothing where it survived."""
    if outcome.code == 0:
        return ""
    if outcome.code == 5:
        raise ValueError(f"The tests are others than `make coverage` saw: run it again.\n{outcome.said[-2000:]}")
    return outcome.failed or ("it does not end" if outcome.code in (None, -24) else "it cannot be imported")


def tried(chosen: Sequence[Mutant], budget: float, jobs: int) -> Iterator[dict[str, Any]]:
    """A row for each mutant, as they come."""
    known, by_key = seen(MEASURED), {mutant.key: mutant for mutant in chosen}
    mutations = [mutation(mutant, known.get(mutant.file, {}), budget) for mutant in chosen]
    unseen = (Outcome(m, 0, "", "", 0.0) for m in mutations if not m.order)
    for outcome in chain(unseen, try_all([m for m in mutations if m.order], jobs)):
        mutant = by_key[outcome.mutation.what]
        yield {
            "key": mutant.key,
            "file": mutant.file,
            "line": mutant.line,
            "was": mutant.was,
            "becomes": mutant.becomes,
            "killer": killer(outcome),
            "tests": len(outcome.mutation.order),
            "seconds": round(outcome.seconds, 1),
        }


def failing(killers: Sequence[str]) -> str:
    """What pytest says of these tests where one of them fails on the source as it is."""
    if not killers:
        return ""
    files = dict.fromkeys(f"../../{name.partition('::')[0]}" for name in killers)
    [unchanged] = try_all([Mutation("nothing", "records.py", "", "", tuple(files), tuple(killers))], 1)
    return "" if unchanged.code == 0 else unchanged.said[-2000:]


def said(row: Mapping[str, Any], judged: Mapping[tuple[str, ...], str]) -> str:
    if row["killer"]:
        end = f"killed by {row['killer'].removeprefix('tests/unit/')}"
    else:
        why = judged.get((row["file"], row["was"], row["becomes"]), "")
        end = f"SURVIVED {row['tests']} tests" + (f" (judged equivalent: {why})" if why else "")
    return f"{row['file']}:{row['line']}  {row['was']}  ->  {row['becomes']}  {end}, {row['seconds']} s"


def equivalent(path: Path = ROOT / "tests" / "mutations" / "equivalent.toml") -> dict[tuple[str, ...], str]:
    """File, what stands there, what then does: to why no test can notice, as judged by hand."""
    rows = tomllib.loads(path.read_text(encoding="utf-8")).get("equivalent", [])
    return {(row["file"], row["was"], row["becomes"]): row["why"] for row in rows}


def share(name: str, rows: Sequence[Mapping[str, Any]], judged: Mapping[tuple[str, ...], str]) -> str:
    """Killed of all, and of those that are not judged equivalent, in a sentence."""
    from redone.algo.statistics import wilson

    sides = []
    others = [row for row in rows if row["killer"] or (row["file"], row["was"], row["becomes"]) not in judged]
    for which, some in (("mutants", rows), ("that are not judged equivalent", others)):
        killed = sum(bool(row["killer"]) for row in some)
        low, high = wilson(killed, len(some))
        sides.append(f"{killed} of {len(some)} {which} killed: {killed / len(some):.1%} [{low:.1%}, {high:.1%}]")
    return f"{name}: {'; '.join(sides)}."


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--number", type=int, default=300, help="mutants")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="mutants tried at once")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds of tests for a mutant")
    parser.add_argument("--again", action="store_true", help="try those that survived once more")
    options = parser.parse_args()
    src = ROOT / "src" / "redone"
    paths = [path for package in PACKAGES for path in (src / package).rglob("*.py")]
    if not MEASURED.exists() or MEASURED.stat().st_mtime < max(path.stat().st_mtime for path in paths):
        print(f"{MEASURED} is not there, or older than the source: run `make coverage` first.")
        return 2
    chosen = mutants(
        options.number, options.seed, {str(path.relative_to(src)): path.read_text(encoding="utf-8") for path in paths}
    )
    kept, judged = MEASURED.parent.with_name(f"drawn-{options.seed}.jsonl"), equivalent()
    rows = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()] if kept.exists() else []
    last = {row["key"]: row for row in rows}
    left = [m for m in chosen if m.key not in last or (options.again and not last[m.key]["killer"])]
    for module in IMPORTED if left else ():
        import_module(module)
    for row in tried(left, options.budget, options.jobs) if left else ():
        with kept.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        rows.append(row)
        print(said(row, judged), flush=True)
    if wrong := failing([row["killer"] for row in rows if "::" in row["killer"]]):
        print(f"Tests that killed mutants do not pass on the source as it is, so they can judge nothing.\n{wrong}")
        return 2
    keys = {mutant.key for mutant in chosen}
    first = [row for row in {row["key"]: row for row in reversed(rows)}.values() if row["key"] in keys]
    now = [row for row in {row["key"]: row for row in rows}.values() if row["key"] in keys]
    print(
        *(said(row, judged) for row in now if not row["killer"]),
        share("At first", first, judged),
        share("Now", now, judged),
        sep="\n",
    )
    return 0 if sum(bool(row["killer"]) for row in now) >= WANTED * len(now) else 1


if __name__ == "__main__":
    sys.exit(main())
