"""Measuring models on benchmarks: `redone eval MODEL --benchmark ...` asks, scores and reports, `redone score` scores
predictions made elsewhere. What eval has is on disk as soon as it is there:

OUT/settings.json                   what the folder was begun with
OUT/<benchmark>/predictions.jsonl   an answer per line, as it comes
OUT/<benchmark>/items.jsonl         a record per line with its verdicts, once all its answers are there
OUT/<benchmark>/scores.json         likewise
OUT/results.json, report.md, report.html
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from redone.benchmark.readings import RUN_CODE, read
from redone.data.mix import uniform
from redone.files import write_json, write_jsonl
from redone.measure import outputs as scoring
from redone.measure.definitions import (
    SUITES,
    Benchmark,
    Subset,
    authors_prompts,
    folder_of,
    members,
    read_records,
)
from redone.measure.predictions import Outputs, read_predictions
from redone.measure.suite import combined
from redone.records import Record
from redone.rewards import uses
from redone.run.log import Interrupted, Log, quiet_transformers
from redone.run.scoring import Scorer
from redone.sandbox.isolate import unavailable

if TYPE_CHECKING:
    from redone.measure.ask import Question, Source

SECONDS, MEMORY = 60.0, 4096  # the most CPU time that one output may take to score, and MiB

Records = Mapping[str, Sequence[Record]]  # subset -> records


def command_eval(options: argparse.Namespace) -> int:
    log, out = Log(), options.out
    if options.likelihood and options.samples > 1:
        raise ValueError("--likelihood chooses one answer; leave out --samples")
    benchmarks, suites = asked_for(options.benchmark.split(","), options.data, log)
    records = {b.name: limited(read_records(b, options.data), options.limit) for b in benchmarks}
    prints = {b.name: fingerprint(records[b.name]) for b in benchmarks}
    check_readings(benchmarks, records)
    generating, choosing, weights = sources(options, log)
    made = same_settings(out / "settings.json", {**settings(options), "weights": weights}, prints)
    from redone.benchmark.paper import place
    from redone.measure.ask import ask
    from redone.report.evaluation import write_evaluation_report

    scores: dict[str, dict[str, Any]] = {}
    try:
        with log.interruptible():
            for benchmark in benchmarks:
                mine, folder = records[benchmark.name], out / benchmark.name
                for source, names in shared_out(benchmark, generating, choosing, options.likelihood):
                    ask(
                        source(),
                        [
                            question(benchmark.subsets[name], record, options.think)
                            for name in names
                            for record in mine[name]
                        ],
                        folder / "predictions.jsonl",
                        samples=options.samples,
                        temperature=options.temperature,
                        seed=options.seed,
                        log=log,
                        label=benchmark.title,
                    )
                ids = [record.id for subset in mine.values() for record in subset]
                outputs = read_predictions(folder / "predictions.jsonl", ids, False, log.line)
                [found], items = score_all([benchmark], {benchmark.name: mine}, outputs, log)
                scores[benchmark.name] = {**found, "prompts": whose_prompts(benchmark, options.data)}
                write_jsonl(folder / "items.jsonl", items)
                write_json(folder / "scores.json", scores[benchmark.name])
                log.line(average_of(scores[benchmark.name]))
    except Interrupted as where:
        log.line(f"Stopped {where}. Go on with the same command.")
        return 130
    for mine in scores.values():
        print_table(mine)
    for name, (own, missing) in suites.items():
        scores[name] = combined(name, own, [scores[b.name] for b in own], missing)
        write_json(out / name / "scores.json", scores[name])
        print(average_of(scores[name]))
    benchmarks_here = all_scores(out)
    results = {"model": options.model_folder, "made": made, "benchmarks": benchmarks_here}
    write_json(out / "results.json", {**results, "paper": place(benchmarks_here)})
    print(f"\nReport: {write_evaluation_report(out)[1]}")
    return 0


def asked_for(
    names: Sequence[str], data: Path | None, log: Log
) -> tuple[list[Benchmark], dict[str, tuple[list[Benchmark], list[str]]]]:
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


def question(subset: Subset, record: Record, thinking: int) -> "Question":
    """thinking: tokens that the model may reason for beside the answer's budget; 0: it is asked not to."""
    from redone.measure.ask import Question

    task = subset.task if not thinking else replace(subset.task, think=True, budget=subset.task.budget + thinking)
    return Question(record, task, subset.stop, subset.choices)


def shared_out(
    benchmark: Benchmark, generating: "Callable[[], Source]", choosing: "Callable[[], Source]", likelihood: bool
) -> "Iterable[tuple[Callable[[], Source], list[str]]]":
    """Who answers which subsets: with `likelihood` those that have choices are not generated."""
    chosen = [name for name, subset in benchmark.subsets.items() if likelihood and subset.choices]
    generated = [name for name in benchmark.subsets if name not in chosen]
    return [(source, names) for source, names in ((generating, generated), (choosing, chosen)) if names]


def sources(options: argparse.Namespace, log: Log) -> "tuple[Callable[[], Source], Callable[[], Source], str]":
    """What generates answers and what chooses among some, and the weights' fingerprint; a model is loaded when it is
    first asked, and once."""
    if options.base_url:
        if options.likelihood:
            raise ValueError("--likelihood needs the model itself; an endpoint only answers")
        from redone.measure.ask import Remote
        from redone.served.client import Service

        service = Service(options.base_url, options.model_folder, options.concurrent)
        return lambda: Remote(service, log.line), lambda: Remote(service, log.line), ""
    from redone.measure.ask import Choosing, Local
    from redone.model.places import load, loading, weights_of
    from redone.run.stages import model_place

    place = model_place(options.model_folder)

    @cache
    def loaded() -> tuple[Any, Any]:
        import torch

        from redone.data.encode import Encoder

        torch.set_num_threads(os.cpu_count() or 1)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        quiet_transformers()
        with loading(options.model_folder):
            encoder = Encoder.load(place.folder)
            policy = load(place, "bfloat16" if device == "cuda" else "float32", device)
        return policy, encoder

    return cache(lambda: Local(*loaded())), cache(lambda: Choosing(*loaded())), weights_of(place)


def settings(options: argparse.Namespace) -> dict[str, Any]:
    """What the answers depend on."""
    several = options.samples > 1
    return {
        "model": options.model_folder,
        "base_url": options.base_url,
        "limit": options.limit,
        "samples": options.samples,
        "temperature": options.temperature if several else 0.0,
        "seed": options.seed if several else None,
        "think": options.think,
        "likelihood": options.likelihood,
    }


def same_settings(path: Path, now: Mapping[str, Any], questions: Mapping[str, str]) -> dict[str, Any]:
    """The folder's settings with these questions' fingerprints, written if there were none.

    Raises ValueError naming what differs from the settings that the folder was begun with.
    """
    before: dict[str, Any] = {**now, "questions": {}}
    if path.exists():
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            raise ValueError(f"{path} is damaged; give another --out") from None
    elif path.parent.exists() and (not path.parent.is_dir() or any(path.parent.iterdir())):
        raise ValueError(f"{path.parent} exists and is no folder of this command; give another --out")
    differing = [f"{key}: {before.get(key)} -> {value}" for key, value in now.items() if before.get(key) != value]
    differing += [f"the items of {b}" for b, value in questions.items() if before["questions"].get(b, value) != value]
    if differing:
        raise ValueError(f"{path.parent} was made otherwise ({'; '.join(differing)}); give another --out")
    whole = {**before, "questions": {**before["questions"], **questions}}
    write_json(path, whole)
    return whole


def fingerprint(records: Records) -> str:
    """Of ids and prompts."""
    digest = hashlib.sha256()
    for mine in records.values():
        for record in mine:
            digest.update(json.dumps([record.id, record.messages], sort_keys=True).encode())
    return digest.hexdigest()[:16]


def all_scores(out: Path) -> dict[str, Any]:
    """The scores of every benchmark in the folder, those of earlier calls too."""
    paths = sorted(out.glob("*/scores.json"), key=lambda path: (path.parent.name in SUITES, path.parent.name))
    return {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def command_score(options: argparse.Namespace) -> int:
    log = Log()
    benchmarks, suites = asked_for([options.benchmark], options.data, log)
    records = {benchmark.name: read_records(benchmark, options.data, ask=False) for benchmark in benchmarks}
    ids = [record.id for mine in records.values() for subset in mine.values() for record in subset]
    check_readings(benchmarks, records)
    outputs = read_predictions(options.predictions, ids, options.partial, log.line)
    scores, items = score_all(benchmarks, records, outputs, log)
    [result] = [combined(name, own, scores, missing) for name, (own, missing) in suites.items()] or scores
    if options.items:
        write_jsonl(options.items, items)
    if options.json:
        write_json(options.json, result)
    if options.json is None and not sys.stdout.isatty():  # a program reads it
        print(json.dumps(result))
        return 0
    for mine in scores:
        print_table(mine)
    if suites:
        print(average_of(result))
    return 0


def score_all(
    benchmarks: Sequence[Benchmark], records: Mapping[str, Records], outputs: Outputs, log: Log
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Each benchmark's scores and what it says of itself, and the lines of all records."""
    from redone.model.embedding import cosines

    tasks = {name: task for benchmark in benchmarks for name, task in scoring.reading_tasks(benchmark).items()}
    scores, items = [], []
    subsets = sum(len(benchmark.subsets) for benchmark in benchmarks)
    scorer = Scorer(tasks, workers=os.cpu_count() or 1, seconds=SECONDS, memory=MEMORY, score=read)
    with scorer, log.bar("scoring", subsets) as bar:
        for benchmark in benchmarks:
            found, lines = scoring.score_outputs(
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
                scoring.items_on(subset, [record], [[record.answer]], scoring.here(subset), lambda *_: None)


def runs_code(benchmark: Benchmark) -> bool:
    return any(uses(task, RUN_CODE) for task in scoring.reading_tasks(benchmark).values())


def described(benchmark: Benchmark) -> dict[str, str]:
    """What a reader of the scores has to know: how it is asked and read."""
    reading = next(iter(benchmark.subsets.values())).readings[0].name
    return {"title": benchmark.title, "about": benchmark.about.strip(), "reading": reading}


def whose_prompts(benchmark: Benchmark, data: Path | None) -> str:
    return "the authors'" if authors_prompts(benchmark, folder_of(benchmark, data) if data else None) else "ours"


def print_table(scores: Mapping[str, Any]) -> None:
    """A benchmark's scores for people: both readings, interval, items, and the best answer that needs no model."""
    clean = any("clean" in entry["readings"] for entry in scores["subsets"].values())
    prompts = {"ours": "; our prompts", "the authors'": "; the authors' prompts"}.get(scores.get("prompts", ""), "")
    grid = Table(title=f"{scores['title']}, 0 to 100{prompts}", title_justify="left", box=SIMPLE, pad_edge=False)
    grid.add_column("", no_wrap=True)
    for heading in (scores["reading"], "95 %", *(["clean"] if clean else []), "items"):
        grid.add_column(heading, justify="right", no_wrap=True)
    grid.add_column("no model")
    for name, entry in scores["subsets"].items():
        trivial = {k: mine["score"] for k, mine in entry.get("trivial", {}).items() if mine["score"] is not None}
        best = max(trivial, key=lambda k: trivial[k], default="")
        half = "".join(f" ({k} {shown(v)})" for k, v in entry.get("parts", {}).items() if entry["score"] is None)
        cells = [
            shown(entry["score"]) + half,
            between(entry),
            *([shown(entry.get("clean"))] if clean else []),
            str(entry["n"]),
        ]
        grid.add_row(name, *cells, f"{shown(trivial[best])} ({best})" if best else "-")
    for name, column in scores.get("columns", {}).items():
        cells = [shown(column["score"]), between(column), *([shown(column["clean"])] if clean else [])]
        grid.add_row(f"column {name}", *cells, str(column["n"]), shown(column["trivial"]))
    Console(width=max(Console().width, 110)).print(grid)
    print(average_of(scores))


def between(entry: Mapping[str, Any]) -> str:
    return "-" if entry["interval"] is None else " to ".join(map(shown, entry["interval"]))


def average_of(scores: Mapping[str, Any]) -> str:
    """The average in words, with what it is without."""
    name = scores.get("title", scores["benchmark"])
    if without := scores.get("average_without"):
        rest = scores.get("average_of_the_rest", scores["average"])
        return f"{name}: average {shown(scores['average'])}; without {', '.join(without)} {shown(rest)}"
    return f"{name}: average {shown(scores['average'])}"


def shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
