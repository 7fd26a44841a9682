"""What the models' scores say: averages, tasks, comparisons, and the sentences built of them.

A cell is a score with its 95 % interval: {score, low, high}, 0 to 100, or None where there is none.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from redone.report.read import Run

AVERAGES = {"sns": "SNS", "translation": "Translation", "general": "General"}

Cell = Mapping[str, float]


def change_between(before: Cell | None, after: Cell | None) -> dict[str, Any] | None:
    """{change, certain, verdict: rose, fell or unclear}: a change is certain when its 95 % interval leaves out zero.

    The interval is made from those of both scores (Newcombe 1998, method 10), as if they had been measured on
    different records; both models answer the same ones, which makes it wider than it need be.
    """
    if before is None or after is None:
        return None
    lower, higher = sorted((before, after), key=lambda one: one["score"])
    towards_zero = math.hypot(lower["high"] - lower["score"], higher["score"] - higher["low"])
    change = after["score"] - before["score"]
    certain = abs(change) > towards_zero
    verdict = "unclear" if not certain else "rose" if change > 0 else "fell"
    return {"change": change, "certain": certain, "verdict": verdict}


def average(run: Run, model: str, kind: str) -> Cell | None:
    """One of the three averages; None where the run has no such tasks."""
    table = run.results["models"][model]
    return _with_interval(table["averages"].get(kind), table.get("average_intervals", {}).get(kind))


def task_score(run: Run, model: str, task: str) -> Cell | None:
    row = run.results["models"][model]["tasks"].get(task, {})
    return _with_interval(row.get("score"), row.get("interval"))


def _with_interval(score: float | None, interval: Sequence[float] | None) -> Cell | None:
    if score is None:
        return None
    low, high = interval or (score, score)
    return {"score": score, "low": low, "high": high}


def averages(run: Run) -> list[dict[str, Any]]:
    """[{kind, label, cells: one for each model, baseline, overall}] of the averages that the run has."""
    rows = []
    for kind, label in AVERAGES.items():
        cells = [average(run, model, kind) for model in run.models]
        if any(cells):
            baseline = run.results["models"][run.models[-1]].get("baselines", {}).get(kind)
            overall = change_between(cells[0], cells[-1])
            rows.append({"kind": kind, "label": label, "cells": cells, "baseline": baseline, "overall": overall})
    return rows


def gains(run: Run) -> list[dict[str, Any]]:
    """What each stage changed, against the model it started from: [{stage, changes: {kind: change}}]."""
    return [
        {
            "stage": after,
            "changes": {k: change_between(average(run, before, k), average(run, after, k)) for k in AVERAGES},
        }
        for before, after in zip(run.models, run.models[1:])
    ]


def tasks(run: Run) -> list[dict[str, Any]]:
    """One row per task, SNS first, families together in the order of their first task."""
    rows = []
    for name, row in run.tasks.items():
        cells = [task_score(run, model, name) for model in run.models]
        part, family = row.get("part", "sns"), row.get("family") or row.get("group") or "no family"
        rows.append(
            {
                "name": name,
                "part": part,
                "label": family if part == "sns" else f"general: {family}",
                "n": row.get("n"),
                "metric": row.get("metric", ""),
                "baseline": row.get("baseline"),
                "baseline_answer": row.get("baseline_answer", ""),
                "cells": cells,
                "overall": change_between(cells[0], cells[-1]),
            }
        )
    order = list(dict.fromkeys(row["label"] for row in rows))
    return sorted(rows, key=lambda row: (row["part"] != "sns", order.index(row["label"])))


def forgotten(run: Run) -> list[dict[str, Any]]:
    """Falls beyond their interval, over all and in each stage: [{before, after, falls, said}]."""
    stages = list(zip(run.models, run.models[1:]))
    pairs = [(run.models[0], run.models[-1])] if len(stages) > 1 else []
    return [_falls(run, before, after) for before, after in [*pairs, *stages]]


def _falls(run: Run, before: str, after: str) -> dict[str, Any]:
    falls = []
    for name in run.tasks:
        cells = task_score(run, before, name), task_score(run, after, name)
        result = change_between(*cells)
        if result and result["verdict"] == "fell":
            falls.append({"name": name, "before": cells[0], "after": cells[1], **result})
    falls.sort(key=lambda fall: fall["change"])
    said = f"From {before} to {after}, "
    if falls:
        each = ", ".join(
            f"{fall['name']} (by {-fall['change']:.1f}, to {fall['after']['score']:.1f})" for fall in falls
        )
        whose = "its interval" if len(falls) == 1 else "their intervals"
        said += f"{count(len(falls), 'task')} fell beyond {whose}: {each}."
    else:
        said += "no task fell beyond its interval."
    return {"before": before, "after": after, "falls": falls, "said": said}


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def headline(run: Run) -> list[str]:
    """What came of it, in plain words; what got worse is said as plainly as what got better."""
    if len(run.models) < 2:
        return []
    said = []
    for kind, label in AVERAGES.items():
        before, after = average(run, run.models[0], kind), average(run, run.models[-1], kind)
        if before is None or after is None:
            said.append(f"{label}: this run has no such tasks.")
        else:
            said.append(f"{label} {moved(before, after)}.")
    return [*said, *_about_stages(run), *_about_tasks(run)]


def moved(before: Cell, after: Cell) -> str:
    result = change_between(before, after)
    assert result is not None
    change, ends = result["change"], f"from {cell(before)} to {cell(after)}"
    if result["certain"]:
        return f"{'rose' if change > 0 else 'fell'} by {abs(change):.1f} points, {ends}"
    if round(change, 1) == 0:
        return f"did not move: {ends}"
    verb = "risen" if change > 0 else "fallen"
    return f"may have {verb} by {abs(change):.1f} points, {ends}: that is within its interval, so perhaps not at all"


def cell(value: Cell | None) -> str:
    """A score with its interval, as text."""
    return "–" if value is None else f"{value['score']:.1f} [{value['low']:.1f}, {value['high']:.1f}]"


def signed(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:+.{digits}f}".replace("-", "−")


def _about_stages(run: Run) -> list[str]:
    """What each stage did to SNS, and every average that a stage made clearly worse."""
    rows = gains(run)
    said = []
    if len(rows) > 1 and all(row["changes"]["sns"] for row in rows):
        each = ", ".join(f"{row['stage']} {signed(row['changes']['sns']['change'])}" for row in rows)
        said.append(f"The change in SNS by stage: {each}.")
    for row in rows:
        for kind, result in row["changes"].items():
            if result and result["verdict"] == "fell":
                said.append(f"The {row['stage']} stage made {AVERAGES[kind]} worse, by {-result['change']:.1f} points.")
    return said


def _about_tasks(run: Run) -> list[str]:
    """How many tasks rose and fell, which fell, and which end below an answer that needs no model."""
    rows = tasks(run)
    names: dict[str, list[str]] = {"rose": [], "fell": [], "unclear": []}
    for row in rows:
        if row["overall"]:
            names[row["overall"]["verdict"]].append(row["name"])
    fell = f"{len(names['fell'])} fell beyond it" + (f" ({', '.join(names['fell'])})" if names["fell"] else "")
    said = [
        f"Of {count(len(rows), 'task')}, {len(names['rose'])} rose beyond the interval and {fell}; "
        f"{len(names['unclear'])} changed within it or not at all."
    ]
    below = [row["name"] for row in rows if row["cells"][-1] and row["cells"][-1]["high"] < (row["baseline"] or 0.0)]
    if below:
        said.append(f"Clearly below the best answer that needs no model: {', '.join(below)}.")
    return said
