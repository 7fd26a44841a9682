"""Answers of a model to records, and what they come to: per task, and in the three averages."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from redone.algo.statistics import percentile_interval, resampled, wilson
from redone.benchmark.readings import AGGREGATES
from redone.data.encode import Encoder
from redone.data.load import Dataset
from redone.data.mix import derive_seed
from redone.measure.score import exact
from redone.model.policy import Policy
from redone.records import Prompt, Record, Task, Text, Verdict
from redone.run.log import Log
from redone.run.scoring import Asked, ScoreAll
from redone.sample.local import make_sampler


@dataclass(frozen=True)
class Judged:
    """A record with its sampled answers."""

    record: Record
    answers: tuple[Text, ...]
    texts: tuple[str, ...]
    verdicts: tuple[Verdict, ...]


def sample(
    policy: Policy,
    encoder: Encoder,
    tasks: Mapping[str, Task],
    score_all: ScoreAll,
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
    sampler = make_sampler(
        policy, encoder, group=samples, temperature=temperature, seeds=lambda version: seed, rows=rows
    )
    prompts = [
        Prompt(str(i), record.messages, tasks[record.task].budget, tasks[record.task].think)
        for i, record in enumerate(records)
    ]
    judged: dict[int, Judged] = {}
    with log.bar(label, len(records)) as bar:
        for texts in sampler.ask(prompts):
            groups: dict[int, list[Text]] = {}
            for text in texts:
                groups.setdefault(int(text.key), []).append(text)
            asked = [Asked(records[i], [(text.text, text.finished) for text in mine]) for i, mine in groups.items()]
            for (i, mine), verdicts in zip(groups.items(), score_all(asked)):
                judged[i] = Judged(records[i], tuple(mine), tuple(text.text for text in mine), tuple(verdicts))
            bar.advance(len(groups))
    return [judged[i] for i in range(len(records))]


def first_of_each_task(dataset: Dataset, split: Any, most: int | None) -> list[Record]:
    return [record for name in dataset.tasks for record in dataset.records[name][split][:most]]


def task_score(task: Task, verdicts: Sequence[Verdict]) -> float:
    """The task's metric over one verdict per record, 0 to 100."""
    return exact(AGGREGATES[task.metric], [list(verdicts)])["score"]


def summarise(
    dataset: Dataset,
    judged: Sequence[tuple[Record, Verdict]],
    trivial: Mapping[str, tuple[float, str]],  # from `baselines`, on the same records
    *,
    seed: int,
    resamples: int,
) -> dict[str, Any]:
    """A model's entry of results.json: every task and the three averages, 0 to 100, with 95 % intervals.

    An average's interval resamples the records of each of its tasks; the tasks themselves are not a sample.
    """
    table: dict[str, dict[str, Any]] = {}
    per_task: dict[str, list[Verdict]] = {}
    for record, verdict in judged:
        per_task.setdefault(record.task, []).append(verdict)
    draws = {name: _draws(dataset.tasks[name], mine, seed, resamples) for name, mine in per_task.items()}
    for name, verdicts in per_task.items():
        task = dataset.tasks[name]
        baseline, answer = trivial[name]
        table[name] = {
            "score": task_score(task, verdicts),
            "interval": list(_interval(task, verdicts, draws[name])),
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
    averages, intervals, above = {}, {}, {}
    for kind in ("sns", "translation", "general"):
        averages[kind] = average(dataset.tasks, {name: row["score"] for name, row in table.items()}, kind)
        above[kind] = average(dataset.tasks, {name: row["baseline"] for name, row in table.items()}, kind)
        if averages[kind] is not None:
            drawn = [average(dataset.tasks, dict(zip(draws, scores)), kind) for scores in zip(*draws.values())]
            intervals[kind] = list(percentile_interval(drawn))  # type: ignore[arg-type]
    return {"averages": averages, "average_intervals": intervals, "baselines": above, "tasks": table}


def average(tasks: Mapping[str, Task], scores: Mapping[str, float], kind: str) -> float | None:
    """One of the three averages; None where it has no task.

    sns: plain mean over SNS tasks outside the translation family; translation: plain mean over that family;
    general: mean over the general groups of the mean over each group's tasks.
    """
    groups: dict[str, list[float]] = {}
    for name, value in scores.items():
        task = tasks[name]
        mine = "general" if task.part == "general" else "translation" if task.family == "translation" else "sns"
        if mine == kind:
            groups.setdefault(task.family if kind == "general" else kind, []).append(value)
    return fmean(fmean(values) for values in groups.values()) if groups else None


def _draws(task: Task, verdicts: Sequence[Verdict], seed: int, resamples: int) -> list[float]:
    """The task's score over resampled records, 0 to 100."""
    seed = derive_seed(seed, "intervals", task.name)
    return resampled(
        lambda chosen: task_score(task, [verdicts[i] for i in chosen]), len(verdicts), seed=seed, resamples=resamples
    )


def _interval(task: Task, verdicts: Sequence[Verdict], draws: Sequence[float]) -> tuple[float, float]:
    """Wilson's where every score is 0 or 1 and the metric is their mean, or where all draws are 0 or all are 100, which
    would have no width; else that of the draws. 0 to 100."""
    scores = [verdict.score for verdict in verdicts]
    if task.metric == "mean" and set(scores) <= {0.0, 1.0}:
        low, high = wilson(sum(scores), len(scores))
    elif min(draws) == max(draws) and draws[0] in (0.0, 100.0):
        low, high = wilson(draws[0] / 100.0 * len(scores), len(scores))
    else:
        return percentile_interval(draws)
    return 100.0 * low, 100.0 * high


def baselines(dataset: Dataset, split: Any, score_all: ScoreAll, most: int | None) -> dict[str, tuple[float, str]]:
    """`best_trivial` of every task."""
    return {name: best_trivial(dataset, task, split, score_all, most) for name, task in dataset.tasks.items()}


def best_trivial(
    dataset: Dataset, task: Task, split: Any, score_all: ScoreAll, most: int | None = None
) -> tuple[float, str]:
    """Score, 0 to 100, and name of the best answer that needs no model."""
    found = trivial_verdicts(dataset, task, split, score_all, most)
    scores = {kind: task_score(task, verdicts) for kind, verdicts in found.items()}
    best = max(scores, key=lambda kind: (scores[kind], kind))
    return scores[best], best


def chance(dataset: Dataset, task: Task, split: Any, score_all: ScoreAll, most: int | None = None) -> float:
    """The highest pass rate, 0 to 1, of an answer that needs no model."""
    return max(
        fmean(v.score >= task.pass_at for v in verdicts)
        for verdicts in trivial_verdicts(dataset, task, split, score_all, most).values()
    )


def unthought(task: Task, answer: str) -> str:
    """The answer as a model would write it that thought nothing first."""
    return f"<think></think>{answer}" if task.think else answer


def trivial_verdicts(
    dataset: Dataset, task: Task, split: Any, score_all: ScoreAll, most: int | None = None
) -> dict[str, list[Verdict]]:
    """Verdicts on answers that need no model: majority label, first candidate, all of them, empty, source echoed."""
    labels = Counter(record.answer for record in dataset.records[task.name]["train"])
    majority = min(labels, key=lambda label: (-labels[label], label)) if labels else ""
    kinds: dict[str, Callable[[Record], str]] = {"majority": lambda r: majority, "empty": lambda r: ""}
    if task.candidates:
        kinds["first candidate"] = lambda r: str(r.fields[task.candidates][0])
        kinds["all candidates"] = lambda r: task.options.get("separator", ",").join(map(str, r.fields[task.candidates]))
    if task.source:
        kinds["source echoed"] = lambda r: str(r.fields[task.source])
    records = dataset.records[task.name][split][:most]
    verdicts = score_all([Asked(r, [(unthought(task, answer(r)), True) for answer in kinds.values()]) for r in records])
    return dict(zip(kinds, map(list, zip(*verdicts))))


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
