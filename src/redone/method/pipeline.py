"""The method on one page: explore, diagnose, teach what is missing, refine; measure after every stage.

    base --DAPO--> explore --probe--> findings, plan --SFT--> target --DAPO on hard prompts--> refine

Each step leaves its files in the run's folder and is skipped where they are whole, so that the same command goes on
after an interruption. The files are an interface: docs/data.md lists them.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from statistics import fmean
from typing import Any

from redone.algo.schedules import cosine_with_warmup
from redone.config import RL, RunConfig
from redone.data.encode import Encoder
from redone.data.load import Dataset
from redone.data.mix import Mix, Stratum, by_difficulty, derive_seed, uniform
from redone.files import read_jsonl, write_json, write_jsonl
from redone.measure import tasks as evaluate
from redone.method import targeted
from redone.method.findings import find
from redone.method.plan import make_plan
from redone.model.policy import Policy
from redone.records import MODELS, Finding, Record, TargetPlan
from redone.report import write_report
from redone.report.plots import PLOTS
from redone.rewards import JUDGED, score, uses
from redone.run.log import Log
from redone.run.scoring import Asked, ScoreAll, refuse_errors
from redone.run.store import Store
from redone.train import rl, sft
from redone.train.steps import make_optimizer


@dataclass(frozen=True)
class Lab:
    """What every step of a run shares."""

    config: RunConfig
    dataset: Dataset
    encoder: Encoder
    base: Path  # folder or hub id of the base model
    out: Path
    log: Log
    device: str
    max_context: int
    score_all: ScoreAll

    def folder(self, model: str) -> Path:
        return self.base if model == "base" else self.out / model / "model"

    def load(self, model: str) -> Policy:
        return Policy.load(self.folder(model), self.config.model.dtype, self.device, self.max_context)


def run(lab: Lab) -> dict[str, Any]:
    """The whole method; the contents of results.json."""
    measure(lab, "base")
    if not Store(lab.out / "explore").done:
        explore(lab)
    measure(lab, "explore")
    findings, plan = diagnose(lab)
    if not Store(lab.out / "target").done:
        target(lab, plan)
    measure(lab, "target")
    if not Store(lab.out / "refine").done:
        refine(lab)
    measure(lab, "refine")
    results = summarise(lab, findings)
    with lab.log.bar("report", len(PLOTS)) as bar:
        write_report(lab.out, bar.advance)
    return results


def explore(lab: Lab) -> None:
    """Stage 1: DAPO over all tasks alike, so that the long tail stays visible; general prompts beside them."""
    reinforce(lab, "explore", "base")


def diagnose(lab: Lab) -> tuple[list[Finding], TargetPlan]:
    """What is weak on the probe split, why, and how sure that is; and what stage 2 is fed in consequence."""
    folder = lab.out / "diagnosis"
    if (folder / "plan.json").exists():
        saved = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
        return [Finding(**row) for row in saved], TargetPlan(**json.loads((folder / "plan.json").read_text("utf-8")))
    with timed(lab, "diagnosis"):
        before, after = (probe(lab, model) for model in ("base", "explore"))
        findings = [examine(lab, name, before[name], after[name]) for name in lab.dataset.tasks]
        sizes = {name: len(lab.dataset.records[name]["train"]) for name in lab.dataset.tasks}
        settings = lab.config.target
        plan = make_plan(
            findings,
            lab.dataset.tasks,
            sizes,
            records=settings.records,
            rare_factor=settings.rare_factor,
            rehearsal=settings.rehearsal,
            general_share=settings.general_share,
        )
    write_json(folder / "findings.json", [asdict(finding) for finding in findings])
    write_json(folder / "plan.json", asdict(plan))
    return findings, plan


def target(lab: Lab, plan: TargetPlan) -> None:
    """Stage 2: fine-tuning on the plan's records and on general ones that the stage-1 model labelled itself."""
    store = Store(lab.out / "target")
    path = store.folder / "data.jsonl.gz"
    if not path.exists():
        with timed(lab, "soft labels"):
            taught = teach(lab, plan)
            targeted.refuse_eval(taught, lab.dataset)
            write_jsonl(path, targeted.rows(taught))
    rows = list(read_jsonl(path))
    examples = [encode_example(lab, row) for row in rows]
    policy = lab.load("explore")
    settings = lab.config.target
    if settings.soft_labels == "distribution":
        examples = with_distributions(lab, policy, store, rows, examples)
    per_epoch = -(-len(examples) // settings.batch)
    steps = settings.epochs * per_epoch
    warmup = round(settings.warmup_ratio * steps)

    @lru_cache(maxsize=1)
    def order(epoch: int) -> list[int]:
        return sorted(range(len(examples)), key=lambda i: uniform(lab.config.seed, "sft", epoch, i))

    def batch_at(step: int) -> list[sft.Example]:
        epoch, place = divmod(step, per_epoch)
        return [examples[i] for i in order(epoch)[place * settings.batch : (place + 1) * settings.batch]]

    fit = sft.Fit(
        name="target",
        steps=steps,
        rate=lambda step: settings.learning_rate * cosine_with_warmup(step, steps, warmup),
        max_grad_norm=settings.max_grad_norm,
        save_every=settings.save_every,
        tokens_per_pass=lab.config.tokens_per_pass,
    )
    optimizer = make_optimizer(policy, settings.learning_rate, settings.weight_decay)
    finish(lab, store, policy, sft.fit(policy, optimizer, batch_at, fit, store, lab.log))


def refine(lab: Lab) -> None:
    """Stage 3: the same DAPO, on prompts that the stage-2 model sometimes gets right, with more rationales."""
    reinforce(lab, "refine", "target")


def measure(lab: Lab, model: str) -> None:
    """Greedy answers to the eval split, one sample each."""
    path = lab.out / "eval" / f"{model}.jsonl.gz"
    if path.exists():
        return
    with timed(lab, f"eval {model}"):
        records = evaluate.first_of_each_task(lab.dataset, "eval", lab.config.eval.records)
        write_jsonl(path, evaluate.output_rows(sample(lab, model, records, 1, 0.0, f"eval {model}")))


def probe(lab: Lab, model: str) -> dict[str, list[evaluate.Judged]]:
    """k samples to each probe prompt, by task."""
    settings = lab.config.diagnose
    records = evaluate.first_of_each_task(lab.dataset, "probe", settings.records)
    judged: dict[str, list[evaluate.Judged]] = {name: [] for name in lab.dataset.tasks}
    for item in sample(lab, model, records, settings.samples, 1.0, f"probe {model}"):
        judged[item.record.task].append(item)
    return judged


def examine(lab: Lab, name: str, before: list[evaluate.Judged], after: list[evaluate.Judged]) -> Finding:
    task, settings = lab.dataset.tasks[name], lab.config.diagnose
    wrong = sorted(after, key=lambda item: fmean(v.score for v in item.verdicts))[:3]
    examples = [
        {
            "id": item.record.id,
            "prompt": item.record.prompt_text,
            "answer": item.record.answer,
            "output": item.texts[0],
            "score": item.verdicts[0].score,
            "reason": item.verdicts[0].reason,
        }
        for item in wrong
    ]
    judged = uses(task, JUDGED)  # its reference answers need not be the best there are
    gold = [] if judged else [score(task, item.record, item.record.gold_text) for item in after]
    return find(
        task,
        [item.verdicts for item in after],
        gold=gold,
        base=[item.verdicts for item in before],
        examples=examples,
        unknown_below=settings.unknown_below,
        solved_above=settings.solved_above,
        format_share=settings.format_share,
        chance=evaluate.chance(lab.dataset, task, "probe", len(after)),
        seed=derive_seed(lab.config.seed, "diagnose", name) % 2**32,
    )


def teach(lab: Lab, plan: TargetPlan) -> list[targeted.Teach]:
    settings, seed, tasks = lab.config.target, lab.config.seed, lab.dataset.tasks
    records, removed = targeted.choose(plan, lab.dataset, threshold=settings.near_duplicate, seed=seed)
    taught = targeted.gold_targets(records, lab.encoder, tasks, plan.why)
    failed = 0
    if settings.soft_labels == "gold":
        soft = targeted.gold_targets(targeted.choose_general(plan, lab.dataset, seed, 0.0), lab.encoder, tasks, {})
    else:
        general = targeted.choose_general(plan, lab.dataset, seed, 0.5)
        answers = sample(lab, "explore", general, settings.candidates, settings.temperature, "soft labels")
        source = settings.soft_labels.replace("_", " ")
        soft, failed = targeted.best_of_n(answers, lab.encoder, tasks, plan.general, source)
    write_json(
        lab.out / "target" / "made.json",
        {
            "records": len(taught),
            "near_duplicates_removed": removed,
            "soft_labels": len(soft),
            "kind": settings.soft_labels,
            "without_a_passing_candidate": failed,
            "judge": "embedded: verifiable reward, then format, then mean log-probability",
        },
    )
    return [*taught, *soft]


def encode_example(lab: Lab, row: dict[str, Any]) -> sft.Example:
    tasks = lab.dataset.tasks
    record = Record(row["id"], row["task"], tuple(row["messages"]), "", "train", row["source"])
    [prompt] = lab.encoder.prompts([record], tasks)
    return sft.Example(prompt, lab.encoder.target(record, tasks[record.task], row["target"]))


def with_distributions(
    lab: Lab, policy: Policy, store: Store, rows: list[dict[str, Any]], examples: list[sft.Example]
) -> list[sft.Example]:
    """The examples, those with soft labels with the stage-1 model's distributions, computed once and kept on disk."""
    path = store.folder / "soft_labels.npz"
    places = [i for i, row in enumerate(rows) if row["source"].endswith(", distribution")]
    if not places:
        return examples
    settings = lab.config.target
    if not path.exists():
        with timed(lab, "distributions"), lab.log.bar("distributions", len(places)) as bar:
            mine = [examples[i] for i in places]
            made = sft.distributions(policy, mine, settings.top_k, lab.config.tokens_per_pass, bar.advance)
            targeted.save_distributions(path, made)
    found = targeted.load_distributions(path, [len(examples[i].target) for i in places])
    soft = dict(zip(places, found))
    return [example._replace(soft=soft.get(i)) for i, example in enumerate(examples)]


def reinforce(lab: Lab, stage: str, start: str) -> None:
    """DAPO with the stage's settings, from the model `start`."""
    settings: RL = getattr(lab.config, stage)
    records = train_records(lab)
    weights = difficulty(lab, stage, start) if settings.difficulty else {}
    means = {name: fmean(weights.get(r.id, 1.0) for r in records[name]) for name in records}
    mix = Mix(strata(lab.dataset, settings, means), records, derive_seed(lab.config.seed, stage, "mix"), weights)
    policy = lab.load(start)
    trainer = rl.Trainer(
        stage=stage,
        policy=policy,
        encoder=lab.encoder,
        tasks=lab.dataset.tasks,
        score_all=lab.score_all,
        most_errors=lab.config.scoring.most_errors,
        mix=mix,
        settings=settings,
        seed=lab.config.seed,
        tokens_per_pass=lab.config.tokens_per_pass,
    )
    store = Store(lab.out / stage)
    finish(lab, store, policy, rl.train(trainer, store, lab.log))


def finish(lab: Lab, store: Store, policy: Policy, seconds: float) -> None:
    """Leave the stage's model as a Hugging Face folder, and then mark the stage as done."""
    policy.save(store.folder / "model")
    lab.encoder.tokenizer.save_pretrained(store.folder / "model")
    store.finish(seconds)


def difficulty(lab: Lab, stage: str, model: str) -> dict[str, float]:
    """Weights of train records by their pass rates under the model that the stage starts from (`mix.by_difficulty`);
    records that were not tried have their task's mean."""
    settings: RL = getattr(lab.config, stage)
    path = lab.out / stage / "difficulty.json"
    if not path.exists():
        with timed(lab, "difficulty"):
            records = [
                record
                for mine in train_records(lab).values()
                for record in sorted(mine, key=lambda r: uniform(lab.config.seed, "difficulty", r.id))[
                    : settings.difficulty_records
                ]
            ]
            judged = sample(lab, model, records, settings.difficulty_samples, 1.0, "difficulty")
            rates = {
                item.record.id: fmean(v.score >= lab.dataset.tasks[item.record.task].pass_at for v in item.verdicts)
                for item in judged
            }
        write_json(path, rates)
    rates = json.loads(path.read_text(encoding="utf-8"))
    weights: dict[str, float] = {}
    for name, mine in train_records(lab).items():
        tried = {r.id: rates[r.id] for r in mine if r.id in rates}
        task = lab.dataset.tasks[name]
        chance = evaluate.chance(lab.dataset, task, "train", settings.difficulty_records)
        known = by_difficulty(tried, chance, settings.difficulty_floor)
        weights |= {r.id: known.get(r.id, fmean(known.values())) for r in mine}
    return weights


def strata(dataset: Dataset, settings: RL, weights: Mapping[str, float]) -> list[Stratum]:
    """Shares of the prompts: general against SNS, and reasoning against not where a rationale share is asked for.
    Within a share the tasks have the given weights.

    A cell without tasks leaves its share to the other part's cell of the same kind, which keeps the rationale
    share as far as the data allow.
    """
    parts = {"sns": 1.0 - settings.general_share, "general": settings.general_share}
    kinds = {None: 1.0}
    if settings.rationale_share is not None:
        kinds = {True: settings.rationale_share, False: 1.0 - settings.rationale_share}  # type: ignore[dict-item]
    made = []
    for think, kind_share in kinds.items():
        cells = {}
        for part in parts:
            mine = [t for t in dataset.tasks.values() if t.part == part and think in (None, t.think)]
            cells[part] = {t.name: weights[t.name] for t in mine}
        total = sum(share for part, share in parts.items() if cells[part])
        for part, share in parts.items():
            if cells[part] and total > 0:
                made.append(Stratum(f"{part}, reasoning {think}", kind_share * share / total, cells[part]))
    return made


def sample(
    lab: Lab, model: str, records: list[Record], samples: int, temperature: float, label: str
) -> list[evaluate.Judged]:
    judged = evaluate.sample(
        lab.load(model),
        lab.encoder,
        lab.dataset.tasks,
        lab.score_all,
        records,
        samples=samples,
        temperature=temperature,
        seed=derive_seed(lab.config.seed, label),
        rows=lab.config.eval.rows,
        log=lab.log,
        label=label,
    )
    refuse_errors(((item.record.task, item.verdicts) for item in judged), lab.config.scoring.most_errors)
    return judged


def train_records(lab: Lab) -> dict[str, tuple[Record, ...]]:
    return {name: lab.dataset.records[name]["train"] for name in lab.dataset.tasks}


def summarise(lab: Lab, findings: list[Finding]) -> dict[str, Any]:
    """results.json, from the eval files alone: their outputs are scored again."""
    by_id = {record.id: record for record in lab.dataset.split("eval")}
    settings = lab.config.eval
    models = {}
    with timed(lab, "summary"), lab.log.bar("summary", len(MODELS)) as bar:
        trivial = evaluate.baselines(lab.dataset, "eval", settings.records)
        for model in MODELS:
            asked = [
                Asked(by_id[row["id"]], [(row["output"], row["reason"] != "truncated")])
                for row in read_jsonl(lab.out / "eval" / f"{model}.jsonl.gz")
            ]
            pairs = [(one.record, verdict) for one, [verdict] in zip(asked, lab.score_all(asked))]
            models[model] = evaluate.summarise(
                lab.dataset, pairs, trivial, seed=lab.config.seed, resamples=settings.bootstrap
            )
            bar.advance(1)
    results = {"models": models, "seconds": seconds(lab), "notes": notes(lab, findings)}
    write_json(lab.out / "results.json", results)
    return results


def notes(lab: Lab, findings: list[Finding]) -> list[str]:
    """What a reader of the results should know, one sentence each."""
    made = json.loads((lab.out / "target" / "made.json").read_text(encoding="utf-8"))
    said = [
        "The embedded judge stood in for a judge model: it ranks candidates by verifiable reward, then format, then "
        f"mean log-probability. {made['soft_labels']} general records carry a soft label "
        f"({made['kind'].replace('_', ' ')}); "
        f"{made['without_a_passing_candidate']} had no passing candidate and were left out.",
        f"{sum(made['near_duplicates_removed'].values())} near-duplicates were left out of the targeted set.",
    ]
    for stage in ("explore", "refine"):
        path = lab.out / stage / "metrics.jsonl"
        steps = list(read_jsonl(path)) if path.exists() else []  # a stage of no steps
        shares = [step["rationale_share"] for step in steps if step["rationale_share"] is not None]
        wanted = getattr(lab.config, stage).rationale_share
        if shares and wanted is not None:
            said.append(
                f"{stage}: {100 * fmean(shares):.1f} % of the trained prompts reason ({100 * wanted:.1f} % wanted)."
            )
        starved = sum(step["starved"] for step in steps)
        if starved:
            said.append(f"{stage}: {starved} of {len(steps)} steps found fewer informative groups than asked for.")
    suspect = [finding.task for finding in findings if finding.kind == "reward suspect"]
    if suspect:
        said.append(f"The reward of {', '.join(suspect)} does not pass its own reference answers.")
    return said


@contextmanager
def timed(lab: Lab, phase: str) -> Iterator[None]:
    """Add the seconds spent to the run's timings.json, also across interruptions."""
    began = time.monotonic()
    try:
        yield
    finally:
        path = lab.out / "timings.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        known[phase] = round(known.get(phase, 0.0) + time.monotonic() - began, 3)
        write_json(path, known)


def seconds(lab: Lab) -> dict[str, float]:
    known = json.loads((lab.out / "timings.json").read_text())
    return {**{stage: Store(lab.out / stage).seconds for stage in MODELS[1:]}, **known}
