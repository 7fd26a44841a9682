"""What of a run's time is spent on keeping it right: checkpoints, waiting for the disk, the lock, fingerprints,
monitors, and looking for numbers that are not finite.

    PYTHONPATH=src python benchmarks/checks.py [CONFIG] [--set explore.steps=8]

CONFIG is a configuration's file, or "demo" (the default). Every such function is timed within one run, what it calls of
another kind counted there alone: shares hold on a machine that does other work too, but for what waits for a disk.
"""

import argparse
import functools
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from redone import cli, files
from redone.cli.run import DEMO
from redone.commands import begun, prepare
from redone.data.load import Dataset
from redone.measure import benchmarks
from redone.method import pipeline
from redone.model import places, precision, trial
from redone.model.learner import Learner
from redone.run import lock, marks, monitors, store
from redone.train import rl, steps

Place = tuple[Any, str]
CHECKS: dict[str, tuple[Place, ...]] = {  # what is printed -> the functions, each with the module or class that has it
    "checkpoints": ((store.Store, "save"), (store.Store, "resume"), (store.Store, "tidy")),
    "waiting for the disk": ((files, "to_disk"),),
    "the folder's lock": ((lock, "_same"),),
    "fingerprints of what a run reads": (
        (Dataset, "fingerprint"),
        (Dataset, "definitions"),
        (places, "weights_of"),
        (places, "other_files"),
        (begun, "code_mark"),
        (begun, "same_inputs"),
        (begun, "same_configuration"),
        (benchmarks, "fingerprint"),
    ),
    "marks of what it makes": ((marks, "marks"), (marks, "gone")),
    "monitors": ((monitors, "alarms"), (monitors, "raised"), (monitors, "_added"), (monitors, "nothing_left")),
    "numbers that are not finite": (
        (Learner, "refuse_ruined"),
        (precision, "not_finite"),
        (steps, "_refuse_nan"),
        (rl, "refuse_gap"),
    ),
    "is the model run as it is": ((trial, "choose"),),
}


class Clock:
    """seconds and calls by kind; what runs inside another one is taken from that."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.inside = [0.0]  # seconds of the kinds that ran within each that is running

    def timed(self, kind: str, act: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(act)
        def run(*given: Any, **named: Any) -> Any:
            began = time.perf_counter()
            self.inside.append(0.0)
            try:
                return act(*given, **named)
            finally:
                took = time.perf_counter() - began
                self.seconds[kind] += took - self.inside.pop()
                self.calls[kind] += 1
                self.inside[-1] += took

        return run


def watch(clock: Clock) -> None:
    """Have every function of CHECKS timed, wherever a module has it by name."""
    modules = [module for name, module in sys.modules.items() if name.startswith("redone.")]
    for kind, functions in CHECKS.items():
        for owner, name in functions:
            plain = getattr(owner, name)
            other = clock.timed(kind, plain)
            setattr(owner, name, other)
            for module in modules:
                if getattr(module, name, None) is plain:
                    setattr(module, name, other)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("config", nargs="?", default="demo")
    options.add_argument("--set", action="append", default=[], dest="sets")
    given = options.parse_args()
    assert pipeline  # all that a run imports is there before it is watched
    assert prepare
    clock = Clock()
    watch(clock)
    sets = [part for one in given.sets for part in ("--set", one)]
    with TemporaryDirectory() as folder:
        began = time.perf_counter()
        code = cli.main(["run", str(DEMO if given.config == "demo" else given.config), "--out", f"{folder}/run", *sets])
        whole = time.perf_counter() - began
        kept = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    if code:
        sys.exit(code)
    print("\n".join(table(clock, whole)))
    print(f"a run of {whole:,.0f} s that leaves {kept / 1e6:,.0f} MB")


def table(clock: Clock, whole: float) -> list[str]:
    """Markdown: a row a kind, and one of them all."""
    rows = [(kind, clock.calls[kind], clock.seconds[kind]) for kind in CHECKS]
    rows.append(("all of these", sum(clock.calls.values()), sum(clock.seconds.values())))
    head = ["| what | calls | seconds | of the run |", "|---|---:|---:|---:|"]
    return head + [f"| {kind} | {calls:,} | {took:.2f} | {took / whole:.2%} |" for kind, calls, took in rows]


if __name__ == "__main__":
    main()
