"""The plots of a run's report.

Colours are of Okabe and Ito's palette, darkened where they would be too faint on white; every model and every kind of
finding has a marker of its own besides.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from redone.report.drawing import (
    FAINT,
    INK,
    WIDE,
    WORSE,
    Plots,
    abreast,
    bands,
    beside,
    dots,
    for_legend,
    legend,
    line,
    lines,
    mark,
    needs_no_model,
    no_model_mark,
    score_axis,
    sheet,
    spans,
    tiles,
    width,
    wrapped,
)

COLOURS = ("#7a7f87", "#0072B2", "#D98200", "#008a66", "#b05f92", "#3f9bd1", "#D55E00", "#8a7a00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", ":", "-.")
KIND_STYLE = {
    "unknown": ("#D55E00", "X"),
    "unstable": ("#D98200", "^"),
    "format": ("#b05f92", "s"),
    "truncated": ("#3f9bd1", "v"),
    "regressed": ("#222222", "P"),
    "reward suspect": ("#8a7a00", "*"),
    "solved": ("#008a66", "o"),
}
_ABREAST = 4  # panels beside one another
_LABEL = 8.0  # points of a score that a label is high
CHANGE_COLOUR = {"rose": "#006b50", "fell": WORSE, "unclear": "#6b7079"}


def look(facts: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Colour and marker of a model by its place in the run; the base's is hollow, so that one behind it can be seen."""
    place = facts["order"].index(model)
    marker = MARKERS[(place + place // len(COLOURS)) % len(MARKERS)]  # other pairs each time the colours begin anew
    colour = COLOURS[place % len(COLOURS)]
    return {"color": colour, "marker": marker, "markerfacecolor": colour if place else "white"}


def model_mark(facts: Mapping[str, Any], model: str) -> Any:
    mine = look(facts, model)
    return mark(model, mine["color"], mine["marker"], markerfacecolor=mine["markerfacecolor"])


def plot_averages(facts: Mapping[str, Any]) -> Any:
    """The averages of every model, with intervals, against the best answer that needs no model; a line from the
    model that a stage started from to the one that it made."""
    rows, models = facts["averages"], facts["models"]
    if not rows:
        return None
    crowded = sum(map(len, models)) > 34
    deep, wide = abreast(len(rows), _ABREAST, 1.75)
    height = (3.8 if crowded else 3.4) if width() == WIDE else 2.8
    figure, axes = sheet(height * deep, deep, wide, sharey=True)
    for axis in axes[len(rows) :]:
        axis.set_visible(False)
    for axis, row in zip(axes, rows):
        axis.set_title(textwrap.fill(row["label"], 24 if width() == WIDE else 17, max_lines=2, placeholder=" …"))
        cells = {model: cell for model, cell in zip(models, row["cells"]) if cell.value is not None}
        for before, after in facts["steps"]:
            if {before, after} <= set(cells):
                ends = [models.index(before), models.index(after)]
                axis.plot(ends, [cells[before].value, cells[after].value], color="#c3c8cf", linewidth=1.5, zorder=1)
        for model, cell in cells.items():
            place, mine = models.index(model), look(facts, model)
            axis.vlines(place, *cell.span, color=mine["color"], linewidth=2.2, alpha=0.7)
            axis.plot([place], [cell.value], markersize=7, zorder=3, **mine)
            axis.annotate(
                f"{cell.value:.1f}", (place, max(cell.span[1], cell.value + 1.5)), (0, 4),
                textcoords="offset points", ha="center", fontsize=8.5,
            )  # fmt: skip
        if row["baseline"] is not None:
            axis.axhline(row["baseline"], color=INK, linewidth=1, linestyle=(0, (4, 3)))
            taken = [(cell.span[0] - 2, max(cell.span[1], cell.value + 1.5) + _LABEL) for cell in cells.values()]
            axis.annotate(
                f"no model: {row['baseline']:.1f}", (len(models) - 0.55, _free(row["baseline"], taken)), (0, 3),
                textcoords="offset points", ha="right", fontsize=8.5,
            )  # fmt: skip
        axis.set_xticks(range(len(models)), models, rotation=90 if crowded or width() < WIDE else 0)
        axis.set_xlim(-0.5, len(models) - 0.5)
        axis.grid(axis="x", visible=False)
    axes[0].set_ylim(0, 112)
    axes[0].set_yticks(range(0, 101, 20))
    for axis in axes[::wide]:
        axis.set_ylabel("score, 0 to 100")
    return figure


def _free(line: float, taken: Sequence[tuple[float, float]]) -> float:
    """Where a label of a line stands: above it, below it, or at the panel's top, where no score is in the way."""
    places = [line, *([line - _LABEL - 1] if line > _LABEL + 1 else []), 103.0]
    return next((y for y in places if all(high < y or y + _LABEL < low for low, high in taken)), line)


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
    figure, [axis] = sheet(1.1 + 0.235 * len(lines) + for_legend(len(models) + 2))
    final = look(facts, models[-1])["color"]
    for y, (label, row) in enumerate(lines):
        if row is None:
            axis.annotate(
                label, (0, y), (-6, 0), textcoords="offset points", xycoords=("axes fraction", "data"),
                ha="right", va="center", fontweight="bold", fontsize=9, annotation_clip=False,
            )  # fmt: skip
            continue
        if change := row["overall"]:
            beside(axis, y, change.brief, CHANGE_COLOUR[change.verdict])
    at = [(y, row) for y, (_, row) in enumerate(lines) if row is not None]
    had = [(y, [cell.value for cell in row["cells"] if cell.value is not None]) for y, row in at]
    spans(axis, [(y, min(values), max(values)) for y, values in had if values], "#cfd4da", 3.0, zorder=1)
    last = [(y, *row["cells"][-1].span) for y, row in at if row["cells"][-1].value is not None]
    spans(axis, last, final, 1.0, alpha=0.8, zorder=2)
    needs_no_model(axis, [(row["baseline"], y) for y, row in at if row["baseline"] is not None])
    for i, model in enumerate(models):
        points = [(row["cells"][i].value, y) for y, row in at if row["cells"][i].value is not None]
        dots(axis, points, zorder=3, **look(facts, model))
    if any(row["overall"] for row in rows):
        beside(axis, -0.9, "change")
    bands(axis, [y for y, (_, row) in enumerate(lines) if row is None])
    score_axis(axis, ["" if row is None else row["name"] for _, row in lines], top=-0.9)
    marks = [model_mark(facts, model) for model in models]
    marks += [mark(f"{models[-1]}, 95 % interval", final, "_", markersize=14), no_model_mark()]
    legend(figure, marks)
    return figure


def plot_forgotten(facts: Mapping[str, Any]) -> Any:
    """Clear falls, one block for each pair of models."""
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
                mine = look(facts, block[when])
                axis.hlines(y + shift, *fall[when].span, color=mine["color"], linewidth=1.6, alpha=0.6)
                axis.plot([fall[when].value], [y + shift], markersize=6.5, **mine)
            beside(axis, y, str(fall["change"]), CHANGE_COLOUR["fell"])
        axis.set_yticks(range(len(block["falls"])), [fall["name"] for fall in block["falls"]])
        axis.set_ylim(len(block["falls"]) - 0.5, -0.5)
        axis.grid(axis="y", visible=False)
    axes[-1].set_xlim(-1.5, 101.5)
    axes[-1].set_xlabel("score, 0 to 100, with 95 % intervals")
    shown = {block[when] for block in blocks for when in ("before", "after")}
    legend(figure, [model_mark(facts, model) for model in facts["models"] if model in shown])
    return figure


def plot_diagnosis(taught: Mapping[str, Any]) -> Any:
    """pass@1 and pass@k of each task by kind, beside the records that a stage was fed of it."""
    rows = [finding for group in taught["findings"] for finding in group["findings"]]
    if not rows:
        return None
    records = [taught["fed"].get(row["task"], 0) for row in rows]
    height = 1.1 + 0.25 * len(rows) + for_legend(len(taught["findings"]))
    figure, [left, right] = sheet(height, 1, 2, sharey=True, width_ratios=[2.3, 1])
    for kind in dict.fromkeys(row["kind"] for row in rows):
        colour, marker = _of_kind(kind)
        mine = [(y, row) for y, row in enumerate(rows) if row["kind"] == kind]
        for name, shift, face in (("pass1", -0.16, colour), ("passk", 0.16, "white")):
            spans(left, [(y + shift, *row[f"{name}_interval"]) for y, row in mine], colour, 1.6, alpha=0.6)
            points = [(row[name], y + shift) for y, row in mine]
            dots(left, points, color=colour, marker=marker, markerfacecolor=face)
        right.barh([y for y, _ in mine], [records[y] for y, _ in mine], color=colour, height=0.62, alpha=0.85)
    for y, count in enumerate(records):
        right.annotate(f"{count:,}", (count, y), (4, 0), textcoords="offset points", va="center", fontsize=8.5)
    left.set_yticks(range(len(rows)), [row["task"] for row in rows])
    left.set_ylim(len(rows) - 0.4, -0.6)
    left.set_xlim(-0.02, 1.02)
    left.set_xlabel(wrapped(f"share of 1, with 95 % intervals: pass@1 (filled) and pass@{rows[0]['k']} (hollow)", 0.5))
    right.set_xlabel(wrapped(f"records in {taught['stage']}'s data", 0.25))
    right.set_xlim(0, max(1, *records) * 1.2)
    for axis in (left, right):
        axis.grid(axis="y", visible=False)
        axis.tick_params(labeltop=True)
    legend(figure, [mark(group["kind"], *_of_kind(group["kind"])) for group in taught["findings"]])
    return figure


def _of_kind(kind: str) -> tuple[str, str]:
    return KIND_STYLE.get(kind, (INK, "o"))


def plot_rewards(facts: Mapping[str, Any]) -> Any:
    """Mean reward of each task over the steps of the RL stages, one to the right of the other."""
    rows = facts["rewards"]
    if not rows:
        return None
    deep, columns = abreast(len(rows), 5, 1.75)
    figure, [axis] = sheet(0.6 + 1.28 * deep)
    stages = [stage for stage in facts["reward_stages"] if any(row["points"][stage] for row in rows)]
    ends = {stage: max(step for row in rows for step, _ in row["points"][stage] or [(1, 0.0)]) for stage in stages}
    starts = {stage: 1.06 * sum(ends[before] for before in stages[:i]) for i, stage in enumerate(stages)}
    across = 1.06 * sum(ends.values())
    places = [(1.08 * across * (i % columns), -1.6 * (i // columns)) for i in range(len(rows))]
    tiles(axis, places, across, [row["task"] for row in rows])
    for stage in stages:
        parts = [
            [(x + starts[stage] + step, y + value) for step, value in row["points"][stage]]
            for (x, y), row in zip(places, rows)
        ]
        lines(axis, parts, look(facts, stage)["color"])
    shown = [(starts[stage] + step, step) for stage in stages for step in (1, ends[stage])]
    for x, y in places[-columns:]:  # those with none below
        for place, step in shown if len(stages) < 3 else shown[1::2]:
            axis.annotate(
                str(step), (x + place, y), (0, -4), textcoords="offset points", va="top", fontsize=8.5,
                ha="left" if step == 1 else "right", annotation_clip=False,
            )  # fmt: skip
    axis.set_xlim(0, places[min(columns, len(rows)) - 1][0] + across)
    axis.set_ylim(places[-1][1] - 0.06, 1.3)
    heights = [(y + value, label) for _, y in places[::columns] for value, label in ((0, "0"), (0.5, "0.5"), (1, "1"))]
    axis.set_yticks(*zip(*heights))
    axis.set_xticks([])
    axis.set_ylabel("mean reward, 0 to 1")
    axis.set_xlabel("step", labelpad=14)
    legend(figure, [mark(f"{stage}, smoothed", look(facts, stage)["color"], "_", markersize=14) for stage in stages])
    return figure


def plot_sampling(facts: Mapping[str, Any]) -> Any:
    """Groups generated, dropped and used at each step."""
    stages = facts["reward_stages"]
    if not stages:
        return None
    rows, columns = abreast(len(stages), 3, 1.75)
    figure, axes = sheet(0.4 + 2.4 * rows, rows, columns, sharey=True)
    looks = {"generated": ("#7a7f87", "-"), "dropped": ("#D55E00", "--"), "groups": ("#0072B2", ":")}
    for axis, stage in zip(axes, stages):
        axis.set_title(stage)
        for name, (colour, dash) in looks.items():
            label = "used" if name == "groups" else name
            line(axis, facts["series"][stage].get(name, []), colour, dash, label)
        axis.set_xlabel("step")
    for axis in axes[len(stages) :]:
        axis.set_visible(False)
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
    """What shows first when training goes wrong: the RL stages over their steps, and the loss of those that teach."""
    kinds = [(name, title, facts["reward_stages"]) for name, title in HEALTH.items()]
    kinds.append(("loss", "SFT loss, nats per target token", facts["loss_stages"]))
    panels = [panel for panel in kinds if panel[2]]
    if not panels:
        return None
    rows, columns = abreast(len(panels), 3, 3.0)
    figure, axes = sheet(0.4 + 2.1 * rows, rows, columns)
    for axis, (name, title, stages) in zip(axes, panels):
        axis.set_title(title, fontsize=9.5)
        for i, stage in enumerate(stages):
            points = facts["series"][stage].get(name, [])
            line(axis, points, look(facts, stage)["color"], DASHES[i % len(DASHES)], stage)
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:.4g}")
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    for axis in axes[max(0, len(panels) - columns) : len(panels)]:  # those with none below
        axis.set_xlabel("step")
    by_stage = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels())}
    legend(figure, [by_stage[stage] for stage in facts["order"] if stage in by_stage])
    return figure


def plot_time(facts: Mapping[str, Any]) -> Any:
    """Minutes by phase, the longest first; the stages in their models' colours."""
    rows = [row for row in facts["seconds"] if row["seconds"]]
    if not rows:
        return None
    figure, [axis] = sheet(0.6 + 0.24 * len(rows))
    for y, row in enumerate(rows):
        minutes = row["seconds"] / 60
        stage = row["phase"] in facts["titles"]
        axis.barh(y, minutes, color=look(facts, row["phase"])["color"] if stage else FAINT, height=0.7)
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


def diagnosis_plots(facts: Mapping[str, Any]) -> Plots:
    """A plot for each stage that teaches, named "diagnosis-" and the stage's number."""
    return {
        f"diagnosis-{one['number']}": (
            lambda facts, one=one: plot_diagnosis(one),  # type: ignore[misc]
            f"pass@1 and pass@k of every task by kind, and the records that {one['stage']} was fed",
        )
        for one in facts["teaching"]
    }


PLOTS: Plots = {
    "averages": (plot_averages, "The averages of every model, with intervals and baselines"),
    "tasks": (plot_tasks, "Score of every task under every model"),
    "forgotten": (plot_forgotten, "Tasks that fell clearly"),
    "rewards": (plot_rewards, "Mean reward of every task over the steps of the RL stages"),
    "sampling": (plot_sampling, "Groups generated, dropped and used at each step"),
    "health": (plot_health, "What shows first when training goes wrong, over the steps"),
    "time": (plot_time, "Minutes by phase"),
}
