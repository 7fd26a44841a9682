"""`redone check`: what is wrong with a configuration and its data, and what its rewards would pay for."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from redone.cli.options import add_configured, frozen, positive
from redone.commands import prepare
from redone.commands.configured import Configured
from redone.commands.examine import examined
from redone.report.numbers import count
from redone.texts import visible

if TYPE_CHECKING:
    from redone.checks.shown import Shown
    from redone.config import RunConfig
    from redone.data.load import Dataset
    from redone.run.log import Log
    from redone.run.scoring import ScoreAll

_FEW = 3  # tasks whose prompts are shown unasked


@dataclass(frozen=True)
class Options(Configured):
    sandbox: bool = False
    prompts: bool = False
    rewards: bool = False
    judge: int | None = None  # records of each task


def add(commands: Any) -> None:
    check = commands.add_parser("check", help="find what is wrong with a configuration and its data, train nothing")
    add_configured(check, "*")
    check.add_argument("--sandbox", action="store_true", help="which protections of the sandbox are active here")
    check.add_argument("--prompts", action="store_true", help="every task's first prompt as the model reads it, whole")
    check.add_argument("--rewards", action="store_true", help="what every task's reward would pay for cheats")
    check.add_argument(
        "--judge", type=positive, metavar="N", help="ask the judge about N records of each verifiable task"
    )
    check.set_defaults(command=command)


def command(namespace: argparse.Namespace) -> int:
    options = frozen(Options, namespace)
    if not options.configs:
        if not options.sandbox:
            raise ValueError("check what? Give a configuration, or --sandbox")
        about = ("prompts", "rewards", "judge", "model", "data", "seed", "sets")
        if given := [name for name in about if getattr(options, name) not in (None, False, ())]:
            named = ", ".join("--set" if name == "sets" else f"--{name}" for name in given)
            raise ValueError(f"{named}: give a configuration too; --sandbox needs none")
    if options.sandbox:
        _print_protections()
    if options.configs:
        check(options)
    return 0


def check(options: Options) -> None:
    """Read and check everything, and print what was found: a line for each task, prompts, what is doubtful."""
    config = options.resolve()
    from redone.checks.check import listed
    from redone.checks.shown import shown
    from redone.run.log import Log

    log = Log()
    checked = prepare.check(config, log, whole=True)
    dataset = checked.dataset
    with prepare.scoring(config, dataset.tasks) as score_all:
        found = examined(config, checked, score_all, log)
        _print_tasks(checked, found.earned)
        _print_prompts([shown(dataset, task, checked.encoder) for task in dataset.tasks.values()], options.prompts)
        if found.doubts:
            print(f"{count(len(found.doubts), 'thing')} to know before a run:")
            print("\n".join(f"- {visible(one)}" for one in found.doubts))
        print(f"{count(len(dataset.tasks), 'task')}, all reference answers score 1, everything fits.")
        if found.misread:
            print(
                f"{len(found.misread)} reference answers are right as they stand and wrong in another spelling; "
                "mend them:"
            )
            print(visible(listed(found.misread)))
        if options.rewards:
            _print_stress(dataset, score_all, log)
        if options.judge:
            _print_agreement(dataset, score_all, config, options.judge, log)
    print(checked.machine.line)
    if found.memory:
        print(found.memory)


def _print_tasks(checked: prepare.Checked, earned: Mapping[str, tuple[float, str]]) -> None:
    """A line for each task: its records by split, tokens, and what is earned without a model."""
    from redone.data.load import SPLITS

    dataset = checked.dataset
    splits = [split for split in SPLITS if split != "tune" or dataset.split("tune")]
    width = max(len(name) for name in ("task", *dataset.tasks))
    print(f"{'':<{width}}{'records':>{7 * len(splits)}}{'prompt tokens':>16}{'answer tokens':>16}")
    print(
        f"{'task':<{width}}"
        + "".join(f"{split:>7}" for split in splits)
        + f"{'median':>9}{'most':>7}" * 2
        + f"{'budget':>8}  without a model"
    )
    for name, task in dataset.tasks.items():
        records, lengths = dataset.records[name], checked.lengths[name]
        cells = [f"{len(records.get(split, ())) or '-':>7}" for split in splits]
        cells += [f"{median(each):>9,.0f}{max(each):>7,}" for each in (lengths.prompts, lengths.answers)]
        said = "{:5.1f} {}".format(*earned[name]) if name in earned else "    -"
        print(f"{name:<{width}}{''.join(cells)}{task.budget:>8,}  {said}")


def _print_prompts(examples: Sequence[Shown], whole: bool) -> None:
    """Of each task the first prompt whole, or of the first few in a line."""
    from redone.checks.shown import LINE_END

    some = examples if whole or len(examples) <= _FEW else examples[:_FEW]
    of = f"first {len(some)} of {len(examples)} tasks" if len(some) < len(examples) else "tasks"
    end = "" if whole else f", {LINE_END} is a line's end; --prompts shows all, whole"
    print(f"\nThe {of}, each its first prompt as the model reads it; in ⟦ ⟧ stands what is taught{end}:")
    for one in some:
        prompt, target = one.tokens
        place = f"{one.record.source} ({one.record.id})"
        print(f"{one.record.task}: {place}, {prompt:,} tokens, and {target:,} that are taught")
        print("\n".join(f"  {line}" for line in (one.text.split("\n") if whole else [one.line])))
    print()


def _print_protections() -> None:
    """What holds code in here, as a process inside found when it tried to get out. Raises Unavailable."""
    from redone.sandbox.isolate import protections

    for layer in protections():
        print(f"{'yes' if layer.active else 'NO ' if layer.needed else 'no '}  {layer.name:<22} {layer.detail}")


def _print_stress(dataset: Dataset, score_all: ScoreAll, log: Log) -> None:
    """A line per task: what gold, other records' answers, and the best trivial answer earn; then the holes."""
    from redone.checks.agreement import verifiable
    from redone.checks.stress import CHEATS, stress

    tasks = verifiable(dataset)
    with log.bar("stress test of the rewards", len(tasks)) as bar:
        found = []
        for task in tasks:
            found.append(stress(dataset, task, score_all))
            bar.advance(1)
    print(f"\nMean reward, 0 to 100, of up to 40 eval records for {len(CHEATS)} cheats: {', '.join(CHEATS)}.")
    print(f"{'task':<28} {'gold':>6} {'others':>6} {'trivial':>7} {'cheats':>6}  the cheat that pays most")
    for mine in found:
        worst, most = max(mine.earned.items(), key=lambda item: item[1])
        rates = f"{100 * mine.gold:6.0f} {100 * mine.others:6.0f} {100 * mine.baseline:7.0f} {100 * most:6.0f}"
        print(f"{mine.task:<28} {rates}  {worst if most else '-'}")
    holes = [mine for mine in found if mine.holes]
    for mine in holes:
        paid = ", ".join(f"{cheat} {100 * value:.0f}" for cheat, value in mine.holes.items())
        print(f"{mine.task}: pays more for cheats than for the best answer that needs no model: {paid}")
    print(f"{len(holes)} of {len(found)} rewards can be cheated." if holes else "No reward pays a cheat.")
    if judged := sorted(dataset.tasks.keys() - {task.name for task in tasks}):
        print(f"Not tried, because a judge decides: {', '.join(judged)}.")


def _print_agreement(dataset: Dataset, score_all: ScoreAll, config: RunConfig, most: int, log: Log) -> None:
    """A line per verifiable task: on how many right and how many wrong answers the judge agrees with its reward."""
    from redone.checks.agreement import agreement, verifiable

    judge = prepare.judge_of(config, Path("runs") / config.name, log)
    if judge is None:
        raise ValueError("--judge: name one: judge.base_url and judge.model")
    tasks = verifiable(dataset)
    with log.bar("agreement with the judge", len(tasks)) as bar:
        found = []
        for task in tasks:
            found.append(agreement(dataset, task, most, score_all, judge))
            bar.advance(1)
    print(f"\n{'task':<28} {'right answers':>22} {'wrong answers':>22}   on which the judge agrees with the reward")
    for mine in found:
        right, wrong = f"{mine.right_agreed} of {mine.right}", f"{mine.wrong_agreed} of {mine.wrong}"
        print(f"{mine.task:<28} {right:>22} {wrong:>22}")
    agreed = sum(mine.right_agreed + mine.wrong_agreed for mine in found)
    print(f"The judge agrees on {agreed} of {sum(mine.right + mine.wrong for mine in found)} answers.")
