"""Before a run: everything read and checked, the folder's files, and the lab that the pipeline works in.

Nothing heavy is imported before it is needed, so that mistakes in a configuration answer at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redone import cores
from redone.commands.base import Reader, check_model, check_numbers, reader_for
from redone.commands.begun import as_begun, begun_with, code_mark, same_configuration, same_inputs
from redone.mistakes import gathered, refuse

if TYPE_CHECKING:
    from redone.checks.lengths import Lengths
    from redone.checks.texts import Texts
    from redone.config import RunConfig
    from redone.data.encode import Encoder
    from redone.data.load import Dataset, Pack
    from redone.measure.benchmarks import Prepared
    from redone.measure.drift import HeldOut
    from redone.model.precision import Machine
    from redone.records import Task
    from redone.run.lab import Lab
    from redone.run.log import Log
    from redone.run.scoring import Scorer
    from redone.served.judge import Judge

PACKS = Path(__file__).parents[1] / "packs"


@dataclass(frozen=True)
class Checked:
    """What was found good before anything is trained."""

    dataset: Dataset
    notes: list[str]
    base: Path
    encoder: Encoder
    max_context: int
    lengths: Mapping[str, Lengths]  # of every task's records
    benchmarks: list[Prepared]  # those that are part of the run
    drift: HeldOut | None
    guard: HeldOut | None  # what the gate reads
    machine: Machine

    @property
    def lines(self) -> list[str]:
        """What a person should know before it is trained on: a sentence for each cause."""
        from redone.checks.doubts import grouped

        return [*grouped(self.notes, self.dataset.tasks), self.machine.line]


def check(config: RunConfig, log: Log, whole: bool = False) -> Checked:
    """Read and check everything a run needs. whole: read the data too where a run is refused without a look at them.
    Raises ValueError with every cause of a refusal that does not follow from another, and what to do."""
    from redone.model.places import model_path
    from redone.model.precision import settle
    from redone.track import check as check_trackers

    causes: list[str] = []
    machine = packs = base = reader = read = None
    with gathered(causes):
        check_numbers(config)
    with gathered(causes):
        machine = settle(config.device, config.model.dtype)
    with gathered(causes):
        check_trackers(config.track.to)
    with gathered(causes):
        packs = read_packs(config)
    with gathered(causes):
        base = model_path(config.model.path)
        reader = reader_for(config, config.model.path, base)
    if base and reader:
        with gathered(causes):
            check_model(config, base)
    if not whole:
        refuse(causes)
    if packs is not None:
        with gathered(causes):
            read = read_dataset(config, packs, log, reader)
    with gathered(causes):
        benchmarks, said = read_benchmarks(config, reader and reader.encoder, log)
    if read is not None and reader is not None:
        with gathered(causes):
            read = check_stages(config, read, reader)
        with gathered(causes):
            drift, guard, more = read_held_out(config, read.dataset, reader)
    refuse(causes)
    assert machine is not None
    assert base is not None
    assert reader is not None
    assert read is not None
    dataset, notes, lengths = read.dataset, [*read.notes, *said, *more], read.lengths
    return Checked(dataset, notes, base, reader.encoder, reader.context, lengths, benchmarks, drift, guard, machine)


def check_stages(config: RunConfig, texts: Texts, reader: Reader) -> Texts:
    """The texts, without records that a stage is to teach and has no room for. Raises ValueError where a stage cannot
    do what it is to with these tasks."""
    from redone.checks.turns import check_turns
    from redone.method.reinforce import check_shares

    causes: list[str] = []
    stages = {name: config.stage(name) for name in config.stages}
    for name, settings in stages.items():
        if settings.kind == "reinforce" and texts.dataset.trained:
            with gathered(causes):
                check_shares(name, texts.dataset.trained, settings)
    with gathered(causes):
        if any(getattr(settings, "own_share", 0.0) for settings in stages.values()):
            reader.encoder.turn()  # or it says why not
    with gathered(causes):
        if any(getattr(settings, "turns", "last") == "all" for settings in stages.values()):
            texts = check_turns(texts, reader.encoder, reader.context, config.data.too_long)
    refuse(causes)
    return texts


def read_benchmarks(config: RunConfig, encoder: Encoder | None, log: Log) -> tuple[list[Prepared], list[str]]:
    """The run's benchmarks, and what a person should know of their prompts. Raises ValueError where they cannot be
    read or asked."""
    if not config.eval.benchmarks:
        return [], []
    from redone.measure.benchmarks import prepared

    root = Path(config.data.root) if config.data.root else None
    found = prepared(config.eval.benchmarks, root, log, config.eval.benchmark_items)
    return found, check_questions(found, encoder, likelihood=config.eval.likelihood) if encoder else []


def read_held_out(
    config: RunConfig, dataset: Dataset, reader: Reader
) -> tuple[HeldOut | None, HeldOut | None, list[str]]:
    """What drift is measured on, what the gate reads, and what a person should know of them. Raises ValueError as
    `method.drift` and `method.gate` do."""
    from redone.method import gate
    from redone.method.drift import held_out

    drift, notes = held_out(config, dataset, reader.encoder, reader.context)
    guard, more = gate.texts_of(config, dataset, reader.encoder, reader.context, drift)
    return drift, guard, [*notes, *more]


def check_questions(
    benchmarks: Sequence[Prepared], encoder: Encoder, think: int = 0, likelihood: bool = False
) -> list[str]:
    """What a person should know of the benchmarks' prompts. Raises ValueError naming those that the model cannot be
    asked."""
    from redone.checks.texts import check_prompts
    from redone.measure.benchmarks import questions

    notes = []
    for one in benchmarks:
        notes += check_prompts(questions(one, think, likelihood), encoder, one.benchmark.name)
    return notes


def read_dataset(config: RunConfig, packs: Sequence[Pack], log: Log, reader: Reader | None) -> Texts:
    """The packs' tasks and records, checked; what a person should know of them; and how long they are, by task. reader:
    None where nothing here reads the texts, so that no lengths are known. Raises ValueError with what is wrong and what
    to do."""
    from redone.checks import check as checks
    from redone.checks.doubts import few_measured, left_in_braces
    from redone.checks.labels import check_labels
    from redone.checks.texts import Texts, check_texts
    from redone.data.load import build

    causes: list[str] = []
    passes = (2 if reader is None else 3) * sum(len(pack.tasks) for pack in packs)
    with log.bar(f"reading and checking {', '.join(config.data.packs)}", passes) as bar:
        shares: Any = {"probe": config.data.probe, "evaluation": config.data.eval, "tune": config.data.tune}
        evaluated, missing = evaluated_texts(config)
        dataset = build(packs, limit=config.data.limit, **shares, evaluated=evaluated, advance=bar.advance)
        with gathered(causes):
            dataset = replace(dataset, tasks=checks.held_out(dataset.tasks, config.data.held_out))
        with gathered(causes):
            checks.check_judge(dataset.tasks, config.judge.base_url, config.judge.model)
        with gathered(causes):
            checks.check_options(dataset.tasks)
            dataset, notes = checks.check_sandbox(dataset, config.scoring.sandbox_missing)
        if causes:  # without them nothing can be scored
            refuse(causes)
        notes += noted(config, packs, dataset, missing)
        lengths: Mapping[str, Lengths] = {}
        with scoring(config, dataset.tasks) as score_all:
            with gathered(causes):
                dataset, found = checks.check_rewards(dataset, score_all, bar.advance)
                notes += [*found, *check_labels(dataset, score_all)]
            if reader is not None:
                zone, drop = config.overlong_zone, config.data.too_long
                with gathered(causes):
                    dataset, found, lengths = check_texts(dataset, *reader, score_all, zone, drop, bar.advance)
                    asked = reader.encoder.notes(any(task.think for task in dataset.tasks.values()))
                    notes += [*asked, *found]
    with gathered(causes):
        notes += checks.check_tune(dataset, config.eval.split, config.eval.records)
    refuse(causes)
    notes += [*few_measured(dataset, config.eval.split, config.eval.records), *left_in_braces(dataset)]
    return Texts(dataset, notes, lengths)


def noted(config: RunConfig, packs: Sequence[Pack], dataset: Dataset, missing: Sequence[str]) -> list[str]:
    """What a person should know of what the records were compared with. missing: benchmarks without data."""
    notes = []
    if missing:
        notes.append(f"not compared with {', '.join(missing)}: their data are not in {config.data.root}")
    if config.data.benchmarks and (untold := [t for pack in packs for t, fields in pack.texts.items() if not fields]):
        notes.append(f"not compared with any benchmark, because they name no texts: {', '.join(untold)}")
    if dataset.overlap:
        counts = ", ".join(f"{name} {count}" for name, count in dataset.overlap.items())
        notes.append(f"records left out of train, tune and probe because a benchmark holds their text: {counts}")
    return notes


def read_packs(config: RunConfig) -> list[Pack]:
    from redone.data.load import read_pack
    from redone.mistakes import nearest
    from redone.world import PACKS as EMBEDDED
    from redone.world import world_pack

    root = Path(config.data.root) if config.data.root else None
    if root is not None and not root.is_dir():
        raise ValueError(f"--data {root}: there is no such folder")
    packs = []
    for name in config.data.packs:
        if name.partition("@")[0] in EMBEDDED:
            packs.append(world_pack(name))
        elif name.endswith(".toml"):
            packs.append(read_pack(Path(name), root))
        elif (PACKS / f"{name}.toml").is_file():
            packs.append(read_pack(PACKS / f"{name}.toml", root))
        else:
            known = [*EMBEDDED, *sorted(path.stem for path in PACKS.glob("*.toml"))]
            raise ValueError(f"data.packs: there is no pack {name}{nearest(name, known)}; give a .toml file or {known}")
    return select(packs, config.data.tasks) if config.data.tasks else packs


def select(packs: Sequence[Pack], names: Collection[str]) -> list[Pack]:
    """The packs with these tasks alone. Raises ValueError where there is no such task."""
    from redone.mistakes import nearest

    known = [name for pack in packs for name in pack.tasks]
    for name in names:
        if name not in known:
            raise ValueError(f"data.tasks: there is no task {name}{nearest(name, known)}")
    return [replace(pack, tasks={n: task for n, task in pack.tasks.items() if n in names}) for pack in packs]


def evaluated_texts(config: RunConfig) -> tuple[dict[str, list[str]], list[str]]:
    """The texts of the items of each of data.benchmarks, prompts and fields, and the names of those without data."""
    from redone.data.overlap import texts_in
    from redone.measure.definitions import definition, read_records

    root = Path(config.data.root) if config.data.root else None
    found: dict[str, list[str]] = {}
    missing = []
    for name in config.data.benchmarks:
        benchmark = definition(name)
        if root is not None and not (root / benchmark.folder).is_dir():
            missing.append(name)
            continue
        records = [record for mine in read_records(benchmark, root).values() for record in mine]
        found[name] = [text for record in records for text in (record.prompt_text, *texts_in(record.fields))]
    return found, missing


@contextmanager
def prepare(config: RunConfig, out: Path, log: Log, checked: Checked | None = None) -> Iterator[Lab]:
    """Everything read and checked, if it was not yet, and the run's config.json and manifest.json written if they are
    not there."""
    import torch

    from redone.checks.check import check_trained

    torch.set_num_threads(cores.threads(config.threads))
    begun = begun_with(out)
    if checked is None:
        checked = check(as_begun(out, config), log)
        for line in checked.lines:
            log.line(line)
    check_trained(checked.dataset)
    from redone.files import write_json
    from redone.model import adapter, gguf
    from redone.model.places import loading
    from redone.model.policy import Policy
    from redone.run.lab import Lab

    device, dtype, _ = checked.machine
    with loading(config.model.path):
        policy = Policy.load(checked.base, dtype, device, checked.max_context, config.model.trust_remote_code)
    log.line(policy.note or "Every prompt is computed once for all of its answers.")
    if origin := gguf.note(checked.base):
        log.line(origin)
    if config.lora is not None:
        adapter.check(policy.model, config.lora.targets)
        rates = ", ".join(f"{name} {config.stage(name).learning_rate:.2g}" for name in config.stages)
        log.line(
            f"An adapter of rank {config.lora.rank} is trained, at {config.lora.times:g} times the rates: {rates}."
        )
    machine = {**checked.machine._asdict(), "threads": torch.get_num_threads()}
    made_with = manifest(config, checked, policy, machine, origin)
    if not begun:
        write_json(out / "manifest.json", made_with)
    else:
        if other := same_inputs(out, begun, made_with):
            log.line(f"Begun with other versions: {', '.join(other)}")
        if changed := same_configuration(out, config):
            log.line(f"Settings that nothing depends on which has begun have changed: {', '.join(changed)}")
    write_json(out / "config.json", config.model_dump(mode="json"))
    del policy  # every step loads what it needs
    dataset = checked.dataset
    with scoring(config, dataset.tasks, judge_of(config, out, log)) as score_all:
        yield Lab(
            config=config,
            dataset=dataset,
            encoder=checked.encoder,
            base=checked.base,
            out=out,
            log=log,
            device=device,
            dtype=dtype,
            max_context=checked.max_context,
            score_all=score_all,
            benchmarks=checked.benchmarks,
            drift=checked.drift,
            guard=checked.guard,
        )


def scoring(config: RunConfig, tasks: Mapping[str, Task], judge: Judge | None = None) -> Scorer:
    """What scores answers to the tasks within the configuration's bounds."""
    from redone.run.scoring import Scorer

    bounds = config.scoring
    return Scorer(tasks, workers=bounds.workers, seconds=bounds.seconds, memory=bounds.memory, judge=judge)


def judge_of(config: RunConfig, out: Path, log: Log) -> Judge | None:
    """The run's judge, if it has one."""
    from redone.served.client import Service
    from redone.served.judge import Judge

    asked = config.judge
    if asked.base_url is None:
        return None
    service = Service(asked.base_url, asked.model, key=asked.key, seconds=asked.seconds)
    return Judge(service, out / "judge", log.line)


def manifest(
    config: RunConfig, checked: Checked, policy: Any, machine: Mapping[str, Any], origin: str
) -> dict[str, Any]:
    """What the run was made with: versions, data, seed, machine."""
    import datetime
    import platform
    from importlib.metadata import version

    from redone.measure.benchmarks import fingerprint
    from redone.model.places import Place, other_files, weights_of

    packages = ("redone", "torch", "transformers", "tokenizers", "numpy", "sacrebleu")
    return {
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in packages},
            "code": code_mark(),
        },
        "seed": config.seed,
        **machine,
        "parameters": policy.num_parameters,
        "model": policy.architecture,
        "trust_remote_code": config.model.trust_remote_code,
        "origin": origin,
        "packed_engine": policy.packed,
        "engine_note": policy.note,
        "max_context": checked.max_context,
        "chat_template": checked.encoder.chat.mark,
        "chat_template_text": checked.encoder.chat.template,
        "end": checked.encoder.tokenizer.convert_ids_to_tokens(checked.encoder.end),
        "judge": "embedded",
        "weights": weights_of(Place(checked.base)),
        "files": other_files(checked.base),
        "data": checked.dataset.fingerprint(),
        "tasks": checked.dataset.definitions(),
        "measured": {
            **{one.benchmark.name: fingerprint(one.records) for one in checked.benchmarks},
            **{name: held.mark for name, held in (("drift", checked.drift), ("gate", checked.guard)) if held},
        },
        "data_notes": checked.notes,
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
