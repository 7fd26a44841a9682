"""What the reports' plots are drawn with: matplotlib figures, turned into SVG that stands inside a page.

matplotlib is imported inside the functions, so that importing this module costs nothing.
"""

import html
import io
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from statistics import fmean
from typing import Any

WIDE, NARROW = 11.0, 3.6  # inches of a plot on a desk and on a phone; at 95.6 px each, so that 8.5 pt are 11.3 px
INK, FAINT, GRID = "#222222", "#8a8f98", "#e3e6ea"
WORSE = "#b34700"
NAMED = {  # colours that are others on a dark page: what the page calls them
    INK: "ink", FAINT: "faint", GRID: "grid", WORSE: "fell", "#ffffff": "paper", "#006b50": "rose", "#6b7079": "soft",
    "#b8bdc5": "edge", "#4a4f57": "soft", "#f3f5f7": "band", "#cfd4da": "edge", "#c3c8cf": "edge",
}  # fmt: skip
NO_MODEL: dict[str, Any] = {"marker": "|", "markersize": 11, "markeredgewidth": 1.6}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "redone",
    "text.parse_math": False,
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.labelsize": 9.0,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 9.0,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#b8bdc5",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": "#4a4f57",
    "ytick.color": "#4a4f57",
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "path.simplify": True,
    "axes.titley": 1.0,  # where it would be looked for at every draw
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}


Plots = Mapping[
    str, tuple[Callable[[Mapping[str, Any]], Any], str]
]  # name -> (facts to a figure or None, what it shows)


def draw(
    plots: Plots, facts: Mapping[str, Any], advance: Callable[[int], None] = lambda plots: None
) -> dict[str, tuple[str, ...]]:
    """name -> inline SVG, for a desk and for a phone; a plot that has no data is left out. advance: called after
    each."""
    made: dict[str, tuple[str, ...]] = {}
    for name, (plot, about) in plots.items():
        drawn = []
        for width, prefix in ((WIDE, name), (NARROW, f"narrow-{name}")):
            with styled(width):
                if (figure := plot(facts)) is not None:
                    drawn.append(to_svg(figure, prefix, about))
        made |= {name: tuple(drawn)} if drawn else {}
        advance(1)
    return made


@contextmanager
def styled(width: float = WIDE) -> Iterator[None]:
    """width: inches of the figures that are drawn within."""
    import matplotlib

    with matplotlib.rc_context({**STYLE, "figure.figsize": (width, width)}):
        yield


def width() -> float:
    """Inches of the figures that are drawn just now."""
    import matplotlib

    return float(matplotlib.rcParams["figure.figsize"][0])


def abreast(panels: int, most: int, least: float) -> tuple[int, int]:
    """(rows, columns) of so many panels, at most so many beside one another and none narrower than `least` inches."""
    columns = max(1, min(panels, most, int(width() / least)))
    return -(-panels // columns), columns


def wrapped(text: str, share: float = 1.0) -> str:
    """The text in lines that fit into a share of the figure's width, at the size of a label."""
    return "\n".join(textwrap.wrap(text, max(12, int(15 * width() * share)))) if text else text


def to_svg(figure: Any, name: str, about: str) -> str:
    """The figure as an SVG element: text as text, ids that begin with `name`, nothing that depends on the date, colours
    that a dark page has others for by their names."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})  # savefig would draw everything twice
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    text = re.sub(r' id="([^"]*)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", text)
    text = re.sub(r"<style.*?</style>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"(font:[^;\"]*?px) [^;\"]*", r"\1 system-ui, sans-serif", text)
    text = re.sub(r"<[^>]*>", lambda tag: re.sub(r"-?\d+\.\d{3,}", lambda n: f"{float(n[0]):.2f}", tag[0]), text)
    text = re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2)
    text = re.sub(
        r"(?<=[ :])#[0-9a-f]{6}\b", lambda c: f"var(--{NAMED[c[0]]}, {c[0]})" if c[0] in NAMED else c[0], text
    )
    return text.replace("<svg ", f'<svg role="img" aria-label="{html.escape(about)}" ', 1).strip()


def sheet(height: float, rows: int = 1, columns: int = 1, **more: Any) -> tuple[Any, Any]:
    """(figure, axes as a flat list), without pyplot's global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width(), height), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False, **more).flat)
    for axis in axes:
        axis.spines[:].set_in_layout(False)  # they end where their ticks do, and cost a tenth of all drawing
    return figure, axes


def legend(figure: Any, marks: Sequence[Any]) -> None:
    """Above all plots of the figure, where it hides nothing; in one line where there is room."""
    columns = fitting([len(one.get_label()) for one in marks], int(150 * width() / WIDE))
    figure.legend(handles=marks, loc="outside upper left", ncols=columns, handletextpad=0.4, columnspacing=1.4)


def for_legend(marks: int) -> float:
    """Inches that a legend of so many marks may need beyond a line, where the figure is narrow."""
    return 0.2 * marks if width() < WIDE else 0.0


def fitting(lengths: Sequence[int], room: int) -> int:
    """The most columns into which texts of these lengths fit, when they are filled one column after another."""
    for columns in range(len(lengths), 1, -1):
        height, longer = divmod(len(lengths), columns)
        ends = [i * height + min(i, longer) for i in range(columns + 1)]
        if sum(max(lengths[a:b]) + 6 for a, b in pairwise(ends)) <= room:
            return columns
    return 1


def mark(label: str, colour: str, marker: str, **more: Any) -> Any:
    """A legend's entry for a marker."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, marker=marker, linestyle="none", label=label, **more)


def beside(axis: Any, y: float, text: str, colour: str = INK) -> None:
    """Text to the right of the plot, at height y."""
    axis.annotate(
        text, (1, y), (8, 0), textcoords="offset points", xycoords=("axes fraction", "data"), va="center",
        color=colour, fontsize=8.5, annotation_clip=False,
    )  # fmt: skip


def score_axis(axis: Any, names: Sequence[str], top: float = -0.6) -> None:
    """A line for each name, from the top down, over scores of 0 to 100."""
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.4, top)
    axis.set_xlim(-1.5, 101.5)
    axis.tick_params(labeltop=True)
    axis.grid(axis="y", visible=False)
    axis.set_xlabel("score, 0 to 100")


def bands(axis: Any, lines: Iterable[int]) -> None:
    """A faint band behind these lines, which head the others."""
    for y in lines:
        axis.axhspan(y - 0.45, y + 0.45, color="#f3f5f7", zorder=0)


def dots(axis: Any, points: Sequence[tuple[float, float]], **look: Any) -> None:
    """Markers without a line."""
    if points:
        axis.plot(*zip(*points), **{"linestyle": "none", "markersize": 6.5, **look})


def spans(axis: Any, ranges: Sequence[tuple[float, float, float]], colour: str, linewidth: float, **look: Any) -> None:
    """A line at each (y, low, high)."""
    if ranges:
        axis.hlines(*zip(*ranges), color=colour, linewidth=linewidth, **look)


def needs_no_model(axis: Any, points: Sequence[tuple[float, float]]) -> None:
    """The tick of the best answer that needs no model at each (score, y)."""
    dots(axis, points, color=INK, zorder=2, **NO_MODEL)


def no_model_mark() -> Any:
    return mark("best answer that needs no model", INK, **NO_MODEL)


def line(axis: Any, points: Sequence[tuple[float, float]], colour: str, dashes: str = "-", label: str = "") -> None:
    """The values faint, and smoothed over them."""
    if points:
        steps, values = thinned(points)
        axis.plot(steps, values, color=colour, linewidth=0.7, alpha=0.3)
        axis.plot(steps, smooth(values), color=colour, linestyle=dashes, linewidth=1.8, label=label or None)


def lines(axis: Any, parts: Iterable[Sequence[tuple[float, float]]], colour: str) -> None:
    """What `line` draws, of many at once."""
    from matplotlib.collections import LineCollection

    thin = [thinned(points) for points in parts if points]
    axis.add_collection(LineCollection([[*zip(*one)] for one in thin], colors=colour, linewidths=0.7, alpha=0.3))
    smoothed = [[*zip(steps, smooth(values))] for steps, values in thin]
    axis.add_collection(LineCollection(smoothed, colors=colour, linewidths=1.8))


def tiles(axis: Any, places: Sequence[tuple[float, float]], across: float, titles: Sequence[str]) -> None:
    """Small panels within one plot, a hundred of which cost what one does: each with its lower left corner at its
    place, 1 high, a grid at its foot, middle and head, and its title above."""
    from matplotlib.collections import LineCollection

    axis.grid(visible=False)
    axis.spines[:].set_visible(False)
    rules = [[(x, y + part), (x + across, y + part)] for x, y in places for part in (0.0, 0.5, 1.0)]
    axis.add_collection(LineCollection(rules, colors=GRID, linewidths=0.8, zorder=0))
    for (x, y), title in zip(places, titles):
        axis.annotate(
            title, (x, y + 1.0), (0, 6), textcoords="offset points", fontsize=8.5, annotation_clip=False
        )  # fmt: skip


def smooth(values: Sequence[float]) -> list[float]:
    """Centred moving mean over about a seventh of the points."""
    reach = max(1, len(values) // 14)
    return [fmean(values[max(0, i - reach) : i + reach + 1]) for i in range(len(values))]


def thinned(points: Sequence[tuple[float, float]], most: int = 200) -> tuple[list[float], list[float]]:
    """(steps, values) of at most `most` points, each a mean of neighbours, so that long runs keep the file small."""
    size = max(1, -(-len(points) // most))
    parts = [points[i : i + size] for i in range(0, len(points), size)]
    return [fmean(step for step, _ in part) for part in parts], [fmean(value for _, value in part) for part in parts]
