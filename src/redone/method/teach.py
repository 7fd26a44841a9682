"""A stage that teaches: fine-tuning on the plan's records, and on general ones that the model it starts from labelled
itself, against forgetting."""

from array import array
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

from redone.algo.schedules import cosine_with_warmup
from redone.config import Teach
from redone.data.dedupe import normalised_prompt
from redone.data.mix import uniform
from redone.files import as_left, jsonl, read_jsonl, read_object, write_bytes, write_json
from redone.method import targeted
from redone.method.evaluate import sample
from redone.method.gate import guard
from redone.method.interpolate import interpolate
from redone.method.own import own_targets
from redone.model.learner import Learner
from redone.model.policy import Policy
from redone.records import Split, TargetPlan
from redone.run.lab import Lab
from redone.run.stages import Stage
from redone.run.store import Store
from redone.train import sft

_AT_ONCE = 1000  # records that are encoded together


def teach(lab: Lab, stage: Stage, plan: TargetPlan) -> None:
    """Make the targeted set, if it is not there yet, and fine-tune the model that the stage starts from on it."""
    settings: Teach = stage.settings
    store = Store(lab.out / stage.name)
    path = store.folder / "data.jsonl.gz"
    if not path.exists():
        with lab.timed("soft labels"):
            taught, made = targets(lab, stage, plan)
            targeted.refuse_eval(taught, lab.dataset)
            data = jsonl(path, targeted.rows(taught))
            write_json(store.folder / "made.json", {**made, "sha256": sha256(data).hexdigest()})
            write_bytes(path, data)
    rows = rows_in(lab, stage)
    with as_left(path):
        examples = encoded(lab, rows)
    policy = lab.policy(stage)
    if settings.soft_labels == "distribution":
        examples = with_distributions(lab, settings, policy, store, rows, examples)
    fit, batch_at = schedule(lab, stage, examples)
    learner = Learner(policy, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay)
    seconds = sft.fit(learner, batch_at, fit, store, lab.log)
    if settings.interpolate:
        with lab.timed("interpolation"):
            interpolate(lab, stage, policy)
    guard(lab, stage, policy)
    lab.finish(store, learner, seconds)


def targets(lab: Lab, stage: Stage, plan: TargetPlan) -> tuple[list[targeted.Teach], dict[str, Any]]:
    """The targeted set: the plan's records with their reference answers, general ones with soft labels, and prompts
    that the base wrote; and how many of each were made, for made.json."""
    settings: Teach = stage.settings
    seed, tasks = lab.config.seed, lab.dataset.tasks
    records, removed = targeted.choose(plan, lab.dataset, threshold=settings.near_duplicate, seed=seed)
    taught = targeted.gold_targets(records, lab.encoder, tasks, plan.why)
    if settings.answers == "own":
        path = lab.out / stage.name / "own_answers.jsonl.gz"
        answers = sample(lab, stage.start, records, settings.candidates, settings.temperature, "own answers", path)
        taught = targeted.own_where_right(taught, answers, lab.encoder, tasks)
    earlier, left_out = list[targeted.Teach](), 0
    if settings.turns == "all":
        earlier, left_out = earlier_of(lab, taught)
    counts: dict[str, int] = {}
    if settings.soft_labels == "gold":
        soft = targeted.gold_targets(targeted.choose_general(plan, lab.dataset, seed), lab.encoder, tasks, {})
    else:
        general = targeted.choose_general(plan, lab.dataset, seed)
        path = lab.out / stage.name / "candidates.jsonl.gz"
        answers = sample(lab, stage.start, general, settings.candidates, settings.temperature, "soft labels", path)
        labels = settings.soft_labels.replace("_", " ")
        soft, counts = targeted.best_of_n(answers, lab.encoder, tasks, labels)
    own, written = list[targeted.Teach](), dict[str, Any]()
    if settings.own_share:
        others = len(taught) + len(earlier) + len(soft)
        own, written = own_targets(lab, stage, round(others * settings.own_share / (1.0 - settings.own_share)))
    made = {
        "records": len(taught),
        "near_duplicates_removed": removed,
        "earlier_turns": len(earlier),
        "earlier_turns_held_out": left_out,
        "soft_labels": len(soft),
        "kind": settings.soft_labels,
        **counts,
        **written,
        "judge": "embedded: verifiable reward, then format, then mean log-probability",
    }
    return [*taught, *earlier, *soft, *own], made


def records_in(lab: Lab, stage: Stage) -> int:
    """How many records the targeted set was made of."""
    path = lab.out / stage.name / "made.json"
    with as_left(path):
        made = read_object(path)
        return sum(made.get(kind, 0) for kind in ("records", "earlier_turns", "soft_labels", "own_prompts"))


def rows_in(lab: Lab, stage: Stage) -> list[dict[str, Any]]:
    """The lines of data.jsonl.gz. Raises ValueError where they are not those that made.json beside it tells of."""
    said, path = records_in(lab, stage), lab.out / stage.name / "data.jsonl.gz"
    made = read_object(path.with_name("made.json")).get("sha256")  # none of an older version
    with as_left(path):
        rows = list(read_jsonl(path))
        if len(rows) != said:
            raise ValueError(f"it holds {len(rows)} records, and made.json beside it says {said}")
        if made and made != sha256(path.read_bytes()).hexdigest():
            raise ValueError("it was changed since it was made: its SHA-256 is not what made.json beside it says")
    return rows


def earlier_of(lab: Lab, taught: Sequence[targeted.Teach]) -> tuple[list[targeted.Teach], int]:
    """The assistant's earlier turns in what is taught, and how many are left out: those that what is measured asks."""
    apart: tuple[Split, ...] = ("probe", "tune", "eval")
    held_out = {normalised_prompt(record) for split in apart for record in lab.dataset.split(split)}
    return targeted.earlier_targets(taught, lab.encoder, lab.dataset.tasks, held_out)


def encoded(lab: Lab, rows: list[dict[str, Any]]) -> list[sft.Example]:
    """The lines of data.jsonl.gz as token ids, four bytes each: millions of records fit into memory."""
    found: list[sft.Example] = []
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        prompts = lab.encoder.ids([lab.encoder.asked(row["messages"], row["think"]) for row in some])
        targets = lab.encoder.answers([row["target"] for row in some])
        found += (sft.Example(array("i", prompt), array("i", target)) for prompt, target in zip(prompts, targets))
    return found


def with_distributions(
    lab: Lab,
    settings: Teach,
    policy: Policy,
    store: Store,
    rows: list[dict[str, Any]],
    examples: list[sft.Example],
) -> list[sft.Example]:
    """The examples, those with soft labels with the distributions of the stage's start, computed once and kept."""
    path = store.folder / "soft_labels.npz"
    places = [i for i, row in enumerate(rows) if row["labels"] == "distribution"]
    if not places:
        return examples
    if not path.exists():
        with lab.timed("distributions"), lab.log.bar("distributions", len(places)) as bar:
            mine = [examples[i] for i in places]
            made = sft.distributions(policy, mine, settings.top_k, lab.config.tokens_per_pass, bar.advance)
            targeted.save_distributions(path, made)
    found = targeted.load_distributions(path, [len(examples[i].target) for i in places])
    soft = dict(zip(places, found))
    return [example._replace(soft=soft.get(i)) for i, example in enumerate(examples)]


def schedule(lab: Lab, stage: Stage, examples: list[sft.Example]) -> tuple[sft.Fit, sft.BatchAt]:
    """The settings of the fit, and its batches: whole passes over the examples, each in an order of its own."""
    settings: Teach = stage.settings
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
        name=stage.name,
        steps=steps,
        rate=lambda step: settings.learning_rate * cosine_with_warmup(step, steps, warmup),
        max_grad_norm=settings.max_grad_norm,
        save_every=settings.save_every,
        tokens_per_pass=lab.config.tokens_per_pass,
        averaging="group" if settings.averaging == "record" else "token",
    )
    return fit, batch_at
