"""`redone eval`: a model measured on benchmarks, on a configuration's tasks, or on those of lm-evaluation-harness."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from redone.cli.options import add_sets, frozen, positive
from redone.commands.evaluate import Options, average_of, evaluated, refuse
from redone.texts import visible


def add(commands: Any) -> None:
    command_ = commands.add_parser("eval", help="measure a model on benchmarks, or on a configuration's tasks")
    command_.add_argument("model_folder", metavar="MODEL", help="Hugging Face folder or hub id, a run or its stage")
    what = command_.add_mutually_exclusive_group(required=True)
    what.add_argument("--config", type=Path, dest="configs", action="append", metavar="CONFIG")
    what.add_argument("--benchmark", metavar="NAME[,NAME...]", help="benchmarks, or general for the suite")
    what.add_argument("--lm-eval", metavar="NAME[,NAME...]", help="tasks or groups of lm-evaluation-harness")
    command_.add_argument("--data", help="folder that the data files lie in")
    command_.add_argument("--out", type=Path, required=True, help="folder for answers, verdicts and results.json")
    command_.add_argument("--limit", type=positive, metavar="N", help="at most N items of each subset, a fixed draw")
    command_.add_argument("--samples", type=positive, default=1, metavar="K", help="answers to each item (default: 1)")
    command_.add_argument("--temperature", type=float, help="of several samples (default: 1); one is greedy")
    command_.add_argument("--seed", type=int, help="of several samples")
    command_.add_argument("--base-url", metavar="URL", help="MODEL is served there (OpenAI-compatible)")
    command_.add_argument("--concurrent", type=positive, metavar="N", help="requests at a time (default: 8)")
    command_.add_argument("--device", choices=["auto", "cpu", "cuda"], help="for benchmarks (default: auto)")
    command_.add_argument(
        "--dtype",
        choices=["auto", "float32", "mixed", "bfloat16"],
        help="numbers to compute in, on benchmarks (default: auto)",
    )
    splits = ["eval", "probe", "tune"]
    command_.add_argument("--split", choices=splits, help="of a configuration's tasks (default: its eval.split)")
    add_sets(command_)
    command_.add_argument("--think", type=positive, metavar="N", help="let it reason for N tokens first")
    command_.add_argument("--think-in-words", action="store_true", help="an endpoint is asked in words to reason first")
    command_.add_argument("--likelihood", action="store_true", help="choose among options by their log-likelihood")
    command_.add_argument("--lm-eval-include", type=Path, metavar="DIR", help="folder of further task files for it")
    command_.add_argument("--lm-eval-chat", action="store_true", help="ask its tasks in the model's chat template")
    command_.set_defaults(command=command, model=None)


def command(namespace: argparse.Namespace) -> int:
    options = frozen(Options, namespace)
    refuse(options)  # before anything heavy is loaded
    from redone.cli.run import print_results
    from redone.cli.tables import print_table
    from redone.run.log import Interrupted, Log

    log = Log()
    try:
        found = evaluated(options, log)
    except Interrupted as where:
        log.line(f"Stopped {where}. Go on with the same command.")
        return log.code
    for mine in found.benchmarks:
        print_table(mine)
        for line in mine.get("beside", ()):
            print(visible(line))
    for suite in found.suites:
        print(average_of(suite))
    if found.tasks is not None:
        print_results(found.tasks)
    print(f"\nReport: {found.report}")
    return 0
