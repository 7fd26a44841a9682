"""`redone check`: what is wrong with a configuration and its data, and what its rewards would pay for."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redone.cli import estimate, prepare
from redone.cli.options import Configured, add_configured, frozen, positive
from redone.texts import visible

if TYPE_CHECKING:
    from redone.checks.shown import Shown
    from redone.config import RunConfig
    from redone.data.load import Dataset
    from redone.run.log import Log
    from redone.run.scoring import ScoreAll


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
    """Read and check everything, and print what was found."""
    config = options.resolve()
    from redone.checks.shown import LINE_END, shown
    from redone.data.chat import template_said
    from redone.run.log import Log

    log = Log()
    checked = prepare.check(config, log)
    examples = {name: shown(checked.dataset, task, checked.encoder) for name, task in checked.dataset.tasks.items()}
    print(
        f"Prompts: {template_said(checked.encoder.chat.mark)}. Under each task is its first, as the model reads it; in "
        f"⟦ ⟧ what is taught, {LINE_END} for a line's end."
    )
    for name, task in checked.dataset.tasks.items():
        records = checked.dataset.records[name]
        sizes = "  ".join(f"{split} {len(mine)}" for split, mine in records.items() if mine or split != "tune")
        removed, too_long = checked.dataset.removed[name], checked.dataset.too_long.get(name)
        print(
            f"{name:<28} {task.family:<24} {sizes}"
            + (f"  {removed} repeated ones removed{_most(checked.dataset.shared.get(name, ()))}" if removed else "")
            + (f"  {too_long} too long" if too_long else "")
            + ("" if task.train else "  only evaluated")
        )
        print(f"    {checked.lengths[name]}, budget {task.budget:,}")
        print(f"    {examples[name].line}")
    if options.prompts:
        _print_prompts(examples)
    print(f"{len(checked.dataset.tasks)} tasks, all reference answers score 1, everything fits.")
    with prepare.scoring(config, checked.dataset.tasks) as score_all:
        _print_misread(checked.dataset, score_all, log)
        if options.rewards:
            _print_stress(checked.dataset, score_all, log)
        if options.judge:
            _print_agreement(checked.dataset, score_all, config, options.judge, log)
    try:
        found = estimate.memory(config, checked)
    except ValueError as error:  # which is no fault of the configuration
        print(error)
    else:
        if found:
            print(estimate.peak_line(found, checked.machine.device))


def _print_prompts(examples: Mapping[str, Shown]) -> None:
    for name, one in examples.items():
        prompt, target = one.tokens
        print(f"\n{name}: {one.record.source} ({one.record.id}), {prompt:,} tokens, and {target:,} that are taught")
        print("\n".join(f"  {line}" for line in one.text.split("\n")))
    print()


def _most(shared: Sequence[str]) -> str:
    """What most of the removed records share with which others."""
    return f": {shared[0]}{'; ...' if len(shared) > 1 else ''}" if shared else ""


def _print_protections() -> None:
    """What holds code in here, as a process inside found when it tried to get out. Raises Unavailable."""
    from redone.sandbox.isolate import protections

    for layer in protections():
        print(f"{'yes' if layer.active else 'NO ' if layer.needed else 'no '}  {layer.name:<22} {layer.detail}")


def _print_misread(dataset: Dataset, score_all: ScoreAll, log: Log) -> None:
    """The reference answers that are wrong in another spelling, where there are any."""
    from redone.checks.check import listed
    from redone.checks.spellings import misread

    with log.bar("other spellings of the reference answers", len(dataset.tasks)) as bar:
        found = []
        for task in dataset.tasks.values():
            found += misread(dataset, task, score_all)
            bar.advance(1)
    if not found:
        return
    print(f"{len(found)} reference answers are right as they stand and wrong in another spelling; mend them:")
    print(
        visible(
            listed(
                [
                    f"{one.record.source} ({one.record.id}): {one.record.answer!r:.200}, "
                    f"written {one.spelling!r:.200}, scores less than 1{one.note and ': '}{one.note}"
                    for one in found
                ]
            )
        )
    )


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
