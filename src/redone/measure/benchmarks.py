"""Measuring a model on benchmarks: what is read and checked before, asking, and the files that scores leave."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from redone import cores
from redone.benchmark.readings import RUN_CODE, read
from redone.data.mix import uniform
from redone.files import write_json, write_jsonl
from redone.measure.ask import Answerer, ask
from redone.measure.definitions import (
    SUITES,
    Benchmark,
    Subset,
    authors_prompts,
    folder_of,
    members,
    read_records,
)
from redone.measure.items import write_prompts
from redone.measure.outputs import here, items_on, reading_tasks, score_outputs
from redone.measure.predictions import Outputs, output_of
from redone.records import Prompt, Record, Task
from redone.rewards import uses
from redone.run.log import Log
from redone.run.scoring import Scorer
from redone.sandbox.isolate import unavailable

SECONDS, MEMORY = 60.0, 4096  # the most CPU time that one output may take to score, and MiB

Records = Mapping[str, Sequence[Record]]  # subset -> records
Suites = Mapping[
    str, tuple[list[Benchmark], list[str]]
]  # suite -> its benchmarks, and the names of those it is without


@dataclass(frozen=True)
class Prepared:
    """A benchmark with its records, whose readings were tried."""

    benchmark: Benchmark
    records: Records
    data: Path | None  # where the records are from; None: the hub


def prepared(names: Sequence[str], data: Path | None, log: Log, limit: int | None = None) -> list[Prepared]:
    """The benchmarks of these names, those of a suite too, read and checked.

    Raises ValueError where a file is missing, or what their readings need.
    """
    benchmarks, _ = asked_for(names, data, log)
    records = {benchmark.name: limited(read_records(benchmark, data), limit) for benchmark in benchmarks}
    check_readings(benchmarks, records)
    return [Prepared(benchmark, records[benchmark.name], data) for benchmark in benchmarks]


def measure_benchmark(
    one: Prepared,
    answerer: Answerer,
    folder: Path,
    *,
    template: str,
    log: Log,
    think: int = 0,
    likelihood: bool = False,
    most: int | None = None,
) -> dict[str, Any]:
    """The contents of the folder's scores.json, beside predictions.jsonl and items.jsonl; gone on with where it was
    stopped.

    template: the mark of the chat template that writes its prompts. think: tokens that the model may reason for beside
    an answer's budget; 0: it is asked not to. likelihood: subsets that have choices are not generated.
    most: tokens of an answer, where that is less than the benchmark's own.
    """
    benchmark = one.benchmark
    prompts = questions(one, think, likelihood, most)
    lines = ask(answerer, prompts, folder / "predictions.jsonl", log=log, label=benchmark.title)
    outputs = {prompt.key: list(map(output_of, mine)) for prompt, mine in zip(prompts, lines)}
    [found], items = score_all([benchmark], {benchmark.name: one.records}, outputs, log)
    scores = {**found, "prompts": whose_prompts(benchmark, one.data), "chat_template": template}
    write_jsonl(folder / "items.jsonl", items)
    write_prompts(folder, [record for mine in one.records.values() for record in mine])
    write_json(folder / "scores.json", scores)
    return scores


def questions(one: Prepared, think: int = 0, likelihood: bool = False, most: int | None = None) -> list[Prompt]:
    """What a model is asked, as `measure_benchmark` has it."""
    prompts = [
        question(subset, record, think, likelihood)
        for name, subset in one.benchmark.subsets.items()
        for record in one.records[name]
    ]
    return prompts if most is None else [replace(prompt, budget=min(prompt.budget, most)) for prompt in prompts]


def question(subset: Subset, record: Record, think: int, likelihood: bool) -> Prompt:
    task, choices = subset.task, subset.choices
    if isinstance(choices, str):
        choices = tuple(map(str, record.fields[choices]))
    return Prompt(
        record.id,
        record.messages,
        task.budget + think,
        task.think or think > 0,
        subset.stop,
        choices if likelihood else (),
        go_on=True,
    )


def asked_for(names: Sequence[str], data: Path | None, log: Log) -> tuple[list[Benchmark], Suites]:
    """The benchmarks that names of benchmarks and suites stand for, each once, and the suites' own with the names of
    those that they have to do without. A suite does without code where there is no sandbox, and says so."""
    found: dict[str, Benchmark] = {}
    suites = {}
    for name in names:
        mine, missing = members(name, data)
        if name in SUITES and (why := unavailable()) and (code := [b.name for b in mine if runs_code(b)]):
            log.line(f"{name} without {', '.join(code)}, which run code that a model wrote: {why}")
            mine, missing = [b for b in mine if b.name not in code], [*missing, *code]
        found |= {benchmark.name: benchmark for benchmark in mine}
        if name in SUITES:
            suites[name] = (mine, missing)
    return list(found.values()), suites


def limited(records: Records, limit: int | None) -> dict[str, list[Record]]:
    """At most `limit` records of each subset, those whose hash comes first, in file order."""
    if limit is None:
        return {name: list(mine) for name, mine in records.items()}
    out = {}
    for name, mine in records.items():
        kept = {record.id for record in sorted(mine, key=lambda record: uniform(0, "limit", record.id))[:limit]}
        out[name] = [record for record in mine if record.id in kept]
    return out


def fingerprint(records: Records, tasks: Mapping[str, Task] | None = None) -> str:
    """Of ids and prompts; of a configuration's tasks also of how long an answer may be, and whether it thinks."""
    digest = hashlib.sha256()
    for name, mine in records.items():
        bounds = [tasks[name].budget, tasks[name].think] if tasks else []
        for record in mine:
            digest.update(json.dumps([record.id, record.messages, *bounds], sort_keys=True).encode())
    return digest.hexdigest()[:16]


def score_all(
    benchmarks: Sequence[Benchmark], records: Mapping[str, Records], outputs: Outputs, log: Log
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Each benchmark's scores and what it says of itself, and the lines of all records."""
    from redone.model.embedding import cosines

    tasks = {name: task for benchmark in benchmarks for name, task in reading_tasks(benchmark).items()}
    scores, items = [], []
    subsets = sum(len(benchmark.subsets) for benchmark in benchmarks)
    scorer = Scorer(tasks, workers=cores.usable(), seconds=SECONDS, memory=MEMORY, score=read)
    with scorer, log.bar("scoring", subsets) as bar:
        for benchmark in benchmarks:
            found, lines = score_outputs(
                benchmark, records[benchmark.name], outputs, scorer, embed=cosines, advance=bar.advance
            )
            scores.append({**found, **described(benchmark)})
            items += lines
    return scores, items


def check_readings(benchmarks: Sequence[Benchmark], records: Mapping[str, Records]) -> None:
    """Raises ValueError where a package, or the sandbox, that the benchmarks' readings need is not there: found out on
    each subset's first reference, before a model answers for hours."""
    if (code := [b.name for b in benchmarks if runs_code(b)]) and (why := unavailable()):
        raise ValueError(f"{', '.join(code)}: code that a model wrote is to be run: {why}")
    for benchmark in benchmarks:
        for name, subset in benchmark.subsets.items():
            for record in records[benchmark.name][name][:1]:
                items_on(subset, [record], [[record.answer]], here(subset), lambda *_: None)


def runs_code(benchmark: Benchmark) -> bool:
    return any(uses(task, RUN_CODE) for task in reading_tasks(benchmark).values())


def described(benchmark: Benchmark) -> dict[str, str]:
    """What a reader of the scores has to know: how it is asked and read."""
    reading = next(iter(benchmark.subsets.values())).readings[0].name
    return {"title": benchmark.title, "about": benchmark.about.strip(), "reading": reading}


def whose_prompts(benchmark: Benchmark, data: Path | None) -> str:
    return "the authors'" if authors_prompts(benchmark, folder_of(benchmark, data) if data else None) else "ours"
