"""rollouts.html: every answer that a run or an evaluation kept, to filter, search and compare, beside its report.

A file that is missing or damaged is shown as far as it goes, and named on the page.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from redone.files import read_json, read_jsonl, write_page
from redone.measure.taskset import TASKS
from redone.report.chunks import FOLDER, Chunks, stamp_of
from redone.report.read import Run
from redone.report.render import packaged, render
from redone.thinking import split_thinking

PAGE = "rollouts.html"
SCALARS = (("advantage", "advantage"), ("length", "tokens"), ("version", "weights, in rollout steps"))


class Source(NamedTuple):
    """A file of answers, or a folder where a model was measured on a set."""

    key: str  # in links
    label: str
    kind: str  # sampled, refused (a step that was stopped) or measured
    set: str  # that was measured
    model: str
    start: str  # the model it began from, where there is one
    path: Path
    whole: bool = True  # False: still written, so that a torn end is no damage


def write_browser(run: Run, folder: Path) -> Path:
    """Write rollouts.html and its data into the run's folder."""
    sources = [*_sampled(run, folder)]
    starts = {stage.name: stage.start for stage in run.stages}
    for model in run.order:
        sources += measured(folder / "eval" / model, model, starts.get(model, ""))
    return write(folder, f"Run {run.name}", sources)


def write_evaluations(folders: Mapping[str, Path], out: Path) -> Path:
    """Write rollouts.html of what `redone eval` left in these folders, by model."""
    found = [source for model, folder in folders.items() for source in measured(folder, model)]
    return write(out, " and ".join(folders), found)


def _sampled(run: Run, folder: Path) -> Iterator[Source]:
    for stage in run.of_kind("reinforce"):
        path, done = folder / stage.name / "rollouts.jsonl.gz", (folder / stage.name / "DONE").exists()
        if path.exists():
            yield Source(stage.name, f"{stage.name}, sampled in training", "sampled", "", stage.name, "", path, done)
        for path in sorted((folder / stage.name).glob("stopped-*.json")):
            label = f"{stage.name}, {path.stem.replace('-', ' before step ').replace(' 0', ' ')}"
            yield Source(f"{stage.name}/{path.stem}", label, "refused", "", stage.name, "", path)


def measured(folder: Path, model: str, start: str = "") -> list[Source]:
    """The sets that a model was measured on, its configuration's tasks first."""
    sets = sorted(
        (path.parent.name for path in folder.glob("*/predictions.jsonl")), key=lambda name: (name != TASKS, name)
    )
    return [
        Source(
            f"{model}/{name}".replace(":", "_"),
            f"{model}, {'evaluated' if name == TASKS else name}",
            "measured",
            name,
            model,
            start,
            folder / name,
            (folder / name / "scores.json").exists(),
        )
        for name in sets
    ]


def write(out: Path, title: str, sources: Sequence[Source]) -> Path:
    stamp = stamp_of(chain.from_iterable(_files(source) for source in sources))
    chunks = Chunks(out / FOLDER, stamp, [source[:6] for source in sources])
    notes: list[str] = []
    for source in sources:
        _read(notes, source, (chunks.record(*asked) for asked in _asked(source)))
    for source in sources:
        _read(notes, source, (chunks.record(*asked) for asked in _examples(source)))
    for number, source in enumerate(sources):
        if source.kind == "measured":
            items: dict[str, Any] = {}
            _read(notes, source, (items.update({row["id"]: row}) for row in _lines(source.path / "items.jsonl")))
            _read(notes, source, _answers(chunks, number, source, items))
        else:
            _read(notes, source, (_refused if source.kind == "refused" else _rollouts)(chunks, number, source))
    if not chunks.scores:
        notes.append("No answers have been kept here yet.")
    chunks.finish({"title": title, "notes": notes, "stamp": stamp})
    looks = {"style": packaged("rollouts.css"), "script": packaged("rollouts.js")}
    write_page(out / PAGE, render("rollouts.html.jinja", {"title": title, "stamp": stamp, **looks}))
    return out / PAGE


def _read(notes: list[str], source: Source, rows: Iterator[Any]) -> None:
    """Go through the rows; what cannot be read ends them, and is noted unless the file is still being written."""
    try:
        for _ in rows:
            pass
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        if isinstance(error, ValueError) and not source.whole:
            return
        said = f"there is no {error}" if isinstance(error, KeyError) else str(error)
        where = "" if str(source.path) in said else f"{source.path}: not as redone leaves it: "
        notes.append(f"{where}{said:.300}. What stands before it is shown.")


def _files(source: Source) -> list[Path]:
    names = ("predictions.jsonl", "items.jsonl", "prompts.jsonl.gz", "examples.json")
    return [source.path / name for name in names] if source.kind == "measured" else [source.path]


def _rollouts(chunks: Chunks, number: int, source: Source) -> Iterator[None]:
    for row in read_jsonl(source.path):
        _rollout(chunks, number, row["step"], row)
        yield


def _refused(chunks: Chunks, number: int, source: Source) -> Iterator[None]:
    found = read_json(source.path)
    for row in found["batch"]:
        if "text" in row:
            _rollout(chunks, number, found["step"], row)
            yield


def _rollout(chunks: Chunks, number: int, step: int, row: Mapping[str, Any]) -> None:
    record = chunks.record("", row["id"], row["task"], row["prompt"])
    thinking, answer = split_thinking(row["text"])
    facts = [(label, row[key]) for key, label in SCALARS if row.get(key) is not None]
    if "score" in row and row.get("advantage") is None:
        facts.append(("trained on", "no: all answers to it score alike, or one could not be scored"))
    chunks.answer(
        (number, step, record),
        row.get("score"),
        row.get("reason", "not scored"),
        row["text"] if answer is None else answer,
        note=row.get("note", ""),
        parts=row.get("parts", {}).items(),
        facts=[*_said(row), *facts],
        texts=[("thinking", thinking)] if answer is not None and thinking else [],
        tokens=[row.get(key) or [] for key in ("tokens", "logprobs", "sampler_logprobs")] if "tokens" in row else (),
    )


def _said(row: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [("read as", row["said"])] if row.get("said") else []


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    return read_jsonl(path) if path.exists() else iter(())


def _answers(chunks: Chunks, number: int, source: Source, items: Mapping[str, Any]) -> Iterator[None]:
    """Of one model on one set. items: the lines of items.jsonl by id."""
    for row in read_jsonl(source.path / "predictions.jsonl"):
        item = items.get(row["id"], {})
        readings = list(item.get("readings", {}).values())
        verdict: Mapping[str, Any] = readings[0][row["sample"]] if readings else {}
        record = chunks.record(source.set, row["id"], task_of(source.set, row["id"], item.get("subset")))
        chunks.answer(
            (number, 0, record),
            verdict.get("score"),
            verdict.get("reason", "not scored yet"),
            row["output"],
            note=verdict.get("note", ""),
            parts=verdict.get("parts", {}).items(),
            facts=[*_said(verdict), *_beside(item, row["sample"]), *_of_answer(row)],
            texts=[*_written(row)],
        )
        yield


def _beside(item: Mapping[str, Any], sample: int) -> Iterator[tuple[str, Any]]:
    """The scores of the other readings, where they are others."""
    readings = item.get("readings", {})
    first: Any = next(iter(readings.values()), [])
    for name, verdicts in readings.items():
        if isinstance(verdicts, list) and verdicts[sample]["score"] != first[sample]["score"]:
            yield f"score, {name}", verdicts[sample]["score"]


def _of_answer(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if "logprob" in row:
        yield "log-probability, mean of its tokens", row["logprob"]
    if not row["finished"]:
        yield "finished", "no: its budget of tokens cut it off"
    if "missing" in row:
        yield "no answer", row["missing"]
    if "cut" in row:
        yield "tokens of the prompt's beginning that the context had no room for", row["cut"]


def _written(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What was written beside the answer itself."""
    if row.get("thinking"):
        yield "thinking", row["thinking"]
    thinking, answer = split_thinking(row.get("text", ""))
    if answer is None:
        yield "all that the model wrote", row["text"]
    elif thinking:
        yield "thinking", thinking
    if row.get("said"):
        yield "said instead", row["said"]
    if row.get("likelihoods"):
        yield "log-likelihoods of the choices", row["likelihoods"]


def task_of(set: str, id: str, subset: str | None) -> str:
    """A task's name; of a benchmark its own before that of the subset, which ids begin with."""
    name = id.split("/")[0] if set == TASKS else id.rpartition("/")[0]
    name = name if subset is None else subset
    return name if set == TASKS else f"{set}: {name}"


def _asked(source: Source) -> Iterator[tuple[str, str, str, str, str]]:
    """(set, id, task, prompt, reference answer) of all records that were asked, where the folder has them."""
    if source.kind == "measured":
        for row in _lines(source.path / "prompts.jsonl.gz"):
            yield source.set, row["id"], task_of(source.set, row["id"], row["task"]), row["prompt"], row["answer"]


def _examples(source: Source) -> Iterator[tuple[str, str, str, str, str]]:
    """The same of a few records, which is all that a folder of an earlier version has."""
    path = source.path / "examples.json"
    if source.kind == "measured" and path.exists():
        for task, rows in read_json(path).items():
            for row in rows:
                yield source.set, row["id"], task, row["prompt"], row["answer"]
