"""A configuration's tasks as a set that is measured: each a subset with one reading, whose aggregate is its metric, and
where it is closed with the lenient one beside it."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from redone.algo.statistics import paired_interval
from redone.data.load import Dataset, drawn
from redone.files import as_left, read_object, write_json, write_jsonl
from redone.measure.ask import Answerer
from redone.measure.closed import LENIENT, Closed, commonest_answers, lenient
from redone.measure.items import Item, Items, item_line, read_items, write_prompts
from redone.measure.judged import Judged, examples, judged
from redone.measure.missing import told
from redone.measure.ngrams import Unaided
from redone.measure.score import Measured, SubsetMeasured, known, mean_of, measure, measured
from redone.measure.shape import Shape, SubsetShape
from redone.measure.trivial import Trivial, best
from redone.records import KINDS, UNREHEARSED, Record, Split, Task, Verdict
from redone.rewards.labels import Commonest
from redone.run.log import Log
from redone.run.scoring import ScoreAll

TASKS = "tasks"
READING = "score"


def some_of_each_task(dataset: Dataset, split: Split, most: int | None) -> list[Record]:
    """All records of the split, or a draw of so many of each task, whatever their order."""
    return [record for name in dataset.tasks for record in drawn(dataset.records[name].get(split, ()), most)]


def kind_of(task: Task) -> str:
    """Which of the averages it counts to: one of KINDS, or that which it names, after "general, " if it is general."""
    if task.part == "general":
        return f"general, {task.average}" if task.average else "general" if task.train else UNREHEARSED
    if task.average:
        return task.average
    return "translation" if task.family == "translation" else "domain"


def is_general(kind: str) -> bool:
    """Whether an average is over general tasks."""
    return kind == UNREHEARSED or kind.split(", ")[0] == "general"


def tasks_shape(tasks: Mapping[str, Task], closed: Collection[str] = ()) -> Shape:
    """domain: plain mean over its tasks outside the translation family; translation: plain mean over that family;
    general: mean over the general groups of the mean over each group's tasks, those that are trained; unrehearsed: the
    same of those that are not; and likewise those that tasks name. closed: those that have the lenient reading too."""
    averages: dict[str, dict[str, list[str]]] = {}
    for task in tasks.values():
        kind = kind_of(task)
        column = task.name
        if task.part == "general":
            column = task.family if kind == "general" else f"{task.family}, {task.average or UNREHEARSED}"
        averages.setdefault(kind, {}).setdefault(column, []).append(task.name)
    subsets = {
        name: SubsetShape(
            name,
            {READING: task.metric, **({LENIENT: task.metric} if name in closed else {})},
            classes=task.classes,
        )
        for name, task in tasks.items()
    }
    return Shape(TASKS, "Tasks", subsets, averages)


def task_items(
    tasks: Mapping[str, Task], answers: Sequence[Judged], closed: Mapping[str, Closed] | None = None
) -> dict[str, list[Item]]:
    """closed: the tasks that have the lenient reading too."""
    items: dict[str, list[Item]] = {}
    for one in answers:
        name, readings = one.record.task, {READING: tuple(one.verdicts)}
        if closed and name in closed:
            read = partial(lenient, tasks[name], closed[name], one.record)
            found = tuple(read(t.text, verdict) for t, verdict in zip(one.texts, one.verdicts))
            readings[LENIENT] = readings[READING] if found == readings[READING] else found
        items.setdefault(name, []).append(Item(name, one.record.id, "", readings))
    return items


def closed_in(items: Items) -> list[str]:
    """The tasks that were read leniently too."""
    return [name for name, mine in items.items() if mine and LENIENT in mine[0].readings]


def summarise(
    tasks: Mapping[str, Task],
    items: Items,
    trivial: Mapping[str, Trivial],
    ngrams: Mapping[str, Sequence[Verdict]] | None = None,
    alike: Mapping[str, Commonest] | None = None,
) -> dict[str, Any]:
    """A model's entry of results.json: every task that has items and the averages, 0 to 100, with 95 %
    intervals. trivial, ngrams: from `unaided`, on the same records. alike: from `commonest_answers`."""
    mine = {name: task for name, task in tasks.items() if name in items}
    shape = tasks_shape(mine, closed_in(items))
    found = measured(shape, items)
    words = {name: measure(mine[name].metric, [list(verdicts)], name) for name, verdicts in (ngrams or {}).items()}
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
            ("family" if task.part == "domain" else "group"): task.family,
            "metric": task.metric,
            **({"classes": list(task.classes)} if task.classes else {}),
            "reward": task.reward,
            "errors": reasons["error"],
            "reasons": dict(reasons),
            **told(items[name], READING),
            **({LENIENT: _beside(*found[name].readings.values())} if LENIENT in found[name].readings else {}),
            **({"ngrams": {**_shown(words[name]), **_above(score, words[name])}} if name in words else {}),
            **({"commonest": asdict(alike[name])} if alike and name in alike else {}),
        }
    means = averages(mine, items, found)
    kinds = dict.fromkeys((*KINDS, *shape.averages))
    baselines = {
        kind: fmean(fmean(table[name]["baseline"] for name in names) for names in members.values())
        for kind, members in shape.averages.items()
    }
    return {
        "averages": {kind: known(means[kind].score) if kind in means else None for kind in kinds},
        "average_intervals": {kind: list(whole.interval or ()) for kind, whole in means.items()},
        "baselines": {kind: baselines.get(kind) for kind in kinds},
        LENIENT: _over_closed([found[name].readings for name in closed_in(items)]),
        "ngrams": _over_learnt([(found[name].first, one) for name, one in words.items()]),
        "tasks": table,
    }


def _shown(one: Measured) -> dict[str, Any]:
    return {"score": one.score, "interval": None if one.interval is None else list(one.interval)}


def _above(one: Measured, other: Measured) -> dict[str, Any]:
    """What one has above the other, each draw holding the same records of both."""
    interval = paired_interval(one.draws - other.draws, one.width)
    return {"above": one.score - other.score, "above_interval": list(interval)}


def _beside(strict: Measured, lenient: Measured) -> dict[str, Any]:
    """The lenient score, and what it has above the strict one."""
    return {**_shown(lenient), **_above(lenient, strict)}


def _over_closed(readings: Sequence[Mapping[str, Measured]]) -> dict[str, Any] | None:
    """The plain mean over the closed tasks in both readings; None where there are none."""
    if not readings:
        return None
    strict, lenient = (mean_of([mine[name] for mine in readings]) for name in (READING, LENIENT))
    whole = _shown(strict)
    both = {"strict": whole["score"], "strict_interval": whole["interval"]}
    return {"tasks": len(readings), **both, **_beside(strict, lenient)}


def _over_learnt(pairs: Sequence[tuple[Measured, Measured]]) -> dict[str, Any] | None:
    """The plain mean over the tasks that n-grams learnt, the model's beside it; None where there are none."""
    if not pairs:
        return None
    model, words = (mean_of(mine) for mine in zip(*pairs))
    whole = _shown(model)
    both = {"model": whole["score"], "model_interval": whole["interval"]}
    return {"tasks": len(pairs), **_shown(words), **both, **_above(model, words)}


def averages(
    tasks: Mapping[str, Task], items: Items, found: Mapping[str, SubsetMeasured] | None = None
) -> dict[str, Measured]:
    """Those of the averages that there are. found: the tasks as `measured` has them, if that is known."""
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
    unaided: Unaided,
    folder: Path,
    *,
    closed: Mapping[str, Closed] | None = None,
    template: str,
    most_errors: float,
    log: Log,
    label: str,
) -> dict[str, Any]:
    """Asks and scores: a model's entry of results.json (`summarise`, and the mark of the chat `template` that writes
    its prompts), and the folder's files, scores.json the last.

    The shape beside the scores is what `redone compare` reads them by.
    """
    if (folder / "scores.json").exists():
        return read_tasks(folder)[0]
    path = folder / "predictions.jsonl"
    found = judged(answerer, tasks, score_all, records, path, most_errors=most_errors, log=log, label=label)
    items = task_items(tasks, found, closed)
    alike = commonest_answers(tasks, records, items)
    table = {
        "split": records[0].split,
        **summarise(tasks, items, unaided.trivial, unaided.ngrams, alike),
        "chat_template": template,
    }
    shape = tasks_shape({name: task for name, task in tasks.items() if name in items}, closed_in(items))
    write_json(folder / "examples.json", wrong_answers(found))
    write_prompts(folder, records)
    write_jsonl(folder / "items.jsonl", (item_line(TASKS, item) for mine in items.values() for item in mine))
    write_json(folder / "scores.json", {**table, "shape": shape.to_json()})
    return table


def wrong_answers(found: Sequence[Judged]) -> dict[str, list[dict[str, Any]]]:
    """Task to its worst answered records, of those that are not all right."""
    wrong: dict[str, list[Judged]] = {}
    for one in found:
        if any(verdict.score < 1 for verdict in one.verdicts):
            wrong.setdefault(one.record.task, []).append(one)
    return {name: examples(mine) for name, mine in wrong.items()}


def read_tasks(folder: Path) -> tuple[dict[str, Any], dict[str, list[Item]]]:
    """What `measure_tasks` left: a model's entry of results.json, and its items by task."""
    with as_left(folder / "scores.json", f"put it back, or remove {folder}, and it is measured again"):
        table = read_object(folder / "scores.json")
        del table["shape"]
        _ = dict(table["tasks"]), dict(table["averages"])
    items: dict[str, list[Item]] = {}
    with as_left(folder / "items.jsonl", f"put it back, or remove {folder}, and it is measured again"):
        for item in read_items(folder / "items.jsonl")[TASKS].values():
            items.setdefault(item.subset, []).append(item)
    return table, items
