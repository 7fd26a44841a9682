"""Answers of a model to records, and what they come to: per task, and in the three averages."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from redone.algo.statistics import bootstrap, interval_of_averages, wilson
from redone.data.encode import Encoder
from redone.data.load import Dataset
from redone.engine.generate import Answer, Request, make_decoder
from redone.engine.log import Log
from redone.engine.policy import Policy
from redone.records import Record, Task, Verdict
from redone.rewards import METRICS, score


@dataclass(frozen=True)
class Judged:
    """A record with its sampled answers."""

    record: Record
    answers: tuple[Answer, ...]
    texts: tuple[str, ...]
    verdicts: tuple[Verdict, ...]


def sample(
    policy: Policy,
    encoder: Encoder,
    tasks: Mapping[str, Task],
    records: Sequence[Record],
    *,
    samples: int,
    temperature: float,
    seed: int,
    rows: int,
    log: Log,
    label: str,
) -> list[Judged]:
    """`samples` answers to each record, scored, in the records' order; at most `rows` answers decoded at once."""
    decoder = make_decoder(policy, group=samples, temperature=temperature, seed=seed, eos_ids=encoder.eos_ids)
    at_once = max(1, rows // samples)
    requests = [
        Request(i, prompt, tasks[record.task].budget)
        for i, (record, prompt) in enumerate(zip(records, encoder.prompts(records, dict(tasks))))
    ]
    requests.sort(key=lambda r: (-r.budget, len(r.prompt), r.key))  # similar work together
    judged: dict[int, Judged] = {}
    with log.bar(label, len(records)) as bar:
        while requests or decoder.in_flight:
            if requests and decoder.in_flight <= at_once // 2:
                count = at_once - decoder.in_flight
                decoder.admit(requests[:count])
                requests = requests[count:]
            completed = decoder.step()
            for request, answers in completed:
                record = records[request.key]
                task = tasks[record.task]
                texts = tuple(encoder.decode(answer.tokens, record, task) for answer in answers)
                verdicts = tuple(score(task, record, text, a.finished) for text, a in zip(texts, answers))
                judged[request.key] = Judged(record, answers, texts, verdicts)
            bar.advance(len(completed))
    return [judged[i] for i in range(len(records))]


def first_of_each_task(dataset: Dataset, split: Any, most: int | None) -> list[Record]:
    return [record for name in dataset.tasks for record in dataset.records[name][split][:most]]


def task_score(task: Task, verdicts: Sequence[Verdict]) -> float:
    """The task's metric over one verdict per record, 0 to 100."""
    return 100.0 * METRICS[task.metric](verdicts)


def summarise(
    dataset: Dataset, judged: Sequence[tuple[Record, Verdict]], *, split: Any, seed: int, resamples: int
) -> dict[str, Any]:
    """A model's entry of results.json: every task and the three averages, 0 to 100, with 95 % intervals."""
    table = {}
    per_task: dict[str, list[Verdict]] = {}
    for record, verdict in judged:
        per_task.setdefault(record.task, []).append(verdict)
    for name, verdicts in per_task.items():
        task = dataset.tasks[name]
        baseline, answer = best_trivial(dataset, task, split, len(verdicts))
        table[name] = {
            "score": task_score(task, verdicts),
            "interval": _interval(task, verdicts, seed, resamples),
            "n": len(verdicts),
            "baseline": baseline,
            "baseline_answer": answer,
            "part": task.part,
            ("family" if task.part == "sns" else "group"): task.family,
            "metric": task.metric,
            "reward": task.reward,
            "errors": sum(v.reason == "error" for v in verdicts),
            "reasons": dict(Counter(v.reason for v in verdicts)),
        }
    values = {name: [100.0 * v.score for v in verdicts] for name, verdicts in per_task.items()}
    averages, intervals, above = {}, {}, {}
    for kind in ("sns", "translation", "general"):
        scores = {name: row["score"] for name, row in table.items()}
        averages[kind] = average(dataset.tasks, scores, kind)
        above[kind] = average(dataset.tasks, {name: row["baseline"] for name, row in table.items()}, kind)
        if averages[kind] is not None:
            mine = {name: v for name, v in values.items() if name in _members(dataset.tasks, kind)}
            low, high = interval_of_averages(
                mine, lambda means, k=kind: average(dataset.tasks, means, k) or 0.0, seed=seed, resamples=resamples
            )
            shift = averages[kind] - (average(dataset.tasks, {n: fmean(v) for n, v in mine.items()}, kind) or 0.0)
            intervals[kind] = [low + shift, high + shift]  # metrics that are not means keep their own centre
    return {"averages": averages, "average_intervals": intervals, "baselines": above, "tasks": table}


def average(tasks: Mapping[str, Task], scores: Mapping[str, float], kind: str) -> float | None:
    """One of the three averages; None where it has no task.

    sns: plain mean over SNS tasks outside the translation family; translation: plain mean over that family;
    general: mean over the general groups of the mean over each group's tasks.
    """
    groups: dict[str, list[float]] = {}
    for name in _members(tasks, kind):
        if name in scores:
            groups.setdefault(tasks[name].family if kind == "general" else kind, []).append(scores[name])
    return fmean(fmean(values) for values in groups.values()) if groups else None


def _members(tasks: Mapping[str, Task], kind: str) -> list[str]:
    def belongs(task: Task) -> bool:
        if kind == "general":
            return task.part == "general"
        return task.part == "sns" and (task.family == "translation") == (kind == "translation")

    return [name for name, task in tasks.items() if belongs(task)]


def _interval(task: Task, verdicts: Sequence[Verdict], seed: int, resamples: int) -> list[float]:
    """Wilson where every score is 0 or 1 and the metric is their mean, else bootstrap over records."""
    scores = [verdict.score for verdict in verdicts]
    if task.metric == "mean" and set(scores) <= {0.0, 1.0}:
        low, high = wilson(sum(scores), len(scores))
    else:
        metric = METRICS[task.metric]

        def statistic(indices: np.ndarray) -> float:
            return metric([verdicts[i] for i in indices])

        low, high = bootstrap(statistic, len(verdicts), seed=seed, resamples=min(resamples, 300))
    return [100.0 * low, 100.0 * high]


def best_trivial(dataset: Dataset, task: Task, split: Any, most: int | None = None) -> tuple[float, str]:
    """Score and name of the best answer that needs no model: majority label, first candidate, empty, source echoed."""
    records = dataset.records[task.name][split][:most]
    labels = Counter(record.answer for record in dataset.records[task.name]["train"])
    majority = min(labels, key=lambda label: (-labels[label], label)) if labels else ""
    kinds = {"majority": lambda r: majority, "empty": lambda r: ""}
    if task.candidates:
        kinds["first candidate"] = lambda r: str(r.fields[task.candidates][0])
        kinds["all candidates"] = lambda r: task.options.get("separator", ",").join(map(str, r.fields[task.candidates]))
    if task.source:
        kinds["source echoed"] = lambda r: str(r.fields[task.source])
    closed = "<think></think>" if task.think else ""
    scores = {
        kind: task_score(task, [score(task, r, closed + answer(r)) for r in records]) for kind, answer in kinds.items()
    }
    best = max(scores, key=lambda kind: (scores[kind], kind))
    return scores[best], best


def output_rows(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """The lines of eval/<model>.jsonl.gz."""
    return [
        {
            "id": item.record.id,
            "task": item.record.task,
            "output": item.texts[0],
            "score": round(item.verdicts[0].score, 6),
            "reason": item.verdicts[0].reason,
        }
        for item in judged
    ]
