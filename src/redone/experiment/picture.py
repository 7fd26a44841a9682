"""The picture of an experiment: of every measure the arms as points with their intervals."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redone.experiment.records import LIKELIHOOD
from redone.files import write_page
from redone.report.drawing import FAINT, sheet, styled, to_svg
from redone.report.plots import COLOURS, MARKERS
from redone.run.stages import BASE


def draw(results: Mapping[str, Any], out: Path) -> None:
    """table.svg and table.png."""
    about = f"Scores of the arms of {results['experiment']}, with 95 % intervals"
    with styled():
        figure = _figure(results)
        write_page(out / "table.svg", to_svg(figure, "table", about) + "\n")
        figure.savefig(out / "table.png", dpi=120, facecolor="white", metadata={"Software": None})


def _figure(results: Mapping[str, Any]) -> Any:
    arms, shown = results["arms"], results["measures"]
    columns = min(4, len(shown))
    rows = -(-len(shown) // columns)
    figure, axes = sheet(rows * (0.9 + 0.32 * len(arms)), rows, columns, sharey=True)
    for axis, name in zip(axes, shown):
        axis.set_title(name)
        if results["reference"] in arms:
            axis.axvline(arms[results["reference"]]["scores"][name]["value"], color=FAINT, linewidth=1, zorder=0)
        for y, (arm, one) in enumerate(arms.items()):
            colour, marker = COLOURS[y % len(COLOURS)], MARKERS[y % len(MARKERS)]
            score = one["scores"][name]
            axis.hlines(y, *score["interval"], color=colour, linewidth=2.2, alpha=0.7)
            face = "white" if arm == BASE else colour
            axis.plot([score["value"]], [y], marker, color=colour, markerfacecolor=face, markersize=7)
            axis.plot(score["each"], [y + 0.3] * len(score["each"]), "|", color=colour, markersize=5, alpha=0.8)
        axis.set_yticks(range(len(arms)), list(arms))
        axis.set_ylim(len(arms) - 0.4, -0.6)
        axis.grid(axis="y", visible=False)
        unit = "hundredths of a nat a token" if name == LIKELIHOOD else "score, 0 to 100"
        axis.set_xlabel(f"{unit}; small ticks: seeds")
    for axis in axes[len(shown) :]:
        axis.set_visible(False)
    return figure
