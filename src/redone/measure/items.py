"""Items: a record's verdicts in every reading, one for each sample, and the lines of items.jsonl that hold them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from redone.files import numbered_jsonl, write_jsonl
from redone.records import Record, Verdict

Samples = list[list[Verdict]]  # [K samples][n records]


@dataclass(frozen=True)
class Item:
    subset: str
    id: str
    group: str  # "" where its subset has no groups
    readings: Mapping[str, tuple[Verdict, ...]]  # one verdict per sample

    def score(self, reading: str) -> float:
        """The mean over samples, 0 to 1."""
        return fmean(verdict.score for verdict in self.readings[reading])

    def found(self, reading: str) -> list[Any]:
        """All that an aggregate may look at."""
        return [(verdict.score, verdict.parts) for verdict in self.readings[reading]]


Items = Mapping[str, Sequence[Item]]  # subset -> its items


def samples_of(items: Sequence[Item], reading: str) -> Samples:
    """[K samples][n items]; those that all items have."""
    return [list(sample) for sample in zip(*(item.readings[reading] for item in items))]


def item_line(set_name: str, item: Item) -> dict[str, Any]:
    """Each reading's verdicts, or the name of the reading it shares them with; and the first reading's mean score."""
    readings: dict[str, list[dict[str, Any]] | str] = {}
    for name, verdicts in item.readings.items():
        first = next(other for other, mine in item.readings.items() if mine is verdicts)
        readings[name] = first if first != name else [_verdict_line(verdict) for verdict in verdicts]
    name = next(iter(readings))
    mine = {"score": item.score(name), "reason": item.readings[name][0].reason}
    subset = {} if item.subset == _beginning(item.id) else {"subset": item.subset}
    group = {"group": item.group} if item.group else {}
    return {"benchmark": set_name, **subset, "id": item.id, **group, **mine, "readings": readings}


def write_prompts(folder: Path, records: Iterable[Record]) -> None:
    """What was asked, and the reference answers, for people: prompts.jsonl.gz."""
    rows = ({"id": r.id, "task": r.task, "prompt": r.prompt_text, "answer": r.answer} for r in records)
    write_jsonl(folder / "prompts.jsonl.gz", rows)


def _verdict_line(verdict: Verdict) -> dict[str, Any]:
    missing = {"missing": verdict.missing} if verdict.missing else {}
    return {
        "score": verdict.score,
        "reason": verdict.reason,
        "note": verdict.note,
        **missing,
        **({"said": verdict.said} if verdict.said else {}),
        "parts": parts_line(verdict),
    }


def parts_line(verdict: Verdict) -> dict[str, float | None]:
    """Null where a part is no number: NaN is no JSON."""
    return {name: None if math.isnan(value) else value for name, value in verdict.parts.items()}


def _beginning(id: str) -> str:
    """The subset, in ids of benchmarks: "<subset>/<index>"."""
    return id.rpartition("/")[0]


def read_items(path: Path) -> dict[str, dict[str, Item]]:
    """Set to id to item. Raises ValueError naming file and line where one is no item, or stands there twice."""
    found: dict[str, dict[str, Item]] = {}
    for line, row in numbered_jsonl(path):
        name, item = _item(row, f"{path}:{line}")
        mine = found.setdefault(name, {})
        if item.id in mine:
            raise ValueError(f"{path}:{line}: {item.id} of {name} stands there twice")
        mine[item.id] = item
    return found


def _item(row: Mapping[str, Any], where: str) -> tuple[str, Item]:
    """Set and item. Readings with equal verdicts, which differ in how they are summed up, share them."""
    try:
        seen: list[tuple[Any, tuple[Verdict, ...]]] = []
        readings: dict[str, tuple[Verdict, ...]] = {}
        for name, raw in row["readings"].items():
            if isinstance(raw, str):
                readings[name] = readings[raw]
                continue
            made = next((verdicts for other, verdicts in seen if other == raw), None)
            readings[name] = made or tuple(map(_verdict, raw))
            seen.append((raw, readings[name]))
        if not readings or not all(readings.values()):
            raise ValueError("a reading without verdicts")
        id = str(row["id"])
        subset = str(row.get("subset", _beginning(id)))
        return str(row["benchmark"]), Item(subset, id, str(row.get("group", "")), readings)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{where}: not a line of an items file, which `--items` writes ({error})") from None


def _verdict(one: Mapping[str, Any]) -> Verdict:
    parts = {part: number(value) for part, value in one["parts"].items()}
    return Verdict(float(one["score"]), one["reason"], parts, one["note"], one.get("missing", ""), one.get("said", ""))


def number(value: float | None) -> float:
    """One and the same nan for all that is no number, so that equal parts are equal."""
    return math.nan if value is None or math.isnan(value) else float(value)
