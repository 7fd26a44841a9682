"""The report of a run: report.md and report.html, from the run's files alone."""

import os
from collections.abc import Callable
from pathlib import Path


def write_report(run: Path, advance: Callable[[int], None] = lambda plots: None) -> tuple[Path, Path]:
    """Write report.md and report.html into the run's folder; a part that has not run yet is said to be missing.

    advance: called after each of `plots.PLOTS`, which take most of the time.
    Raises ValueError where the folder is not a run's.
    """
    from redone.report.facts import collect
    from redone.report.plots import draw
    from redone.report.read import read_run
    from redone.report.render import render

    facts = collect(read_run(run))
    written = []
    for name, more in (("report.md", {}), ("report.html", {"plots": draw(facts, advance)})):
        path = run / name
        part = path.with_name(name + ".part")
        part.write_text(render(f"{name}.jinja", {**facts, **more}), encoding="utf-8")
        os.replace(part, path)
        written.append(path)
    return written[0], written[1]
