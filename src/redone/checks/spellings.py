"""Whether reference answers are right in every spelling that their reward takes for the same (`redone check`).

Compared with itself a reference is always right; what is wrong with it shows when it is written another way.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from redone.data.load import Dataset
from redone.records import Record, Task
from redone.rewards import extract
from redone.rewards.mathematics import spellings as mathematical
from redone.run.scoring import Asked, ScoreAll


@dataclass(frozen=True)
class Misread:
    """A record whose reference answer scores less than 1 in another spelling."""

    record: Record
    spelling: str
    note: str


def misread(dataset: Dataset, task: Task, score_all: ScoreAll) -> list[Misread]:
    """The first such spelling of each different reference answer; none of a task that finds its answer by steps of its
    own (`extract`), whose other spellings nobody knows."""
    if task.extract or task.reward not in SPELLINGS:
        return []
    records: dict[tuple[str, str], Record] = {}  # the first with each reference
    for record in (record for mine in dataset.records[task.name].values() for record in mine):
        records.setdefault((record.answer, str(record.fields.get("candidates"))), record)
    others = [
        (record, [text for text in dict.fromkeys(SPELLINGS[task.reward](task, record)) if text != record.answer])
        for record in records.values()
    ]
    found = []
    asked = [Asked(r, [(replace(r, answer=text).gold_text, True) for text in texts]) for r, texts in others]
    for (record, texts), verdicts in zip(others, score_all(asked)):
        wrong = [Misread(record, text, v.note) for text, v in zip(texts, verdicts) if v.score < 1]
        found += wrong[:1]
    return found


def _exact(task: Task, record: Record) -> Sequence[str]:
    kind = task.options.get("kind", "text")
    return _KINDS[kind](task, record)


def _text(task: Task, record: Record) -> list[str]:
    text = record.answer
    written = ["  ".join(text.split(" "))]
    if not extract.fold(text).endswith((".", "。")):
        written.append(f"{text}.")
    if not task.options.get("case") and text.upper().lower() == text.lower():  # not so in Turkish
        written += [text.upper(), text.lower()]
    return written


def _choice(task: Task, record: Record) -> list[str]:
    """By letter, by text and by both; the letter alone where no option is a letter itself."""
    options = [str(text) for text in record.fields["candidates"]]
    rules = {key: value for key, value in task.options.items() if key != "kind"}
    place = extract.option(record.answer, options, **rules)
    if place is None or place >= 26:
        return []
    letter, text = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[place], options[place]
    alone = [] if any(len(option.strip()) == 1 for option in options) else [letter, f"({letter})", f"{letter}."]
    return [text, f"{letter}. {text}", f"({letter}) {text}", *alone]


def _agreement(task: Task, record: Record) -> list[str]:
    return ["Yes", "true", "是"] if extract.agreement(record.answer) else ["No.", "false", "否"]


def _level(task: Task, record: Record) -> list[str]:
    level = extract.level(record.answer)
    return [f"{level}", f"level {level}", f"{level}级"]


def _number(task: Task, record: Record) -> list[str]:
    """The value without its unit, as a fraction of whole numbers, and with its decimals where they end."""
    read = extract.number(record.answer)
    if read is None:
        return []
    value = read[0]
    ends = 10**30 % value.denominator == 0 and abs(value) < 10**20
    return [f"{value.numerator}/{value.denominator}", *([f"{_decimal(value)}"] if ends else [])]


def _decimal(value: Fraction) -> str:
    places = next(places for places in range(1, 31) if (value * 10**places).denominator == 1)
    digits = str(abs(int(value * 10**places))).rjust(places + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def _list(task: Task, record: Record) -> list[str]:
    separator = task.options.get("separator", ",")
    return [f" {separator} ".join(part.strip() for part in record.answer.split(separator))]


def _set(task: Task, record: Record) -> list[str]:
    separator = task.options.get("separator", ",")
    return [*_list(task, record), separator.join(reversed(record.answer.split(separator)))]


def _json(task: Task, record: Record) -> list[str]:
    value = extract.json_of(extract.unfence(record.answer))
    return [json.dumps(value, indent=2, ensure_ascii=False), json.dumps(value)]


def _expression(task: Task, record: Record) -> list[str]:
    return [f"```python\n{record.answer}\n```"]


def _code(task: Task, record: Record) -> list[str]:
    return [
        f"Here it is:\n\n```python\n{record.answer}\n```\n\nIt is what was asked for.",
        f"```\n{record.answer}\n```\n\nRun it:\n\n```bash\npython answer.py\n```",
    ]


_KINDS: Mapping[str, Callable[[Task, Record], Sequence[str]]] = {
    "text": _text,
    "choice": _choice,
    "yes or no": _agreement,
    "level": _level,
    "number": _number,
    "list": _list,
    "set": _set,
}
SPELLINGS: Mapping[str, Callable[[Task, Record], Sequence[str]]] = {
    "exact": _exact,
    "set_f1": _set,
    "mathematics": lambda task, record: mathematical(record.answer),
    "json_schema": _json,
    "expression": _expression,
    "program": _code,
    "calls": _code,
    "asserts": _code,
}
