"""`redone score`: predictions made elsewhere, scored for a published benchmark."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redone.cli.options import frozen


@dataclass(frozen=True)
class Options:
    benchmark: str
    data: Path
    predictions: Path
    json: Path | None = None
    items: Path | None = None
    partial: bool = False


def add(commands: Any) -> None:
    scored = commands.add_parser("score", help="score predictions for a published benchmark")
    scored.add_argument("--benchmark", required=True, metavar="NAME", help="its name, or general for the suite")
    scored.add_argument("--data", type=Path, required=True, help="folder of the benchmark's files, or of such folders")
    scored.add_argument("--predictions", type=Path, required=True, metavar="FILE.jsonl")
    scored.add_argument("--json", type=Path, metavar="FILE", help="write the scores there too")
    scored.add_argument("--items", type=Path, metavar="FILE", help="write a line per record with its verdict")
    scored.add_argument("--partial", action="store_true", help="score what is there, though predictions are missing")
    scored.set_defaults(command=command)


def command(namespace: argparse.Namespace) -> int:
    options = frozen(Options, namespace)
    from redone.cli.tables import print_table
    from redone.commands.evaluate import average_of
    from redone.files import write_json, write_jsonl
    from redone.measure.benchmarks import asked_for, check_readings, score_all
    from redone.measure.definitions import read_records
    from redone.measure.predictions import read_predictions
    from redone.measure.suite import combined
    from redone.run.log import Log

    log = Log()
    benchmarks, suites = asked_for([options.benchmark], options.data, log)
    records = {benchmark.name: read_records(benchmark, options.data, ask=False) for benchmark in benchmarks}
    ids = [record.id for mine in records.values() for subset in mine.values() for record in subset]
    check_readings(benchmarks, records)
    outputs = read_predictions(options.predictions, ids, options.partial, log.line)
    scores, items = score_all(benchmarks, records, outputs, log)
    [result] = [combined(name, own, scores, missing) for name, (own, missing) in suites.items()] or scores
    if options.items:
        write_jsonl(options.items, items)
    if options.json:
        write_json(options.json, result)
    if options.json is None and not sys.stdout.isatty():  # a program reads it
        print(json.dumps(result))
        return 0
    for mine in scores:
        print_table(mine)
    if suites:
        print(average_of(result))
    return 0
