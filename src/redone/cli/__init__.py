"""The command line. Nothing heavy is imported before it is needed, so that --help and mistakes answer at once."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redone.cli import prepare

if TYPE_CHECKING:
    from redone.config import RunConfig
    from redone.data.load import Dataset
    from redone.run.log import Log

WORLD = Path(__file__).parents[1] / "world"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0, or 2 after a mistake of the user's, or 130 after ctrl-C."""
    # Threads that wait by spinning slow everything tenfold as soon as another process wants a core.
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    options = parser().parse_args(arguments)
    try:
        code = options.command(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever read the output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # as a shell has it of a program that SIGPIPE ended
    except (ValueError, OSError) as mistake:
        print(f"redone: {mistake}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("redone: stopped; what was saved before stays", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="redone",
        description="Make a language model good at your domain without getting worse at everything else.",
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="the whole method on the embedded world, in minutes on a CPU")
    demo.add_argument("--seed", type=int, help="the run's seed; world and base model are fixed")
    demo.add_argument("--out", type=Path, default=Path("runs/demo"), help="the run's folder (default: runs/demo)")
    demo.add_argument("--set", action="append", default=[], dest="sets", metavar="A.B=V", help="set one key")
    demo.set_defaults(command=command_run, configs=[WORLD / "demo.toml"], model=None, data=None)

    run = commands.add_parser("run", help="explore, diagnose, target, refine, report; goes on where it was stopped")
    _configured(run)
    run.add_argument("--out", type=Path, help="the run's folder (default: runs/NAME)")
    run.set_defaults(command=command_run)

    check = commands.add_parser("check", help="find what is wrong with a configuration and its data, train nothing")
    _configured(check, "*")
    check.add_argument("--sandbox", action="store_true", help="which protections of the sandbox are active here")
    check.add_argument("--rewards", action="store_true", help="what every task's reward would pay for cheats")
    check.add_argument("--judge", type=int, metavar="N", help="ask the judge about N records of each verifiable task")
    check.set_defaults(command=command_check)

    evaluate = commands.add_parser("eval", help="measure a model on benchmarks, or on a configuration's tasks")
    evaluate.add_argument("model_folder", metavar="MODEL", help="Hugging Face folder or hub id, a run or its stage")
    what = evaluate.add_mutually_exclusive_group(required=True)
    what.add_argument("--config", type=Path, dest="configs", action="append", metavar="CONFIG")
    what.add_argument("--benchmark", metavar="NAME[,NAME...]", help="benchmarks, or general for the suite")
    evaluate.add_argument("--data", help="folder that the data files lie in")
    evaluate.add_argument("--seed", type=int)
    evaluate.add_argument("--out", type=Path, required=True, help="folder for outputs and results.json")
    evaluate.add_argument("--split", choices=["eval", "probe"], default="eval", help="of a configuration's tasks")
    evaluate.add_argument("--set", action="append", default=[], dest="sets", metavar="A.B=V", help="of a configuration")
    evaluate.add_argument("--limit", type=_positive, metavar="N", help="at most N items of each subset, a fixed draw")
    evaluate.add_argument("--samples", type=_positive, default=1, metavar="K", help="answers to each item (default: 1)")
    evaluate.add_argument("--temperature", type=float, default=1.0, help="of several samples; one is greedy")
    evaluate.add_argument("--think", type=_positive, default=0, metavar="N", help="let it reason for N tokens first")
    evaluate.add_argument("--likelihood", action="store_true", help="choose among options by their log-likelihood")
    evaluate.add_argument("--base-url", metavar="URL", help="MODEL is served there (OpenAI-compatible)")
    evaluate.add_argument("--concurrent", type=_positive, default=8, metavar="N", help="requests at a time")
    evaluate.set_defaults(command=command_eval, model=None)

    scored = commands.add_parser("score", help="score predictions for a published benchmark")
    scored.add_argument("--benchmark", required=True, metavar="NAME", help="its name, or general for the suite")
    scored.add_argument("--data", type=Path, required=True, help="folder of the benchmark's files, or of such folders")
    scored.add_argument("--predictions", type=Path, required=True, metavar="FILE.jsonl")
    scored.add_argument("--json", type=Path, metavar="FILE", help="write the scores there too")
    scored.add_argument("--items", type=Path, metavar="FILE", help="write a line per record with its verdict")
    scored.add_argument("--partial", action="store_true", help="score what is there, though predictions are missing")
    scored.set_defaults(command=command_score)

    compare = commands.add_parser("compare", help="paired differences of two evaluations")
    compare.add_argument("a", type=Path, metavar="A", help="a file that score --items wrote, or a folder of eval")
    compare.add_argument("b", type=Path, metavar="B", help="the other one")
    compare.add_argument("--json", type=Path, metavar="FILE", help="write the differences there too")
    compare.add_argument("--flips", type=int, default=5, metavar="N", help="changed items to name (default: 5)")
    compare.set_defaults(command=command_compare)

    report = commands.add_parser("report", help="write report.md and report.html of a run again")
    report.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    report.set_defaults(command=command_report)
    return top


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def _configured(command: argparse.ArgumentParser, count: str = "+") -> None:
    command.add_argument("configs", nargs=count, type=Path, metavar="CONFIG", help="TOML files, later ones on top")
    command.add_argument("--model", help="Hugging Face folder or hub id of the base model")
    command.add_argument("--data", help="folder that the data files lie in")
    command.add_argument("--seed", type=int)
    command.add_argument("--set", action="append", default=[], dest="sets", metavar="A.B=V", help="set one key")


def command_run(options: argparse.Namespace) -> int:
    config = resolve(options)
    out: Path = options.out or Path("runs") / config.name
    prepare.same_configuration(out, config)
    from redone.run.log import Interrupted, Log

    log = Log()
    from redone.method import pipeline

    again = " ".join(["redone", *sys.argv[1:]])
    with prepare.prepare(config, out, log) as lab, log.interruptible():
        try:
            results = pipeline.run(lab)
        except Interrupted as where:
            log.line(f"Stopped {where}; everything before is saved. Go on with: {again}")
            return 130
        except FloatingPointError as failure:
            raise ValueError(str(failure)) from failure
    _print_results(results)
    print(f"\nReport: {out / 'report.html'}")
    return 0


def command_check(options: argparse.Namespace) -> int:
    if options.sandbox:
        _print_protections()
    if not options.configs:
        if not options.sandbox:
            raise ValueError("check what? Give a configuration, or --sandbox")
        return 0
    config = resolve(options)
    from redone.run.log import Log

    log = Log()
    checked = prepare.check(config, log)
    for name, task in checked.dataset.tasks.items():
        records = checked.dataset.records[name]
        sizes = "  ".join(f"{split} {len(records[split])}" for split in ("train", "probe", "eval"))
        removed = checked.dataset.removed[name]
        print(f"{name:<28} {task.family:<24} {sizes}" + (f"  {removed} repeated ones removed" if removed else ""))
    print(f"{len(checked.dataset.tasks)} tasks, all reference answers score 1, everything fits.")
    if options.rewards:
        _print_stress(checked.dataset, log)
    if options.judge:
        _print_agreement(checked.dataset, config, options.judge, log)
    return 0


def _print_protections() -> None:
    """What holds code in here, as a process inside found when it tried to get out. Raises Unavailable."""
    from redone.sandbox.isolate import protections

    for layer in protections():
        print(f"{'yes' if layer.active else 'NO ' if layer.needed else 'no '}  {layer.name:<22} {layer.detail}")


def _print_stress(dataset: Dataset, log: Log) -> None:
    """A line per task: what gold, other records' answers, and the best trivial answer earn; then the holes."""
    from redone.checks.agreement import verifiable
    from redone.checks.stress import CHEATS, stress

    tasks = verifiable(dataset)
    with log.bar("stress test of the rewards", len(tasks)) as bar:
        found = []
        for task in tasks:
            found.append(stress(dataset, task))
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


def _print_agreement(dataset: Dataset, config: RunConfig, most: int, log: Log) -> None:
    """A line per verifiable task: on how many right and how many wrong answers the judge agrees with its reward."""
    from redone.checks.agreement import agreement, verifiable

    if prepare.court(config, Path("runs") / config.name, log) is None:
        raise ValueError("--judge: name one: judge.base_url and judge.model")
    tasks = verifiable(dataset)
    with log.bar("agreement with the judge", len(tasks)) as bar:
        found = []
        for task in tasks:
            found.append(agreement(dataset, task, most))
            bar.advance(1)
    print(f"\n{'task':<28} {'right answers':>22} {'wrong answers':>22}   on which the judge agrees with the reward")
    for mine in found:
        right, wrong = f"{mine.right_agreed} of {mine.right}", f"{mine.wrong_agreed} of {mine.wrong}"
        print(f"{mine.task:<28} {right:>22} {wrong:>22}")
    agreed = sum(mine.right_agreed + mine.wrong_agreed for mine in found)
    print(f"The judge agrees on {agreed} of {sum(mine.right + mine.wrong for mine in found)} answers.")


def command_eval(options: argparse.Namespace) -> int:
    if options.benchmark:
        from redone.cli import evaluation

        options.data = Path(options.data) if options.data else None
        options.seed = options.seed or 0
        return evaluation.command_eval(options)
    options.model = options.model_folder
    config = resolve(options)
    if (options.out / "results.json").exists():
        raise ValueError(f"{options.out} already holds results.json; give another --out, or remove it")
    from redone.run.log import Interrupted, Log

    log = Log()
    from redone.files import write_json, write_jsonl
    from redone.measure import tasks as evaluate
    from redone.method import pipeline

    with prepare.prepare(config, options.out, log, keep=False) as lab, log.interruptible():
        records = evaluate.first_of_each_task(lab.dataset, options.split, config.eval.records)
        try:
            judged = pipeline.sample(lab, "base", records, 1, 0.0, options.split)
        except Interrupted as where:
            log.line(f"Stopped {where}; nothing was written.")
            return 130
    pairs = [(item.record, item.verdicts[0]) for item in judged]
    trivial = evaluate.baselines(lab.dataset, options.split, config.eval.records)
    table = evaluate.summarise(lab.dataset, pairs, trivial, seed=config.seed, resamples=config.eval.bootstrap)
    write_jsonl(options.out / f"{options.split}.jsonl.gz", evaluate.output_rows(judged))
    results = {"split": options.split, "models": {"model": table}}
    write_json(options.out / "results.json", results)
    _print_results(results)
    return 0


def command_score(options: argparse.Namespace) -> int:
    from redone.cli import evaluation

    return evaluation.command_score(options)


def command_compare(options: argparse.Namespace) -> int:
    from redone.files import write_json
    from redone.measure.compare import compare, lines

    found = compare(options.a, options.b)
    if options.json:
        write_json(options.json, found)
    for line in lines(found, options.flips):
        print(line)
    return 0


def command_report(options: argparse.Namespace) -> int:
    from redone.report import write_report
    from redone.report.plots import PLOTS
    from redone.run.log import Log

    with Log().bar("report", len(PLOTS)) as bar:
        written = write_report(options.run, bar.advance)
    for path in written:
        print(path)
    return 0


def resolve(options: argparse.Namespace) -> RunConfig:
    from redone.config import load_config

    sets = list(options.sets)
    for key, value in (("model.path", options.model), ("data.root", options.data)):
        if value is not None:
            sets.append(f"{key}={json.dumps(value)}")
    if options.seed is not None:
        sets.append(f"seed={options.seed}")
    return load_config(options.configs, sets)


def _print_results(results: dict[str, Any]) -> None:
    kinds = ("sns", "translation", "general")
    print(f"\n{'':<10}" + "".join(f"{kind:>24}" for kind in kinds))
    for model, table in results["models"].items():
        cells = []
        for kind in kinds:
            value = table["averages"][kind]
            low, high = table["average_intervals"].get(kind, (0.0, 0.0))
            cells.append("-" if value is None else f"{value:.1f} [{low:.1f}, {high:.1f}]")
        print(f"{model:<10}" + "".join(f"{cell:>24}" for cell in cells))
