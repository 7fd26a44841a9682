"""What the models' scores say: averages, tasks, comparisons, and the sentences built of them."""

import math
from collections.abc import Mapping
from typing import Any

from redone.report.read import Run

AVERAGES = {"sns": "SNS", "translation": "Translation", "general": "General"}


def change_between(before: Mapping[str, float] | None, after: Mapping[str, float] | None) -> dict[str, Any] | None:
    """{change, certain, verdict}: a change is certain when its 95 % interval leaves out zero.

    The interval is made from those of both scores (Newcombe 1998, method 10), as if they had been measured on
    different records; both models answer the same ones, which makes it wider than it need be.
    """
    if before is None or after is None:
        return None
    change = after["score"] - before["score"]
    towards_zero = (
        math.hypot(before["score"] - before["low"], after["high"] - after["score"])
        if change < 0
        else math.hypot(before["high"] - before["score"], after["score"] - after["low"])
    )
    certain = abs(change) > towards_zero
    return {"change": change, "certain": certain, "verdict": ("rose" if change > 0 else "fell") if certain else "unclear"}


def average(run: Run, model: str, kind: str) -> dict[str, float] | None:
    """One of the three averages with its interval; None where the run has no such tasks."""
    table = run.results.get("models", {}).get(model, {})
    value = table.get("averages", {}).get(kind)
    low, high = table.get("average_intervals", {}).get(kind) or (value, value)
    return None if value is None else {"score": value, "low": low, "high": high}


def task_score(run: Run, model: str, task: str) -> dict[str, float] | None:
    row = run.results.get("models", {}).get(model, {}).get("tasks", {}).get(task, {})
    value = row.get("score")
    low, high = row.get("interval") or (value, value)
    return None if value is None else {"score": value, "low": low, "high": high}


def averages(run: Run) -> list[dict[str, Any]]:
    rows = []
    for kind, label in AVERAGES.items():
        cells = [average(run, model, kind) for model in run.models]
        if any(cells):
            baseline = run.results["models"][run.models[-1]].get("baselines", {}).get(kind)
            overall = change_between(cells[0], cells[-1])
            rows.append({"kind": kind, "label": label, "cells": cells, "baseline": baseline, "overall": overall})
    return rows


def gains(run: Run) -> list[dict[str, Any]]:
    """What each stage changed, against the model it started from: [{stage, before, changes: {kind: change}}]."""
    return [
        {
            "stage": after,
            "before": before,
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
    """Falls beyond their interval, from the first to the last model and in each stage, with a sentence for each."""
    pairs = [(run.models[0], run.models[-1])] if len(run.models) > 1 else []
    pairs += [pair for pair in zip(run.models, run.models[1:]) if pair not in pairs]
    rows = []
    for before, after in pairs:
        falls = []
        for name in run.tasks:
            cells = task_score(run, before, name), task_score(run, after, name)
            result = change_between(*cells)
            if result and result["verdict"] == "fell":
                falls.append({"name": name, "before": cells[0], "after": cells[1], **result})
        falls.sort(key=lambda fall: fall["change"])
        list_of = ", ".join(f"{f['name']} (by {-f['change']:.1f}, to {f['after']['score']:.1f})" for f in falls)
        said = f"{count(len(falls), 'task')} fell beyond its interval: {list_of}." if falls else ""
        if len(falls) > 1:
            said = said.replace("its interval", "their intervals", 1)
        said = f"From {before} to {after} " + (said or "nothing fell beyond its interval.")
        rows.append({"before": before, "after": after, "falls": falls, "said": said})
    return rows


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


def moved(before: Mapping[str, float], after: Mapping[str, float]) -> str:
    result = change_between(before, after)
    assert result is not None
    change, ends = result["change"], f"from {_with_interval(before)} to {_with_interval(after)}"
    if round(change, 1) == 0 and not result["certain"]:
        return f"did not move: {ends}"
    verb = "rose" if change > 0 else "fell"
    doubt = "" if result["certain"] else ", within its interval, so perhaps not at all"
    return f"{verb} by {abs(change):.1f} points, {ends}{doubt}"


def _with_interval(cell: Mapping[str, float]) -> str:
    return f"{cell['score']:.1f} [{cell['low']:.1f}, {cell['high']:.1f}]"


def _about_stages(run: Run) -> list[str]:
    """Which stage moved SNS most, and every average that a stage made clearly worse."""
    rows = gains(run)
    known = [row for row in rows if row["changes"]["sns"]]
    said = []
    if len(known) > 1:
        each = ", ".join(f"{row['stage']} {row['changes']['sns']['change']:+.1f}".replace("-", "−") for row in known)
        said.append(f"Of the change in SNS: {each}.")
    for row in rows:
        for kind, result in row["changes"].items():
            if result and result["verdict"] == "fell":
                said.append(f"{row['stage'].capitalize()} made {AVERAGES[kind]} worse, by {-result['change']:.1f} points.")
    return said


def _about_tasks(run: Run) -> list[str]:
    rows = tasks(run)
    verdicts = [row["overall"]["verdict"] for row in rows if row["overall"]]
    rose, fell, unclear = (verdicts.count(verdict) for verdict in ("rose", "fell", "unclear"))
    below = [row["name"] for row in rows if row["cells"][-1] and row["cells"][-1]["high"] < (row["baseline"] or 0.0)]
    said = [f"Of {count(len(rows), 'task')}, {rose} rose and {fell} fell beyond the interval; {unclear} changed within it."]
    if below:
        said.append(f"Below the best answer that needs no model: {', '.join(below)}.")
    return said
