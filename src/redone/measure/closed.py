"""Closed tasks, whose answer is one of a few labels, and the lenient reading of their answers: is the first label that
is named the right one? Beside the strict score it tells what a model knows from whether it says it in the form asked
for. Nothing is trained on it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from redone.data.load import Dataset
from redone.measure.items import Item
from redone.records import Reason, Record, Task, Verdict
from redone.rewards import LONGEST, counted, extract, said
from redone.rewards.exact import letter
from redone.rewards.labels import Commonest, commonest
from redone.rewards.named import AGREEMENT, Names, first_named, names_of
from redone.texts import whole
from redone.thinking import split_thinking

LENIENT = "lenient"  # the reading
MOST_LABELS = 20  # a task with more distinct answers has no label set to list
_SHOWN = 5  # tasks that are answered nearly alike
OFTEN = 2  # records for each label, at least: else the answers are no labels


@dataclass(frozen=True)
class Labels:
    """What a record's labels are called, those that are right, and what the reward calls those it calls otherwise."""

    names: Names
    right: frozenset[str]
    said: Mapping[str, str] = field(default_factory=dict)


Closed = Callable[[Record], Labels | None]  # None where the record's labels cannot be told apart


def closed_tasks(dataset: Dataset) -> dict[str, Closed]:
    """Those of the tasks that are closed. Such a one has the reward `exact`: of options; of yes or no; of a text or a
    level where all reference answers together are two to MOST_LABELS; or of a text among the record's candidates."""
    found = {name: _closed(task, dataset) for name, task in dataset.tasks.items() if task.reward == "exact"}
    return {name: labels for name, labels in found.items() if labels is not None}


def lenient(task: Task, closed: Closed, record: Record, text: str, strict: Verdict) -> Verdict:
    """The verdict on a text as the model wrote it. strict: the reward's, and where that is right, or there is no answer
    to read, the lenient one too."""
    answer = split_thinking(whole(text))[1]
    if strict.score == 1.0 or strict.missing or strict.reason == "error" or answer is None or len(answer) > LONGEST:
        return strict
    labels = closed(record)
    if labels is None:
        return strict
    named = first_named(answer, labels.names)
    if named is None:
        return counted(task, record, Verdict(0.0, "unparsable", {"parsed": 0.0}, "names no label"))
    reason: Reason = "right" if named in labels.right else "wrong"
    note, own = f"names {named!r:.80} first", labels.said.get(named, named)
    return counted(task, record, Verdict(float(reason == "right"), reason, {"parsed": 1.0}, note, said=own))


def commonest_answers(
    tasks: Mapping[str, Task], records: Iterable[Record], items: Mapping[str, Sequence[Item]]
) -> dict[str, Commonest]:
    """Task to the label that its answers name the most, of the tasks that were read leniently. records: the items'."""
    by_id = {record.id: record for record in records}
    pairs: dict[str, list[tuple[str, str]]] = {}
    for name, mine in items.items():
        for item in mine:
            record = by_id[item.id]
            gold = said(tasks[name], record, record.gold_text)
            for verdict in item.readings.get(LENIENT, ()):
                pairs.setdefault(name, []).append((verdict.said if verdict.score == 1.0 else gold, verdict.said))
    found = {name: commonest(mine) for name, mine in pairs.items()}
    return {name: one for name, one in found.items() if one is not None}


def nearly_constant(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Commonest]:
    """Of the tasks in a model's entry of results.json those that it answers nearly alike, the worst first."""
    found = {name: Commonest(**one) for name, entry in entries.items() if (one := entry.get("commonest"))}
    alike = {name: one for name, one in found.items() if one.nearly_constant}
    return dict(sorted(alike.items(), key=lambda item: item[1].references - item[1].share))


def alarms(entries: Mapping[str, Mapping[str, Any]], whose: str) -> list[str]:
    """A line for each of those tasks, the worst ones, and how many there are beside them. whose: answers."""
    found = nearly_constant(entries)
    lines = [f"{whose}, {name}: {one}: nearly a constant" for name, one in list(found.items())[:_SHOWN]]
    more = len(found) - len(lines)
    return [*lines, f"{whose}: {more} more closed task{'s are' if more > 1 else ' is'} answered so"] if more else lines


def _closed(task: Task, dataset: Dataset) -> Closed | None:
    kind = task.options.get("kind", "text")
    rules = {key: bool(task.options[key]) for key in ("case", "width", "punctuation") if key in task.options}
    if kind == "choice":
        return lambda record: _of_candidates(record, record.fields["candidates"], rules, lettered=True)
    if kind == "yes or no":
        return lambda record: _right(AGREEMENT, [_agreement(text) for text in _answers(record)])
    if kind not in ("text", "level"):
        return None
    records = [record for mine in dataset.records[task.name].values() for record in mine]
    read = _level if kind == "level" else lambda text: extract.normalise(text, **rules)
    answers = {read(text) for record in records for text in _answers(record)}
    if 2 <= len(answers) <= MOST_LABELS and len(records) >= OFTEN * len(answers):
        names = names_of(sorted(answers), **({} if kind == "level" else rules))
        return None if names is None else lambda record: _right(names, [read(text) for text in _answers(record)])
    if task.candidates and kind == "text":
        return lambda record: _of_candidates(record, record.fields[task.candidates], rules)
    return None


def _of_candidates(
    record: Record, candidates: Sequence[object], rules: Mapping[str, bool], lettered: bool = False
) -> Labels | None:
    texts = [str(one) for one in candidates]
    names = names_of(texts, lettered, **rules)
    normal = [extract.normalise(text, **rules) for text in texts]
    places = [extract.option(text, texts, **rules) for text in _answers(record)]
    right = frozenset(normal[place] for place in places if place is not None)
    said = {text: letter(place) for place, text in enumerate(normal)} if lettered else {}
    return None if names is None else Labels(names, right, said)


def _right(names: Names, labels: Sequence[str]) -> Labels:
    return Labels(names, frozenset(labels))


def _answers(record: Record) -> tuple[str, ...]:
    return (record.answer, *record.accepted)


def _agreement(text: str) -> str:
    return "yes" if extract.agreement(text) else "no"


def _level(text: str) -> str:
    return str(extract.level(text))
