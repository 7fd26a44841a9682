"""`redone estimate`: the memory that a run will take, by phase, and its hours, before anything trains."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redone.cli.options import add_configured, frozen
from redone.commands import prepare
from redone.commands.configured import Configured
from redone.commands.memory import GIB, memory, peak_line

if TYPE_CHECKING:
    from redone.config import RunConfig
    from redone.method.estimate import Phase, Timed
    from redone.run.log import Log


@dataclass(frozen=True)
class Options(Configured):
    no_timing: bool = False


def add(commands: Any) -> None:
    estimate = commands.add_parser("estimate", help="the memory that a run will take by phase, and its hours")
    add_configured(estimate)
    estimate.add_argument("--no-timing", action="store_true", help="load no model: memory alone")
    estimate.set_defaults(command=command)


def command(namespace: argparse.Namespace) -> int:
    options = frozen(Options, namespace)
    config = options.resolve()
    from redone.checks.check import check_trained
    from redone.run.log import Log, clock

    log = Log()
    checked = prepare.check(config, log)
    for line in checked.lines:
        log.line(line)
    check_trained(checked.dataset)
    found = memory(config, checked)
    print_phases(found, checked.machine.device)
    peak = peak_line(found, checked.machine.device)  # before a model is loaded, which would count as Python's own
    if not options.no_timing:
        times = timed(config, checked, log)
        for one in times:
            print(f"{one.stage:<12} {clock(one.seconds):>8}   {one.said}")
        print(f"In all about {clock(sum(one.seconds for one in times))}.")
    print(peak)
    return 0


def timed(config: RunConfig, checked: prepare.Checked, log: Log) -> list[Timed]:
    """A step of each stage and some of what is measured, with the base model; nothing of it is kept."""
    from redone.method.estimate import timings

    with tempfile.TemporaryDirectory() as folder, prepare.prepare(config, Path(folder) / "run", log, checked) as lab:
        acts, found = timings(lab), []
        with log.bar("timing a step of each stage", len(acts)) as bar:
            for act in acts:
                found.append(act())
                bar.advance(1)
    return found


def print_phases(found: Sequence[Phase], device: str) -> None:
    kinds = list(dict.fromkeys(kind for phase in found for kind in phase.bytes))
    print(
        f"\nGiB of memory {'on the GPU' if device == 'cuda' else 'of this process'}, beside what Python itself takes:"
    )
    print(f"{'':<24}" + "".join(f"{kind:>17}" for kind in [*kinds, "peak"]))
    for phase in found:
        cells = [f"{phase.bytes[kind] / GIB:.2f}" if kind in phase.bytes else "" for kind in kinds]
        print(
            f"{phase.stage + ' ' + phase.name:<24}"
            + "".join(f"{cell:>17}" for cell in [*cells, f"{phase.peak / GIB:.2f}"])
        )
