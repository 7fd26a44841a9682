"""How far the models of a run drift from its base (`measure.drift`)."""

from pathlib import Path
from typing import Any

from redone.config import Held, RunConfig
from redone.data.encode import Encoder, Passage
from redone.data.load import Dataset
from redone.files import read_jsonl, read_object, write_json, write_jsonl
from redone.measure.drift import (
    HeldOut,
    Line,
    Templates,
    answers_of,
    held_prompts,
    held_texts,
    measure_answers,
    measure_texts,
    record_prompts,
    said,
    summed,
    trained_keys,
)
from redone.measure.taskset import some_of_each_task
from redone.run.lab import Lab
from redone.run.stages import BASE


def held_out(config: RunConfig, dataset: Dataset, encoder: Encoder, context: int) -> tuple[HeldOut | None, list[str]]:
    """What a run measures drift on, and what a person should know of it. Raises ValueError where it cannot be read, or
    nothing is left to measure on."""
    asked = config.drift
    if asked is None:
        return None, []
    trained = trained_keys(dataset.split("train"))
    room = (asked.most, asked.tokens)
    read = {
        name: held_texts(f"drift.texts.{name}", templates_of(config, one), encoder, context, asked.most, trained)
        for name, one in asked.texts.items()
    }
    if asked.prompts is not None:
        prompts, notes = held_prompts(templates_of(config, asked.prompts), encoder, context, *room, trained)
    else:
        first = some_of_each_task(dataset, config.eval.split, config.eval.records)
        general = [record for record in first if dataset.tasks[record.task].part == "general"]
        prompts, notes = record_prompts(general, encoder, dataset.tasks, context, *room) if general else ([], [])
    if not read and not prompts:
        raise ValueError("[drift] has nothing to measure on: there are no general tasks; give it texts, or prompts")
    texts = {name: passages for name, (passages, _) in read.items()}
    return HeldOut(texts, prompts, asked.tokens), [*(note for _, said in read.values() for note in said), *notes]


def templates_of(config: RunConfig, one: Held) -> Templates:
    return Templates(Path(config.data.root or "") / one.file, one.text, one.prompt, one.answer)


def measure_drift(lab: Lab, model: str) -> None:
    """eval/<model>/drift: lines.jsonl, a line for each text, and scores.json, which is written last and skipped where
    it is there. With the base also answers.jsonl, its own greedy answers, as token ids."""
    held: HeldOut | None = lab.drift
    folder = folder_of(lab, model)
    if held is None or (folder / "scores.json").exists():
        return
    most = lab.config.tokens_per_pass
    with lab.timed(f"drift {model}"):
        policy = lab.load(model)
        with lab.log.bar(f"drift {model}", sum(map(len, held.texts.values()))) as bar:
            lines = list(measure_texts(held, policy, most, bar.advance))
        if held.prompts and model == BASE:
            with lab.log.bar("answers to drift from", len(held.prompts)) as bar:
                answers = answers_of(policy, lab.encoder, held, lab.config.eval.rows, bar.advance)
            write_jsonl(folder / "answers.jsonl", [answer._asdict() for answer in answers])
        elif held.prompts:
            with lab.log.bar(f"divergence of {model}", len(held.prompts)) as bar:
                lines += measure_answers(_answers(lab), lab.load(BASE), policy, most, bar.advance)
        write_jsonl(folder / "lines.jsonl", [line._asdict() for line in lines])
        base = lines if model == BASE else lines_of(lab, BASE)
        scores = summed(lines, base)
        write_json(folder / "scores.json", scores)
    lab.log.line(said(model, scores))


def drift_of(lab: Lab) -> dict[str, Any]:
    """Model to its scores."""
    found = {model: folder_of(lab, model) / "scores.json" for model in lab.models}
    return {model: read_object(path) for model, path in found.items()} if lab.drift else {}


def risen(lab: Lab, before: str, after: str) -> dict[str, Any]:
    """Held-out set to what `summed` says of it, `rise` being above the model `before`; {} where it is not measured."""
    if not lab.drift:
        return {}
    mine, theirs = ([line for line in lines_of(lab, model) if line.of] for model in (after, before))
    return dict(summed(mine, theirs)["texts"])


def lines_of(lab: Lab, model: str) -> list[Line]:
    return [Line(**row) for row in read_jsonl(folder_of(lab, model) / "lines.jsonl")]


def folder_of(lab: Lab, model: str) -> Path:
    return lab.out / "eval" / model / "drift"


def _answers(lab: Lab) -> list[Passage]:
    rows = read_jsonl(folder_of(lab, BASE) / "answers.jsonl")
    return [Passage(row["key"], tuple(row["before"]), tuple(row["tokens"])) for row in rows]
