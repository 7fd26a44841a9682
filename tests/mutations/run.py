"""Do the tests notice? `python tests/mutations/run.py [-k WORD] [--jobs 2]` makes each mistake of mutations.toml in a
copy of src, one at a time, and runs the tests that are for it: first the one that killed it the last time
(killers.json, written as the outcomes come), all of them only where that does not.

Ends with 1, and names them, if a mutation survives, does not fit the source (its old text is not there exactly once),
or breaks more than it means to (the tests could not be run, or did not end).
"""

import argparse
import json
import os
import resource
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
KILLERS = ROOT / "tests" / "mutations" / "killers.json"  # a mutation's sentence to the test that killed it
SECONDS = 600.0  # after which a mutation's tests are taken to hang


@dataclass(frozen=True)
class Mutation:
    what: str  # the mistake, as a sentence of what the code then does
    file: str  # below src/redone
    old: str  # stands there exactly once
    new: str
    tests: tuple[str, ...]  # below tests/unit; those that mirror the file's folder if the list names none
    order: tuple[str, ...] = ()  # node ids: only these of them, in this order; all of them if there is none
    processor: int = -1  # seconds, after which it dies; without a limit if negative

    @classmethod
    def read(cls, row: dict[str, Any]) -> "Mutation":
        tests = row.get("tests", [row["file"].split("/")[0]])
        return cls(row["what"], row["file"], row["old"], row["new"], tuple(tests))


def read(path: Path = ROOT / "tests" / "mutations" / "mutations.toml") -> list[Mutation]:
    return [Mutation.read(row) for row in tomllib.loads(path.read_text(encoding="utf-8"))["mutation"]]


def flaw(mutation: Mutation, root: Path = ROOT) -> str:
    """Why the mutation does not fit the source, or nothing."""
    path = root / "src" / "redone" / mutation.file
    if not path.is_file():
        return f"there is no {path}"
    count = path.read_text(encoding="utf-8").count(mutation.old)
    if count != 1:
        return f"its old text stands {count} times in {mutation.file}"
    if mutation.old == mutation.new:
        return "it changes nothing"
    missing = [name for name in mutation.tests if not (root / "tests" / "unit" / name).exists()]
    return f"there is no tests/unit/{missing[0]}" if missing else ""


class _First:
    """A plugin of pytest that runs the tests in the given order and keeps the name of the first that failed."""

    def __init__(self, order: Sequence[str]) -> None:
        self.order = {name: place for place, name in enumerate(order)}
        self.failed = ""

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        if self.order:
            chosen = [item for item in items if item.nodeid in self.order]
            items[:] = sorted(chosen, key=lambda item: self.order[item.nodeid])

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid


def _test(src: Path, root: Path, mutation: Mutation, said: Path) -> None:
    """In a process of its own: the tests against this copy of src. Ends with pytest's code; `said` gets its output."""
    resource.setrlimit(resource.RLIMIT_CPU, (mutation.processor, resource.RLIM_INFINITY))
    with said.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ["PYTHONPATH"] = str(src)
    sys.path.insert(0, str(src))
    os.chdir(root)
    import pytest

    import redone

    assert redone.__file__ is not None
    assert redone.__file__.startswith(str(src)), redone.__file__
    first = _First(mutation.order)
    options = ["-x", "-q", "-p", "no:cacheprovider", "--basetemp", str(src.parent / "tmp")]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # plugins that were imported before the fork
    code = pytest.main([*options, *(f"tests/unit/{name}" for name in mutation.tests)], plugins=[first])
    said.with_suffix(".failed").write_text(first.failed, encoding="utf-8")
    sys.stdout.flush()
    os._exit(code)


@dataclass(frozen=True)
class Outcome:
    mutation: Mutation
    code: int | None  # pytest's; None where it did not end
    failed: str  # the first test that failed
    said: str
    seconds: float

    @property
    def killed(self) -> bool:
        return self.code == 1 and self.failed != ""  # a process that breaks down ends with 1 too

    @property
    def line(self) -> str:
        if self.killed:
            return f"killed    {self.mutation.what}  ({self.failed.removeprefix('tests/unit/')})"
        if self.code == 0:
            return f"SURVIVED  {self.mutation.what}  ({self.mutation.file})"
        ending = "did not end" if self.code is None else f"ended with {self.code}"
        return f"BROKEN    {self.mutation.what}  ({self.mutation.file}: pytest {ending})\n{self.said[-2000:]}"


def try_all(mutations: Sequence[Mutation], jobs: int, root: Path = ROOT) -> Iterator[Outcome]:
    """Each mutation's outcome, as they come."""
    context = get_context("fork")  # what was imported here is not imported again
    waiting, busy = list(reversed(mutations)), {}
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        while waiting or busy:
            while waiting and len(busy) < jobs:
                mutation = waiting.pop()
                place = Path(tempfile.mkdtemp(dir=folder))
                path = shutil.copytree(root / "src", place / "src") / "redone" / mutation.file
                path.write_text(path.read_text(encoding="utf-8").replace(mutation.old, mutation.new), encoding="utf-8")
                process = context.Process(target=_test, args=(place / "src", root, mutation, place / "said.txt"))
                process.start()
                busy[process.sentinel] = (process, mutation, place, time.monotonic())
            first = min(began for *_, began in busy.values())
            wait(list(busy), max(0.0, first + SECONDS - time.monotonic()))
            for sentinel, (process, mutation, place, began) in list(busy.items()):
                if process.is_alive() and time.monotonic() < began + SECONDS:
                    continue
                code = None if process.is_alive() else process.exitcode
                process.kill()
                process.join()
                del busy[sentinel]
                failed = place / "said.failed"
                yield Outcome(
                    mutation,
                    code,
                    failed.read_text(encoding="utf-8") if failed.exists() else "",
                    (place / "said.txt").read_text(encoding="utf-8"),
                    time.monotonic() - began,
                )
                shutil.rmtree(place)


def main(arguments: Sequence[str] | None = None, mutations: Sequence[Mutation] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("-k", default="", metavar="WORD", help="those with this word in their file or sentence")
    parser.add_argument("--jobs", type=int, default=1, help="mutations tried at once")
    options = parser.parse_args(arguments)
    chosen = [m for m in read() if options.k in f"{m.file} {m.what}"] if mutations is None else list(mutations)
    if not chosen:
        parser.error(f"no mutation has {options.k!r} in its file or sentence")
    flaws = [f"DOES NOT FIT  {mutation.what}: {why}" for mutation in chosen if (why := flaw(mutation, root))]
    if flaws:
        print("\n".join(flaws))
        return 1
    import torch
    import transformers  # noqa: F401

    torch.set_num_threads(1)
    known = json.loads(KILLERS.read_text(encoding="utf-8")) if mutations is None and KILLERS.exists() else {}
    left, number = {mutation.what: mutation for mutation in chosen}, 0
    again = [replace(mutation, tests=(known[mutation.what],)) for mutation in chosen if mutation.what in known]
    if again and not unchanged(again, root):
        for outcome in try_all(again, options.jobs, root):
            if outcome.killed:
                number += 1
                print(f"{number:>3}/{len(chosen)}  {outcome.line}", flush=True)
                del left[outcome.mutation.what]
    if left and (said := unchanged(list(left.values()), root)):
        print(f"The tests do not pass on the source as it is, so they can judge nothing.\n{said}")
        return 1
    alive = 0
    for outcome in try_all(list(left.values()), options.jobs, root):
        number += 1
        print(f"{number:>3}/{len(chosen)}  {outcome.line}", flush=True)
        alive += not outcome.killed
        if outcome.killed and mutations is None:
            known[outcome.mutation.what] = outcome.failed.removeprefix("tests/unit/")
            KILLERS.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{len(chosen) - alive} of {len(chosen)} mutations killed.")
    return 1 if alive else 0


def unchanged(mutations: Sequence[Mutation], root: Path) -> str:
    """What the tests of these mutations say on the source as it is; "" where they pass."""
    nothing = Mutation("nothing", "records.py", "", "", tuple(sorted({name for m in mutations for name in m.tests})))
    [outcome] = try_all([nothing], 1, root)
    return "" if outcome.code == 0 else outcome.said[-4000:]


if __name__ == "__main__":
    sys.exit(main())
