"""A configuration's tasks as a set that is measured: each a subset with one reading, whose aggregate is its metric."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from redone.data.load import Dataset
from redone.files import write_json, write_jsonl
from redone.measure.ask import Answerer
from redone.measure.items import Item, Items, item_line, read_items
from redone.measure.judged import Judged, judged
from redone.measure.missing import told
from redone.measure.score import Measured, SubsetMeasured, known, mean_of, measured
from redone.measure.shape import Shape, SubsetShape
from redone.measure.trivial import Trivial, best
from redone.records import Record, Split, Task
from redone.run.log import Log
from redone.run.scoring import ScoreAll

TASKS = "tasks"
READING = "score"
KINDS = ("sns", "translation", "general")


def first_of_each_task(dataset: Dataset, split: Split, most: int | None) -> list[Record]:
    return [record for name in dataset.tasks for record in dataset.records[name][split][:most]]


def kind_of(task: Task) -> str:
    """Which of the three averages it counts to."""
    return "general" if task.part == "general" else "translation" if task.family == "translation" else "sns"


def tasks_shape(tasks: Mapping[str, Task]) -> Shape:
    """sns: plain mean over SNS tasks outside the translation family; translation: plain mean over that family;
    general: mean over the general groups of the mean over each group's tasks."""
    averages: dict[str, dict[str, list[str]]] = {}
    for task in tasks.values():
        kind = kind_of(task)
        column = task.family if kind == "general" else task.name
        averages.setdefault(kind, {}).setdefault(column, []).append(task.name)
    subsets = {task.name: SubsetShape(task.name, {READING: task.metric}) for task in tasks.values()}
    return Shape(TASKS, "Tasks", subsets, averages)


def task_items(answers: Sequence[Judged]) -> dict[str, list[Item]]:
    items: dict[str, list[Item]] = {}
    for one in answers:
        items.setdefault(one.record.task, []).append(
            Item(one.record.task, one.record.id, "", {READING: tuple(one.verdicts)})
        )
    return items


def summarise(tasks: Mapping[str, Task], items: Items, trivial: Mapping[str, Trivial]) -> dict[str, Any]:
    """A model's entry of results.json: every task that has items and the three averages, 0 to 100, with 95 %
    intervals. trivial: from `trivial_verdicts`, on the same records."""
    mine = {name: task for name, task in tasks.items() if name in items}
    shape = tasks_shape(mine)
    found = measured(shape, items)
    table: dict[str, dict[str, Any]] = {}
    for name, task in mine.items():
        score, reasons = found[name].first, Counter(v.reason for item in items[name] for v in item.readings[READING])
        baseline, answer = best(task, trivial[name])
        table[name] = {
            "score": score.score,
            "interval": None if score.interval is None else list(score.interval),
            "n": len(items[name]),
            "baseline": baseline,
            "baseline_answer": answer,
            "part": task.part,
            ("family" if task.part == "sns" else "group"): task.family,
            "metric": task.metric,
            "reward": task.reward,
            "errors": reasons["error"],
            "reasons": dict(reasons),
            **told(items[name], READING),
        }
    means = averages(mine, items, found)
    baselines = {
        kind: fmean(fmean(table[name]["baseline"] for name in names) for names in members.values())
        for kind, members in shape.averages.items()
    }
    return {
        "averages": {kind: known(means[kind].score) if kind in means else None for kind in KINDS},
        "average_intervals": {kind: list(whole.interval or ()) for kind, whole in means.items()},
        "baselines": {kind: baselines.get(kind) for kind in KINDS},
        "tasks": table,
    }


def averages(
    tasks: Mapping[str, Task], items: Items, found: Mapping[str, SubsetMeasured] | None = None
) -> dict[str, Measured]:
    """Those of the three averages that there are. found: the tasks as `measured` has them, if that is known."""
    shape = tasks_shape({name: task for name, task in tasks.items() if name in items})
    each = found or measured(shape, items)
    return {
        kind: mean_of([mean_of([each[name].first for name in names]) for names in members.values()])
        for kind, members in shape.averages.items()
    }


def measure_tasks(
    answerer: Answerer,
    tasks: Mapping[str, Task],
    score_all: ScoreAll,
    records: Sequence[Record],
    trivial: Mapping[str, Trivial],
    folder: Path,
    *,
    most_errors: float,
    log: Log,
    label: str,
) -> dict[str, Any]:
    """Asks and scores: a model's entry of results.json (`summarise`), and the folder's files, scores.json the last.

    The shape beside the scores is what `redone compare` reads them by.
    """
    if (folder / "scores.json").exists():
        return read_tasks(folder)[0]
    path = folder / "predictions.jsonl"
    found = judged(answerer, tasks, score_all, records, path, most_errors=most_errors, log=log, label=label)
    items = task_items(found)
    table = summarise(tasks, items, trivial)
    shape = tasks_shape({name: task for name, task in tasks.items() if name in items})
    write_jsonl(folder / "items.jsonl", (item_line(TASKS, item) for mine in items.values() for item in mine))
    write_json(folder / "scores.json", {**table, "shape": shape.to_json()})
    return table


def read_tasks(folder: Path) -> tuple[dict[str, Any], dict[str, list[Item]]]:
    """What `measure_tasks` left: a model's entry of results.json, and its items by task."""
    table = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    del table["shape"]
    items: dict[str, list[Item]] = {}
    for item in read_items(folder / "items.jsonl")[TASKS].values():
        items.setdefault(item.subset, []).append(item)
    return table, items
