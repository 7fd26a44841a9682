"""`redone data show`: rows of a pack as they are asked, with what is taught and what the reference answer earns."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from redone.cli.options import frozen, positive

if TYPE_CHECKING:
    from redone.config import RunConfig
    from redone.data.encode import Encoder
    from redone.data.load import Dataset
    from redone.records import Record, Split, Task, Verdict
    from redone.run.scoring import ScoreAll


@dataclass(frozen=True)
class Options:
    pack: str
    task: str | None = None
    rows: int = 3
    model: str | None = None
    data: str | None = None


def add(commands: Any) -> None:
    data = commands.add_parser("data", help="look at data: show, rows of a pack as they are asked")
    acts = data.add_subparsers(required=True, metavar="ACT")
    show = acts.add_parser("show", help="rows of a pack as they are asked, and what their reference answer earns")
    show.add_argument("pack", metavar="PACK", help="a pack's file, or the name of one that comes with redone")
    show.add_argument("--task", metavar="NAME", help="this task alone")
    show.add_argument("--rows", type=positive, default=3, metavar="N", help="of each task (default: 3)")
    show.add_argument("--model", help="Hugging Face folder or hub id: show prompts as this model reads them")
    show.add_argument("--data", help="folder that the data files lie in")
    show.set_defaults(command=command)


def command(namespace: argparse.Namespace) -> int:
    show(frozen(Options, namespace))
    return 0


def show(options: Options) -> None:
    """Read as a run does that says nothing of its data; without a model prompts are shown before any chat template.
    Raises ValueError where a row cannot be asked."""
    from redone.checks.check import check_options, check_sandbox
    from redone.commands import prepare
    from redone.data.load import build

    config = config_for(options)
    dataset = build(prepare.read_packs(config), limit=None, probe=config.data.probe, evaluation=config.data.eval)
    check_options(dataset.tasks)
    dataset, notes = check_sandbox(dataset, "leave_out")
    for note in notes:
        print(note)
    encoder = encoder_of(options.model) if options.model else None
    records = [record for name in dataset.tasks for record in first_rows(dataset.records[name], options.rows)]
    with prepare.scoring(config, dataset.tasks) as score_all:
        scores = earnings(dataset, records, score_all)
    for record in records:
        print("\n".join(lines(record, dataset.tasks[record.task], scores.get(record.id), encoder)))


def config_for(options: Options) -> RunConfig:
    from redone.config import load_config

    given = {"data.packs": [options.pack], "data.tasks": options.task and [options.task], "data.root": options.data}
    return load_config([], [f"{key}={json.dumps(value)}" for key, value in given.items() if value])


def encoder_of(model: str) -> Encoder:
    from redone.commands.base import reader_of
    from redone.model.places import model_path

    return reader_of(model, model_path(model), 0).encoder


def first_rows(mine: Mapping[Split, Sequence[Record]], most: int) -> list[Record]:
    """The first so many records, those that are trained on before the others."""
    from redone.data.load import SPLITS

    return [record for split in SPLITS for record in mine.get(split, ())][:most]


def earnings(dataset: Dataset, records: Sequence[Record], score_all: ScoreAll) -> dict[str, str]:
    """Record's id to the score of its reference answer, and why it is not 1; of those that a judge scores none."""
    from redone.checks.agreement import verifiable
    from redone.run.scoring import Asked

    names = {task.name for task in verifiable(dataset)}
    asked = [record for record in records if record.task in names]
    found = score_all([Asked(record, [(record.gold_text, True)]) for record in asked])
    return {record.id: earned(verdict) for record, [verdict] in zip(asked, found)}


def earned(verdict: Verdict) -> str:
    if verdict.score == 1.0:
        return "1"
    return f"{verdict.score:.3g}, {verdict.reason}{verdict.note and ': '}{verdict.note}"


def lines(record: Record, task: Task, score: str | None, encoder: Encoder | None) -> list[str]:
    """A line of where the record is from and what its reference earns, then the prompt with what is taught in brackets;
    through the model's chat template where there is an encoder."""
    from redone.checks.shown import shown_record
    from redone.texts import visible

    said = "a judge decides what its reference answer earns" if score is None else f"its reference answer earns {score}"
    head = f"{record.id}, {record.source}: {said} ({task.reward})"
    if encoder is None:
        text = visible(f"{record.prompt_text}\n⟦{record.gold_text}⟧")
    else:
        one = shown_record(record, task, encoder)
        head, text = f"{head}; {one.tokens[0]:,} tokens, and {one.tokens[1]:,} that are taught", one.text
    return [visible(head), *(f"  {line}" for line in text.split("\n")), ""]
