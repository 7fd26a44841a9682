"""The report of a run: report.md, report.html and rollouts.html, from the run's files alone."""

from collections.abc import Callable
from pathlib import Path


def write_report(run: Path, advance: Callable[[int], None] = lambda plots: None) -> tuple[Path, ...]:
    """Write report.md, report.html and rollouts.html into the run's folder; a part that has not run yet is named.

    advance: called after each of `plots.PLOTS`, which take most of the time.
    Raises ValueError where the folder is not a run's, or its files are damaged.
    """
    from redone.report.browse import write_browser
    from redone.report.drawing import draw
    from redone.report.facts import collect
    from redone.report.plots import PLOTS, diagnosis_plots
    from redone.report.read import read_run, undamaged
    from redone.report.render import write_pages

    with undamaged(run):
        read = read_run(run)
        facts = collect(read)
        plots = {**draw(PLOTS, facts, advance), **draw(diagnosis_plots(facts), facts)}
        return *write_pages(run, "report", facts, plots), write_browser(read, run)
