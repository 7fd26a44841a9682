"""A stage of reinforcement: DAPO over all tasks alike, so that the long tail stays visible; on hard prompts where the
stage draws by difficulty, with as many rationales as it asks for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean

from redone.config import Reinforce
from redone.data.mix import Mix, Stratum, derive_seed, uniform
from redone.data.turns import Difficulty, difficulty_of
from redone.files import as_left, read_object, write_json
from redone.measure.closed import closed_tasks
from redone.measure.trivial import chance, trivial_verdicts
from redone.method.evaluate import sample
from redone.method.gate import guard
from redone.model.learner import Learner
from redone.records import Record, Task
from redone.rewards import said
from redone.run.lab import Lab
from redone.run.stages import Stage
from redone.run.store import Store
from redone.sample.local import make_sampler
from redone.train import rl
from redone.train.passes import Passes


def reinforce(lab: Lab, stage: Stage) -> None:
    """DAPO with the stage's settings, from the model that it starts from."""
    settings: Reinforce = stage.settings
    trainer = trainer_of(lab, stage, difficulty(lab, stage) if settings.difficulty else None)
    store = Store(lab.out / stage.name)
    seconds = rl.train(trainer, store, lab.log)
    guard(lab, stage, trainer.policy)
    lab.finish(store, trainer.learner, seconds)


def trainer_of(lab: Lab, stage: Stage, hard: Difficulty | None) -> rl.Trainer:
    """What a step of the stage needs. hard: what its records weigh; None where all weigh alike."""
    settings: Reinforce = stage.settings
    records = lab.train_records()
    labels = labels_of(lab)
    mix = Mix(
        strata(lab.trained, settings, dict.fromkeys(records, 1.0) if hard is None else hard.usual),
        records,
        derive_seed(lab.config.seed, stage.name, "mix"),
        labels=labels if settings.balanced else None,
        difficulty=hard,
        patience=settings.patience,
    )
    policy = lab.policy(stage)
    return rl.Trainer(
        stage=stage.name,
        learner=Learner(policy, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay),
        sampler=make_sampler(
            policy,
            lab.encoder,
            group=settings.group,
            temperature=settings.temperature,
            seeds=lambda step: derive_seed(lab.config.seed, stage.name, "rollouts", step),
        ),
        encoder=lab.encoder,
        tasks=lab.dataset.tasks,
        score_all=lab.score_all,
        most_errors=lab.config.scoring.most_errors,
        mix=mix,
        settings=settings,
        seed=lab.config.seed,
        passes=Passes(lab.config.tokens_per_pass, lab.log.line),
        labels=labels,
    )


def labels_of(lab: Lab) -> dict[str, str]:
    """The label of each train record of a closed task, by its id."""
    closed = closed_tasks(lab.dataset)
    return {
        record.id: said(lab.trained[name], record, record.gold_text)
        for name, mine in lab.train_records().items()
        if name in closed
        for record in mine
    }


def strata(tasks: Mapping[str, Task], settings: Reinforce, weights: Mapping[str, float]) -> list[Stratum]:
    """Shares of the trained groups: general against the domain, and reasoning against not where a rationale share is
    asked for. Within a share the tasks have the given weights.

    A cell without tasks leaves its share to the other part's cell of the same kind, which keeps the rationale
    share as far as the data allow.
    """
    parts = {"domain": 1.0 - settings.general_share, "general": settings.general_share}
    kinds: dict[bool | None, float] = {None: 1.0}
    if settings.rationale_share is not None:
        kinds = {True: settings.rationale_share, False: 1.0 - settings.rationale_share}
    made = []
    for think, kind_share in kinds.items():
        cells = {}
        for part in parts:
            mine = [t for t in tasks.values() if t.part == part and think in (None, t.think)]
            cells[part] = {t.name: weights[t.name] for t in mine}
        total = sum(share for part, share in parts.items() if cells[part])
        for part, share in parts.items():
            if cells[part] and total > 0:
                made.append(Stratum(f"{part}, reasoning {think}", kind_share * share / total, cells[part]))
    return made


def check_shares(name: str, tasks: Mapping[str, Task], settings: Reinforce) -> None:
    """Raises ValueError where no trained task has a share of the stage's prompts."""
    if not any(one.share > 0 for one in strata(tasks, settings, dict.fromkeys(tasks, 1.0))):
        kinds = Counter(f"{task.part}, {'reasoning' if task.think else 'not reasoning'}" for task in tasks.values())
        there = "; ".join(f"{count} {kind}" for kind, count in kinds.items())
        raise ValueError(
            f"{name}.general_share = {settings.general_share:g} and {name}.rationale_share = "
            f"{settings.rationale_share} leave no trained task a share of the stage's prompts; there are {there}"
        )


def difficulty(lab: Lab, stage: Stage) -> Difficulty:
    """Pass rates of train records under the model that the stage starts from, and what they weigh; a task weighs as its
    records do on average."""
    settings: Reinforce = stage.settings
    path = lab.out / stage.name / "difficulty.json"
    records = lab.train_records()
    if not path.exists():
        with lab.timed("difficulty"):
            tried = drawn(records, settings.difficulty_records, lab.config.seed)
            answers = path.with_name("difficulty.jsonl.gz")
            judged = sample(lab, stage.start, tried, settings.difficulty_samples, 1.0, "difficulty", answers)
            rates = {
                item.record.id: fmean(v.score >= lab.dataset.tasks[item.record.task].pass_at for v in item.verdicts)
                for item in judged
            }
        write_json(path, rates)
    with as_left(path):
        rates = {name: float(rate) for name, rate in read_object(path).items()}
    first = [record for mine in records.values() for record in mine[: settings.difficulty_records]]
    trivial = trivial_verdicts(lab.dataset, first, lab.score_all)
    return difficulty_of(
        {name: {r.id: rates[r.id] for r in mine if r.id in rates} for name, mine in records.items()},
        {name: chance(lab.trained[name], trivial[name]) for name in records},
        settings.difficulty_floor,
    )


def drawn(records: Mapping[str, Sequence[Record]], most: int, seed: int) -> list[Record]:
    """At most so many records of each task, those whose hash comes first."""
    return [
        record
        for mine in records.values()
        for record in sorted(mine, key=lambda r: uniform(seed, "difficulty", r.id))[:most]
    ]
