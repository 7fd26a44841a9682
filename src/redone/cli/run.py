"""`redone run` and `redone demo`: the stages of a configuration, one after another; gone on with where they stopped."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redone.cli.options import add_configured, add_sets, frozen, typed
from redone.commands.begin import begin
from redone.commands.configured import Configured

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
    results, code = begin(config, out, options.from_stage, typed())
    if results is None:
        return code
    from redone.method.story import ending

    print_results(results)
    print("\n" + "\n".join(ending(results, out)))
    return 0


def print_results(results: Mapping[str, Any]) -> None:
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
