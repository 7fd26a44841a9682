"""Outputs of a benchmark's records to items: every reading's verdicts, those on answers that need no model too."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from redone.benchmark.readings import EMBEDDED, read
from redone.measure.definitions import Benchmark, Subset
from redone.measure.items import Item, Samples, item_line
from redone.measure.missing import marked
from redone.measure.predictions import Output, Outputs
from redone.measure.score import points, scores
from redone.measure.trivial import filled
from redone.records import Record, Task, Verdict
from redone.run.scoring import Asked, ScoreAll, in_process
from redone.thinking import split_thinking

Embed = Callable[[str, Sequence[str], Sequence[str]], Sequence[float] | None]  # model, texts, references -> cosines


def reading_tasks(benchmark: Benchmark) -> dict[str, Task]:
    """The tasks that a Scorer needs for the benchmark, by name."""
    return {task.name: task for subset in benchmark.subsets.values() for task in _tasks(subset).values()}


def _tasks(subset: Subset) -> dict[str, Task]:
    """Reading to its task; readings that compare alike and only aggregate otherwise share one."""
    first: dict[str, Task] = {}
    return {r.name: first.setdefault(_key(r.task), r.task) for r in subset.readings}


def _key(task: Task) -> str:
    return json.dumps([task.reward, dict(task.options), [dict(step) for step in task.extract]], sort_keys=True)


def score_outputs(
    benchmark: Benchmark,
    records: Mapping[str, Sequence[Record]],
    outputs: Outputs,
    score_all: ScoreAll,
    *,
    embed: Embed = lambda model, texts, references: None,
    advance: Callable[[int], None] = lambda subsets: None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The contents of scores.json, and the lines of items.jsonl. Records without outputs are left out.

    Raises ValueError where an answer has no verdict: a score without it would be none.
    """
    items, trivial = {}, {}
    for name, subset in benchmark.subsets.items():
        mine = [record for record in records[name] if record.id in outputs]
        texts = [[one.text for one in outputs[record.id]] for record in mine]
        found = items_on(subset, mine, texts, score_all, embed)
        items[name] = [noted(item, record, outputs[record.id]) for item, record in zip(found, mine)]
        trivial[name] = {
            answer: points(subset.shape, items_on(subset, mine, [[text] for text in texts], here(subset), embed))
            for answer, texts in (filled(subset.trivial, mine).items() if mine else ())
        }
        advance(1)
    lines = [item_line(benchmark.origin or benchmark.name, item) for mine in items.values() for item in mine]
    return scores(benchmark.shape, items, trivial), lines


def noted(item: Item, record: Record, outputs: Sequence[Output]) -> Item:
    """The item whose verdicts say which answers are missing, and which were cut short and are not right."""

    def of_one(verdict: Verdict, output: Output) -> Verdict:
        verdict = marked(verdict, record, output.missing)
        cut = not output.finished and verdict.reason in ("wrong", "unparsable")
        return replace(verdict, reason="truncated") if cut else verdict

    whole = [one.finished and not one.missing for one in outputs]
    made = {id(mine): mine if all(whole) else tuple(map(of_one, mine, outputs)) for mine in item.readings.values()}
    return replace(item, readings={name: made[id(mine)] for name, mine in item.readings.items()})


def items_on(
    subset: Subset, records: Sequence[Record], outputs: Sequence[Sequence[str]], score_all: ScoreAll, embed: Embed
) -> list[Item]:
    """The records' items, from each one's samples. What is read of an output is its answer, after any
    thinking; thinking that never closes reads as an empty one."""
    answers = [[split_thinking(text)[1] or "" for text in mine] for mine in outputs]
    tasks = _tasks(subset)
    found: dict[str, list[tuple[Verdict, ...]]] = {}  # task -> verdicts by record
    for task in {task.name: task for task in tasks.values()}.values():
        asked = [
            Asked(replace(r, task=task.name), [(text, True) for text in mine]) for r, mine in zip(records, answers)
        ]
        verdicts = score_all(asked)
        broken = [(r.id, v.note) for r, mine in zip(records, verdicts) for v in mine if v.reason == "error"]
        if broken:
            raise ValueError(f"{len(broken)} answers could not be scored, first {broken[0][0]}: {broken[0][1]}")
        samples = [list(sample) for sample in zip(*verdicts)]
        if subset.embedding and samples:
            samples = _with_cosines(subset, task, records, list(zip(*answers)), samples, embed)
        found[task.name] = [tuple(mine) for mine in zip(*samples)]
    group = subset.group
    return [
        Item(
            subset.name,
            record.id,
            str(record.fields[group]) if group else "",
            {reading: found[task.name][i] for reading, task in tasks.items()},
        )
        for i, record in enumerate(records)
    ]


def _with_cosines(
    subset: Subset,
    task: Task,
    records: Sequence[Record],
    outputs: Sequence[Sequence[str]],
    samples: Samples,
    embed: Embed,
) -> Samples:
    """The verdicts with the parts "cosine", times 100, and "embedded", 1, where the embedding model is at hand."""
    out = []
    for texts, verdicts in zip(outputs, samples):
        cosines = embed(subset.embedding, [EMBEDDED[task.reward](t) for t in texts], [r.answer for r in records])
        if cosines is not None:
            verdicts = [
                replace(v, parts={**v.parts, "cosine": 100 * cosine, "embedded": 1.0})
                for v, cosine in zip(verdicts, cosines)
            ]
        out.append(verdicts)
    return out


def here(subset: Subset) -> ScoreAll:
    """Scoring in this process and without bounds, for answers that no model wrote."""
    return in_process({task.name: task for task in _tasks(subset).values()}, read)
