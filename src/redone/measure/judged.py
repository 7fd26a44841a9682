"""A model's answers to records of a configuration's tasks, with their verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from redone.measure.ask import Answerer, ask, text_of
from redone.measure.missing import marked
from redone.records import Prompt, Record, Task, Text, Verdict
from redone.run.log import Log
from redone.run.scoring import Asked, ScoreAll, refuse_errors


@dataclass(frozen=True)
class Judged:
    """A record with its sampled answers. logprobs of a text: the mean of its tokens' alone, where it is known."""

    record: Record
    texts: tuple[Text, ...]
    verdicts: tuple[Verdict, ...]


def prompt_of(record: Record, task: Task) -> Prompt:
    return Prompt(record.id, record.messages, task.budget, task.think)


def judged(
    answerer: Answerer,
    tasks: Mapping[str, Task],
    score_all: ScoreAll,
    records: Sequence[Record],
    path: Path,
    *,
    most_errors: float,
    log: Log,
    label: str,
) -> list[Judged]:
    """The answers to the records, which `path` keeps, and their verdicts, in order.

    Raises ValueError where more than the share `most_errors` of them could not be scored.
    """
    prompts = [prompt_of(record, tasks[record.task]) for record in records]
    texts = [tuple(map(text_of, lines)) for lines in ask(answerer, prompts, path, log=log, label=label)]
    asked = [Asked(record, [(_answer(t), t.finished) for t in mine]) for record, mine in zip(records, texts)]
    verdicts = score_all(asked)
    refuse_errors(zip((record.task for record in records), verdicts), most_errors)
    return [
        Judged(record, mine, tuple(marked(v, record, t.missing) for v, t in zip(found, mine)))
        for record, mine, found in zip(records, texts, verdicts)
    ]


def examples(judged: Sequence[Judged], most: int = 3) -> list[dict[str, Any]]:
    """The worst answered records, each with its first answer."""
    worst = sorted(judged, key=lambda item: fmean(verdict.score for verdict in item.verdicts))[:most]
    return [
        {
            "id": item.record.id,
            "prompt": item.record.prompt_text,
            "answer": item.record.answer,
            "output": item.texts[0].text,
            "score": item.verdicts[0].score,
            "reason": item.verdicts[0].reason,
        }
        for item in worst
    ]


def _answer(text: Text) -> str:
    """What is scored: of an answer that is missing nothing, whatever was written before it was lost."""
    return "" if text.missing and text.missing != "empty" else text.text
