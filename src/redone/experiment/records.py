"""What is kept of a run of an experiment: one small file, from which every table is made.

It holds a record's verdicts where scores come from them, not its texts, so that it can be committed where the run's
folder is too large: <arm>-<seed>.jsonl.gz, a first line about the run, then one for each task or subset.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redone.config import RunConfig, differing, resolved
from redone.experiment.definition import Job, Plan
from redone.files import as_left, read_jsonl, read_object, write_jsonl
from redone.measure.closed import LENIENT
from redone.measure.compare import read_result
from redone.measure.drift import Line
from redone.measure.items import Item, number, parts_line, samples_of
from redone.measure.shape import Shape, SubsetShape, shape_from_json
from redone.measure.taskset import TASKS
from redone.method.drift import lines_of
from redone.method.teach import records_in
from redone.records import Verdict
from redone.run.lab import Lab
from redone.run.stages import BASE, Stage
from redone.run.store import Store

LIKELIHOOD, DRIFT = "likelihood", "drift"


@dataclass(frozen=True)
class Subset:
    """Records of a task, or of a benchmark's subset, and every model's verdicts on them in the first reading."""

    ids: Sequence[str]
    clusters: Sequence[str]  # of each record
    groups: Sequence[str]  # of each record; all "" where the score is over all of them
    verdicts: Mapping[str, Sequence[Sequence[Verdict]]]  # model -> [K samples][n]


@dataclass(frozen=True)
class Kept:
    """What the file of a run holds. costs: stage -> what it took."""

    settings: Mapping[str, Any]
    stages: Sequence[str]
    costs: Mapping[str, Mapping[str, float]]
    shapes: Mapping[str, Shape]
    subsets: Mapping[tuple[str, str], Subset]  # (set, subset)


def settings_of(config: RunConfig) -> dict[str, Any]:
    """The configuration without what says where things lie and how a machine runs them."""
    tree = config.model_dump(mode="json")
    for key in ("name", "threads", "device", "tokens_per_pass", "recompute", "scoring"):
        del tree[key]
    del tree["data"]["root"]
    tree["data"]["packs"] = [Path(pack).name for pack in config.data.packs]
    tree["model"]["path"] = Path(config.model.path).name
    return tree


def path_of(job: Job, plan: Plan, out: Path) -> Path | None:
    """Where the job's file is: below `out`, or beside the experiment's file; None where there is none. Raises
    ValueError where it was made with other settings."""
    name = f"{job.name}.jsonl.gz"
    for path in (out / "records" / name, plan.path.with_suffix(".records") / name):
        if path.is_file():
            with as_left(path, "remove it, and its run is gone on with"):
                made = resolved(next(read_jsonl(path), {})["settings"], str(path))
            lines = differing(settings_of(made), settings_of(job.config))
            if lines:
                raise ValueError(
                    f"{path} was made with other settings; remove it, or give another --out. Differing:\n  "
                    + "\n  ".join(lines)
                )
            return path
    return None


def keep(lab: Lab, job: Job, plan: Plan, out: Path) -> None:
    """Write the file of a run that is done."""
    manifest = read_object(lab.out / "manifest.json")
    made = {key: manifest[key] for key in ("versions", "device", "dtype", "parameters")}
    shapes, items = measured(lab)
    about = {
        "experiment": plan.experiment.name,
        "arm": job.arm,
        "seed": job.seed,
        "settings": settings_of(job.config),
        "made": made,
        "stages": {stage.name: cost_of(lab, stage) for stage in lab.stages},
        "shapes": {name: shape.to_json() for name, shape in shapes.items()},
    }
    lines = []
    for name, shape in shapes.items():
        for subset in shape.subsets.values():
            mine = {model: [item for item in sets[name] if item.subset == subset.name] for model, sets in items.items()}
            if mine[BASE]:
                lines.append({"set": name, "subset": subset.name, **_line(subset, mine, lab)})
    write_jsonl(out / "records" / f"{job.name}.jsonl.gz", [about, *lines])


def measured(lab: Lab) -> tuple[dict[str, Shape], dict[str, dict[str, list[Item]]]]:
    """Shapes by set, and model to set to items: of the tasks, of the closed ones read leniently, of each benchmark, and
    of what drift is measured on."""
    results = {model: read_result(lab.out / "eval" / model) for model in lab.models}
    shapes = {**results[BASE].shapes, **{one.benchmark.name: one.benchmark.shape for one in lab.benchmarks}}
    items: dict[str, dict[str, list[Item]]] = {
        model: {name: list(result.items[name].values()) for name in shapes} for model, result in results.items()
    }
    closed = {name: one for name, one in shapes[TASKS].subsets.items() if LENIENT in one.readings}
    if closed:
        shapes[LENIENT] = lenient_shape({name: one.readings[LENIENT] for name, one in closed.items()})
        for sets in items.values():
            sets[LENIENT] = [item for item in sets[TASKS] if LENIENT in item.readings]
    if lab.drift:
        shapes[DRIFT] = drift_shape(list(lab.drift.texts), bool(lab.drift.prompts))
        for model, sets in items.items():
            sets[DRIFT] = [_drifted(line) for line in lines_of(lab, model)]
        same = [line._replace(nats=0.0) for line in lines_of(lab, lab.models[-1]) if not line.of]  # of the base
        items[BASE][DRIFT] += [_drifted(line) for line in same]
    return shapes, items


def lenient_shape(metrics: Mapping[str, str]) -> Shape:
    """Of closed tasks by the first label that is named. metrics: of each of them."""
    subsets = {name: SubsetShape(name, {LENIENT: metric}) for name, metric in metrics.items()}
    return Shape(LENIENT, "Closed tasks, leniently", subsets, {LENIENT: {LENIENT: list(metrics)}})


def drift_shape(texts: Sequence[str], answers: bool) -> Shape:
    """Of sets of held-out texts, and of the base's answers where there are any."""
    subsets = {name: SubsetShape(name, {LIKELIHOOD: "nats"}) for name in (*texts, *(["kl"] if answers else []))}
    return Shape(DRIFT, "Held-out texts", subsets, {LIKELIHOOD: {LIKELIHOOD: list(texts)}} if texts else {})


def _drifted(line: Line) -> Item:
    """A text whose more likely tokens are the higher score, as a verdict has to be."""
    verdict = Verdict(0.0, "right", {"nats": line.nats, "tokens": float(line.tokens)})
    return Item(line.of or "kl", line.id, "", {LIKELIHOOD: (verdict,)})


def _line(subset: SubsetShape, items: Mapping[str, Sequence[Item]], lab: Lab) -> dict[str, Any]:
    first = items[BASE]
    clusters = clusters_of(lab, subset.name)
    found: dict[str, Any] = {"ids": [item.id for item in first]}
    if clusters:
        found["clusters"] = [clusters[item.id] for item in first]
    if subset.over == "groups":
        found["groups"] = [item.group for item in first]
    found["models"] = {}
    for model, mine in items.items():
        by_id = {item.id: item for item in mine}
        samples = samples_of([by_id[item.id] for item in first], subset.first)
        found["models"][model] = [_sample(verdicts, subset.readings[subset.first]) for verdicts in samples]
    return found


def clusters_of(lab: Lab, task: str) -> dict[str, str]:
    """Record id to the cluster that it is of, of a task that names its clusters."""
    known = lab.dataset.tasks.get(task)
    if known is None or not known.cluster:
        return {}
    records = lab.dataset.records[task].get(lab.config.eval.split, ())
    return {record.id: str(record.fields[known.cluster]) for record in records}


def _sample(verdicts: Sequence[Verdict], aggregate: str) -> dict[str, Any]:
    found: dict[str, Any] = {"scores": [verdict.score for verdict in verdicts]}
    if aggregate != "mean":
        found["parts"] = [parts_line(verdict) for verdict in verdicts]
    return found


def cost_of(lab: Lab, stage: Stage) -> dict[str, float]:
    """records: taught, or prompts that reinforcement trained on; updates; tokens forwarded by them; tokens sampled in
    training; seconds of training."""
    folder = lab.out / stage.name
    store = Store(folder)
    steps, seconds = store.metrics(), round(store.seconds, 1)
    if stage.kind == "teach":
        records = records_in(lab, stage)
        tokens = sum(step["tokens"] for step in steps)
        return {"records": records, "updates": len(steps), "tokens": tokens, "sampled": 0, "seconds": seconds}
    sampled = sum(
        task["length"] * task["groups"] * stage.settings.group
        for step in steps
        for task in step["tasks"].values()
        if task["length"] is not None
    )
    return {
        "records": sum(step["groups"] for step in steps),
        "updates": sum(step["updates"] for step in steps),
        "tokens": sum(step["forwarded_tokens"] for step in steps),
        "sampled": round(sampled),
        "seconds": seconds,
    }


def read_kept(path: Path) -> Kept:
    """Raises ValueError naming the file where it is none of these."""
    rows = read_jsonl(path)
    try:
        about = next(rows)
        subsets = {(row["set"], row["subset"]): _subset(row) for row in rows}
        shapes = {name: shape_from_json(shape, str(path)) for name, shape in about["shapes"].items()}
        return Kept(about["settings"], about["settings"]["stages"], about["stages"], shapes, subsets)
    except (StopIteration, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: no records of an experiment's run ({error!r}); remove it") from None


def _subset(row: Mapping[str, Any]) -> Subset:
    ids = row["ids"]
    verdicts = {model: [_verdicts(sample) for sample in samples] for model, samples in row["models"].items()}
    return Subset(ids, row.get("clusters", ids), row.get("groups", [""] * len(ids)), verdicts)


def _verdicts(sample: Mapping[str, Any]) -> list[Verdict]:
    parts = sample.get("parts") or [{}] * len(sample["scores"])
    return [
        Verdict(float(score), "right", {name: number(value) for name, value in mine.items()})
        for score, mine in zip(sample["scores"], parts, strict=True)
    ]
