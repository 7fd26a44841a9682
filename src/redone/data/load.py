"""From pack files and rows to records in three splits.

A pack is a TOML file of task definitions over JSON Lines files (docs/data.md). An official test split is eval and an
official validation split probe; what is missing is hashed out of train by the normalised prompt. Train records whose
prompt is also in probe or eval, of any task, are removed and counted, and so are probe records whose prompt is in eval.
Of a task that names its own `texts` this holds of the texts as well, and of those of published benchmarks.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_type_hints

from redone.data.convert import FIELD, filled_at
from redone.data.dedupe import normalised_prompt
from redone.data.overlap import evaluated_keys, first_sharing, keys_of
from redone.data.source import SPLITS, Source, make_source, rows_of, unlike
from redone.mistakes import nearest, read_toml
from redone.records import GENERAL_GROUPS, Record, Split, Task

_TASK_KEYS = {key: hint for key, hint in get_type_hints(Task).items() if key != "name"}

Rows = Callable[[str, Split], Iterable[tuple[str, Mapping[str, Any]]]]  # (task, split) -> (source, row) pairs


@dataclass(frozen=True)
class Pack:
    """Task definitions and where their rows come from. splits: those the source has itself, by task."""

    name: str
    tasks: Mapping[str, Task]
    rows: Rows
    splits: Mapping[str, tuple[Split, ...]]
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)  # task -> fields that eval has to itself


@dataclass(frozen=True)
class Dataset:
    tasks: Mapping[str, Task]
    records: Mapping[str, Mapping[Split, tuple[Record, ...]]]  # task -> split -> records
    removed: Mapping[str, int]  # task -> train and probe records left out: a later split has their prompt or text
    overlap: Mapping[str, int] = field(default_factory=dict)  # benchmark -> train and probe records that shared a text

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
            counts = {str(split): len(self.records[name][split]) for split in SPLITS}
            prints[name] = {**counts, "removed": self.removed[name], "sha256": digest.hexdigest()}
        return prints


def read_pack(path: Path, root: Path | None = None) -> Pack:
    """A pack file whose tasks read JSON Lines files below `root` (the pack's own folder if not given); without `root`
    those that have a `hub` read from there.

    Raises ValueError naming file and task.
    """
    table = read_tasks(path)
    base = root if root is not None else path.parent
    for key in table:
        if key not in ("name", "tasks"):
            raise ValueError(f"{path}: unknown key {key}{nearest(key, ('name', 'tasks'))}")
    tasks, sources = {}, {}
    for name, definition in table["tasks"].items():
        mine = {key: definition[key] for key in Source.__dataclass_fields__ if key in definition}
        sources[name] = make_source(mine, base, root is None, f"{path}: task {name}")
        tasks[name] = make_task(name, {key: v for key, v in definition.items() if key not in mine}, str(path))

    def rows(task: str, split: Split) -> Iterator[tuple[str, Mapping[str, Any]]]:
        return rows_of(sources[task], split, base, task)

    splits = {name: source.splits for name, source in sources.items()}
    return Pack(table.get("name", path.stem), tasks, rows, splits, {name: s.texts for name, s in sources.items()})


def read_tasks(path: Path) -> dict[str, Any]:
    """The tables of a pack file, [tasks.NAME] among them."""
    table = read_toml(path, "pack")
    tasks = table.get("tasks")
    if not isinstance(tasks, dict) or not tasks or not all(isinstance(task, dict) for task in tasks.values()):
        raise ValueError(f"{path}: its tasks are to be tables, [tasks.NAME]")
    return table


def make_task(name: str, definition: Mapping[str, Any], where: str) -> Task:
    """A task from its TOML table. Raises ValueError naming file, task and key."""
    for key, value in definition.items():
        if key not in _TASK_KEYS:
            raise ValueError(f"{where}: task {name}: unknown key {key}{nearest(key, _TASK_KEYS)}")
        if wanted := unlike(value, _TASK_KEYS[key]):
            raise ValueError(f"{where}: task {name}: {key} = {value!r}; it is {wanted}")
    for key in ("part", "family", "prompt", "answer", "reward"):
        if key not in definition:
            raise ValueError(f"{where}: task {name} lacks {key}")
    task = Task(name=name, **definition)
    if task.part == "general" and task.family not in GENERAL_GROUPS:
        raise ValueError(
            f'{where}: task {name}: family = "{task.family}"{nearest(task.family, GENERAL_GROUPS)}; '
            f"of a general task it is one of {', '.join(GENERAL_GROUPS)}"
        )
    if task.budget < 1:
        raise ValueError(f"{where}: task {name}: budget = {task.budget}; it is at least one token")
    if task.think and not task.rationale:
        raise ValueError(f"{where}: task {name} thinks, but has no rationale template")
    return task


def build(
    packs: Iterable[Pack],
    *,
    limit: int | None,
    probe: float,
    evaluation: float,
    evaluated: Mapping[str, Iterable[str]] | None = None,
    advance: Callable[[int], None] = lambda tasks: None,
) -> Dataset:
    """All packs' records, split three ways; of tasks with `texts`, train and probe without what shares a text with
    `evaluated`, benchmark to the texts of its items. Raises ValueError for a doubled task name or a task without data.
    """
    tasks: dict[str, Task] = {}
    parts: dict[str, dict[Split, list[Record]]] = {}
    home: dict[str, str] = {}
    texts: dict[str, Sequence[str]] = {}
    for pack in packs:
        for name, task in pack.tasks.items():
            if name in tasks:
                raise ValueError(f"pack {pack.name}: task {name} is already defined by pack {home[name]}; rename one")
            tasks[name], home[name], texts[name] = task, pack.name, pack.texts.get(name, ())
            own = {
                s: [make_record(task, s, i, *r) for i, r in enumerate(pack.rows(name, s))] for s in pack.splits[name]
            }
            parts[name] = _hash_out(own, {"probe": probe, "eval": evaluation}, texts[name])
            advance(1)
    parts, removed, overlap = _disjoint(parts, texts, evaluated_keys(evaluated or {}))
    for name in tasks:
        if empty := [split for split in SPLITS if not parts[name][split]]:
            raise ValueError(
                f"pack {home[name]}: task {name} has no data in {' and '.join(empty)}"
                + (f" ({removed[name]} records repeat prompts of probe or eval)" if removed[name] else "")
                + "; add rows, or take the task out"
            )
    records = {name: {split: _first(parts[name][split], limit) for split in SPLITS} for name in tasks}
    return Dataset(tasks, records, removed, overlap)


def make_record(task: Task, split: Split, number: int, source: str, row: Mapping[str, Any]) -> Record:
    def value(field: str, what: str) -> Any:
        if row.get(field) is None:
            raise ValueError(f"{source}: no field {field}, which the {what} of task {task.name} needs")
        return row[field]

    def fill(template: str, what: str) -> str:
        for name in FIELD.findall(template):
            value(name, what)
        return filled_at(template, row, f"{source}: task {task.name}")

    if task.candidates and not (isinstance(listed := value(task.candidates, "candidates"), (list, tuple)) and listed):
        raise ValueError(f"{source}: field {task.candidates} of task {task.name} is not a list of candidates")
    if task.source:
        value(task.source, "source")
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


def _hash_out(
    parts: Mapping[Split, list[Record]], shares: Mapping[str, float], texts: Sequence[str]
) -> dict[Split, list[Record]]:
    """All three splits; a missing probe or eval is filled from train by the hash of the record's own texts, so that all
    tasks over a text agree, or else of the normalised prompt."""
    out: dict[Split, list[Record]] = {split: [] for split in SPLITS}
    out.update(parts)
    missing: list[Split] = [split for split in SPLITS if split not in parts and split != "train"]
    if missing:
        out["train"] = []
        for record in parts.get("train", ()):
            place = _unit(min(keys_of(record, texts), default=normalised_prompt(record)))
            for split in missing:
                if place < shares[split]:
                    out[split].append(_moved(record, split))
                    break
                place -= shares[split]
            else:
                out["train"].append(record)
    return out


def _moved(record: Record, split: Split) -> Record:
    number = record.id.rsplit("/", 1)[1]
    return replace(record, id=f"{record.task}/{split}/{number}", split=split)


def _disjoint(
    parts: Mapping[str, Mapping[Split, list[Record]]],
    texts: Mapping[str, Sequence[str]],
    evaluated: Mapping[str, Collection[str]],
) -> tuple[dict[str, dict[Split, list[Record]]], dict[str, int], dict[str, int]]:
    """Splits that share no prompt, and none of the texts named, whatever the task, later splits first; how many records
    each task lost; and how many of the rest share a text with a benchmark, those in several counted for the first, and
    stay out of train and probe too."""
    seen: set[str] = set()
    out: dict[str, dict[Split, list[Record]]] = {name: {} for name in parts}
    removed, overlap = dict.fromkeys(parts, 0), dict.fromkeys(evaluated, 0)
    for split in ("eval", "probe", "train"):
        here: set[str] = set()
        for name, mine in parts.items():
            kept = out[name][split] = []
            for record in mine[split]:
                prompt, own = normalised_prompt(record), keys_of(record, texts[name])
                here.update((prompt, *own))
                if prompt in seen or not seen.isdisjoint(own):
                    removed[name] += 1
                elif split != "eval" and (where := first_sharing(own, evaluated)):
                    overlap[where] += 1
                else:
                    kept.append(record)
        seen |= here
    return out, removed, overlap


def _first(records: Sequence[Record], limit: int | None) -> tuple[Record, ...]:
    """All records, or with a limit those whose hash comes first, in its order: the first of them are a sample too."""
    return tuple(records if limit is None else sorted(records, key=lambda record: _unit(record.id))[:limit])


def _unit(text: str) -> float:
    """A stable hash of the text, uniform in [0, 1)."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) / 256**7
