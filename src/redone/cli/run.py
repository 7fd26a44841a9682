"""`redone run` and `redone demo`: the stages of a configuration, one after another; gone on with where they stopped."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redone.cli import prepare
from redone.cli.begun import begun_with, same_configuration, same_inputs
from redone.cli.options import Configured, add_configured, add_sets, frozen

if TYPE_CHECKING:
    from redone.config import RunConfig
    from redone.run.lab import Lab

DEMO = Path(__file__).parents[1] / "world" / "demo.toml"


@dataclass(frozen=True)
class Options(Configured):
    out: Path | None = None  # runs/NAME if not given
    from_stage: Path | None = None  # RUN/STAGE


def add(commands: Any) -> None:
    demo = commands.add_parser("demo", help="the whole method on the embedded world, in minutes on a CPU")
    demo.add_argument("--seed", type=int, help="the run's seed; world and base model are fixed")
    demo.add_argument("--out", type=Path, default=Path("runs/demo"), help="the run's folder (default: runs/demo)")
    add_sets(demo)
    demo.set_defaults(command=command, configs=[DEMO])

    run = commands.add_parser("run", help="every stage, measured, and a report; goes on where it was stopped")
    add_configured(run)
    run.add_argument("--out", type=Path, help="the run's folder (default: runs/NAME)")
    run.add_argument(
        "--from-stage",
        type=Path,
        metavar="RUN/STAGE",
        help="begin with this stage: what stands before it is taken from another run, as that made it",
    )
    run.set_defaults(command=command)


def command(namespace: argparse.Namespace) -> int:
    options = frozen(Options, namespace)
    config = options.resolve()
    out = options.out or Path("runs") / config.name
    same_configuration(out, config)
    if options.from_stage is not None:
        check_branch(config, out, options.from_stage)
    from redone.run.lock import locked
    from redone.run.log import Log

    log = Log()
    with locked(out, log.line), prepare.prepare(config, out, log) as lab, log.interruptible():
        if options.from_stage is not None:
            branch_off(lab, options.from_stage)
        results = carried_out(lab)
    if results is None:
        return log.code
    from redone.method.story import ending

    print_results(results)
    print("\n" + "\n".join(ending(results, out)))
    return 0


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


def carried_out(lab: Lab) -> dict[str, Any] | None:
    """The whole method: its results, None where it was stopped. Raises ValueError where it cannot go on."""
    import torch

    from redone.method import pipeline
    from redone.run.log import Interrupted

    again = " ".join(["redone", *sys.argv[1:]])
    try:
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


def print_results(results: dict[str, Any]) -> None:
    """The averages of every model, the closed tasks in both readings and those that are answered nearly alike, the
    answers that are missing, before the averages where they are many, and which chat template wrote the prompts."""
    from redone.data.chat import template_said
    from redone.measure.closed import alarms
    from redone.measure.missing import many, said
    from redone.report.scores import labels

    if (split := results.get("split", "eval")) != "eval":
        print(f"\nScores on the split {split}: they are to choose by, and no results.")
    entries = {model: table["tasks"].values() for model, table in results["models"].items()}
    for model, mine in entries.items():
        if many(mine):
            print(f"{model}: {said(mine)}")
    last = list(results["models"].values())[-1]["averages"]
    kinds = {kind: label for kind, label in labels(results).items() if last.get(kind) is not None}
    width = max([24, *(len(label) + 2 for label in kinds.values())])
    print(f"\n{'':<10}" + "".join(f"{label:>{width}}" for label in kinds.values()))
    bare = list(results["models"].values())[-1].get("baselines", {})
    earned = ("-" if bare.get(kind) is None else f"{bare[kind]:.1f}" for kind in kinds)
    print(f"{'no model':<10}" + "".join(f"{cell:>{width}}" for cell in earned))
    for model, table in results["models"].items():
        cells = []
        for kind in kinds:
            value = table["averages"].get(kind)
            low, high = table["average_intervals"].get(kind, (0.0, 0.0))
            cells.append("-" if value is None else f"{value:.1f} [{low:.1f}, {high:.1f}]")
        print(f"{model:<10}" + "".join(f"{cell:>{width}}" for cell in cells))
    for model, table in results["models"].items():
        if one := table.get("lenient"):
            tasks = f"{one['tasks']} closed task{'s' if one['tasks'] > 1 else ''}"
            print(f"{model}: {tasks}, {one['strict']:.1f} as asked, {one['score']:.1f} by the first label named")
        if one := table.get("ngrams"):
            tasks = f"{one['tasks']} closed task{'s' if one['tasks'] > 1 else ''}"
            print(f"{model}: {tasks} with train records, {one['model']:.1f}; naive Bayes on n-grams {one['score']:.1f}")
        for line in alarms(table["tasks"], model):
            print(line)
    for model, mine in entries.items():
        if (note := said(mine)) and not many(mine):
            print(f"{model}: {note}")
    marks = {table["chat_template"] for table in results["models"].values() if "chat_template" in table}
    for mark in sorted(marks):
        print(f"Prompts: {template_said(mark)}")
