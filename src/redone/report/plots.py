"""The report's plots: matplotlib figures, turned into SVG that stands inside a page.

Colours are of Okabe and Ito's palette; every model and every kind has a marker of its own besides. matplotlib is
imported inside the functions, so that importing this module costs nothing.
"""

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import fmean
from typing import Any

from redone.report.read import RL_STAGES
from redone.report.scores import signed

WIDTH = 11.0  # inches; shown 1,052 px wide, so that 8 pt are 10.6 px
INK, FAINT, GRID = "#222222", "#8a8f98", "#e3e6ea"
MODEL_STYLE = {
    "base": ("#7a7f87", "o"),
    "explore": ("#0072B2", "s"),
    "target": ("#D98200", "^"),
    "refine": ("#008a66", "D"),
}
KIND_STYLE = {
    "unknown": ("#D55E00", "X"),
    "unstable": ("#D98200", "^"),
    "format": ("#b05f92", "s"),
    "truncated": ("#3f9bd1", "v"),
    "regressed": ("#222222", "P"),
    "reward suspect": ("#8a7a00", "*"),
    "solved": ("#008a66", "o"),
}
CHANGE_COLOUR = {"rose": "#006b50", "fell": "#b34700", "unclear": "#6b7079"}
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
}


def draw(facts: Mapping[str, Any], advance: Callable[[int], None] = lambda plots: None) -> dict[str, str]:
    """name -> inline SVG; a plot that has no data is left out. advance: called after each of PLOTS."""
    made = {}
    with styled():
        for name, (plot, about) in PLOTS.items():
            figure = plot(facts)
            if figure is not None:
                made[name] = to_svg(figure, name, about)
            advance(1)
    return made


@contextmanager
def styled() -> Iterator[None]:
    import matplotlib

    with matplotlib.rc_context(STYLE):
        yield


def to_svg(figure: Any, name: str, about: str) -> str:
    """The figure as an SVG element: text as text, ids that begin with `name`, nothing that depends on the date."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
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
    return text.replace("<svg ", f'<svg role="img" aria-label="{about}" ', 1).strip()


def sheet(height: float, rows: int = 1, columns: int = 1, **more: Any) -> tuple[Any, Any]:
    """(figure, axes as a flat list), without pyplot's global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **more)
    return figure, list(axes.flat)


def legend(figure: Any, marks: Sequence[Any]) -> None:
    """One line above all plots of the figure, where it hides nothing."""
    figure.legend(handles=marks, loc="outside upper left", ncols=len(marks), handletextpad=0.4, columnspacing=1.4)


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


def plot_averages(facts: Mapping[str, Any]) -> Any:
    """The three averages through the models, with intervals, against the best answer that needs no model."""
    rows, models = facts["averages"], facts["models"]
    if not rows:
        return None
    figure, axes = sheet(3.4, 1, len(rows), sharey=True)
    for axis, row in zip(axes, rows):
        axis.set_title(row["label"])
        known = [(i, cell) for i, cell in enumerate(row["cells"]) if cell]
        axis.plot([i for i, _ in known], [cell["score"] for _, cell in known], color="#c3c8cf", linewidth=1.5, zorder=1)
        for i, cell in known:
            colour, marker = MODEL_STYLE[models[i]]
            axis.vlines(i, cell["low"], cell["high"], color=colour, linewidth=2.2, alpha=0.7)
            axis.plot([i], [cell["score"]], marker=marker, color=colour, markersize=7, zorder=3)
            axis.annotate(
                f"{cell['score']:.1f}", (i, max(cell["high"], cell["score"] + 1.5)), (0, 4),
                textcoords="offset points", ha="center", fontsize=9.5,
            )  # fmt: skip
        if row["baseline"] is not None:
            axis.axhline(row["baseline"], color=INK, linewidth=1, linestyle=(0, (4, 3)))
            axis.annotate(
                f"no model: {row['baseline']:.1f}", (len(models) - 0.55, row["baseline"]), (0, 3),
                textcoords="offset points", ha="right", fontsize=8.5,
            )  # fmt: skip
        axis.set_xticks(range(len(models)), models)
        axis.set_xlim(-0.5, len(models) - 0.5)
        axis.grid(axis="x", visible=False)
    axes[0].set_ylim(0, 112)
    axes[0].set_yticks(range(0, 101, 20))
    axes[0].set_ylabel("score, 0 to 100")
    return figure


def plot_tasks(facts: Mapping[str, Any]) -> Any:
    """Every task before and after, families together: the models' scores on a line, the baseline as a tick."""
    rows, models = facts["tasks"], facts["models"]
    if not rows:
        return None
    lines: list[tuple[str, Any]] = []  # a family's name, then its tasks
    for row in rows:
        if not lines or lines[-1][0] != row["label"]:
            lines.append((row["label"], None))
        lines.append((row["label"], row))
    figure, [axis] = sheet(1.1 + 0.235 * len(lines))
    final = MODEL_STYLE[models[-1]][0]
    for y, (label, row) in enumerate(lines):
        if row is None:
            axis.annotate(
                label, (0, y), (-6, 0), textcoords="offset points", xycoords=("axes fraction", "data"),
                ha="right", va="center", fontweight="bold", fontsize=9, annotation_clip=False,
            )  # fmt: skip
            axis.axhspan(y - 0.4, y + 0.4, color="#f3f5f7", zorder=0)
            continue
        scores = {model: cell for model, cell in zip(models, row["cells"]) if cell}
        values = [cell["score"] for cell in scores.values()]
        axis.hlines(y, min(values), max(values), color="#cfd4da", linewidth=3, zorder=1)
        if last := row["cells"][-1]:
            axis.hlines(y, last["low"], last["high"], color=final, linewidth=1, alpha=0.8, zorder=2)
        if row["baseline"] is not None:
            axis.plot([row["baseline"]], [y], marker="|", color=INK, markersize=10, markeredgewidth=1.6, zorder=2)
        for model, cell in scores.items():
            colour, marker = MODEL_STYLE[model]
            axis.plot([cell["score"]], [y], marker, color=colour, markersize=6.5, zorder=3, **_face(model))
        if result := row["overall"]:
            text = signed(result["change"], 0) + ("" if result["certain"] else " ?")
            beside(axis, y, text, CHANGE_COLOUR[result["verdict"]])
    beside(axis, -0.9, "change")
    axis.set_yticks(range(len(lines)), ["" if row is None else row["name"] for _, row in lines])
    axis.set_ylim(len(lines) - 0.3, -0.9)
    axis.set_xlim(-1.5, 101.5)
    axis.tick_params(labeltop=True)
    axis.grid(axis="y", visible=False)
    axis.set_xlabel("score, 0 to 100")
    marks = [mark(model, *MODEL_STYLE[model], **_face(model)) for model in models]
    marks.append(mark(f"{models[-1]}, 95 % interval", final, "_", markersize=14))
    marks.append(mark("best answer that needs no model", INK, "|", markersize=10, markeredgewidth=1.6))
    legend(figure, marks)
    return figure


def _face(model: str) -> dict[str, str]:
    """The base model's marker is hollow, so that one behind it can be seen."""
    return {"markerfacecolor": "white"} if model == "base" else {}


def plot_forgotten(facts: Mapping[str, Any]) -> Any:
    """Falls beyond their interval, one block for each pair of models."""
    blocks = [block for block in facts["forgotten"] if block["falls"]]
    if not blocks:
        return None
    lines = [len(block["falls"]) for block in blocks]
    height = 0.85 + sum(0.28 * n + 0.42 for n in lines)
    figure, axes = sheet(height, len(blocks), 1, sharex=True, height_ratios=[n + 0.6 for n in lines])
    for axis, block in zip(axes, blocks):
        axis.set_title(f"from {block['before']} to {block['after']}", fontsize=9.5)
        for y, fall in enumerate(block["falls"]):
            for when, shift in (("before", -0.13), ("after", 0.13)):
                cell, model = fall[when], block[when]
                colour, marker = MODEL_STYLE[model]
                axis.hlines(y + shift, cell["low"], cell["high"], color=colour, linewidth=1.6, alpha=0.6)
                axis.plot([cell["score"]], [y + shift], marker, color=colour, markersize=6.5, **_face(model))
            beside(axis, y, signed(fall["change"], 0), CHANGE_COLOUR["fell"])
        axis.set_yticks(range(len(block["falls"])), [fall["name"] for fall in block["falls"]])
        axis.set_ylim(len(block["falls"]) - 0.5, -0.5)
        axis.grid(axis="y", visible=False)
    axes[-1].set_xlim(-1.5, 101.5)
    axes[-1].set_xlabel("score, 0 to 100, with 95 % intervals")
    shown = {block[when] for block in blocks for when in ("before", "after")}
    legend(figure, [mark(model, *MODEL_STYLE[model], **_face(model)) for model in facts["models"] if model in shown])
    return figure


def plot_diagnosis(facts: Mapping[str, Any]) -> Any:
    """pass@1 and pass@k of each task by kind, beside the records that stage 2 was fed of it."""
    rows = [finding for group in facts["findings"] for finding in group["findings"]]
    if not rows:
        return None
    records = [facts["fed"].get(row["task"], 0) for row in rows]
    figure, [left, right] = sheet(1.1 + 0.25 * len(rows), 1, 2, sharey=True, width_ratios=[2.3, 1])
    for y, row in enumerate(rows):
        colour, marker = _of_kind(row["kind"])
        for name, shift, face in (("pass1", -0.16, colour), ("passk", 0.16, "white")):
            left.hlines(y + shift, *row[f"{name}_interval"], color=colour, linewidth=1.6, alpha=0.6)
            left.plot([row[name]], [y + shift], marker, color=colour, markerfacecolor=face, markersize=6.5)
        right.barh(y, records[y], color=colour, height=0.62, alpha=0.85)
        right.annotate(
            f"{records[y]:,}", (records[y], y), (4, 0), textcoords="offset points", va="center", fontsize=8.5
        )
    left.set_yticks(range(len(rows)), [row["task"] for row in rows])
    left.set_ylim(len(rows) - 0.4, -0.6)
    left.set_xlim(-0.02, 1.02)
    left.set_xlabel(f"share of 1, with 95 % intervals: pass@1 (filled) and pass@{rows[0]['k']} (hollow)")
    right.set_xlabel("records in stage 2's data")
    right.set_xlim(0, max(1, *records) * 1.2)
    for axis in (left, right):
        axis.grid(axis="y", visible=False)
        axis.tick_params(labeltop=True)
    legend(figure, [mark(group["kind"], *_of_kind(group["kind"])) for group in facts["findings"]])
    return figure


def _of_kind(kind: str) -> tuple[str, str]:
    return KIND_STYLE.get(kind, (INK, "o"))


def plot_rewards(facts: Mapping[str, Any]) -> Any:
    """Mean reward of each task over the steps of both RL stages, refine to the right of explore."""
    rows = facts["rewards"]
    if not rows:
        return None
    columns = 5
    height = -(-len(rows) // columns)
    figure, axes = sheet(0.75 + 1.28 * height, height, columns, sharex=True, sharey=True)
    stages = [stage for stage in RL_STAGES if any(row[stage] for row in rows)]
    ends = {stage: max(step for row in rows for step, _ in row[stage] or [(1, 0.0)]) for stage in stages}
    starts = dict(zip(stages, [0, ends[stages[0]] * 1.06]))
    ticks = [(starts[stage] + step, step) for stage in stages for step in (1, ends[stage])]
    for i, axis in enumerate(axes):
        if i >= len(rows):
            axis.set_visible(False)
            continue
        axis.set_title(rows[i]["task"], fontsize=8.5, pad=3)
        for stage in stages:
            line(axis, [(starts[stage] + step, value) for step, value in rows[i][stage]], MODEL_STYLE[stage][0])
    axes[0].set_xticks([place for place, _ in ticks], [str(step) for _, step in ticks])  # shared by all
    for axis in axes[max(0, len(rows) - columns) : len(rows)]:  # those with none below
        axis.tick_params(labelbottom=True)
        for label, (_, step) in zip(axis.get_xticklabels(), ticks):
            label.set_horizontalalignment("left" if step == 1 else "right")
    axes[0].set_ylim(-0.04, 1.04)
    axes[0].set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    figure.supxlabel("step", fontsize=9)
    figure.supylabel("mean reward, 0 to 1", fontsize=9)
    legend(figure, [mark(f"{stage}, smoothed", MODEL_STYLE[stage][0], "_", markersize=14) for stage in stages])
    return figure


def line(axis: Any, points: Sequence[tuple[float, float]], colour: str, dashes: str = "-", label: str = "") -> None:
    """The values faint, and smoothed over them."""
    if points:
        steps, values = thinned(points)
        axis.plot(steps, values, color=colour, linewidth=0.7, alpha=0.3)
        axis.plot(steps, smooth(values), color=colour, linestyle=dashes, linewidth=1.8, label=label or None)


def smooth(values: Sequence[float]) -> list[float]:
    """Centred moving mean over about a seventh of the points."""
    reach = max(1, len(values) // 14)
    return [fmean(values[max(0, i - reach) : i + reach + 1]) for i in range(len(values))]


def thinned(points: Sequence[tuple[float, float]], most: int = 200) -> tuple[list[float], list[float]]:
    """(steps, values) of at most `most` points, each a mean of neighbours, so that long runs keep the file small."""
    size = max(1, -(-len(points) // most))
    parts = [points[i : i + size] for i in range(0, len(points), size)]
    return [fmean(step for step, _ in part) for part in parts], [fmean(value for _, value in part) for part in parts]


def plot_sampling(facts: Mapping[str, Any]) -> Any:
    """Groups generated, dropped and used at each step."""
    stages = facts["reward_stages"]
    if not stages:
        return None
    figure, axes = sheet(2.8, 1, len(stages), sharey=True)
    looks = {"generated": ("#7a7f87", "-"), "dropped": ("#D55E00", "--"), "groups": ("#0072B2", ":")}
    for axis, stage in zip(axes, stages):
        axis.set_title(stage)
        for name, (colour, dashes) in looks.items():
            label = "used" if name == "groups" else name
            line(axis, facts["series"][stage].get(name, []), colour, dashes, label)
        axis.set_xlabel("step")
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel("groups per step")
    legend(figure, axes[0].get_legend_handles_labels()[0])
    return figure


HEALTH = {
    "reward": "reward, mean of all samples, 0 to 1",
    "entropy": "entropy, nats per token",
    "clip_fraction": "clip fraction, share of tokens",
    "grad_norm": "gradient norm",
    "sampler_gap": "sampler gap, largest, nats",
}


def plot_health(facts: Mapping[str, Any]) -> Any:
    """What shows first when training goes wrong: both RL stages over their steps, and the loss of stage 2."""
    if not facts["series"]:
        return None
    figure, axes = sheet(4.6, 2, 3)
    panels: list[tuple[str, str, Sequence[str]]] = [(name, title, RL_STAGES) for name, title in HEALTH.items()]
    panels.append(("loss", "stage 2: SFT loss, nats per target token", ("target",)))
    for i, (axis, (name, title, stages)) in enumerate(zip(axes, panels)):
        axis.set_title(title, fontsize=9.5)
        for stage in stages:
            points = facts["series"].get(stage, {}).get(name, [])
            line(axis, points, MODEL_STYLE[stage][0], "--" if stage == "refine" else "-", stage)
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:.4g}")
        if i >= 3:
            axis.set_xlabel("step")
    by_stage = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels())}
    legend(figure, list(by_stage.values()))
    return figure


def plot_time(facts: Mapping[str, Any]) -> Any:
    """Minutes by phase, the longest first; the stages in their models' colours."""
    rows = [row for row in facts["seconds"] if row["seconds"]]
    if not rows:
        return None
    figure, [axis] = sheet(0.6 + 0.24 * len(rows))
    for y, row in enumerate(rows):
        minutes = row["seconds"] / 60
        axis.barh(y, minutes, color=MODEL_STYLE.get(row["phase"], (FAINT,))[0], height=0.7)
        axis.annotate(
            f"{minutes:.1f} ({100 * row['share']:.0f} %)", (minutes, y), (4, 0),
            textcoords="offset points", va="center", fontsize=8.5,
        )  # fmt: skip
    axis.set_yticks(range(len(rows)), [row["phase"] for row in rows])
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xlim(0, rows[0]["seconds"] / 60 * 1.1)
    axis.set_xlabel("minutes (share of all)")
    axis.grid(axis="y", visible=False)
    return figure


PLOTS: dict[str, tuple[Callable[[Mapping[str, Any]], Any], str]] = {
    "averages": (plot_averages, "The three averages through the models, with intervals and baselines"),
    "tasks": (plot_tasks, "Score of every task under every model"),
    "forgotten": (plot_forgotten, "Tasks that fell by more than their interval"),
    "diagnosis": (plot_diagnosis, "pass@1 and pass@k of every task by kind, and the records stage 2 was fed"),
    "rewards": (plot_rewards, "Mean reward of every task over the steps of both RL stages"),
    "sampling": (plot_sampling, "Groups generated, dropped and used at each step"),
    "health": (plot_health, "Reward, entropy, clip fraction, gradient norm, sampler gap and SFT loss over the steps"),
    "time": (plot_time, "Minutes by phase"),
}
