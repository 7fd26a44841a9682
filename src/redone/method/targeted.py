"""What a stage teaches: train records of the chosen tasks, and general ones with soft labels against forgetting."""

import json
import zipfile
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch import Tensor

from redone.data.conversation import earlier_turns
from redone.data.dedupe import drop_near_duplicates, normalised_prompt
from redone.data.encode import Encoder
from redone.data.load import Dataset
from redone.data.mix import uniform
from redone.files import as_left
from redone.measure.judged import Judged
from redone.records import Record, TargetPlan, Task, Text, Verdict


@dataclass(frozen=True)
class Teach:
    """One record of the targeted set. target: what the model should write, without the end token."""

    record: Record
    target: str
    labels: str  # what kind of target: "gold", "best of n", "own answer", or "distribution" along a model's answer
    why: str


def choose(plan: TargetPlan, dataset: Dataset, *, threshold: float, seed: int) -> tuple[list[Record], dict[str, int]]:
    """The plan's records of the domain, near-duplicates removed within each task, and how many were removed by task.

    A task whose records have few answers, or one very common answer, is spread over its answers (`spread`).
    """
    chosen: list[Record] = []
    removed = {}
    for task, quota in plan.quotas.items():
        pool = sorted(dataset.records[task]["train"], key=lambda r: uniform(seed, "target", r.id))
        pool = spread(pool, quota)
        fresh, removed[task] = drop_near_duplicates(pool, threshold, template=dataset.tasks[task].prompt, most=quota)
        chosen += fresh
    return chosen, removed


def spread(pool: Sequence[Record], quota: int) -> list[Record]:
    """The pool in its order, without what one answer has beyond a quarter of the quota, or beyond its even share where
    there are fewer than four answers: who is taught the commonest answer most of the time learns to give it always.
    """
    counts = Counter(record.answer for record in pool)
    rest = len(pool) - max(counts.values(), default=0)
    if not rest:  # one answer alone
        return list(pool)
    share = max(0.25, 1.0 / len(counts))
    most = max(1, round(min(share * quota, share / (1.0 - share) * rest)))
    seen: Counter[str] = Counter()
    kept = []
    for record in pool:
        if seen[record.answer] < most:
            seen[record.answer] += 1
            kept.append(record)
    return kept


def choose_general(plan: TargetPlan, dataset: Dataset, seed: int) -> list[Record]:
    """Train records of general tasks for soft labels."""
    chosen: list[Record] = []
    for task, quota in plan.general.items():
        pool = sorted(dataset.records[task]["train"], key=lambda r: uniform(seed, "general", r.id))
        chosen += pool[:quota]
    return chosen


def gold_targets(
    records: Sequence[Record], encoder: Encoder, tasks: Mapping[str, Task], why: Mapping[str, str]
) -> list[Teach]:
    return [Teach(r, encoder.target_text(r, tasks[r.task]), "gold", why.get(r.task, "general")) for r in records]


def own_where_right(
    taught: Sequence[Teach], judged: Sequence[Judged], encoder: Encoder, tasks: Mapping[str, Task]
) -> list[Teach]:
    """The same records, each with the model's own best answer in place of the reference where one of its answers
    passes: what it can do it is not taught to say otherwise."""
    found = []
    for teach, item in zip(taught, judged, strict=True):
        task = tasks[item.record.task]
        right = [(v, t) for v, t in zip(item.verdicts, item.texts) if t.finished and v.score >= task.pass_at]
        if right:
            _, text = max(right, key=_rank)
            teach = replace(teach, target=encoder.rewritten(text.text, task.think), labels="own answer")
        found.append(teach)
    return found


def earlier_targets(
    taught: Sequence[Teach], encoder: Encoder, tasks: Mapping[str, Task], held_out: Collection[str]
) -> tuple[list[Teach], int]:
    """The assistant's earlier turns in what is taught, each once; and how many were left out, because their prompts are
    among those `held_out`, as `normalised_prompt` has them."""
    found: dict[str, Teach] = {}
    left_out: set[str] = set()
    there = {_said(teach) for teach in taught}
    for teach in taught:
        for record in earlier_turns(teach.record, tasks[teach.record.task].think):
            earlier = Teach(record, encoder.written(record.answer, record.rationale), "gold", teach.why)
            if normalised_prompt(record) in held_out:
                left_out.add(_said(earlier))
            elif (said := _said(earlier)) not in there:
                found.setdefault(said, earlier)
    return list(found.values()), len(left_out)


def _said(teach: Teach) -> str:
    return json.dumps([*teach.record.messages, teach.target])


def best_of_n(
    judged: Sequence[Judged], encoder: Encoder, tasks: Mapping[str, Task], labels: str = "best of n"
) -> tuple[list[Teach], dict[str, int]]:
    """Soft labels: each record's best candidate by the embedded judge; and how many of these pass or do not, and how
    many records have the reference answer instead, because all of their candidates were cut off or empty.

    The judge ranks by verifiable reward first, then format, then the model's own mean log-probability. The best is
    taken though it may not pass: what is rehearsed is what the model says, and without the hard records it would be the
    easy ones alone. Source: RedOne 2.0 section 3.3.1, which keeps the single best; the judge's order is ours.
    """
    taught: list[Teach] = []
    counts = {"passing": 0, "not_passing": 0, "by_reference": 0}
    for item in judged:
        task = tasks[item.record.task]
        why = f"general, {task.family}: against forgetting"
        whole = [(v, text) for v, text in zip(item.verdicts, item.texts) if text.finished and not v.missing]
        if whole:
            verdict, text = max(whole, key=_rank)
            taught.append(Teach(item.record, encoder.rewritten(text.text, task.think), labels, why))
            counts["passing" if verdict.score >= task.pass_at else "not_passing"] += 1
        else:
            taught.append(Teach(item.record, encoder.target_text(item.record, task), "gold", why))
            counts["by_reference"] += 1
    return taught, counts


def _rank(candidate: tuple[Verdict, Text]) -> tuple[float, float, float]:
    verdict, text = candidate
    return verdict.score, verdict.parts.get("parsed", 1.0), fmean(text.logprobs)


def save_distributions(path: Path, made: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Token ids and shares [N, k] of all examples one after another; the file appears whole or not at all."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        ids, shares = (torch.cat(parts).numpy() for parts in zip(*made))
        np.savez(file, ids=ids.astype(np.int32), shares=shares)
    part.replace(path)


def load_distributions(path: Path, lengths: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
    """What was saved, cut into examples of n target tokens each. Raises ValueError if they do not fit the file."""
    with as_left(path):
        try:
            with path.open("rb") as file, np.load(file) as kept:
                ids, shares = torch.from_numpy(kept["ids"].astype(np.int64)), torch.from_numpy(kept["shares"])
        except (zipfile.BadZipFile, EOFError) as error:
            raise ValueError(f"damaged ({error})") from None
    if len(ids) != sum(lengths):
        raise ValueError(f"{path} has {len(ids)} tokens, its records {sum(lengths)}; delete it, and it is made again")
    return list(zip(ids.split(list(lengths)), shares.split(list(lengths))))


def refuse_eval(taught: Sequence[Teach], dataset: Dataset) -> None:
    """Raises ValueError naming every record of the set that is none of train, or repeats a prompt of eval or tune."""
    held_out = {normalised_prompt(record): record.id for record in (*dataset.split("eval"), *dataset.split("tune"))}
    leaked = [
        f"{teach.record.id} ({held_out.get(normalised_prompt(teach.record), teach.record.id)})"
        for teach in taught
        if teach.record.split != "train" or normalised_prompt(teach.record) in held_out
    ]
    if leaked:
        raise ValueError(
            f"the targeted set holds {len(leaked)} records that are not for training: {', '.join(leaked[:5])}; "
            "results on the splits eval and tune would mean nothing. Remove them from the train split"
        )


def rows(taught: Sequence[Teach]) -> list[dict[str, Any]]:
    """The lines of the stage's data.jsonl.gz."""
    return [
        {
            "id": teach.record.id,
            "task": teach.record.task,
            "split": teach.record.split,
            "source": teach.record.source,
            "labels": teach.labels,
            "why": teach.why,
            "messages": list(teach.record.messages),
            "think": teach.record.rationale is not None,
            "target": teach.target,
        }
        for teach in taught
    ]
