"""A model measured on benchmarks, on a configuration's tasks, or on lm-evaluation-harness's. What it has is on disk as
soon as it is there, and the same command goes on:

OUT/settings.json              what the folder was begun with
OUT/<set>/predictions.jsonl    an answer per line, as it comes; a set is a benchmark, `tasks` or `lm-eval`
OUT/<set>/items.jsonl          a record per line with its verdicts, once all its answers are there
OUT/<set>/scores.json          likewise
OUT/tasks/examples.json        wrong answers to each task
OUT/results.json, report.md, report.html, rollouts.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redone import cores
from redone.commands.configured import Configured
from redone.files import read_object
from redone.mistakes import address_flaw

if TYPE_CHECKING:
    from redone.data.encode import Encoder
    from redone.measure.ask import Answerer
    from redone.measure.benchmarks import Prepared
    from redone.model.places import Place
    from redone.model.policy import Policy
    from redone.model.precision import Machine
    from redone.run.log import Log
    from redone.sample.lm_eval_model import HarnessModel

_ROWS = 64  # answers decoded at once, on benchmarks


@dataclass(frozen=True)
class Options(Configured):
    """What was not given is None, so that what does not apply can be refused."""

    model_folder: str = ""  # or the name of a model that is served
    benchmark: str | None = None
    out: Path = Path()
    split: str | None = None
    limit: int | None = None
    samples: int = 1
    temperature: float | None = None
    think: int | None = None
    think_in_words: bool = False
    likelihood: bool = False
    base_url: str | None = None
    concurrent: int | None = None
    device: str | None = None
    dtype: str | None = None
    lm_eval: str | None = None  # names of tasks, by commas
    lm_eval_include: Path | None = None
    lm_eval_chat: bool = False

    @property
    def of_tasks(self) -> bool:
        """Whether it is measured on a configuration's tasks, rather than on benchmarks."""
        return bool(self.configs) or self.made is not None

    @property
    def drawn_at(self) -> float:
        """The temperature of its answers; a single one is greedy."""
        return 0.0 if self.samples == 1 else 1.0 if self.temperature is None else self.temperature


def refuse(options: Options) -> None:
    """Raises ValueError naming an option that does not apply."""
    tasks, several = options.of_tasks, options.samples > 1
    theirs = bool(options.lm_eval)
    for given, applies, said in (
        (options.lm_eval_include, theirs, "--lm-eval-include is of --lm-eval; leave it out"),
        (options.lm_eval_chat, theirs, "--lm-eval-chat is of --lm-eval; leave it out"),
        (options.likelihood or options.think, not theirs, "--lm-eval: its tasks say themselves how they are answered"),
        (several, not theirs, "--lm-eval: its tasks say themselves how many answers they take; leave out --samples"),
        (options.data, not theirs, "--lm-eval: its tasks name their data themselves; leave out --data"),
        (options.base_url, not theirs, "--lm-eval is of a model that is loaded; the harness itself asks endpoints"),
        (options.split, tasks, "--split is of a configuration's tasks; leave it out with --benchmark"),
        (options.sets, tasks, "--set is of a configuration; leave it out with --benchmark"),
        (options.likelihood, not tasks, "--likelihood chooses among a benchmark's options; leave it out with --config"),
        (options.think, not tasks, "--think is for benchmarks; of a configuration every task says whether it thinks"),
        (options.likelihood, not several, "--likelihood chooses one answer; leave out --samples"),
        (options.likelihood, not options.base_url, "--likelihood needs the model itself; an endpoint only answers"),
        (options.concurrent, options.base_url, "--concurrent is of an endpoint; give --base-url, or leave it out"),
        (options.device, not tasks, "--device is set by the configuration; give --set device=..."),
        (options.dtype, not tasks, "--dtype is set by the configuration; give --set model.dtype=..."),
        (options.device or options.dtype, not options.base_url, "--device and --dtype are of a model that is loaded"),
        (options.think_in_words, options.base_url, "--think-in-words is of an endpoint; leave it out"),
        (options.think_in_words, tasks or options.think, "--think-in-words: nothing thinks; give --think too"),
        (options.temperature is not None, several, "--temperature is of several samples; one answer is greedy"),
        (options.seed is not None, several, "--seed is of several samples; one answer is greedy"),
    ):
        if given and not applies:
            raise ValueError(said)
    if options.base_url is not None and (flaw := address_flaw(options.base_url)):
        raise ValueError(f"--base-url: {flaw}")


@dataclass(frozen=True)
class Found:
    """What was measured, and the page that shows it."""

    report: Path
    benchmarks: Sequence[Mapping[str, Any]] = ()  # the scores of each
    suites: Sequence[Mapping[str, Any]] = ()
    tasks: Mapping[str, Any] | None = None  # what results.json says of a configuration's tasks


def evaluated(options: Options, log: Log) -> Found:
    """Measure the model, or go on with it. Raises ValueError where an option does not apply or the folder is of another
    evaluation, and Interrupted where it was asked to stop."""
    refuse(options)
    from redone.run.lock import locked

    with locked(options.out, log.line), log.interruptible():
        if options.lm_eval:
            return by_lm_eval(options, log)
        return of_tasks(options, log) if options.of_tasks else on_benchmarks(options, log)


def on_benchmarks(options: Options, log: Log) -> Found:
    from redone.commands import base
    from redone.data.mix import derive_seed
    from redone.files import write_json
    from redone.measure.benchmarks import asked_for, fingerprint, measure_benchmark, prepared
    from redone.measure.suite import combined
    from redone.report.evaluation import write_evaluation_report

    names, data = (options.benchmark or "").split(","), Path(options.data) if options.data else None
    found = prepared(names, data, log, options.limit)
    suites = asked_for(names, data, log)[1]
    place = None if options.base_url else place_of(options)
    machine = None if options.base_url else settled(log, options.device, options.dtype)
    read = cache(lambda: None if place is None else base.reader_of(options.model_folder, place.folder, 0).encoder)
    items = {b.benchmark.name: fingerprint(b.records) for b in found}
    mark = same_settings(options, place, machine, lambda: mark_of(read()), options.seed or 0, items)
    if (encoder := read()) is not None:
        tried(encoder, options, found, log)
    load = loader(options, place, machine, encoder)
    scores: dict[str, dict[str, Any]] = {}
    for one in found:
        ids = [record.id for mine in one.records.values() for record in mine]
        seed = options.seed or 0
        drawn = seed if options.base_url else derive_seed(seed, "answers", len(ids), ids[0])
        scores[one.benchmark.name] = measure_benchmark(
            one,
            answerer(options, load, drawn, _ROWS, log),
            options.out / one.benchmark.name,
            template=mark,
            log=log,
            think=options.think or 0,
            likelihood=options.likelihood,
        )
        log.line(average_of(scores[one.benchmark.name]))
    whole = []
    for name, (own, missing) in suites.items():
        whole.append(combined(name, own, [scores[b.name] for b in own], missing))
        write_json(options.out / name / "scores.json", whole[-1])
    write_results(options)
    return Found(write_evaluation_report(options.out)[1], list(scores.values()), whole)


def average_of(scores: Mapping[str, Any]) -> str:
    """The average in words, with what it is without."""
    name = scores.get("title", scores["benchmark"])
    if without := scores.get("average_without"):
        rest = scores.get("average_of_the_rest", scores["average"])
        return f"{name}: average {shown(scores['average'])}; without {', '.join(without)} {shown(rest)}"
    return f"{name}: average {shown(scores['average'])}"


def shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def of_tasks(options: Options, log: Log) -> Found:
    from redone.checks.doubts import grouped
    from redone.commands import base, prepare
    from redone.data.mix import derive_seed
    from redone.measure.benchmarks import fingerprint, limited
    from redone.measure.closed import closed_tasks
    from redone.measure.ngrams import unaided
    from redone.measure.taskset import TASKS, measure_tasks, some_of_each_task
    from redone.report.evaluation import write_evaluation_report

    config = options.resolve()
    place = None if options.base_url else place_of(options)
    packs = prepare.read_packs(config)
    reader = None if place is None else base.reader_for(config, options.model_folder, place.folder)
    dataset, notes, _ = prepare.read_dataset(config, packs, log, reader)
    for note in grouped(notes, dataset.tasks):
        log.line(note)
    split: Any = options.split or config.eval.split
    first = some_of_each_task(dataset, split, config.eval.records)
    subsets = limited({name: [r for r in first if r.task == name] for name in dataset.tasks}, options.limit)
    records = [record for mine in subsets.values() for record in mine]
    if not records:
        mend = "set data.tune" if split == "tune" else "leave out --split"
        raise ValueError(f"no task has records in {split}; {mend}")
    if options.base_url and not options.think_in_words and any(dataset.tasks[r.task].think for r in records):
        log.line(f"Whether {options.model_folder} thinks first is its endpoint's affair; --think-in-words asks it to.")
    machine = None if options.base_url else settled(log, config.device, config.model.dtype)
    items = {TASKS: fingerprint(subsets, dataset.tasks)}
    mark = same_settings(options, place, machine, lambda: mark_of(reader and reader.encoder), config.seed, items)
    seed = derive_seed(config.seed, split)
    trust = config.model.trust_remote_code
    load = loader(options, place, machine, reader and reader.encoder, config.threads, trust)
    with prepare.scoring(config, dataset.tasks, prepare.judge_of(config, options.out, log)) as score_all:
        table = measure_tasks(
            answerer(options, load, seed, config.eval.rows, log),
            dataset.tasks,
            score_all,
            records,
            unaided(dataset, records, score_all),
            options.out / TASKS,
            closed=closed_tasks(dataset),
            template=mark,
            most_errors=config.scoring.most_errors,
            log=log,
            label=split,
        )
    results = {"split": split, "domain": dataset.domain, "models": {"model": table}}
    write_results(options, results)
    return Found(write_evaluation_report(options.out)[1], tasks=results)


def by_lm_eval(options: Options, log: Log) -> Found:
    from redone.commands import base
    from redone.data.chat import PLAIN
    from redone.measure import lm_eval_tasks
    from redone.report.evaluation import write_evaluation_report

    chat, include = options.lm_eval_chat, options.lm_eval_include
    tasks = lm_eval_tasks.found((options.lm_eval or "").split(","), include)
    place, machine = place_of(options), settled(log, options.device, options.dtype)
    encoder = base.reader_of(options.model_folder, place.folder, 0).encoder
    if chat and not encoder.chats:
        raise ValueError(f"--lm-eval-chat: {options.model_folder} has no chat template; leave it out")
    asked = {lm_eval_tasks.SET: lm_eval_tasks.fingerprint(tasks, include, options.limit, chat)}
    mark = same_settings(options, place, machine, lambda: mark_of(encoder) if chat else PLAIN, 0, asked)
    load = loader(options, place, machine, encoder)

    def model() -> HarnessModel:
        from redone.sample.lm_eval_model import HarnessModel

        return HarnessModel(*load(), log.bar, _ROWS)

    folder = options.out / lm_eval_tasks.SET
    scores = lm_eval_tasks.measure(tasks, model, folder, limit=options.limit, chat=chat, template=mark)
    write_results(options)
    return Found(write_evaluation_report(options.out)[1], [scores])


Loaded = tuple["Policy", "Encoder"]


def place_of(options: Options) -> Place:
    from redone.run.stages import model_place

    return model_place(options.model_folder)


def mark_of(encoder: Encoder | None) -> str:
    """Of the chat template that writes the prompts: the model's own, or that of an endpoint."""
    from redone.data.chat import SERVED

    return SERVED if encoder is None else encoder.chat.mark


def tried(encoder: Encoder, options: Options, benchmarks: Sequence[Prepared], log: Log) -> None:
    """Try how the model reads texts on all that it will be asked."""
    from redone.commands import prepare

    asked = prepare.check_questions(benchmarks, encoder, options.think or 0, options.likelihood)
    for note in [*encoder.notes(bool(options.think)), *asked]:
        log.line(note)


def settled(log: Log, device: str | None, dtype: str | None) -> Machine:
    from redone.model.precision import settle

    machine = settle(device or "auto", dtype or "auto")
    log.line(machine.line)
    return machine


def loader(
    options: Options,
    place: Place | None,
    machine: Machine | None,
    encoder: Encoder | None,
    threads: int | None = None,
    trust: bool = False,
) -> Callable[[], Loaded]:
    """Loads the model, once."""

    @cache
    def loaded() -> Loaded:
        import torch

        from redone.model.places import load, loading
        from redone.run.log import quiet_transformers

        assert place is not None
        assert machine is not None
        assert encoder is not None
        torch.set_num_threads(cores.threads(threads))
        kept = "bfloat16" if machine.dtype == "mixed" else machine.dtype  # the same numbers; nothing is trained here
        quiet_transformers()
        with loading(options.model_folder):
            return load(place, kept, machine.device, trust), encoder

    return loaded


def answerer(options: Options, load: Callable[[], Loaded], seed: int, rows: int, log: Log) -> Answerer:
    from redone.measure.answerers import local, served
    from redone.served.client import Service

    drawn: Any = {"samples": options.samples, "temperature": options.drawn_at, "seed": seed}
    if options.base_url:
        service = Service(options.base_url, options.model_folder, options.concurrent or 8)
        kept = options.out / "settings.json"
        return served(service, **drawn, say=log.line, kept=kept, words=options.think_in_words)
    return local(load, **drawn, rows=rows)


def same_settings(
    options: Options,
    place: Place | None,
    machine: Machine | None,
    mark: Callable[[], str],
    seed: int,
    questions: Mapping[str, str],
) -> str:
    """Write the folder's settings, what its answers depend on and the fingerprints of its questions. mark: of the chat
    template, which is returned; it is read where all else is as it was.

    Raises ValueError naming what differs from the settings that the folder was begun with.
    """
    from redone.files import write_json
    from redone.model.places import weights_of
    from redone.run.lock import NAME

    now = {
        "model": options.model_folder,
        "base_url": options.base_url,
        "limit": options.limit,
        "samples": options.samples,
        "temperature": options.drawn_at,
        "seed": seed if options.samples > 1 else None,
        "think": options.think or 0,
        "think_in_words": options.think_in_words,
        "likelihood": options.likelihood,
        "weights": "" if place is None else weights_of(place),
        "device": machine and machine.device,
        "dtype": machine and machine.dtype,
    }
    path = options.out / "settings.json"
    before: dict[str, Any] = {**now, "questions": {}}
    if path.exists():
        try:
            before = read_object(path)
        except ValueError:
            raise ValueError(f"{path} is damaged; give another --out") from None
    elif path.parent.exists() and (not path.parent.is_dir() or any(one.name != NAME for one in path.parent.iterdir())):
        raise ValueError(f"{path.parent} exists and is no folder of this command; give another --out")
    differing = [f"{key}: {before.get(key)} -> {value}" for key, value in now.items() if before.get(key) != value]
    differing += [f"the items of {b}" for b, value in questions.items() if before["questions"].get(b, value) != value]
    template = "" if differing else mark()
    if template and before.setdefault("chat_template", template) != template:
        differing = [f"chat_template: {before['chat_template']} -> {template}"]
    if differing:
        raise ValueError(f"{path.parent} was made otherwise ({'; '.join(differing)}); give another --out")
    write_json(path, {**before, "questions": {**before["questions"], **questions}})
    return template


def write_results(options: Options, tasks: Mapping[str, Any] | None = None) -> None:
    """results.json, from the scores of every benchmark in the folder, those of earlier calls too; and from the tasks'
    entry, that of an earlier call if this one has none."""
    from redone.benchmark.paper import place
    from redone.files import write_json
    from redone.measure.definitions import SUITES
    from redone.measure.taskset import TASKS

    path = options.out / "results.json"
    before = read_object(path) if path.exists() else {}
    kept = {key: before[key] for key in ("split", "models") if key in before}
    files = sorted(options.out.glob("*/scores.json"), key=lambda file: (file.parent.name in SUITES, file.parent.name))
    benchmarks = {file.parent.name: read_object(file) for file in files if file.parent.name != TASKS}
    made = read_object(options.out / "settings.json")
    results = {"model": options.model_folder, "made": made, "benchmarks": benchmarks, "paper": place(benchmarks)}
    write_json(path, {**results, **(tasks or kept)})
