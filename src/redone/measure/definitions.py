"""A published benchmark as data: one TOML file of redone/packs/benchmarks (docs/benchmarks.md says what its keys mean).

A benchmark is a pack of tasks that is only evaluated. Its files are its subsets, an output is read in one or more ways
("readings"), and each reading's score is an aggregate of what it found in the records.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_type_hints

from redone.benchmark.readings import ACCEPTING, AGGREGATES, READINGS
from redone.data.convert import check_rules, converted, filled_at
from redone.data.hub import hub_rows
from redone.data.load import make_record, make_task
from redone.data.source import unlike
from redone.files import numbered_jsonl, read_json
from redone.measure.shape import Shape, SubsetShape
from redone.mistakes import nearest, read_toml
from redone.records import Record, Task
from redone.rewards.labels import PER_LABEL

FOLDER = Path(__file__).parents[1] / "packs" / "benchmarks"
SUITES = {"general": "general"}  # name -> what its members say in `suite`


@dataclass(frozen=True)
class Reading:
    """One way to score an output: the task says what is extracted, which of READINGS compares it, and how."""

    name: str
    task: Task  # named "<subset>:<reading>"
    aggregate: str  # a key of AGGREGATES


@dataclass(frozen=True)
class Shots:
    """Examples before the question: `count` rows of a file, those that share the field `by` with the question; or, with
    `text`, a JSON file that holds the whole text for each value of `by`."""

    file: str
    hub: Mapping[str, Any] = field(default_factory=dict)
    count: int = 0
    by: str = ""
    text: bool = False
    after: str = ""  # with `text`: what stands up to this is left out, such as a canary
    prompt: str = ""  # template of one example; the subset's prompt, a space and its answer where it is not given
    separator: str = "\n\n"
    convert: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Subset:
    """One evaluated file. The first reading gives its score."""

    name: str
    task: Task  # how a model is asked: prompt, budget
    readings: tuple[Reading, ...]
    file: str = ""
    hub: Mapping[str, Any] = field(default_factory=dict)  # path, name, split, revision, convert: for rows from the hub
    convert: Mapping[str, Any] = field(default_factory=dict)
    shots: Shots | None = None
    description: str = ""  # template of what stands before the examples
    stop: Sequence[str] = ()  # texts at which an answer ends, as published
    drop: str = ""  # field; rows in which it is true are left out, and keep their number
    group: str = ""  # field whose values are reported apart
    over: Literal["items", "groups"] = "items"  # the score is over all items, or the mean of the groups' scores
    trivial: Mapping[str, str] = field(default_factory=dict)  # name of an answer that needs no model -> its template
    choices: Sequence[str] | str = ()  # the answers among which log-likelihood may choose, or the field that lists them
    embedding: str = ""  # hub id of the model whose cosine joins the parts

    @property
    def shape(self) -> SubsetShape:
        return SubsetShape(self.name, {r.name: r.aggregate for r in self.readings}, self.group, self.over)


@dataclass(frozen=True)
class Benchmark:
    name: str
    title: str
    about: str  # shots, prompts, extraction and averaging, in words
    folder: str  # of its files, below a folder of many benchmarks
    subsets: Mapping[str, Subset]
    suite: str = ""
    kind: str = ""  # of General-Bench's groups
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)  # column -> the subsets it is the mean of
    origin: str = ""  # its file, where that is no part of the package
    prompts: str = ""  # JSON file beside the data that holds the authors' prompts: subset -> system, user

    @property
    def shape(self) -> Shape:
        """Its one average is over the columns, or where it has none over the subsets."""
        columns = self.columns or {name: [name] for name in self.subsets}
        subsets = {name: subset.shape for name, subset in self.subsets.items()}
        return Shape(self.name, self.title, subsets, {"average": columns})


def names() -> list[str]:
    """Every benchmark that is defined, and the suites."""
    return [*sorted(path.stem for path in FOLDER.glob("*.toml")), *SUITES]


def definition(name: str) -> Benchmark:
    """The benchmark of this name, or that of a file NAME.toml. Raises ValueError where there is none."""
    if name.endswith(".toml"):
        return replace(read_benchmark(Path(name)), origin=str(Path(name).resolve()))
    if not (FOLDER / f"{name}.toml").is_file():
        raise ValueError(f"there is no benchmark {name}{nearest(name, names())}; there are {', '.join(names())}")
    return read_benchmark(FOLDER / f"{name}.toml")


def members(name: str, data: Path | None) -> tuple[list[Benchmark], list[str]]:
    """The benchmark, or those of a suite whose files are below `data`, or all on the hub where there is none; and the
    names of the suite's others."""
    if name not in SUITES:
        return [definition(name)], []
    mine = [b for b in map(definition, names()[: -len(SUITES)]) if b.suite == SUITES[name]]
    if data is None:
        here = [b for b in mine if all(subset.hub for subset in b.subsets.values())]
    else:
        here = [b for b in mine if (data / b.folder).is_dir()]
    if not here:
        raise ValueError(
            f"--data {data}: it holds no folder of {name}'s benchmarks ({', '.join(b.folder for b in mine)})"
        )
    return here, [b.name for b in mine if b not in here]


def read_benchmark(path: Path) -> Benchmark:
    """A benchmark's file. Raises ValueError naming file, subset and key."""
    table = read_toml(path, "benchmark")
    subsets, every, readings = (table.pop(key, {}) for key in ("subsets", "every", "readings"))
    for key, found in (("subsets", subsets), ("every", {"": every}), ("readings", readings)):
        _tables(f"{path}: {key}", found)
    _known(path, "benchmark", table, Benchmark)
    if not subsets:
        raise ValueError(f"{path}: it has no subsets, [subsets.NAME]")
    benchmark = Benchmark(
        **{"name": path.stem, "title": path.stem, "about": "", "folder": path.stem, **table, "subsets": {}}
    )
    made = {name: _subset(path, name, {**every, **mine}, readings, benchmark) for name, mine in subsets.items()}
    for column, members in benchmark.columns.items():
        if not isinstance(members, list):
            raise ValueError(f"{path}: columns: {column} = {members!r:.200}; it is a list of subsets")
        if unknown := [name for name in members if name not in made]:
            raise ValueError(f"{path}: column {column} names {unknown[0]}, which is no subset")
    return replace(benchmark, subsets=made)


ASKED = ("prompt", "answer", "accepted", "budget", "think")
READ = ("extract", "reward", "options", "aggregate")


def _subset(path: Path, name: str, mine: dict[str, Any], shared: Mapping[str, Any], benchmark: Benchmark) -> Subset:
    where = f"{path}: subset {name}"
    about = {"part": "domain" if benchmark.kind == "" else "general", "family": benchmark.kind or "benchmark"}
    asked = {**about, "answer": "", **{key: mine.pop(key) for key in ASKED if key in mine}}
    own_readings = mine.pop("readings", shared)
    _tables(f"{where}: readings", own_readings)
    wanted = {reading: {**shared.get(reading, {}), **own} for reading, own in own_readings.items()}
    if not wanted:
        raise ValueError(f"{where}: it has no readings, [readings.NAME]")
    readings = []
    for reading, keys in wanted.items():
        if unknown := keys.keys() - set(READ):
            raise ValueError(f"{where}: reading {reading}: unknown key {min(unknown)}{nearest(min(unknown), READ)}")
        told = {key: keys[key] for key in ("extract", "reward", "options") if key in keys}
        task = make_task(f"{name}:{reading}", {**asked, **told}, str(path))
        how = keys.get("aggregate", "mean")
        for key, said, known in (("reward", task.reward, READINGS), ("aggregate", how, AGGREGATES)):
            if said not in list(known):
                raise ValueError(f"{where}: reading {reading}: there is no {key} {said}{nearest(str(said), known)}")
        if how in PER_LABEL:
            raise ValueError(
                f"{where}: reading {reading}: {how} is over labels, which a benchmark's verdicts do not have"
            )
        if task.accepted and (task.reward not in ACCEPTING or task.options.get("reference")):
            raise ValueError(f"{where}: reading {reading}: {task.reward} reads no accepted answers")
        readings.append(Reading(reading, task, how))
    shots = mine.pop("shots", None)
    if shots is not None:
        if not isinstance(shots, dict) or "file" not in shots:
            raise ValueError(f"{where}: shots = {shots!r:.200}; it is a table with file")
        _known(path, f"subset {name}: shots", shots, Shots)
        shots = Shots(**shots)
    _known(path, f"subset {name}", mine, Subset, made=("name", "task", "readings"))
    check_rules(mine.get("convert", {}), where)
    task = make_task(name, {**asked, "reward": readings[0].task.reward}, str(path))
    return Subset(name=name, task=task, readings=tuple(readings), shots=shots, **mine)


def _tables(where: str, found: Any) -> None:
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise ValueError(f"{where} = {found!r:.200}; it is a table of tables")


def _known(path: Path, what: str, table: Mapping[str, Any], kind: type, made: Collection[str] = ()) -> None:
    """Raises ValueError for keys that are none of the kind's fields, or made here, and for values of another type."""
    hints = {key: hint for key, hint in get_type_hints(kind).items() if key not in made}
    for key, value in table.items():
        if key not in hints:
            raise ValueError(f"{path}: {what}: unknown key {key}{nearest(key, hints)}")
        if wanted := unlike(value, hints[key]):
            raise ValueError(f"{path}: {what}: {key} = {value!r:.200}; it is {wanted}")


def folder_of(benchmark: Benchmark, data: Path) -> Path:
    """Where the files are: `data`, or its subfolder of the benchmark's name. Raises ValueError where it is missing."""
    if not data.is_dir():
        raise ValueError(f"--data {data}: there is no such folder")
    return data / benchmark.folder if (data / benchmark.folder).is_dir() else data


def read_records(benchmark: Benchmark, data: Path | None, ask: bool = True) -> dict[str, list[Record]]:
    """Subset to its records in file order, ids "<subset>/<index>"; from the hub where there is no `data`.

    ask: False where outputs are only scored: examples before the questions are then neither needed nor read.
    Raises ValueError naming the file that is missing, cut off or of another kind.
    """
    folder = None if data is None else folder_of(benchmark, data)
    asked = authors_prompts(benchmark, folder)
    found = {}
    for name, subset in benchmark.subsets.items():
        mine = subset if ask else replace(subset, shots=None)
        found[name] = _records(benchmark, mine, folder, asked.get(name))
    return found


def authors_prompts(benchmark: Benchmark, folder: Path | None) -> dict[str, str]:
    """The authors' own prompt templates by subset, where their file lies beside the data."""
    path = folder / benchmark.prompts if folder and benchmark.prompts else None
    if path is None or not path.is_file():
        return {}
    table = read_json(path)
    try:
        return {name: f"{own['system']}\n{own['user']}" for name, own in table.items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: not a file of prompts, subset to system and user ({error})") from None


def _records(benchmark: Benchmark, subset: Subset, folder: Path | None, prompt: str | None) -> list[Record]:
    where, found = _source(subset.file, subset.hub, folder, f"{benchmark.name}: {subset.name}")
    listed = subset.choices if isinstance(subset.choices, str) else ""
    needed = (subset.group, subset.drop, listed, subset.shots.by if subset.shots else "")
    rows = [_row(row, subset.convert, needed, f"{where}: item {i}") for i, row in enumerate(found)]
    task = subset.task if prompt is None else replace(subset.task, prompt=prompt)
    before = _shots(subset, rows, folder, where)
    records = []
    for i, row in enumerate(rows):
        if subset.drop and row[subset.drop]:
            continue
        record = make_record(task, "eval", i, f"{where}: item {i}", row)
        lead = filled_at(subset.description, row, f"{where}: item {i}") + before[i]
        [message] = record.messages
        messages = ({**message, "content": lead + message["content"]},)
        records.append(replace(record, id=f"{subset.name}/{i}", messages=messages))
    if not records:
        raise ValueError(f"{where}: there are no items in it")
    return records


def _row(row: Mapping[str, Any], rules: Mapping[str, Any], needed: Iterable[str], where: str) -> Mapping[str, Any]:
    """The row with the fields that the rules make. Raises ValueError where it then lacks one that is needed."""
    made = converted(row, rules, where)
    if lacking := [field for field in needed if field and field not in made]:
        raise ValueError(f"{where}: no field {lacking[0]}")
    return made


def _shots(subset: Subset, rows: Sequence[Mapping[str, Any]], folder: Path | None, where: str) -> list[str]:
    """What stands before each row's question."""
    shots = subset.shots
    if shots is None:
        return ["" for _ in rows]
    if shots.text:
        if folder is None:
            raise ValueError(f"{where}: its examples are read from {shots.file}; give --data")
        path = _file(folder, shots.file, subset.name)
        texts = read_json(path)
        try:
            mine = [texts[row[shots.by]] for row in rows]
            return [(t.split(shots.after, 1)[-1] if shots.after else t) + shots.separator for t in mine]
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}: it has no text for {error}") from None
    place, found = _source(shots.file, shots.hub, folder, subset.name)
    template = shots.prompt or f"{subset.task.prompt} {subset.task.answer}"
    examples: dict[Any, list[str]] = {}
    for i, row in enumerate(found):
        row = _row(row, shots.convert or subset.convert, (shots.by,), f"{place}: item {i}")
        own = examples.setdefault(row[shots.by] if shots.by else None, [])
        if len(own) < shots.count:
            own.append(filled_at(template, row, f"{place}: item {i}") + shots.separator)
    return ["".join(examples.get(row[shots.by] if shots.by else None, ())) for row in rows]


def _source(
    file: str, hub: Mapping[str, Any], folder: Path | None, what: str
) -> tuple[str, Iterable[Mapping[str, Any]]]:
    """Where rows are from, and the rows: of a file, or of the hub where there is no folder."""
    if folder is None:
        if not hub:
            raise ValueError(f"{what} is not on the hub; give the folder of its files with --data")
        return hub_rows(hub)
    if not file:
        raise ValueError(f"{what} has no file, only a hub id; leave out --data")
    path = _file(folder, file, what)
    return str(path), _read(path)


def _file(folder: Path, name: str, benchmark: str) -> Path:
    """The file, gzipped or not. Raises ValueError where there is neither."""
    plain = name.removesuffix(".gz")
    for path in (folder / plain, folder / f"{plain}.gz"):
        if path.is_file():
            return path
    raise ValueError(f"{benchmark} needs {plain} (or {plain}.gz); it is not in {folder}")


def _read(path: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of a JSON Lines file, or of a JSON file that is a list."""
    if path.name.removesuffix(".gz").endswith(".jsonl"):
        yield from (row for _, row in numbered_jsonl(path))
        return
    rows = read_json(path)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{path}: expected a list of objects")
    yield from rows
