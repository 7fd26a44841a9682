"""What is no mistake for certain and probably one: sentences for a person, one for each cause."""

import re
from collections.abc import Collection, Sequence

from redone.checks.check import every, half_width
from redone.data.load import Dataset
from redone.records import Record, Split, Task

FEW = 30  # records below which a task's score says next to nothing
_NAMED = 8  # tasks in a sentence
_LEFT = re.compile(r"(?<!\w)\{\s*(\w+)\s*\}")
_DOUBLED = re.compile(r"(?<!\w)\{\{\s*(\w+)\s*\}\}")  # in a template, of which only the inner ones are filled in
_VARIES = re.compile(r'"[^"]*"|\d[\d,.]*')  # between notes that say the same of two tasks


def named(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def grouped(notes: Sequence[str], tasks: Collection[str]) -> list[str]:
    """The notes; of those that say the same of several tasks, but for numbers and what is quoted, the first, and of
    which tasks else it holds."""
    alike: dict[str, list[str]] = {}
    for note in dict.fromkeys(notes):
        name, colon, said = note.partition(": ")
        alike.setdefault(_VARIES.sub("#", said) if colon and name in tasks else note, []).append(note)
    return [
        f"{first}; likewise {named([one.partition(': ')[0] for one in others])}" if others else first
        for first, *others in alike.values()
    ]


def repeated(dataset: Dataset) -> list[str]:
    """The tasks that lost records whose prompt or text another split has, and what most of the first's share with
    which."""
    lost = sorted((name for name, removed in dataset.removed.items() if removed), key=lambda n: -dataset.removed[n])
    if not lost:
        return []
    most = dataset.shared.get(lost[0], ())
    why = f"; of {lost[0]} {most[0]}" if most else ""
    said = named([f"{name} {dataset.removed[name]:,}" for name in lost if name in dataset.tasks])
    return [f"records removed, because another split has their prompt or text: {said}{why}"]


def few_measured(dataset: Dataset, split: Split, most: int | None) -> list[str]:
    """The tasks of whose records so few are measured that a score of them says next to nothing. most: records of each
    task that are measured."""
    sizes = {name: len(dataset.records[name].get(split, ())[:most]) for name in dataset.tasks}
    few = sorted((name for name, size in sizes.items() if 0 < size < FEW), key=lambda name: (sizes[name], name))
    if not few:
        return []
    said = named([f"{name} {sizes[name]} (±{half_width([sizes[name]]):.0f})" for name in few])
    return [
        f"few records to measure by in {split}, so that a score of 50 is known to so many points alone, at 95 %: "
        f"{said}; bring {FEW} at least"
    ]


def left_in_braces(dataset: Dataset) -> list[str]:
    """The tasks whose prompts or answers hold the name of one of their fields in braces, as where it was to be filled
    in; a field is filled in where the template has it in single braces without spaces."""
    found = {name: left for name, task in dataset.tasks.items() if (left := _left(task, every(dataset, name)))}
    if not found:
        return []
    said = named([f"{name} has {left}" for name, left in found.items()])
    return [f"fields left in braces: {said}; a template writes a field as {{name}}"]


def _left(task: Task, records: Sequence[Record]) -> str:
    """The first field that is left so, as it stands there, and in how many records; "" where none is."""
    templates = (task.system, task.prompt, task.answer, task.rationale)
    for match in (match for text in templates for match in _DOUBLED.finditer(text)):
        if match[1] in records[0].fields:
            return match[0]
    left: list[str] = []
    for record in records:
        texts = (*(str(turn["content"]) for turn in record.messages), record.answer)
        found = (match for text in texts for match in _LEFT.finditer(text) if match[1] in record.fields)
        left += [match[0] for match in found][:1]
    return f"{left[0]} in {len(left):,} of {len(records):,} records" if left else ""
