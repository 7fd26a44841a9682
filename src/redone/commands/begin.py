"""A run begun or gone on with, from its beginning or from a stage of another's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from redone.commands import prepare
from redone.commands.begun import begun_with, same_configuration, same_inputs

if TYPE_CHECKING:
    from redone.config import RunConfig
    from redone.run.lab import Lab


def begin(config: RunConfig, out: Path, from_stage: Path | None, again: str) -> tuple[dict[str, Any] | None, int]:
    """Begin the run of a configuration in the folder, or go on with it: its results and 0; or None, and the code of a
    command that was stopped. from_stage: RUN/STAGE of another run, with which to begin. again: what goes on with it.

    Raises ValueError where the folder is of another run, or what the run needs is not as it should be.
    """
    same_configuration(out, config)
    if from_stage is not None:
        check_branch(config, out, from_stage)
    from redone.run.lock import locked
    from redone.run.log import Log

    log = Log()
    with locked(out, log.line), prepare.prepare(config, out, log) as lab, log.interruptible():
        if from_stage is not None:
            branch_off(lab, from_stage)
        results = carried_out(lab, again)
    return results, 0 if results is not None else log.code


def check_branch(config: RunConfig, out: Path, place: Path) -> None:
    """Raises ValueError where RUN/STAGE names no stage of a run, or none that the configuration has."""
    from redone.mistakes import nearest

    source, stage = place.parent, place.name
    if not begun_with(source):
        raise ValueError(f"--from-stage {place}: {source} is no run's folder; give RUN/STAGE, such as runs/mine/target")
    if stage not in config.stages:
        raise ValueError(f"--from-stage {place}: the configuration has no stage {stage}{nearest(stage, config.stages)}")
    if out.resolve() == source.resolve():
        raise ValueError(f"--from-stage {place}: what goes on from there is a run of its own; give another --out")


def branch_off(lab: Lab, place: Path) -> None:
    """Take what stands before the stage from the other run. Raises ValueError where that read something else."""
    from redone.run.branch import branch_of, take_over

    source = place.parent
    same_inputs(source, begun_with(source), begun_with(lab.out), "begin anew, without --from-stage")
    if taken := take_over(lab.out, lab.config, source, place.name):
        lab.log.line(f"Taken over: {', '.join(taken)}. {branch_of(lab.out)}")


def carried_out(lab: Lab, again: str) -> dict[str, Any] | None:
    """The whole method: its results, None where it was stopped. again: what goes on with it. Raises ValueError where it
    cannot go on."""
    import torch

    from redone.method import pipeline
    from redone.run.log import Interrupted
    from redone.track.beside import start

    try:
        start(lab.out, lab.config.track.to, lab.log)
        return pipeline.run(lab)
    except Interrupted as where:
        lab.log.line(f"Stopped {where}; everything before is saved. Go on with: {again}")
        return None
    except FloatingPointError as failure:
        raise ValueError(str(failure)) from failure
    except torch.OutOfMemoryError as failure:
        raise ValueError(
            f"the device's memory ran out while answers were sampled ({str(failure).strip().splitlines()[0]}); "
            "lower the stages' in_flight, or eval.rows, and give another --out"
        ) from failure
