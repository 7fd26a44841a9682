"""Before a run: everything read and checked, the folder's files, and the lab that the pipeline works in.

Nothing heavy is imported before it is needed, so that mistakes in a configuration answer at once.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from redone.cli.begun import as_begun, begun_with, code_mark, same_configuration, same_inputs

if TYPE_CHECKING:
    from redone.checks.lengths import Lengths
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


def check(config: RunConfig, log: Log) -> Checked:
    """Read and check everything a run needs. Raises ValueError with what is wrong and what to do."""
    from redone.checks.texts import Texts
    from redone.checks.turns import check_turns
    from redone.method import gate
    from redone.method.drift import held_out
    from redone.model.places import model_path
    from redone.model.precision import settle

    check_numbers(config)
    base = model_path(config.model.path)
    if config.lora is not None:
        check_targets(config, base, config.lora.targets)
    machine = settle(config.device, config.model.dtype)
    packs = read_packs(config)
    reader = reader_for(config, config.model.path, base)
    if any(getattr(config.stage(name), "own_share", 0.0) for name in config.stages):
        reader.encoder.turn()  # or it says why not
    dataset, notes, lengths = read_dataset(config, packs, log, reader)
    if any(getattr(config.stage(name), "turns", "last") == "all" for name in config.stages):
        told = len(notes)
        dataset, notes, lengths = check_turns(
            Texts(dataset, notes, lengths), reader.encoder, reader.context, config.data.too_long
        )
        for note in notes[told:]:
            log.line(note)
    benchmarks = []
    if config.eval.benchmarks:
        from redone.measure.benchmarks import prepared

        root = Path(config.data.root) if config.data.root else None
        benchmarks = prepared(config.eval.benchmarks, root, log, config.eval.benchmark_items)
        notes = [*notes, *check_questions(benchmarks, reader.encoder, log, likelihood=config.eval.likelihood)]
    drift, more = held_out(config, dataset, reader.encoder, reader.context)
    guard, others = gate.texts_of(config, dataset, reader.encoder, reader.context, drift)
    more += others
    for line in (*more, machine.line):
        log.line(line)
    notes = [*notes, *more]
    return Checked(dataset, notes, base, reader.encoder, reader.context, lengths, benchmarks, drift, guard, machine)


def check_numbers(config: RunConfig) -> None:
    """Raises ValueError where the weights would be kept in numbers too coarse for what they are to learn."""
    coarse = f'model.dtype = "{config.model.dtype}": '
    if config.model.dtype not in ("bfloat16", "4bit"):
        return
    if config.lora is None:
        raise ValueError(
            coarse + "steps at these learning rates are smaller than the distance between two such numbers, so that "
            'most weights would never move; set "mixed", or train an adapter beside them, [lora]'
        )
    if config.lora.each_stage:
        raise ValueError(
            coarse + "a stage would begin with what the adapter before it learnt rounded away, for most of it is "
            'smaller than the distance between two such numbers; set "mixed", or lora.each_stage = false'
        )


def check_targets(config: RunConfig, folder: Path, targets: Sequence[str]) -> None:
    """Raises ValueError where no adapter can stand where the targets say in the configuration's model, which is built
    without weights."""
    import torch

    from redone.model import adapter
    from redone.model.places import config_of, loading
    from redone.model.policy import loader

    trust = config.model.trust_remote_code
    with loading(config.model.path), torch.device("meta"):
        size = config_of(folder, trust)
        model = loader(size).from_config(size, trust_remote_code=trust)
    adapter.check(model, targets)


def check_questions(
    benchmarks: Sequence[Prepared], encoder: Encoder, log: Log, think: int = 0, likelihood: bool = False
) -> list[str]:
    """What a person should know of the benchmarks' prompts, logged. Raises ValueError naming those that the model
    cannot be asked."""
    from redone.checks.texts import check_prompts
    from redone.measure.benchmarks import questions

    notes = []
    for one in benchmarks:
        notes += check_prompts(questions(one, think, likelihood), encoder, one.benchmark.name)
    for note in notes:
        log.line(note)
    return notes


class Reader(NamedTuple):
    """How a model reads texts, and for how many tokens it has room: of what is asked for, and at all."""

    encoder: Encoder
    context: int
    own: int


def reader_for(config: RunConfig, name: str, folder: Path) -> Reader:
    """Raises ValueError where the configuration asks for more context than the model has, or `reader_of` does."""
    asked = config.model.max_context
    reader = reader_of(name, folder, asked, config.model.trust_remote_code)
    if asked > reader.own and "max_context" in config.model.model_fields_set:
        raise ValueError(
            f"model.max_context = {asked:,}, but {name} goes as far as {reader.own:,} tokens; set that, or less"
        )
    return reader


def reader_of(name: str, folder: Path, most: int, trust: bool = False) -> Reader:
    """most: tokens of context that are asked for. trust: run code that the folder brings. Raises ValueError naming
    the model where its files are missing or broken, or where its chat template or end token is not what it can be asked
    or taught with."""
    from redone.data.encode import Encoder, read_tokenizer
    from redone.model.places import config_of, loading
    from redone.run.log import quiet_transformers

    quiet_transformers()
    with loading(name):
        size = config_of(folder, trust).get_text_config()
        read = read_tokenizer(folder, trust)
    own = getattr(size, "max_position_embeddings", None) or most
    return Reader(Encoder(*read, size.vocab_size), min(most, own), own)


def read_dataset(
    config: RunConfig, packs: Sequence[Pack], log: Log, reader: Reader | None
) -> tuple[Dataset, list[str], Mapping[str, Lengths]]:
    """The packs' tasks and records, checked; what a person should know of them; and how long they are, by task. reader:
    None where nothing here reads the texts, so that no lengths are known. Raises ValueError with what is wrong and what
    to do."""
    from redone.checks import check as checks
    from redone.checks.labels import check_labels
    from redone.checks.texts import check_texts
    from redone.data.load import build

    passes = (2 if reader is None else 3) * sum(len(pack.tasks) for pack in packs)
    with log.bar(f"reading and checking {', '.join(config.data.packs)}", passes) as bar:
        shares: Any = {"probe": config.data.probe, "evaluation": config.data.eval, "tune": config.data.tune}
        evaluated, missing = evaluated_texts(config)
        dataset = build(packs, limit=config.data.limit, **shares, evaluated=evaluated, advance=bar.advance)
        dataset = replace(dataset, tasks=checks.held_out(dataset.tasks, config.data.held_out))
        checks.check_options(dataset.tasks)
        dataset, left_out = checks.check_sandbox(dataset, config.scoring.sandbox_missing)
        checks.check_judge(dataset.tasks, config.judge.base_url, config.judge.model)
        with scoring(config, dataset.tasks) as score_all:
            dataset, notes = checks.check_rewards(dataset, score_all, bar.advance)
            notes += check_labels(dataset, score_all)
            lengths: Mapping[str, Lengths] = {}
            if reader is not None:
                texts = check_texts(
                    dataset, *reader, score_all, config.overlong_zone, config.data.too_long, bar.advance
                )
                dataset, lengths = texts.dataset, texts.lengths
                asked = reader.encoder.notes(any(task.think for task in dataset.tasks.values()))
                notes = [*asked, *notes, *texts.notes]
    if dataset.overlap:
        counts = ", ".join(f"{name} {count}" for name, count in dataset.overlap.items())
        notes = [f"records left out of train, tune and probe because a benchmark holds their text: {counts}", *notes]
    if missing:
        notes = [f"not compared with {', '.join(missing)}: their data are not in {config.data.root}", *notes]
    if config.data.benchmarks and (untold := [t for pack in packs for t, fields in pack.texts.items() if not fields]):
        notes = [f"not compared with any benchmark, because they name no texts: {', '.join(untold)}", *notes]
    notes = [*left_out, *notes, *checks.check_tune(dataset, config.eval.split, config.eval.records)]
    for note in notes:
        log.line(note)
    return dataset, notes, lengths


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

    torch.set_num_threads(config.threads or os.cpu_count() or 1)
    begun = begun_with(out)
    checked = checked or check(as_begun(out, config), log)
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
