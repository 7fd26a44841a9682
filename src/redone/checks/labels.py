"""Tasks whose answers are labels: metrics that need them, and what a person should know of them before a run."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations

from redone.checks.check import every
from redone.data.load import Dataset
from redone.measure.closed import MOST_LABELS, OFTEN, closed_tasks
from redone.records import Record, Task
from redone.rewards import COMPARING, JUDGED, SANDBOXED, extract, said, uses
from redone.rewards.labels import PER_LABEL
from redone.run.scoring import Asked, ScoreAll

SKEWED = 0.6  # share of one label among the eval references above which the mean is nearly won by it
_TAKEN = 0.5  # score from which a reward takes one label for another


def check_labels(dataset: Dataset, score_all: ScoreAll) -> list[str]:
    """A sentence for each task whose reference answers are all alike, whose mean one label nearly wins, or whose labels
    are taken for one another.

    Raises ValueError naming the task whose metric is over labels and whose reference answers are not a few labels, or
    that names a class which none of them is.
    """
    notes: list[str] = []
    closed = closed_tasks(dataset)
    for name, task in dataset.tasks.items():
        records = every(dataset, name)
        if task.metric in PER_LABEL:
            _check_metric(task, records)
        if uses(task, COMPARING):
            notes += _alike(task, records)
        if name in closed and task.metric == "mean":
            notes += _skewed(task, dataset.records[name]["eval"])
        within = _within(records)
        if within and not uses(task, (*JUDGED, *SANDBOXED)):
            notes += _taken(task, within, score_all)
        if within and name in closed and task.options.get("kind", "text") == "text":
            notes.append(_loosely(task, *next(iter(within))))
    return notes


def _check_metric(task: Task, records: Sequence[Record]) -> None:
    labels = sorted({said(task, record, record.gold_text) for record in records} - {""})
    if not (2 <= len(labels) <= MOST_LABELS and len(records) >= OFTEN * len(labels)):
        raise ValueError(
            f"task {task.name}: metric {task.metric} is a mean over a few labels, 2 to {MOST_LABELS} of {OFTEN} "
            f"records each, and its {len(records):,} reference answers are {len(labels):,} different ones; set "
            'metric = "mean"'
        )
    if unknown := [one for one in task.classes if one not in labels]:
        raise ValueError(
            f"task {task.name}: classes names {unknown[0]!r}, which no reference answer is; they are "
            f"{', '.join(map(repr, labels))}"
        )


def _alike(task: Task, records: Sequence[Record]) -> Iterator[str]:
    if len(records) > 1 and len({extract.normalise(record.answer) for record in records}) == 1:
        yield (
            f'{task.name}: every reference answer is "{records[0].answer:.60}", so that always saying so is right, and '
            "nothing is learnt"
        )


def _skewed(task: Task, records: Sequence[Record]) -> Iterator[str]:
    counts = Counter(said(task, record, record.gold_text) for record in records)
    label, count = max(counts.items(), key=lambda item: item[1], default=("", 0))
    if len(counts) > 1 and label and count > SKEWED * len(records):
        yield (
            f'{task.name}: {100 * count / len(records):.0f} % of the references are "{label}", which is the mean that '
            'always saying so has; metric = "macro_f1" is one that no constant wins'
        )


def _within(records: Sequence[Record]) -> dict[tuple[str, str], tuple[Record, Record]]:
    """Of reference answers that are a few labels, those pairs of which the first stands whole within the second, each
    with its first record."""
    first: dict[str, Record] = {}
    for record in records:
        first.setdefault(extract.normalise(record.answer), record)
        if len(first) > MOST_LABELS:
            return {}
    if len(records) < OFTEN * len(first):
        return {}
    words = {label: f" {' '.join(extract.tokens(label))} " for label in first}
    return {
        (a, b): (first[a], first[b])
        for a, b in permutations(first, 2)
        if words[a].strip() and words[a] != words[b] and words[a] in words[b]
    }


def _taken(task: Task, within: Mapping[tuple[str, str], tuple[Record, Record]], score_all: ScoreAll) -> Iterator[str]:
    """The label that earns most where one that stands within it is right, if that is much."""
    found = score_all([Asked(short, [(long.gold_text, True)]) for short, long in within.values()])
    paid = [(verdict.score, *pair) for [verdict], pair in zip(found, within.values()) if verdict.score >= _TAKEN]
    if paid:
        score, record, other = max(paid, key=lambda one: one[0])
        yield (
            f'{task.name}: its reward {task.reward} gives "{other.answer}" {score:.2g} where "{record.answer}" is '
            'right; the reward "exact" takes no label for another'
        )


def _loosely(task: Task, short: str, long: str) -> str:
    return (
        f'{task.name}: the label "{short}" stands within "{long}", so that the lenient reading takes an answer that '
        "says the longer one in other words for the shorter; labels of which none holds another are read surely"
    )
