"""`redone report`: a run's report, written again from its files."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redone.cli.options import frozen


@dataclass(frozen=True)
class Options:
    run: Path


def add(commands: Any) -> None:
    report = commands.add_parser("report", help="write report.md and report.html of a run again")
    report.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    report.set_defaults(command=command)


def command(namespace: argparse.Namespace) -> int:
    options = frozen(Options, namespace)
    from redone.report import write_report
    from redone.report.plots import PLOTS
    from redone.run.log import Log

    with Log().bar("report", len(PLOTS)) as bar:
        written = write_report(options.run, bar.advance)
    for path in written:
        print(path)
    return 0
