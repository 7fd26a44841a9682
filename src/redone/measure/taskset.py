"""A configuration's tasks as a set that is measured: each a subset with one reading, whose aggregate is its metric."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from redone.data.load import Dataset
from redone.files import write_json, write_jsonl
from redone.measure.items import Item, Items, item_line
from redone.measure.judged import Judged
from redone.measure.score import known, mean_of, measured
from redone.measure.shape import Shape, SubsetShape
from redone.measure.trivial import Trivial, best
from redone.records import Record, Split, Task

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


def task_items(judged: Sequence[Judged]) -> dict[str, list[Item]]:
    items: dict[str, list[Item]] = {}
    for one in judged:
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
        }
    averages: dict[str, float | None] = dict.fromkeys(KINDS)
    baselines, intervals = dict(averages), {}
    for kind, members in shape.averages.items():
        whole = mean_of([mean_of([found[name].first for name in names]) for names in members.values()])
        averages[kind] = known(whole.score)
        intervals[kind] = list(whole.interval or ())
        baselines[kind] = fmean(fmean(table[name]["baseline"] for name in names) for names in members.values())
    return {"averages": averages, "average_intervals": intervals, "baselines": baselines, "tasks": table}


def write_tasks(folder: Path, tasks: Mapping[str, Task], items: Items, table: Mapping[str, Any]) -> None:
    """items.jsonl and scores.json of an evaluation folder; by the shape beside the scores `redone compare` reads it."""
    shape = tasks_shape({name: task for name, task in tasks.items() if name in items})
    write_jsonl(folder / "items.jsonl", (item_line(TASKS, item) for mine in items.values() for item in mine))
    write_json(folder / "scores.json", {**table, "shape": shape.to_json()})
