"""From pack files and rows to records in four splits.

A pack is a TOML file of task definitions over data files (docs/data.md). An official test split is eval and an
official validation split probe; what is missing is hashed out of train by the normalised prompt. Tune, on which
settings are chosen, is a file of its own or some of train, or there is none. A task that is only evaluated needs eval
alone, and has no train records. No two splits share a prompt, whatever the task: of eval, probe, tune and train the
record of the later one is removed and counted. Of a task that names its own `texts` this holds of the texts as well,
and, but for eval, of those of published benchmarks.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import isfinite
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_type_hints

from redone.data.conversation import asked, told_in
from redone.data.convert import FIELD, filled_at
from redone.data.dedupe import normalised_prompt
from redone.data.hub_files import HUB
from redone.data.overlap import evaluated_keys, first_sharing, keys_of
from redone.data.source import SPLITS, Source, make_source, rows_of, unlike
from redone.mistakes import name_flaw, nearest, read_toml
from redone.records import GENERAL_GROUPS, KINDS, Record, Split, Task

NEEDED: tuple[Split, ...] = ("train", "probe", "eval")  # of a task that is trained
_TASK_KEYS = {key: hint for key, hint in get_type_hints(Task).items() if key != "name"}

_Item = TypeVar("_Item")
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
    """Tasks with their records in four splits, and how many were left out."""

    tasks: Mapping[str, Task]
    records: Mapping[str, Mapping[Split, tuple[Record, ...]]]  # task -> split -> records; tune may be left out
    removed: Mapping[str, int]  # task -> records left out, none of eval: another split has their prompt or text
    overlap: Mapping[str, int] = field(default_factory=dict)  # benchmark -> records left out that shared a text with it
    shared: Mapping[str, Sequence[str]] = field(
        default_factory=dict
    )  # task -> what those that it lost shared with which
    too_long: Mapping[str, int] = field(default_factory=dict)  # task -> records left out because they do not fit
    domain: str = ""  # the pack that holds all of the domain's tasks; "" where several do, or none

    def split(self, split: Split) -> list[Record]:
        return [record for task in self.tasks for record in self.records[task].get(split, ())]

    @property
    def trained(self) -> dict[str, Task]:
        """The tasks without those that are only measured."""
        return {name: task for name, task in self.tasks.items() if task.train}

    def fingerprint(self) -> dict[str, dict[str, Any]]:
        """Number of records and SHA-256 of all that they hold, by task; of rows of the hub also their commits."""
        prints = {}
        for name in self.tasks:
            digest = hashlib.sha256()
            for split in SPLITS:
                for record in self.records[name].get(split, ()):
                    told = [record.id, record.messages, record.answer, record.accepted, record.rationale, record.fields]
                    digest.update(json.dumps(told, sort_keys=True, default=_kind).encode())
            counts = {str(split): len(self.records[name].get(split, ())) for split in SPLITS}
            lost = {"removed": self.removed[name], "too_long": self.too_long.get(name, 0)}
            prints[name] = {**counts, **lost, **self._hub(name), "sha256": digest.hexdigest()}
        return prints

    def _hub(self, name: str) -> dict[str, Any]:
        """The commits that a task's rows of the hub are of, where it has some."""
        sources = [record.source for mine in self.records[name].values() for record in mine]
        read = sorted({source.rpartition(":")[0] for source in sources if source.startswith(HUB)})
        return {"hub": read} if read else {}

    def definitions(self) -> dict[str, str]:
        """A mark of what each task says besides its records: its reward, budget, metric and the like."""
        said = {name: json.dumps(asdict(task), sort_keys=True, default=str) for name, task in self.tasks.items()}
        return {name: hashlib.sha256(text.encode()).hexdigest()[:12] for name, text in said.items()}


def _kind(value: Any) -> str:
    """Of what is no text, number or list of them, as pictures of a hub's rows; they are not read."""
    return type(value).__name__


def read_pack(path: Path, root: Path | None = None) -> Pack:
    """A pack file whose tasks read data files below `root` (the pack's own folder if not given); without `root`
    those that have a `hub` read from there.

    Raises ValueError naming file and task.
    """
    table = read_tasks(path)
    called = table.get("name", path.stem)
    if flaw := name_flaw(called) if isinstance(called, str) else "a name is a text":
        raise ValueError(f"{path}: a pack cannot be called {called!r:.200}: {flaw}")
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
    return Pack(called, tasks, rows, splits, {name: s.texts for name, s in sources.items()})


def read_tasks(path: Path) -> dict[str, Any]:
    """The tables of a pack file, [tasks.NAME] among them."""
    table = read_toml(path, "pack")
    tasks = table.get("tasks")
    if tasks is None and (its := _packs_of(table, path.parent)) is not None:
        packs = f"its packs are {', '.join(its)}" if its else "it names no packs, and reads those of the embedded world"
        raise ValueError(f"{path}: a run's configuration and no pack; {packs}")
    if not isinstance(tasks, dict) or not tasks or not all(isinstance(task, dict) for task in tasks.values()):
        raise ValueError(f"{path}: its tasks are to be tables, [tasks.NAME]")
    if flawed := {name: flaw for name in tasks if (flaw := name_flaw(name))}:
        name, flaw = next(iter(flawed.items()))
        raise ValueError(f"{path}: a task cannot be called {name!r:.200}: {flaw}")
    return table


def _packs_of(table: Mapping[str, Any], folder: Path) -> list[str] | None:
    """What a run's configuration in the folder names as its packs; None where the table is of no configuration."""
    data = table.get("data", {})
    packs = data.get("packs", []) if isinstance(data, dict) else None
    if not isinstance(packs, list) or not (packs or table.keys() & {"model", "stages", "data"}):
        return None
    return [str(folder / pack) if str(pack).endswith(".toml") else str(pack) for pack in packs]


def make_task(name: str, definition: Mapping[str, Any], where: str) -> Task:
    """A task from its TOML table. Raises ValueError naming file, task and key."""
    if definition.get("part") == "sns":
        raise ValueError(f'{where}: task {name}: part = "sns" is called part = "domain"; write that')
    for key, value in definition.items():
        if key not in _TASK_KEYS:
            raise ValueError(f"{where}: task {name}: unknown key {key}{nearest(key, _TASK_KEYS)}")
        if wanted := unlike(value, _TASK_KEYS[key]):
            raise ValueError(f"{where}: task {name}: {key} = {value!r}; it is {wanted}")
    if definition.get("messages"):
        if "prompt" in definition:
            raise ValueError(f"{where}: task {name}: its messages hold the prompt; leave out prompt")
        definition = {"prompt": "", "answer": "", **definition}
    for key in ("part", "family", "prompt", "answer", "reward"):
        if key not in definition:
            raise ValueError(f"{where}: task {name} lacks {key}")
    task = Task(name=name, **definition)
    if task.part == "general" and task.family not in GENERAL_GROUPS:
        raise ValueError(
            f'{where}: task {name}: family = "{task.family}"{nearest(task.family, GENERAL_GROUPS)}; '
            f"of a general task it is one of {', '.join(GENERAL_GROUPS)}"
        )
    if task.average.split(",")[0] in KINDS:
        raise ValueError(
            f'{where}: task {name}: average = "{task.average}", the name of an average of tasks that give none; give '
            "it another, or leave it out"
        )
    if task.budget < 1:
        raise ValueError(f"{where}: task {name}: budget = {task.budget}; it is at least one token")
    if task.think and not task.rationale and (task.answer or not task.messages):
        raise ValueError(f"{where}: task {name} thinks, but has no rationale template")
    return task


def build(
    packs: Iterable[Pack],
    *,
    limit: int | None,
    probe: float,
    evaluation: float,
    tune: int = 0,
    evaluated: Mapping[str, Iterable[str]] | None = None,
    advance: Callable[[int], None] = lambda tasks: None,
) -> Dataset:
    """All packs' records, split four ways; of tasks with `texts`, all but eval without what shares a text with
    `evaluated`, benchmark to the texts of its items. tune: records of train at most that become it, where a task has
    none. Raises ValueError for a doubled task name or a task without data.
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
            if not task.train and "eval" not in pack.splits[name]:
                raise ValueError(f"pack {pack.name}: task {name} is only evaluated, and names no rows for eval")
            read = [split for split in pack.splits[name] if task.train or split != "train"]
            own = {s: [make_record(task, s, i, *r) for i, r in enumerate(pack.rows(name, s))] for s in read}
            parts[name] = _hash_out(own, {"probe": probe, "eval": evaluation}, texts[name])
            if "tune" not in own:
                parts[name] |= _tune_out(parts[name]["train"], tune, texts[name])
            advance(1)
    parts, lost = _disjoint(parts, texts, evaluated_keys(evaluated or {}))
    for name, task in tasks.items():
        if empty := [split for split in needed(task) if not parts[name][split]]:
            raise ValueError(f"pack {home[name]}: task {name} {_without_data(empty, lost[name])}")
    records = {name: {split: drawn(parts[name][split], limit) for split in SPLITS} for name in tasks}
    repeats = {name: [one for one in mine if one.other] for name, mine in lost.items()}
    removed = {name: len(mine) for name, mine in repeats.items()}
    overlap = {
        where: sum(one.benchmark == where for mine in lost.values() for one in mine) for where in evaluated or {}
    }
    shared = {name: _shared(mine) for name, mine in repeats.items() if mine}
    homes = {home[name] for name, task in tasks.items() if task.part == "domain"}
    return Dataset(tasks, records, removed, overlap, shared, domain=homes.pop() if len(homes) == 1 else "")


def needed(task: Task) -> tuple[Split, ...]:
    """The splits that the task cannot be without."""
    return NEEDED if task.train else ("eval",)


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
    for name, what in ((task.source, "source"), (task.cluster, "cluster")):
        if name:
            value(name, what)
    system = fill(task.system, "system prompt")
    if task.messages:
        where = f"{source}: field {task.messages} of task {task.name}"
        told = told_in(value(task.messages, "messages"), where, system=system, answered=not task.answer)
        if task.think and not (told.thinking or task.rationale):
            raise ValueError(f"{where}: its last turn thinks nothing in <think> and </think>, but the task thinks")
    else:
        told = asked(fill(task.prompt, "prompt"), system)
    answer = fill(task.answer, "answer") or told.answer
    rationale = fill(task.rationale, "rationale") if task.think else ""
    listed = value(task.accepted, "accepted answers") if task.accepted else []
    return Record(
        id=f"{task.name}/{split}/{number}",
        task=task.name,
        messages=tuple(told.prompt),
        answer=answer,
        split=split,
        source=source,
        rationale=(rationale or told.thinking) if task.think else None,
        fields=row,
        accepted=_accepted(listed, answer, f"{source}: field {task.accepted} of task {task.name}"),
    )


def _accepted(listed: Any, answer: str, where: str) -> tuple[str, ...]:
    """The texts of a list of texts and numbers, each once, without the answer itself."""
    if not isinstance(listed, (list, tuple)):
        raise ValueError(f"{where} is {listed!r:.40}, not a list of accepted answers")
    for one in listed:
        if type(one) not in (str, int, float) or (type(one) is float and not isfinite(one)):
            raise ValueError(f"{where} lists {one!r:.40}, which is no text and no number")
    return tuple(text for text in dict.fromkeys(map(str, listed)) if text != answer)


def _hash_out(
    parts: Mapping[Split, list[Record]], shares: Mapping[str, float], texts: Sequence[str]
) -> dict[Split, list[Record]]:
    """All splits; a missing probe or eval is filled from train by the record's place."""
    out: dict[Split, list[Record]] = {split: [] for split in SPLITS}
    out.update(parts)
    missing: list[Split] = [split for split in SPLITS if split not in parts and split in shares]
    if missing:
        out["train"] = []
        for record in parts.get("train", ()):
            place = _place(record, texts)
            for split in missing:
                if place < shares[split]:
                    out[split].append(_moved(record, split))
                    break
                place -= shares[split]
            else:
                out["train"].append(record)
    return out


def _tune_out(train: Sequence[Record], most: int, texts: Sequence[str]) -> dict[Split, list[Record]]:
    """Train, and what of it becomes tune: the records whose places come last, those of one place together, `most` or a
    fifth of train."""
    alike: dict[float, list[str]] = {}
    for record in train:
        alike.setdefault(_place(record, texts), []).append(record.id)
    room = min(most, len(train) // 5)
    chosen: set[str] = set()
    for place in sorted(alike, reverse=True):
        if len(chosen) + len(alike[place]) <= room:
            chosen.update(alike[place])
    tune = [_moved(record, "tune") for record in train if record.id in chosen]
    return {"train": [record for record in train if record.id not in chosen], "tune": tune}


def _place(record: Record, texts: Sequence[str]) -> float:
    """The hash of the record's own texts, so that all tasks over a text agree, or else of the normalised prompt."""
    return _unit(min(keys_of(record, texts), default=normalised_prompt(record)))


def _moved(record: Record, split: Split) -> Record:
    number = record.id.rsplit("/", 1)[1]
    return replace(record, id=f"{record.task}/{split}/{number}", split=split)


class Lost(NamedTuple):
    """A record that was left out, what it shares (its prompt, or a field), and with what."""

    record: Record
    what: str
    other: Record | None  # of a split that comes before its own
    benchmark: str = ""


def _disjoint(
    parts: Mapping[str, Mapping[Split, list[Record]]],
    texts: Mapping[str, Sequence[str]],
    evaluated: Mapping[str, Collection[str]],
) -> tuple[dict[str, dict[Split, list[Record]]], dict[str, list[Lost]]]:
    """Splits that share no prompt, and none of the texts named, whatever the task, eval first and train last; and what
    each task lost. Records that share a text with a benchmark, those in several counted for the first, stay in eval
    alone."""
    seen: dict[str, Record] = {}
    out: dict[str, dict[Split, list[Record]]] = {name: {} for name in parts}
    lost: dict[str, list[Lost]] = {name: [] for name in parts}
    for split in ("eval", "probe", "tune", "train"):
        here: dict[str, Record] = {}
        for name, mine in parts.items():
            kept = out[name][split] = []
            for record in mine[split]:
                prompt = normalised_prompt(record)
                own = {key: one for one in texts[name] for key in keys_of(record, [one])}
                for key in (prompt, *own):
                    here.setdefault(key, record)
                if (common := next((key for key in (prompt, *own) if key in seen), None)) is not None:
                    what = "the prompt" if common == prompt else f"field `{own[common]}`"
                    lost[name].append(Lost(record, what, seen[common]))
                elif split != "eval" and (where := first_sharing(own, evaluated)):
                    lost[name].append(Lost(record, "a text", None, where))
                else:
                    kept.append(record)
        for key, record in here.items():
            seen.setdefault(key, record)
    return out, lost


def _without_data(empty: Sequence[Split], lost: Sequence[Lost]) -> str:
    """That the splits have no data; where all their records were left out, what these share with which."""
    said = f"has no data in {' and '.join(empty)}"
    why = _shared([one for one in lost if one.record.split in empty], whole=True)
    return said + (f": {' and '.join(why)}" if why else "") + "; add rows, or take the task out"


def _shared(lost: Sequence[Lost], whole: bool = False) -> list[str]:
    """Such as "40 train records share field `text` with eval of task cups (first: a.jsonl:3 with b.jsonl:7)", the most
    first; where they are the whole of a split, "all 40" or "30 of 40"."""
    groups: dict[tuple[str, str, str], list[Lost]] = {}
    for one in lost:
        place = f"{one.other.split} of task {one.other.task}" if one.other else f"benchmark {one.benchmark}"
        groups.setdefault((one.record.split, one.what, place), []).append(one)
    said = []
    for (split, what, place), mine in sorted(groups.items(), key=lambda group: -len(group[1])):
        count, total = len(mine), sum(one.record.split == split for one in lost)
        number = f"{count} of {total}" if whole else str(count)
        if whole and count == total:
            number = "the only" if count == 1 else f"all {count}"
        records = "record shares" if number in ("1", "the only") else "records share"
        first = mine[0].record.source + (f" with {mine[0].other.source}" if mine[0].other else "")
        said.append(f"{number} {split} {records} {what} with {place} (first: {first})")
    return said


def drawn(
    items: Sequence[_Item], limit: int | None, named: Callable[[_Item], str] = attrgetter("id")
) -> tuple[_Item, ...]:
    """All items, or with a limit those the hash of whose names comes first, in its order: the first of them are a draw
    too. named: records by their ids."""
    return tuple(items if limit is None else sorted(items, key=lambda item: _unit(named(item)))[:limit])


def _unit(text: str) -> float:
    """A stable hash of the text, uniform in [0, 1)."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) / 256**7
