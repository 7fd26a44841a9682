"""What a task's reward would pay for answers that deserve nothing (`redone check CONFIG --rewards`).

In reinforcement learning the reward is the specification, and a model finds every hole in it. A hole is a cheat that
pays more than the best answer that needs no model.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from redone.data.load import Dataset
from redone.measure.closed import MOST_LABELS
from redone.measure.trivial import trivial_verdicts
from redone.records import Record, Task
from redone.run.scoring import Asked, ScoreAll

_LOOK_ALIKE = str.maketrans("aceopxyABCEHKMOPTX", "асеорхуАВСЕНКМОРТХ")  # Cyrillic


@dataclass(frozen=True)
class Situation:
    """A record, two others of its task, and the answers one can choose from."""

    record: Record
    others: tuple[Record, Record]
    labels: tuple[str, ...]


CHEATS: Mapping[str, Callable[[Situation], str]] = {
    "empty": lambda a: "",
    "every option": lambda a: " , ".join(a.labels),
    "prompt echoed": lambda a: a.record.prompt_text,
    "prompt, answer": lambda a: f"{a.record.prompt_text} {a.record.answer}",
    "answer twice": lambda a: f"{a.record.answer} {a.record.answer}",
    "answer in lines": lambda a: "\n".join([a.record.answer] * 10),
    "answer in a list": lambda a: f"{a.others[0].answer} {a.record.answer} {a.others[1].answer}",
    "answer in a sentence": lambda a: f"It may be {a.record.answer}, but I am not at all sure about that.",
    "all labels thought": lambda a: f"<think>{' , '.join((*a.labels, a.record.answer))}</think>",  # and nothing said
    "markdown": lambda a: f"**{a.record.answer}**",
    "look-alikes": lambda a: f"{a.record.answer.translate(_LOOK_ALIKE)}\u200b",  # and a space that nobody sees
    "100,000 characters": lambda a: f"{a.record.answer} " * (100_000 // (len(a.record.answer) + 1)),
}


@dataclass(frozen=True)
class Stress:
    """Mean rewards of a task's records, 0 to 1."""

    task: str
    gold: float
    others: float  # the next record's answer
    baseline: float  # the best answer that needs no model
    earned: Mapping[str, float]  # by cheat

    @property
    def holes(self) -> dict[str, float]:
        return {cheat: value for cheat, value in self.earned.items() if value > self.baseline}


def stress(dataset: Dataset, task: Task, score_all: ScoreAll, most: int = 40) -> Stress:
    """What gold answers, other records' answers and each cheat would earn over the first eval records."""
    records = dataset.records[task.name]["eval"][:most]
    labels = _labels(dataset, task)
    situations = [
        Situation(record, (records[i - 1], records[i - 2]), labels or tuple(_candidates(task, record)))
        for i, record in enumerate(records)
    ]

    def mean(texts: Sequence[str]) -> float:
        found = score_all([Asked(record, [(text, True)]) for record, text in zip(records, texts)])
        return fmean(verdict.score for [verdict] in found)

    def earned(answer: Callable[[Situation], str]) -> float:
        return mean([answer(one) for one in situations])

    trivial = trivial_verdicts(dataset, records, score_all)[task.name].values()
    return Stress(
        task=task.name,
        gold=mean([record.gold_text for record in records]),
        others=earned(lambda a: a.others[0].answer),
        baseline=max(fmean(verdict.score for verdict in verdicts) for verdicts in trivial),
        earned={name: earned(cheat) for name, cheat in CHEATS.items()},
    )


def _labels(dataset: Dataset, task: Task) -> tuple[str, ...]:
    """The task's distinct answers, where they are few."""
    found = sorted({record.answer for record in dataset.records[task.name]["train"]})
    return tuple(found) if len(found) <= MOST_LABELS else ()


def _candidates(task: Task, record: Record) -> Sequence[str]:
    return [str(text) for text in record.fields[task.candidates]] if task.candidates else []
