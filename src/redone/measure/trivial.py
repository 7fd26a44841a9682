"""Answers that need no model, and what they earn: what a score has to beat before it says anything."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import fmean

from redone.data.convert import filled_at
from redone.data.load import Dataset
from redone.measure.items import Item
from redone.measure.score import points
from redone.measure.shape import SubsetShape
from redone.records import Record, Task, Verdict
from redone.run.scoring import Asked, ScoreAll

Trivial = Mapping[str, Sequence[Verdict]]  # name of an answer -> its verdict on each record


def filled(templates: Mapping[str, str], records: Sequence[Record]) -> dict[str, list[str]]:
    """A benchmark's: name to an answer for each record. {majority} is the most frequent reference among them."""
    majority = most_frequent(records)
    return {
        name: [
            filled_at(template, {"majority": majority, **record.fields}, f"{record.id}, answer {name}")
            for record in records
        ]
        for name, template in templates.items()
    }


def most_frequent(records: Sequence[Record]) -> str:
    """The reference that comes most often, of several the first by name."""
    counts = Counter(record.answer for record in records)
    return min(counts, key=lambda answer: (-counts[answer], answer), default="")


def of_task(task: Task, train: Sequence[Record]) -> dict[str, Callable[[Record], str]]:
    """A task's: the majority label of train, where it has records there, each of the classes that its metric is over,
    empty, the first candidate, all of them, the source echoed."""
    majority = most_frequent(train)
    kinds: dict[str, Callable[[Record], str]] = {"majority": lambda r: majority} if train else {}
    for label in task.classes:
        kinds[f"always {label}"] = partial(_always, label)
    kinds["empty"] = lambda r: ""
    if task.candidates:
        kinds["first candidate"] = lambda r: str(r.fields[task.candidates][0])
        kinds["all candidates"] = lambda r: task.options.get("separator", ",").join(map(str, r.fields[task.candidates]))
    if task.source:
        kinds["source echoed"] = lambda r: str(r.fields[task.source])
    return kinds


def _always(label: str, record: Record) -> str:
    return label


def trivial_verdicts(dataset: Dataset, records: Sequence[Record], score_all: ScoreAll) -> dict[str, Trivial]:
    """Task to the verdicts on its trivial answers to those of the records that are its own, in order.

    Raises ValueError where one of them could not be scored.
    """
    tasks = {name: dataset.tasks[name] for name in dict.fromkeys(record.task for record in records)}
    kinds = {name: of_task(task, dataset.records[name]["train"]) for name, task in tasks.items()}
    asked = [Asked(record, [(answer(record), True) for answer in kinds[record.task].values()]) for record in records]
    found: dict[str, list[list[Verdict]]] = {name: [] for name in tasks}
    for one, verdicts in zip(asked, score_all(asked)):
        if broken := [verdict for verdict in verdicts if verdict.reason == "error"]:
            raise ValueError(f"{one.record.id}: a trivial answer could not be scored: {broken[0].note}")
        found[one.record.task].append(list(verdicts))
    return {name: dict(zip(kinds[name], zip(*mine))) for name, mine in found.items()}


def best(task: Task, trivial: Trivial) -> tuple[float, str]:
    """Score, 0 to 100, and name of the best of them; of equals the last by name."""
    shape = SubsetShape(task.name, {"score": task.metric})
    earned = {
        name: points(shape, [Item(task.name, "", "", {"score": (verdict,)}) for verdict in verdicts])["score"]
        for name, verdicts in trivial.items()
    }
    name = max(earned, key=lambda name: (earned[name], name))
    return earned[name], name


def chance(task: Task, trivial: Trivial) -> float:
    """The highest pass rate, 0 to 1, of one of them."""
    return max(fmean(v.score >= task.pass_at for v in verdicts) for verdicts in trivial.values())
