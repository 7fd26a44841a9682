"""Everything that can be known to be wrong before training starts."""

from collections.abc import Sequence
from dataclasses import replace

from redone.algo.dapo import overlong_cache
from redone.data.encode import Encoder
from redone.data.load import SPLITS, Dataset
from redone.records import Record
from redone.rewards import METRICS, score, validate_options

_SHOWN = 20


def check_rewards(dataset: Dataset) -> tuple[Dataset, list[str]]:
    """The dataset without records whose gold answer their own reward does not score 1, and a note for each task
    that lost some.

    Raises ValueError listing them where a task does not say on_bad_gold = "drop".
    """
    refused: list[str] = []
    notes = []
    records = dict(dataset.records)
    for name, task in dataset.tasks.items():
        validate_options(task)
        if task.metric not in METRICS:
            raise ValueError(f"task {name}: unknown metric {task.metric}; there are {', '.join(METRICS)}")
        bad: list[Record] = []
        for split in SPLITS:
            for record in dataset.records[name][split]:
                gold = f"<think>{record.rationale}</think>{record.answer}" if task.think else record.answer
                verdict = score(task, record, gold)
                if verdict.score < 1.0:
                    bad.append(record)
                    refused += [f"  {record.source} ({record.id}): {record.answer!r} scores {verdict.score:g}: {verdict.note}"]
        if bad and task.on_bad_gold == "drop":
            refused = refused[: -len(bad)]
            out = {record.id for record in bad}
            records[name] = {s: tuple(r for r in records[name][s] if r.id not in out) for s in SPLITS}
            notes.append(f"{name}: {len(bad)} records left out, whose reference answer their reward does not score 1")
    if refused:
        more = f"\n  and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
        raise ValueError(
            f"{len(refused)} reference answers do not score 1 under their own reward; mend them, or set "
            'on_bad_gold = "drop" in their task:\n' + "\n".join(refused[:_SHOWN]) + more
        )
    return replace(dataset, records=records), notes


def check_lengths(dataset: Dataset, encoder: Encoder, max_context: int) -> None:
    """Raises ValueError naming records whose prompt does not fit the context, or whose reference answer does not
    fit the budget or lies in the zone that the overlong penalty punishes."""
    problems: list[str] = []
    for name, task in dataset.tasks.items():
        room = max_context - task.budget
        most = task.budget - overlong_cache(task.budget)
        records: Sequence[Record] = [r for split in SPLITS for r in dataset.records[name][split]]
        targets = [encoder.target_text(r, task) for r in records]
        answers = encoder.tokenizer(targets, add_special_tokens=False)["input_ids"]
        for record, prompt, answer in zip(records, encoder.prompts(records, dict(dataset.tasks)), answers):
            if len(prompt) > room:
                problems.append(
                    f"  {record.source} ({record.id}): the prompt's {len(prompt)} tokens and the answer's budget of "
                    f"{task.budget} exceed the context of {max_context}; raise model.max_context or shorten the record"
                )
            if len(answer) + 1 > most:
                problems.append(
                    f"  {record.source} ({record.id}): the reference answer has {len(answer) + 1} tokens with its end, "
                    f"but task {name} rewards at most {most} in full; raise its budget of {task.budget}"
                )
    if problems:
        more = f"\n  and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise ValueError(f"{len(problems)} records do not fit:\n" + "\n".join(problems[:_SHOWN]) + more)
