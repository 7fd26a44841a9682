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
PHASES = ("#0072B2", "#D98200", "#008a66", "#b05f92", "#56B4E9", "#D55E00", "#8a7a00", "#7a7f87")
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "redone",
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


def draw(facts: Mapping[str, Any]) -> dict[str, str]:
    """name -> inline SVG; a plot that has no data is left out."""
    made = {}
    with styled():
        for name, (plot, about) in PLOTS.items():
            figure = plot(facts)
            if figure is not None:
                made[name] = to_svg(figure, name, about)
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


def plot_averages(facts: Mapping[str, Any]) -> Any:
    """The three averages through the models, with intervals, against the best answer that needs no model."""
    rows, models = facts["averages"], facts["models"]
    if not rows:
        return None
    figure, axes = sheet(3.3, 1, len(rows), sharey=True)
    for axis, row in zip(axes, rows):
        axis.set_title(row["label"])
        places = [i for i, cell in enumerate(row["cells"]) if cell]
        axis.plot(places, [row["cells"][i]["score"] for i in places], color="#c3c8cf", linewidth=1.5, zorder=1)
        for i in places:
            cell = row["cells"][i]
            colour, marker = MODEL_STYLE[models[i]]
            axis.vlines(i, cell["low"], cell["high"], color=colour, linewidth=2.2, alpha=0.7)
            axis.plot([i], [cell["score"]], marker=marker, color=colour, markersize=7, zorder=3)
            axis.annotate(
                f"{cell['score']:.1f}", (i, cell["high"]), (0, 4), textcoords="offset points", ha="center", fontsize=9.5
            )
        if row["baseline"] is not None:
            axis.axhline(row["baseline"], color=INK, linewidth=1, linestyle=(0, (4, 3)))
            axis.annotate(
                f"no model {row['baseline']:.1f}", (len(models) - 0.55, row["baseline"]), (0, 3),
                textcoords="offset points", ha="right", fontsize=8.5,
            )  # fmt: skip
        axis.set_xticks(range(len(models)), models)
        axis.set_xlim(-0.5, len(models) - 0.5)
        axis.grid(axis="x", visible=False)
    axes[0].set_ylim(0, 100)
    axes[0].set_ylabel("score, 0 to 100")
    return figure


def plot_tasks(facts: Mapping[str, Any]) -> Any:
    """Every task before and after, families together: the models' scores on a line, the baseline as a tick."""
    rows, models = facts["tasks"], facts["models"]
    if not rows:
        return None
    lines: list[tuple[str, Any]] = []
    for row in rows:
        if not lines or lines[-1][0] != row["label"]:
            lines.append((row["label"], None))
        lines.append((row["label"], row))
    figure, [axis] = sheet(0.9 + 0.235 * len(lines))
    heads = []
    for y, (label, row) in enumerate(lines):
        if row is None:
            heads.append((y, label))
            continue
        scores = {model: cell for model, cell in zip(models, row["cells"]) if cell}
        values = [cell["score"] for cell in scores.values()]
        axis.hlines(y, min(values), max(values), color="#cfd4da", linewidth=3, zorder=1)
        last = list(scores.values())[-1]
        axis.hlines(y, last["low"], last["high"], color=MODEL_STYLE[models[-1]][0], linewidth=1, alpha=0.8, zorder=2)
        if row["baseline"] is not None:
            axis.plot([row["baseline"]], [y], marker="|", color=INK, markersize=10, markeredgewidth=1.6, zorder=2)
        for model, cell in scores.items():
            colour, marker = MODEL_STYLE[model]
            hollow = {"markerfacecolor": "white"} if model == "base" else {}
            axis.plot([cell["score"]], [y], marker, color=colour, markersize=6.5, zorder=3, linestyle="none", **hollow)
        if row["overall"]:
            mark = "" if row["overall"]["certain"] else " ?"
            axis.annotate(
                f"{row['overall']['change']:+.0f}{mark}", (1, y), (6, 0), textcoords="offset points", va="center",
                xycoords=("axes fraction", "data"), color=_of_change(row["overall"]), fontsize=8.5, annotation_clip=False,
            )  # fmt: skip
    axis.set_yticks(range(len(lines)), ["" if row is None else row["name"] for _, row in lines])
    for y, label in heads:
        axis.annotate(
            label, (0, y), (-6, 0), textcoords="offset points", xycoords=("axes fraction", "data"),
            ha="right", va="center", fontweight="bold", fontsize=9, annotation_clip=False,
        )  # fmt: skip
    axis.set_ylim(len(lines) - 0.3, -0.9)
    axis.set_xlim(-1, 101)
    axis.grid(axis="y", visible=False)
    axis.set_xlabel("score, 0 to 100")
    _legend_of_models(axis, models, f"{models[-1]}, 95 % interval")
    return figure


def _of_change(result: Mapping[str, Any]) -> str:
    return {"rose": "#006b50", "fell": "#b34700"}.get(result["verdict"], "#6b7079")


def _legend_of_models(axis: Any, models: Sequence[str], interval: str) -> None:
    from matplotlib.lines import Line2D

    marks = [
        Line2D([], [], color=MODEL_STYLE[m][0], marker=MODEL_STYLE[m][1], linestyle="none", label=m,
               **({"markerfacecolor": "white"} if m == "base" else {}))
        for m in models
    ]  # fmt: skip
    marks.append(Line2D([], [], color=MODEL_STYLE[models[-1]][0], linewidth=1, label=interval))
    marks.append(Line2D([], [], color=INK, marker="|", markersize=10, markeredgewidth=1.6, linestyle="none",
                        label="best answer that needs no model"))  # fmt: skip
    axis.legend(handles=marks, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(marks), borderaxespad=0.3,
                handletextpad=0.3, columnspacing=1.4)  # fmt: skip


def plot_forgotten(facts: Mapping[str, Any]) -> Any:
    """Falls beyond their interval as arrows, one block for each pair of models."""
    blocks = [block for block in facts["forgotten"] if block["falls"]]
    if not blocks:
        return None
    heights = [len(block["falls"]) for block in blocks]
    figure, axes = sheet(
        0.55 + sum(0.28 * n + 0.42 for n in heights), len(blocks), 1, sharex=True, height_ratios=[n + 0.6 for n in heights]
    )
    for axis, block in zip(axes, blocks):
        axis.set_title(f"{block['before']} → {block['after']}", fontsize=9.5)
        for y, fall in enumerate(block["falls"]):
            before, after = fall["before"], fall["after"]
            for cell, model, shift in ((before, block["before"], -0.13), (after, block["after"], 0.13)):
                colour, marker = MODEL_STYLE[model]
                axis.hlines(y + shift, cell["low"], cell["high"], color=colour, linewidth=1.6, alpha=0.6)
                axis.plot([cell["score"]], [y + shift], marker, color=colour, markersize=6.5, linestyle="none")
            axis.annotate(
                f"{fall['change']:+.0f}", (1, y), (6, 0), textcoords="offset points", va="center",
                xycoords=("axes fraction", "data"), color=_of_change(fall), annotation_clip=False,
            )  # fmt: skip
        axis.set_yticks(range(len(block["falls"])), [fall["name"] for fall in block["falls"]])
        axis.set_ylim(len(block["falls"]) - 0.5, -0.5)
        axis.grid(axis="y", visible=False)
    axes[-1].set_xlim(-1, 101)
    axes[-1].set_xlabel("score, 0 to 100, with 95 % intervals")
    return figure


def plot_diagnosis(facts: Mapping[str, Any]) -> Any:
    """pass@1 and pass@k of each task by kind, beside the records that stage 2 was fed of it."""
    rows = [finding for group in facts["findings"] for finding in group["findings"]]
    if not rows:
        return None
    from matplotlib.lines import Line2D

    figure, [left, right] = sheet(0.9 + 0.25 * len(rows), 1, 2, sharey=True, width_ratios=[2.3, 1])
    for y, row in enumerate(rows):
        colour, marker = KIND_STYLE.get(row["kind"], (INK, "o"))
        for name, shift, face in (("pass1", -0.16, colour), ("passk", 0.16, "white")):
            left.hlines(y + shift, *row[f"{name}_interval"], color=colour, linewidth=1.6, alpha=0.6)
            left.plot([row[name]], [y + shift], marker, color=colour, markerfacecolor=face, markersize=6.5)
        records = facts["fed"].get(row["task"], 0)
        right.barh(y, records, color=colour, height=0.62, alpha=0.85)
        right.annotate(f"{records:,}", (records, y), (4, 0), textcoords="offset points", va="center", fontsize=8.5)
    k = rows[0]["k"]
    left.set_yticks(range(len(rows)), [row["task"] for row in rows])
    left.set_ylim(len(rows) - 0.4, -0.6)
    left.set_xlim(-0.02, 1.02)
    left.set_xlabel(f"pass@1 (filled) and pass@{k} (hollow), share of 1, with 95 % intervals")
    right.set_xlabel("records in stage 2's data")
    right.set_xlim(0, max([1, *(facts["fed"].get(row["task"], 0) for row in rows)]) * 1.2)
    for axis in (left, right):
        axis.grid(axis="y", visible=False)
    kinds = [group["kind"] for group in facts["findings"]]
    marks = [
        Line2D([], [], color=KIND_STYLE.get(k, (INK, "o"))[0], marker=KIND_STYLE.get(k, (INK, "o"))[1], linestyle="none",
               label=k) for k in kinds
    ]  # fmt: skip
    left.legend(handles=marks, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(marks), handletextpad=0.3,
                borderaxespad=0.3, columnspacing=1.4)  # fmt: skip
    return figure


def plot_rewards(facts: Mapping[str, Any]) -> Any:
    """Mean reward of each task over the steps of both RL stages, smoothed over the raw values."""
    rows = facts["rewards"]
    if not rows:
        return None
    columns = 5
    height = -(-len(rows) // columns)
    figure, axes = sheet(0.35 + 1.28 * height, height, columns, sharex=True, sharey=True)
    stages = [stage for stage in RL_STAGES if any(row[stage] for row in rows)]
    ends = {stage: max(step for row in rows for step, _ in row[stage] or [(1, 0.0)]) for stage in stages}
    starts = dict(zip(stages, [0, ends[stages[0]] * 1.06]))
    for axis in axes[len(rows) :]:
        axis.set_visible(False)
    for i, (axis, row) in enumerate(zip(axes, rows)):
        axis.set_title(row["task"], fontsize=8.5, pad=3)
        for stage in stages:
            if row[stage]:
                colour = MODEL_STYLE[stage][0]
                steps, values = thinned(row[stage])
                axis.plot([starts[stage] + s for s in steps], values, color=colour, linewidth=0.7, alpha=0.3)
                axis.plot([starts[stage] + s for s in steps], smooth(values), color=colour, linewidth=1.8)
        ticks = [(starts[stage] + step, step) for stage in stages for step in (1, ends[stage])]
        axis.set_xticks([place for place, _ in ticks], [str(step) for _, step in ticks])
        for label, (_, step) in zip(axis.get_xticklabels(), ticks):
            label.set_horizontalalignment("left" if step == 1 else "right")
        axis.tick_params(labelbottom=i + columns >= len(rows), labelsize=8)
    axes[0].set_ylim(-0.03, 1.03)
    axes[0].set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    return figure


def smooth(values: Sequence[float]) -> list[float]:
    """Centred moving mean over about a seventh of the points."""
    reach = max(1, len(values) // 14)
    return [fmean(values[max(0, i - reach) : i + reach + 1]) for i in range(len(values))]


def thinned(points: Sequence[tuple[float, float]], most: int = 200) -> tuple[list[float], list[float]]:
    """(steps, values) of at most `most` points, each the mean of its neighbours, so that long runs keep the file small."""
    if not points:
        return [], []
    size = -(-len(points) // most)
    parts = [points[i : i + size] for i in range(0, len(points), size)]
    return [fmean(step for step, _ in part) for part in parts], [fmean(value for _, value in part) for part in parts]


def plot_time(facts: Mapping[str, Any]) -> Any:
    """Minutes by phase, the stages first."""
    rows = facts["seconds"]
    if not rows or not any(row["seconds"] for row in rows):
        return None
    figure, [axis] = sheet(1.55)
    start, shown = 0.0, rows[: len(PHASES) - 1]
    rest = sum(row["seconds"] for row in rows[len(shown) :])
    parts = [(row["phase"], row["seconds"]) for row in shown] + ([("other", rest)] if rest else [])
    total = sum(seconds for _, seconds in parts)
    for colour, (phase, seconds) in zip(PHASES, parts):
        minutes = seconds / 60
        axis.barh(0, minutes, left=start, color=colour, label=f"{phase} {minutes:.1f}", edgecolor="white", linewidth=1.5)
        if seconds > 0.05 * total:
            axis.text(start + minutes / 2, 0, f"{minutes:.1f}", color="white", ha="center", va="center", fontweight="bold")
        start += minutes
    axis.set_yticks([])
    axis.set_xlabel("minutes")
    axis.set_xlim(0, start)
    axis.spines["left"].set_visible(False)
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, borderaxespad=0.3, handlelength=1.2)
    return figure


def plot_sampling(facts: Mapping[str, Any]) -> Any:
    """Groups generated, dropped and used at each step."""
    stages = [stage for stage in RL_STAGES if stage in facts["series"]]
    if not stages:
        return None
    figure, axes = sheet(2.5, 1, len(stages), sharey=True)
    looks = {"generated": ("#7a7f87", "-"), "dropped": ("#D55E00", "--"), "groups": ("#0072B2", "-")}
    for axis, stage in zip(axes, stages):
        table = facts["series"][stage]
        axis.set_title(stage)
        for name, (colour, dashes) in looks.items():
            steps, values = thinned(table.get(name, []))
            axis.plot(steps, values, color=colour, linewidth=0.7, alpha=0.3)
            label = "used" if name == "groups" else name
            axis.plot(steps, smooth(values), color=colour, linestyle=dashes, linewidth=1.8, label=label)
        axis.set_xlabel("step")
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel("groups per step")
    axes[0].legend(loc="best", ncols=3)
    return figure


HEALTH = {
    "reward": "reward, mean of all samples",
    "entropy": "entropy, nats per token",
    "clip_fraction": "clip fraction, share of tokens",
    "grad_norm": "gradient norm",
    "sampler_gap": "sampler gap, nats, largest",
}


def plot_health(facts: Mapping[str, Any]) -> Any:
    """What shows first when training goes wrong: both RL stages over their steps, and the loss of stage 2."""
    if not facts["series"]:
        return None
    figure, axes = sheet(4.2, 2, 3)
    for axis, (name, title) in zip(axes, HEALTH.items()):
        axis.set_title(title, fontsize=9.5)
        for stage in RL_STAGES:
            _line(axis, facts, stage, name)
    axes[0].legend(loc="best")
    axes[-1].set_title("SFT loss, nats per target token", fontsize=9.5)
    _line(axes[-1], facts, "target", "loss")
    for axis in axes[3:]:
        axis.set_xlabel("step")
    return figure


def _line(axis: Any, facts: Mapping[str, Any], stage: str, name: str) -> None:
    known = facts["series"].get(stage, {}).get(name, [])
    if known:
        steps, values = thinned(known)
        colour = MODEL_STYLE[stage][0]
        dashes = "--" if stage == "refine" else "-"
        axis.plot(steps, values, color=colour, linewidth=0.7, alpha=0.3)
        axis.plot(steps, smooth(values), color=colour, linestyle=dashes, linewidth=1.8, label=stage)


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
