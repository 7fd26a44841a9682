"""From pack files and rows to records in three splits.

A pack is a TOML file of task definitions over JSON Lines files (docs/data.md). An official test split is eval and an
official validation split probe; what is missing is hashed out of train by the normalised prompt. Train records whose
prompt is also in probe or eval, of any task, are removed and counted, and so are probe records whose prompt is in eval.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from redone.data.dedupe import normalised_prompt
from redone.mistakes import nearest, read_toml
from redone.records import GENERAL_GROUPS, Record, Split, Task, numbered_jsonl

SPLITS: tuple[Split, ...] = get_args(Split)
_FIELD = re.compile(r"\{(\w+)\}")
_TASK_KEYS = {key: hint for key, hint in get_type_hints(Task).items() if key != "name"}
_KINDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", Mapping: "a table"}

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
            counts = {str(split): len(self.records[name][split]) for split in SPLITS}
            prints[name] = {**counts, "removed": self.removed[name], "sha256": digest.hexdigest()}
        return prints


def read_pack(path: Path, root: Path | None = None) -> Pack:
    """A pack file whose tasks read JSON Lines files below `root` (the pack's own folder if not given).

    Raises ValueError naming file and task.
    """
    table = read_tasks(path)
    base = root if root is not None else path.parent
    for key in table:
        if key not in ("name", "tasks"):
            raise ValueError(f"{path}: unknown key {key}{nearest(key, ('name', 'tasks'))}")
    tasks, sources = {}, {}
    for name, definition in table["tasks"].items():
        where = f"{path}: task {name}"
        definition = dict(definition)
        files, convert = definition.pop("files", {}), definition.pop("convert", {})
        if not isinstance(files, dict) or not files.keys() & {"train", "eval"}:
            raise ValueError(f'{where} names no data; add files = {{train = "...", eval = "..."}}')
        for split, file in files.items():
            if split not in SPLITS:
                raise ValueError(f"{where}: unknown split {split}; there are {', '.join(SPLITS)}")
            if not (base / str(file)).is_file():
                raise ValueError(f"{where}: there is no {base / str(file)}; say where the data lie with --data")
        if not isinstance(convert, dict):
            raise ValueError(f'{where}: convert is a table of fields, as in convert = {{text = {{join = "words"}}}}')
        for field, rule in convert.items():
            if not isinstance(rule, dict) or len(rule) != 1 or not rule.keys() <= CONVERT.keys():
                raise ValueError(f"{where}: convert.{field} must be one of {', '.join(CONVERT)}")
        tasks[name] = make_task(name, definition, str(path))
        sources[name] = (files, convert)

    def rows(task: str, split: Split) -> Iterator[tuple[str, Mapping[str, Any]]]:
        files, convert = sources[task]
        for number, row in numbered_jsonl(base / files[split]):
            where = f"{files[split]}:{number}"
            for field, rule in convert.items():
                [(kind, argument)] = rule.items()
                try:
                    row[field] = CONVERT[kind](row, field, argument)
                except KeyError as error:
                    raise ValueError(f"{where}: no field {error}, of which task {task} makes {field}") from None
                except (TypeError, ValueError, AttributeError) as error:
                    raise ValueError(f"{where}: cannot make field {field} of task {task}: {error}") from None
            yield where, row

    splits = {name: tuple(s for s in SPLITS if s in files) for name, (files, _) in sources.items()}
    return Pack(table.get("name", path.stem), tasks, rows, splits)


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
        if wanted := _unlike(value, _TASK_KEYS[key]):
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


def _unlike(value: Any, hint: Any) -> str:
    """What a value of this type would be, or "" where it is one. A whole number is a number, true is none."""
    kind = get_origin(hint) or hint
    if kind is Literal:
        return "" if value in get_args(hint) else " or ".join(json.dumps(option) for option in get_args(hint))
    fits = type(value) in (int, float) if kind is float else isinstance(value, kind)
    return "" if fits and (kind is bool or not isinstance(value, bool)) else _KINDS[kind]


def build(
    packs: Iterable[Pack],
    *,
    limit: int | None,
    probe: float,
    evaluation: float,
    advance: Callable[[int], None] = lambda tasks: None,
) -> Dataset:
    """All packs' records, split three ways. Raises ValueError for a doubled task name or a task without data."""
    tasks: dict[str, Task] = {}
    parts: dict[str, dict[Split, list[Record]]] = {}
    home: dict[str, str] = {}
    for pack in packs:
        for name, task in pack.tasks.items():
            if name in tasks:
                raise ValueError(f"pack {pack.name}: task {name} is already defined by pack {home[name]}; rename one")
            tasks[name], home[name] = task, pack.name
            own = {s: [_record(task, s, i, *r) for i, r in enumerate(pack.rows(name, s))] for s in pack.splits[name]}
            parts[name] = _hash_out(own, {"probe": probe, "eval": evaluation})
            advance(1)
    parts, removed = _disjoint(parts)
    for name in tasks:
        if empty := [split for split in SPLITS if not parts[name][split]]:
            raise ValueError(
                f"pack {home[name]}: task {name} has no data in {' and '.join(empty)}"
                + (f" ({removed[name]} records repeat prompts of probe or eval)" if removed[name] else "")
                + "; add rows, or take the task out"
            )
    records = {name: {split: _first(parts[name][split], limit) for split in SPLITS} for name in tasks}
    return Dataset(tasks, records, removed)


def _record(task: Task, split: Split, number: int, source: str, row: Mapping[str, Any]) -> Record:
    def value(field: str, what: str) -> Any:
        if row.get(field) is None:
            raise ValueError(f"{source}: no field {field}, which the {what} of task {task.name} needs")
        return row[field]

    def fill(template: str, what: str) -> str:
        def text(match: re.Match[str]) -> str:
            found = value(match[1], what)
            if isinstance(found, (list, dict)):
                raise ValueError(f"{source}: field {match[1]} of task {task.name} is no text; see convert")
            return str(found)

        return _FIELD.sub(text, template)

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


def _hash_out(parts: Mapping[Split, list[Record]], shares: Mapping[str, float]) -> dict[Split, list[Record]]:
    """All three splits; a missing probe or eval is filled from train by the hash of the normalised prompt."""
    out: dict[Split, list[Record]] = {split: [] for split in SPLITS}
    out.update(parts)
    missing: list[Split] = [split for split in SPLITS if split not in parts and split != "train"]
    if missing:
        out["train"] = []
        for record in parts.get("train", ()):
            place = _unit(normalised_prompt(record))
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
) -> tuple[dict[str, dict[Split, list[Record]]], dict[str, int]]:
    """Splits that share no prompt, whatever the task, later splits first; and how many records each task lost."""
    seen: set[str] = set()
    out: dict[str, dict[Split, list[Record]]] = {name: {} for name in parts}
    removed = dict.fromkeys(parts, 0)
    for split in ("eval", "probe", "train"):
        prompts: set[str] = set()
        for name, mine in parts.items():
            keyed = [(normalised_prompt(record), record) for record in mine[split]]
            out[name][split] = [record for prompt, record in keyed if prompt not in seen]
            removed[name] += len(keyed) - len(out[name][split])
            prompts.update(prompt for prompt, _ in keyed)
        seen |= prompts
    return out, removed


def _first(records: Sequence[Record], limit: int | None) -> tuple[Record, ...]:
    """At most `limit` of the records, those whose hash comes first, in their own order."""
    kept = {record.id for record in sorted(records, key=lambda record: _unit(record.id))[:limit]}
    return tuple(record for record in records if record.id in kept)


def _unit(text: str) -> float:
    """A stable hash of the text, uniform in [0, 1)."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) / 256**7


def _join(row: Mapping[str, Any], field: str, argument: str) -> str:
    if not isinstance(row[argument], list):
        raise TypeError(f"{argument} is {row[argument]!r:.40}, not a list")
    return " ".join(row[argument])


def _map(row: Mapping[str, Any], field: str, argument: Mapping[str, Any]) -> Any:
    if str(row[field]) not in argument:
        raise ValueError(f"{row[field]!r} is not among {', '.join(argument)}")
    return argument[str(row[field])]


def _bio(row: Mapping[str, Any], field: str, argument: list[str]) -> str:
    """Entities of BIO tags as "type: text ; type: text", in order, "none" where there are none."""
    tokens, tags = (row[name] for name in argument)
    entities: list[list[str]] = []
    before = "O"
    for token, tag in zip(tokens, tags, strict=True):
        if tag.startswith("I-") and tag[2:] == before[2:]:
            entities[-1].append(token)
        elif tag != "O":
            entities.append([f"{tag[2:]}:", token])
        before = tag
    return " ; ".join(dict.fromkeys(" ".join(entity) for entity in entities)) or "none"


CONVERT: Mapping[str, Callable[[Mapping[str, Any], str, Any], Any]] = {"join": _join, "map": _map, "bio": _bio}
