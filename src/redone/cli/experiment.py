"""`redone experiment FILE`: arms and seeds, what they share run once, and a table with the answers to its questions."""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redone.cli import run
from redone.cli.options import add_sets, frozen, positive, typed
from redone.commands import prepare
from redone.commands.begin import carried_out
from redone.commands.begun import same_configuration
from redone.texts import visible

if TYPE_CHECKING:
    from redone.experiment.definition import Job, Plan


@dataclass(frozen=True)
class Options:
    file: Path
    seeds: int | None
    out: Path | None  # runs/experiments/NAME if not given
    model: str | None
    data: str | None
    sets: tuple[str, ...]
    only: str | None
    tethered: bool


def add(commands: Any) -> None:
    experiment = commands.add_parser("experiment", help="arms of a configuration compared over seeds; goes on too")
    experiment.add_argument("file", type=Path, metavar="FILE", help="TOML file of arms and questions")
    experiment.add_argument("--seeds", type=positive, metavar="N", help="seeds 0 to N-1, instead of the file's")
    experiment.add_argument("--out", type=Path, metavar="DIR", help="its folder (default: runs/experiments/NAME)")
    experiment.add_argument("--model", help="Hugging Face folder or hub id of the base model")
    experiment.add_argument("--data", help="folder that the data files lie in")
    experiment.add_argument("--only", metavar="ARM-SEED", help="this run alone, in this process, and no table")
    experiment.add_argument("--tethered", action="store_true", help=argparse.SUPPRESS)  # end when standard input does
    add_sets(experiment)
    experiment.set_defaults(command=command)


def command(namespace: argparse.Namespace) -> int:
    options = frozen(Options, namespace)
    from redone.experiment.definition import read_plan

    given = (("model.path", options.model), ("data.root", options.data))
    sets = [*options.sets, *(f"{key}={json.dumps(value)}" for key, value in given if value is not None)]
    plan = read_plan(options.file, run.DEMO, options.seeds, sets)
    out = options.out or Path("runs") / "experiments" / plan.experiment.name
    if options.only is not None:
        if options.tethered:
            threading.Thread(target=_end_with_input, daemon=True).start()
        return _one(plan, plan.job(options.only), out)
    again = [sys.executable, "-m", "redone.cli", "experiment", str(options.file), "--out", str(out)]
    again += ["--seeds", str(options.seeds)] if options.seeds else []
    return _all(plan, out, [*again, *(argument for one in sets for argument in ("--set", one))])


def _end_with_input() -> None:
    """Whoever started this process is gone once its end of the pipe is."""
    os.read(0, 1)  # not by Python's own reader, which the interpreter's end would wait for
    os._exit(1)


def _one(plan: Plan, job: Job, out: Path) -> int:
    folder = out / job.name
    same_configuration(folder, job.config)
    from redone.experiment.records import keep
    from redone.experiment.sharing import link_shared
    from redone.run.lock import locked
    from redone.run.log import Log

    log = Log()
    others = {out / other.name: other.config for other in plan.jobs if other.name != job.name}
    with locked(folder, log.line), prepare.prepare(job.config, folder, log) as lab, log.interruptible():
        for model in link_shared(folder, job.config, others):
            log.line(f"{model}: shared with another run, which has made it")
        if carried_out(lab, typed()) is None:
            return log.code
        keep(lab, job, plan, out)
    return 0


def _all(plan: Plan, out: Path, again: Sequence[str]) -> int:
    """again: the command that goes on."""
    from redone.experiment.records import path_of
    from redone.experiment.schedule import at_once, carry_out
    from redone.experiment.table import asked, write_table
    from redone.run.log import Interrupted, Log

    _check_measures(plan)
    log = Log()
    for line in asked(plan.experiment):
        log.line(line)
    jobs = [job for job in plan.jobs if path_of(job, plan, out) is None]
    for job in jobs:
        same_configuration(out / job.name, job.config)
    failed: dict[str, str] = {}
    if jobs:
        most = at_once(jobs)
        threads = jobs[0].config.threads
        log.line(
            f"{len(plan.jobs)} runs, {len(plan.jobs) - len(jobs)} of them done; {most} at once, "
            f"threads of each: {threads or 'all'}"
        )
        with log.interruptible():
            try:
                failed = carry_out(jobs, out, lambda job: [*again, "--tethered", "--only", job.name], most, log)
            except Interrupted as where:
                log.line(f"Stopped {where}. Go on with: redone {' '.join(again[3:])}")
                return log.code
    for line in write_table(plan, out, failed):
        print(visible(line))
    if failed:
        name, why = next(iter(failed.items()))
        raise ValueError(f"{len(failed)} of {len(plan.jobs)} runs failed ({', '.join(failed)}); {name}: {why}")
    return 0


def _check_measures(plan: Plan) -> None:
    """Raises ValueError naming a measure that a question asks for and no run will have."""
    from redone.checks.check import held_out
    from redone.experiment.analysis import measures
    from redone.experiment.records import DRIFT, drift_shape, lenient_shape
    from redone.measure.closed import LENIENT
    from redone.measure.definitions import definition, members
    from redone.measure.taskset import TASKS, tasks_shape
    from redone.mistakes import nearest

    config = plan.jobs[0].config
    tasks = {name: task for pack in prepare.read_packs(config) for name, task in pack.tasks.items()}
    names = [one.name for name in config.eval.benchmarks for one in members(name, None)[0]]
    tasks = held_out(tasks, config.data.held_out)
    read = {name: task.metric for name, task in tasks.items() if task.reward == "exact"}  # those that may be closed
    shapes = {TASKS: tasks_shape(tasks), **{name: definition(name).shape for name in names}}
    shapes |= {LENIENT: lenient_shape(read)} if read else {}
    if config.drift is not None:
        asked = config.drift.prompts is not None or any(task.part == "general" for task in tasks.values())
        shapes[DRIFT] = drift_shape(list(config.drift.texts), asked)
    known = measures(shapes)
    for question in plan.experiment.questions:
        for measure in question.measures:
            if measure not in known:
                other = "; it is called domain" if measure == "sns" else nearest(measure, known)
                raise ValueError(f"{plan.path}: the question {question.name!r}: there is no measure {measure}{other}")
