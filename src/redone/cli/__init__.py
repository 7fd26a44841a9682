"""The command line. Nothing heavy is imported before it is needed, so that --help and mistakes answer at once.

Every command has a file of its own: what it takes (`add`, a frozen type of its options) and what it does (`command`).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


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
    from redone.cli import check, compare, report, run

    top = argparse.ArgumentParser(
        prog="redone",
        description="Make a language model good at your domain without getting worse at everything else.",
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for add in (run.add, check.add, _add_measuring, compare.add, report.add):
        add(commands)
    return top


def _add_measuring(commands: Any) -> None:
    from redone.cli.options import positive

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
    evaluate.add_argument("--limit", type=positive, metavar="N", help="at most N items of each subset, a fixed draw")
    evaluate.add_argument("--samples", type=positive, default=1, metavar="K", help="answers to each item (default: 1)")
    evaluate.add_argument("--temperature", type=float, default=1.0, help="of several samples; one is greedy")
    evaluate.add_argument("--think", type=positive, default=0, metavar="N", help="let it reason for N tokens first")
    evaluate.add_argument("--likelihood", action="store_true", help="choose among options by their log-likelihood")
    evaluate.add_argument("--base-url", metavar="URL", help="MODEL is served there (OpenAI-compatible)")
    evaluate.add_argument("--concurrent", type=positive, default=8, metavar="N", help="requests at a time")
    evaluate.set_defaults(command=command_eval, model=None)

    scored = commands.add_parser("score", help="score predictions for a published benchmark")
    scored.add_argument("--benchmark", required=True, metavar="NAME", help="its name, or general for the suite")
    scored.add_argument("--data", type=Path, required=True, help="folder of the benchmark's files, or of such folders")
    scored.add_argument("--predictions", type=Path, required=True, metavar="FILE.jsonl")
    scored.add_argument("--json", type=Path, metavar="FILE", help="write the scores there too")
    scored.add_argument("--items", type=Path, metavar="FILE", help="write a line per record with its verdict")
    scored.add_argument("--partial", action="store_true", help="score what is there, though predictions are missing")
    scored.set_defaults(command=command_score)


def command_eval(options: argparse.Namespace) -> int:
    if options.benchmark:
        from redone.cli import evaluation

        options.data = Path(options.data) if options.data else None
        options.seed = options.seed or 0
        return evaluation.command_eval(options)
    from redone.cli import prepare
    from redone.cli.options import Configured, frozen
    from redone.cli.run import print_results

    options.model = options.model_folder
    config = frozen(Configured, options).resolve()
    if (options.out / "results.json").exists():
        raise ValueError(f"{options.out} already holds results.json; give another --out, or remove it")
    from redone.run.log import Interrupted, Log

    log = Log()
    from redone.files import write_json, write_jsonl
    from redone.measure import tasks as evaluate
    from redone.method.evaluate import sample

    with prepare.prepare(config, options.out, log, keep=False) as lab, log.interruptible():
        records = evaluate.first_of_each_task(lab.dataset, options.split, config.eval.records)
        try:
            judged = sample(lab, "base", records, 1, 0.0, options.split)
            trivial = evaluate.baselines(lab.dataset, options.split, lab.score_all, config.eval.records)
        except Interrupted as where:
            log.line(f"Stopped {where}; nothing was written.")
            return 130
    pairs = [(item.record, item.verdicts[0]) for item in judged]
    table = evaluate.summarise(lab.dataset, pairs, trivial, seed=config.seed, resamples=config.eval.bootstrap)
    write_jsonl(options.out / f"{options.split}.jsonl.gz", evaluate.output_rows(judged))
    results = {"split": options.split, "models": {"model": table}}
    write_json(options.out / "results.json", results)
    print_results(results)
    return 0


def command_score(options: argparse.Namespace) -> int:
    from redone.cli import evaluation

    return evaluation.command_score(options)
