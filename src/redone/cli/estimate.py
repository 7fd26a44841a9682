"""`redone estimate`: the memory that a run will take, by phase, and its hours, before anything trains."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redone.cli import prepare
from redone.cli.options import Configured, add_configured, frozen

if TYPE_CHECKING:
    from redone.config import RunConfig
    from redone.method.estimate import Phase, Timed
    from redone.run.log import Log

GIB = 2**30


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


def memory(config: RunConfig, checked: prepare.Checked) -> list[Phase]:
    """Nothing where nothing is trained. Raises ValueError where the model's own code does not run on tensors without
    contents, of them NotServed where a run would refuse it."""
    from redone.method.estimate import phases
    from redone.model.trial import BREAKS, NotServed

    tasks = checked.dataset.trained
    lengths = [(prompt, task.budget) for name, task in tasks.items() for prompt in checked.lengths[name].prompts]
    device, dtype, _ = checked.machine
    if not lengths:
        return []
    try:
        return phases(config, checked.base, dtype, device == "cuda", checked.max_context, lengths)
    except NotServed:
        raise
    except BREAKS as error:
        raise ValueError(f"memory cannot be estimated: {type(error).__name__}: {str(error)[:200]}") from None


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


def peak_line(found: Sequence[Phase], device: str) -> str:
    """The largest phase with what the process has already, and what to do where there is less memory than that."""
    own, free = own_and_free(device)
    worst = max(found, key=lambda phase: phase.peak)
    peak = own + worst.peak
    said = f"Memory: about {peak / GIB:.1f} GiB at most ({worst.name} of {worst.stage}), of {free / GIB:.1f} GiB free."
    if peak <= free:
        return said
    return (
        f"{said} That is not enough: lower tokens_per_pass, in_flight or eval.rows, set recompute = true, or train an "
        "adapter, [lora]"
    )


def own_and_free(device: str) -> tuple[int, int]:
    """Bytes that this process has, and that it may have."""
    import torch

    if device == "cuda":
        return 0, torch.cuda.mem_get_info()[0]
    own = kernel_says("/proc/self/status", "VmRSS")
    return own, own + kernel_says("/proc/meminfo", "MemAvailable")


def kernel_says(path: str, key: str) -> int:
    """Bytes, of a file of Linux's that gives KiB; 0 where there is none."""
    try:
        lines = Path(path).read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{key}:")), 0)
