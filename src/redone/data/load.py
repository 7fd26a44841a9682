"""From pack files and rows to records in three splits.

A pack is a TOML file of task definitions over JSON Lines files (docs/data.md). An official test split is eval and an
official validation split probe; what is missing is hashed out of train by the normalised prompt. Train records whose
prompt is also in probe or eval are removed and counted, and so are probe records whose prompt is in eval.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

from redone.config import nearest
from redone.data.dedupe import normalised_prompt
from redone.records import GENERAL_GROUPS, Record, Split, Task, read_jsonl

SPLITS: tuple[Split, ...] = get_args(Split)
_FIELD = re.compile(r"\{(\w+)\}")
_TASK_KEYS = {f.name for f in fields(Task)} - {"name"}

Rows = Callable[[str, Split], Iterable[tuple[str, Mapping[str, Any]]]]  # (task, split) -> (source, row) pairs


@dataclass(frozen=True)
class Pack:
    """Task definitions and where their rows come from. splits: those the source has itself, by task."""

    name: str
    tasks: Mapping[str, Task]
    rows: Rows
    splits: Mapping[str, tuple[Split, ...]]


@dataclass(frozen=True)
class Dataset:
    tasks: Mapping[str, Task]
    records: Mapping[str, Mapping[Split, tuple[Record, ...]]]  # task -> split -> records
    removed: Mapping[str, int]  # task -> train and probe records left out because their prompt is in a later split

    def split(self, split: Split) -> list[Record]:
        return [record for task in self.tasks for record in self.records[task][split]]

    def fingerprint(self) -> dict[str, dict[str, Any]]:
        """Number of records and SHA-256 of the contents, by task."""
        prints = {}
        for name in self.tasks:
            digest = hashlib.sha256()
            for split in SPLITS:
                for record in self.records[name][split]:
                    digest.update(json.dumps([record.id, record.messages, record.answer], sort_keys=True).encode())
            counts = {split: len(self.records[name][split]) for split in SPLITS}
            prints[name] = {**counts, "removed": self.removed[name], "sha256": digest.hexdigest()}
        return prints


def read_pack(path: Path, root: Path | None = None) -> Pack:
    """A pack file whose tasks read JSON Lines files below `root` (the pack's own folder if not given).

    Raises ValueError naming file and task.
    """
    table = read_toml(path)
    base = root if root is not None else path.parent
    tasks, sources = {}, {}
    for name, definition in table.get("tasks", {}).items():
        definition = dict(definition)
        files = definition.pop("files", None)
        convert = definition.pop("convert", {})
        if not isinstance(files, dict) or "train" not in files and "eval" not in files:
            raise ValueError(f'{path}: task {name} names no data; add files = {{train = "...", eval = "..."}}')
        for split, file in files.items():
            if split not in SPLITS:
                raise ValueError(f"{path}: task {name}: unknown split {split}; there are train, probe and eval")
            if not (base / file).is_file():
                raise ValueError(f"{path}: task {name}: there is no {base / file}; say where the data lie with --data")
        for field, rule in convert.items():
            if len(rule) != 1 or next(iter(rule)) not in CONVERT:
                raise ValueError(f"{path}: task {name}: convert.{field} must be one of {', '.join(CONVERT)}")
        tasks[name] = make_task(name, definition, str(path))
        sources[name] = (files, convert)

    def rows(task: str, split: Split) -> Iterator[tuple[str, Mapping[str, Any]]]:
        files, convert = sources[task]
        for number, row in enumerate(read_jsonl(base / files[split]), 1):
            where = f"{files[split]}:{number}"
            for field, rule in convert.items():
                [(kind, argument)] = rule.items()
                try:
                    row[field] = CONVERT[kind](row, field, argument)
                except (KeyError, TypeError) as error:
                    raise ValueError(f"{where}: cannot make field {field} of task {task}: {error}") from None
            yield where, row

    splits = {name: tuple(s for s in SPLITS if s in files) for name, (files, _) in sources.items()}
    return Pack(table.get("name", path.stem), tasks, rows, splits)


def read_toml(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such pack file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a TOML file: {error}") from None
    if not table.get("tasks"):
        raise ValueError(f"{path}: no [tasks.NAME] table")
    return table


def make_task(name: str, definition: Mapping[str, Any], where: str) -> Task:
    """A task from its TOML table. Raises ValueError naming file, task and key."""
    for key in definition:
        if key not in _TASK_KEYS:
            raise ValueError(f"{where}: task {name}: unknown key {key}{nearest(key, _TASK_KEYS)}")
    for key in ("part", "family", "prompt", "answer", "reward"):
        if key not in definition:
            raise ValueError(f"{where}: task {name} lacks {key}")
    task = Task(name=name, **definition)
    if task.part not in ("sns", "general"):
        raise ValueError(f'{where}: task {name}: part = "{task.part}"; it is "sns" (the domain) or "general"')
    if task.part == "general" and task.family not in GENERAL_GROUPS:
        raise ValueError(f'{where}: task {name}: family = "{task.family}"{nearest(task.family, GENERAL_GROUPS)}')
    if not isinstance(task.budget, int) or task.budget < 1:
        raise ValueError(f"{where}: task {name}: budget = {task.budget!r}; it is a number of tokens")
    if task.think and not task.rationale:
        raise ValueError(f"{where}: task {name} thinks, but has no rationale template")
    return task


def build(packs: Iterable[Pack], *, limit: int | None, probe: float, evaluation: float) -> Dataset:
    """All packs' records, split three ways. Raises ValueError for a doubled task name or a task without data."""
    tasks: dict[str, Task] = {}
    records: dict[str, Mapping[Split, tuple[Record, ...]]] = {}
    removed: dict[str, int] = {}
    for pack in packs:
        for name, task in pack.tasks.items():
            if name in tasks:
                raise ValueError(f"pack {pack.name}: task {name} is already defined by another pack")
            tasks[name] = task
            parts = {s: [_record(task, s, i, *r) for i, r in enumerate(pack.rows(name, s))] for s in pack.splits[name]}
            parts = _hash_out(parts, {"probe": probe, "eval": evaluation})
            records[name], removed[name] = _disjoint(parts, limit)
            empty = [split for split in SPLITS if not records[name][split]]
            if empty:
                raise ValueError(f"pack {pack.name}: task {name} has no data in {' and '.join(empty)}")
    return Dataset(tasks, records, removed)


def _record(task: Task, split: Split, number: int, source: str, row: Mapping[str, Any]) -> Record:
    def fill(template: str, what: str) -> str:
        def value(match: re.Match[str]) -> str:
            if match[1] not in row:
                raise ValueError(f"{source}: no field {match[1]}, which the {what} of task {task.name} needs")
            return str(row[match[1]])

        return _FIELD.sub(value, template)

    return Record(
        id=f"{task.name}/{split}/{number}",
        task=task.name,
        messages=({"role": "user", "content": fill(task.prompt, "prompt")},),
        answer=fill(task.answer, "answer"),
        split=split,
        source=source,
        rationale=fill(task.rationale, "rationale") if task.think else None,
        fields=row,
    )


def _hash_out(parts: dict[Split, list[Record]], shares: Mapping[str, float]) -> dict[Split, list[Record]]:
    """Fill missing probe and eval splits from train, by the hash of the normalised prompt."""
    missing = [split for split in ("probe", "eval") if split not in parts]
    if not missing:
        return parts
    out: dict[Split, list[Record]] = {"train": [], "probe": [], "eval": [], **parts, "train": []}  # type: ignore[dict-item]
    for record in parts.get("train", []):
        place = _unit(normalised_prompt(record))
        split: Split = "train"
        for name in missing:
            if place < shares[name]:
                split = name  # type: ignore[assignment]
                break
            place -= shares[name]
        if split != "train":
            record = _moved(record, split)
        out[split].append(record)
    return out


def _moved(record: Record, split: Split) -> Record:
    number = record.id.rsplit("/", 1)[1]
    values = {f.name: getattr(record, f.name) for f in fields(Record)}
    return Record(**{**values, "id": f"{record.task}/{split}/{number}", "split": split})


def _disjoint(parts: dict[Split, list[Record]], limit: int | None) -> tuple[dict[Split, tuple[Record, ...]], int]:
    """Splits that share no prompt, later splits first, each cut to `limit` by a seeded hash."""
    seen: set[str] = set()
    out: dict[Split, tuple[Record, ...]] = {}
    removed = 0
    for split in ("eval", "probe", "train"):
        records = parts.get(split, [])
        fresh = [record for record in records if normalised_prompt(record) not in seen]
        removed += len(records) - len(fresh)
        seen |= {normalised_prompt(record) for record in fresh}
        if limit is not None and len(fresh) > limit:
            kept = {r.id for r in sorted(fresh, key=lambda r: _unit(r.id))[:limit]}
            fresh = [record for record in fresh if record.id in kept]
        out[split] = tuple(fresh)
    return out, removed


def _unit(text: str) -> float:
    """A stable hash of the text, uniform in [0, 1)."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) / 256**7


def _join(row: Mapping[str, Any], field: str, argument: str) -> str:
    return " ".join(row[argument])


def _map(row: Mapping[str, Any], field: str, argument: Mapping[str, Any]) -> Any:
    value = row[field]
    if str(value) not in argument:
        raise KeyError(f"{value!r} is not among {', '.join(argument)}")
    return argument[str(value)]


def _bio(row: Mapping[str, Any], field: str, argument: list[str]) -> str:
    """Entities of BIO tags as "type: text ; type: text", in order, "none" where there are none."""
    tokens, tags = (row[name] for name in argument)
    entities: list[list[str]] = []
    before = "O"
    for token, tag in zip(tokens, tags):
        if tag.startswith("I-") and before != "O":
            entities[-1].append(token)
        elif tag != "O":
            entities.append([f"{tag[2:]}:", token])
        before = tag
    return " ; ".join(dict.fromkeys(" ".join(entity) for entity in entities)) or "none"


CONVERT: Mapping[str, Callable[[Mapping[str, Any], str, Any], Any]] = {"join": _join, "map": _map, "bio": _bio}
