"""`redone report`: the report of a run or an evaluation, again from its files, or one of several evaluations."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redone.cli.options import frozen


@dataclass(frozen=True)
class Options:
    folders: tuple[Path, ...]
    out: Path | None = None


def add(commands: Any) -> None:
    about = "write report.md, report.html and rollouts.html of a run or an evaluation again"
    report = commands.add_parser("report", help=about)
    report.add_argument(
        "folders", type=Path, nargs="+", metavar="FOLDER", help="a run's, or of `redone eval`; several of these beside"
    )
    report.add_argument("--out", type=Path, help="folder for the report of several evaluations on the same tasks")
    report.set_defaults(command=command)


def command(namespace: argparse.Namespace) -> int:
    options = frozen(Options, namespace)
    for path in written(options.folders, options.out):
        print(path)
    return 0


def written(folders: tuple[Path, ...], out: Path | None) -> tuple[Path, ...]:
    from redone.report import write_report
    from redone.report.evaluation import write_evaluation_report, write_reports_together
    from redone.report.plots import PLOTS
    from redone.run.log import Log

    if (len(folders) > 1) != (out is not None):
        raise ValueError("--out is the folder for the report of several evaluations; give it with them alone")
    if out is not None:
        return write_reports_together(folders, out)
    if (folders[0] / "settings.json").exists():
        return write_evaluation_report(folders[0])
    with Log().bar("report", len(PLOTS)) as bar:
        return write_report(folders[0], bar.advance)
