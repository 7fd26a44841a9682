"""`redone init`: a pack and a run's configuration of a data file, with the reason of every guess beside it."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redone.cli.drafts import Room, pack_text, run_text
from redone.cli.options import frozen
from redone.mistakes import refuse_no_file

if TYPE_CHECKING:
    from redone.checks.guess import Columns, Reading, Rows
    from redone.commands.base import Reader
    from redone.data.load import Dataset
    from redone.records import Record, Task

_BESIDE = {"probe": ("valid", "validation", "dev", "val"), "eval": ("test", "eval")}  # split -> for "train" in a name
_RIGHT = 0.9  # share of the references that a reading scores 1, at least
_MOST = 0.98  # of the records that have room, where the longest would ask for twice as much
_ROOM = 64  # tokens that a context is a multiple of


@dataclass(frozen=True)
class Options:
    file: Path
    out: Path | None = None  # the file's name if not given
    model: str | None = None
    text: str = ""
    answer: str = ""


def add(commands: Any) -> None:
    init = commands.add_parser("init", help="a pack and a configuration of a data file, to check, run and change")
    init.add_argument("file", type=Path, metavar="FILE", help="CSV, JSON Lines, a JSON array or Parquet")
    init.add_argument("--model", help='Hugging Face folder or hub id of the base model; "base": the embedded one')
    init.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for pack.toml and run.toml (default: FILE's name)"
    )
    init.add_argument("--text", default="", metavar="COLUMN", help="what is asked, if the guess is wrong")
    init.add_argument("--answer", default="", metavar="COLUMN", help="the reference answer, if the guess is wrong")
    init.set_defaults(command=command)


def command(namespace: argparse.Namespace) -> int:
    options = frozen(Options, namespace)
    file = options.file
    name = re.sub(r"[^\w.-]+", "-", file.name.split(".")[0]).strip("-._") or "mine"
    out = options.out or Path(name)
    paths = out / "pack.toml", out / "run.toml"
    for path in paths:
        if path.exists():
            raise ValueError(f"{path} is there already and is not written over; give another --out, or remove it")
    refuse_no_file(file)
    if not file.is_file():
        raise ValueError(f"{file}: there is no such file")
    if options.model is None:
        raise ValueError(
            "which model is to learn it? Give --model: a Hugging Face folder or hub id; `make smollm2` leaves a folder "
            "of a small one, and --model base is the embedded one, which knows a toy language: enough to see it run"
        )
    from redone.checks.guess import columns_of

    files = files_of(file)
    rows = {split: rows_in(path) for split, path in files.items()}
    columns = columns_of(rows["train"], options.text, options.answer)
    definition, reading, records = defined(re.sub(r"\W+", "_", name), columns, rows)
    reader = reader_at(options.model)
    room = room_for(records, make(definition), reader)
    unread = unread_in(rows["train"], columns)
    where = {split: os.path.relpath(path, out) for split, path in files.items()}
    out.mkdir(parents=True, exist_ok=True)
    try:
        pack = pack_text(name, definition, columns, reading, where, room, unread)
        paths[0].write_text(pack, encoding="utf-8")
        paths[1].write_text(run_text(name, options.model, where, room, hidden_of(options.model)), encoding="utf-8")
        dataset, notes = as_read(paths[1])
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        raise
    report(options, columns, reading, room, unread, dataset, notes, paths)
    return 0


def files_of(file: Path) -> dict[str, Path]:
    """Split to file: the file itself is train; where its name says so too, those that lie beside it."""
    found = {"train": file}
    for split, words in _BESIDE.items():
        beside = [file.with_name(file.name.replace("train", word)) for word in words if "train" in file.name]
        if there := [path for path in beside if path.is_file()]:
            found[split] = there[0]
    return found


def rows_in(path: Path) -> Rows:
    from redone.data.rows import numbered_rows

    rows = [(f"{path}:{number}", row) for number, row in numbered_rows(path)]
    if not rows:
        raise ValueError(f"{path}: it has no rows")
    return rows


def defined(name: str, columns: Columns, rows: Mapping[str, Rows]) -> tuple[dict[str, Any], Reading, list[Record]]:
    """The task's table but for files and budget, how its answers are read, and the records that this makes of all rows:
    by the first reading that takes nearly all reference answers for right."""
    from redone.checks.guess import readings, text_of
    from redone.data.convert import converted
    from redone.data.load import make_record

    every = [pair for mine in rows.values() for pair in mine]
    names = {column: _field(column) for column in (columns.text, columns.context, columns.answer) if column}
    nulls = {column for column in names if any(row.get(column, "") is None for _, row in every)}
    convert = {
        names[column]: {"text": column} if column in nulls else {"same": column}
        for column in names
        if column in nulls or names[column] != column
    }
    whole = [(where, converted(row, convert, where)) for where, row in every]
    asked = [text_of(row.get(columns.text)) for _, row in every]
    first: dict[str, Any] = {"part": "domain", "family": "own", "name": name}
    if columns.messages:
        first["messages"] = columns.messages
    told = make({**first, "reward": "chrf", "prompt": "", "answer": ""}, check=False)
    answers = (
        [text_of(row.get(columns.answer)) for _, row in every]
        if columns.answer
        else [make_record(told, "train", i, where, row).answer for i, (where, row) in enumerate(every)]
    )
    for reading in readings(asked, answers, columns.answer):
        definition = dict(first)
        if not columns.messages:
            above = f"{{{names[columns.context]}}}\n\n" if columns.context else ""
            definition["prompt"] = above + f"{{{names[columns.text]}}}" + (f"\n\n{reading.ask}" if reading.ask else "")
            definition["texts"] = [names[columns.text]]
        if columns.answer:
            definition["answer"] = f"{{{names[columns.answer]}}}"
        definition |= reading.keys
        if convert:
            definition["convert"] = convert
        task = make(definition)
        records = [make_record(task, "train", i, where, row) for i, (where, row) in enumerate(whole)]
        right = [is_right(task, record) for record in records]
        told_right = [kept for kept, answer in zip(right, answers) if answer.strip()]
        if sum(told_right) >= _RIGHT * len(told_right):
            break
    if not any(right):
        raise ValueError(f"{every[0][0]}: no row has an answer that can be compared; give another --answer COLUMN")
    if not all(right):
        definition["on_bad_gold"] = "drop"
    return definition, reading, [record for record, kept in zip(records, right) if kept]


def is_right(task: Task, record: Record) -> bool:
    """Whether the record's reference answer scores 1."""
    from redone.records import Verdict
    from redone.rewards import score

    try:
        verdict = score(task, record, record.gold_text)
    except ValueError:  # it is none that the reward can compare with
        return False
    return isinstance(verdict, Verdict) and verdict.score == 1.0


def make(definition: Mapping[str, Any], check: bool = True) -> Task:
    from redone.data.load import make_task
    from redone.records import Task

    table = {key: value for key, value in definition.items() if key not in ("name", "convert", "texts")}
    return make_task(definition["name"], table, "init") if check else Task(name=definition["name"], **table)


def _field(column: str) -> str:
    """What a template calls the column."""
    return column if re.fullmatch(r"\w+", column) else re.sub(r"\W+", "_", column).strip("_") or "text"


def reader_at(model: str) -> Reader:
    from redone.commands.base import reader_of
    from redone.model.places import model_path

    return reader_of(model, model_path(model), 1 << 30)


def room_for(records: Sequence[Record], task: Task, reader: Reader) -> Room:
    """Room for all records, or for nearly all where the longest would ask for twice as much, or the model has less."""
    from math import ceil

    from redone.checks.lengths import budget_for, rewarded
    from redone.config import load_config

    zone = load_config([]).overlong_zone
    encoder = reader.encoder
    prompts = [len(ids) for ids in encoder.prompts(records, {task.name: task})]
    answers = [len(ids) for ids in encoder.answers([encoder.target_text(record, task) for record in records])]

    def wanted(lengths: Sequence[int]) -> int:
        ordered = sorted(lengths)
        nearly = ordered[ceil(_MOST * len(ordered)) - 1]
        return nearly if ordered[-1] > 2 * nearly else ordered[-1]

    budget = budget_for(wanted(answers), zone, task.budget)
    context = _ROOM * -(-(wanted(prompts) + budget) // _ROOM)
    if context > reader.own:
        context = reader.own
        budget = min(budget, max(task.budget, context // 2))
    fit = [p + budget <= context and a <= rewarded(budget, zone) for p, a in zip(prompts, answers)]
    return Room(budget, context, len(fit) - sum(fit), prompts, answers)


def as_read(run: Path) -> tuple[Dataset, list[str]]:
    """The data as a run will have them. Raises ValueError where it would refuse them."""
    from redone.commands import base, prepare
    from redone.config import load_config
    from redone.model.places import model_path
    from redone.run.log import Log

    config = load_config([run])
    reader = base.reader_for(config, config.model.path, model_path(config.model.path))
    dataset, notes, _ = prepare.read_dataset(config, prepare.read_packs(config), Log(), reader)
    return dataset, notes


def hidden_of(model: str) -> int:
    from redone.model.places import config_of, model_path

    return int(config_of(model_path(model)).get_text_config().hidden_size)


def unread_in(rows: Rows, columns: Columns) -> list[str]:
    read = {columns.text, columns.context, columns.messages, columns.answer}
    return [name for name in dict.fromkeys(name for _, row in rows for name in row) if name not in read]


def report(
    options: Options,
    columns: Columns,
    reading: Reading,
    room: Room,
    unread: Sequence[str],
    dataset: Dataset,
    notes: Sequence[str],
    paths: tuple[Path, Path],
) -> None:
    """What was taken for what, what to change, and the next commands."""
    from redone.checks.doubts import grouped
    from redone.config import load_config
    from redone.texts import visible

    pack, run = paths
    asked, answer = columns.messages or columns.text, columns.answer
    said = f"{asked} ({columns.why['text']})" + (f", below {columns.context}" if columns.context else "")
    splits = {split: len(dataset.split(split)) for split in ("train", "probe", "eval")}
    for what, value in (
        ("asked", said),
        ("answer", f"{answer} ({columns.why['answer']})" if answer else columns.why["answer"]),
        ("read as", reading.what),
        ("not read", ", ".join(unread)),
        ("records", ", ".join(f"{split} {count:,}" for split, count in splits.items())),
        ("tokens", f"prompts at most {max(room.prompts):,}, answers {max(room.answers):,}; budget {room.budget:,}"),
    ):
        if value:
            print(f"{what:<9} {visible(value)}")
    for note in grouped(notes, dataset.tasks):
        print(f"- {visible(note)}")
    print(f"\nWrote {pack} and {run}; in them every guess has its reason. First put the prompt in your own words.")
    print("Where a column is the wrong one, remove both files and give --text COLUMN or --answer COLUMN.\n")
    print(f"    redone check {run}\n    redone run {run}\n    redone watch runs/{load_config([run]).name}")
