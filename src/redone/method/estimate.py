"""What a run will take before it begins: bytes by phase, from the model's own code on tensors without contents, and
seconds by stage, from one timed step on its own records, and of all that is measured, from some of it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from pathlib import Path
from typing import TypeVar

from redone.config import Reinforce, RunConfig, Teach
from redone.data.encode import Passage
from redone.data.load import drawn
from redone.method import targeted
from redone.method.evaluate import answerer
from redone.method.teach import earlier_of
from redone.records import Prompt, Record
from redone.run.lab import Lab
from redone.run.stages import BASE, Stage

_Found = TypeVar("_Found")
Length = tuple[int, int]  # tokens of a prompt, of an answer


@dataclass(frozen=True)
class Phase:
    """Bytes of one phase of a stage, by what they are of."""

    stage: str
    name: str
    bytes: Mapping[str, int]

    @property
    def peak(self) -> int:
        return sum(self.bytes.values())


@dataclass(frozen=True)
class Timed:
    """Seconds of a stage, and how they were found."""

    stage: str
    seconds: float
    said: str


def phases(
    config: RunConfig, folder: Path, dtype: str, cuda: bool, context: int, lengths: Sequence[Length]
) -> list[Phase]:
    """Of every stage and of measuring. lengths: of the trained tasks' records, answers as long as their budget.

    Each pass is the largest that the records allow: the longest of them, as many as go through at once.
    """
    from redone.train.memory import imagined

    every = sorted(lengths, key=sum, reverse=True)
    lora = config.lora
    adapter = None if lora is None else {"rank": lora.rank, "alpha": lora.alpha, "targets": lora.targets}
    found = []
    trust = config.model.trust_remote_code
    with imagined(folder, dtype, context, cuda, adapter, config.recompute, trust) as model:
        held = model.held

        def answering(group: int, prompts: int) -> dict[str, int]:
            return model.answering(every[:prompts], group, config.eval.rows)

        for name in config.stages:
            settings, still = config.stage(name), {"weights": held.weights, "moments": held.moments}
            if not settings.trains:
                continue
            if isinstance(settings, Reinforce):
                sampled = answering(settings.group, min(settings.in_flight, settings.patience * settings.prompts))
                found.append(Phase(name, "sampling", {**still, **sampled}))
                trees = [
                    ([0] * p, [[0] * a] * settings.group) for p, a in every[: settings.prompts // settings.updates]
                ]
                still = {**still, "copies": sampled["copies"]}  # which the sampler keeps
                what = "update"
            else:
                trees = [([0] * p, [[0] * a]) for p, a in every[: settings.batch]]
                what = "fine-tuning"
            found.append(Phase(name, what, {**still, **model.updating(trees, config.tokens_per_pass)}))
        found.append(Phase("every model", "measuring", {"weights": held.weights, **answering(1, config.eval.rows)}))
    return found


def timings(lab: Lab) -> list[Callable[[], Timed]]:
    """What is timed: a step of each stage, and all that is measured beside."""
    acts: list[Callable[[], Timed]] = [partial(timed, lab, stage) for stage in lab.stages if stage.settings.trains]
    acts.append(partial(answering, lab))
    if lab.benchmarks:
        acts.append(partial(benchmarked, lab))
    if lab.drift is not None:
        acts.append(partial(drifting, lab))
    return acts


def timed(lab: Lab, stage: Stage) -> Timed:
    """From one step of the stage with the base model's weights, on records as the stage would draw them."""
    own = replace(stage, start=BASE)
    return _reinforced(lab, own) if isinstance(stage.settings, Reinforce) else _taught(lab, own)


def _reinforced(lab: Lab, stage: Stage) -> Timed:
    """A wave of one prompt for each that a step trains on, and an update of a minibatch."""
    import torch

    from redone.method.reinforce import trainer_of
    from redone.train import rl

    settings: Reinforce = stage.settings
    trainer = trainer_of(lab, stage, None)
    waited, collected = _clocked(lambda: rl.sample_groups(trainer, 0, (), settings.prompts))
    dead = 1 - len(collected.groups) / len(collected.fresh)
    groups = [*collected.groups, *collected.dropped, *collected.errors][: settings.prompts // settings.updates]
    advantages = torch.linspace(-1, 1, len(groups) * settings.group).view(len(groups), settings.group)
    updated, _ = _clocked(lambda: rl.update(trainer, groups, advantages, 0.0))
    scored, _ = _clocked(lambda: rl.add_old_logprobs(trainer, groups))
    waves = 1 / (1 - dead) if dead < 1 else 1.0
    step = waves * waited + settings.updates * updated + (settings.updates - 1) * scored
    kept = f"{100 * dead:.0f} % of the base's groups have no spread and are replaced"
    if dead == 1:
        kept = "all of the base's groups have no spread: replacing them is not counted, and takes longest"
    return Timed(
        stage.name,
        settings.steps * step,
        f"{settings.steps} steps of {step:.1f} s: {waves:.1f} waves of {waited:.1f} s, {settings.updates} updates of "
        f"{updated:.1f} s ({kept})",
    )


def _taught(lab: Lab, stage: Stage) -> Timed:
    """A batch with reference answers, and what is sampled before: the diagnosis and the soft labels."""
    from redone.model.learner import Learner
    from redone.train import sft

    settings: Teach = stage.settings
    records = _some(lab, settings.batch)
    tasks, encoder = lab.dataset.tasks, lab.encoder
    prompts = encoder.prompts(records, tasks)
    examples = [
        sft.Example(prompt, encoder.target(record, tasks[record.task])) for prompt, record in zip(prompts, records)
    ]
    policy = lab.policy(stage)
    learner = Learner(policy, learning_rate=0.0, weight_decay=0.0)

    def step() -> None:
        loss, _ = sft.accumulate(policy, examples, lab.config.tokens_per_pass)
        learner.step(0.0, settings.max_grad_norm, loss)

    each, _ = _clocked(step)
    steps = settings.epochs * ceil(taught(lab, settings) / settings.batch)
    return Timed(stage.name, steps * each, f"{steps} steps of {each:.1f} s, by reference answers")


def taught(lab: Lab, settings: Teach) -> int:
    """How many examples an epoch has, earlier turns and the base's own prompts included, where the stage draws from all
    trained tasks alike."""
    count = min(settings.records, sum(len(mine) for mine in lab.train_records().values()))
    if settings.turns == "all":
        some = _some(lab, round(count * (1 - settings.general_share)))
        earlier, _ = earlier_of(lab, targeted.gold_targets(some, lab.encoder, lab.dataset.tasks, {}))
        count += len(earlier)
    return round(count / (1 - settings.own_share))


def answering(lab: Lab, most: int = 64) -> Timed:
    """All that is answered outside of reinforcement, at the pace of some greedy answers to eval records."""
    from redone.measure.judged import prompt_of

    tasks, records = lab.dataset.tasks, lab.dataset.split(lab.config.eval.split)
    each = _pace(lab, [prompt_of(record, tasks[record.task]) for record in records], most)
    count = _answers(lab)
    return Timed("answers", count * each, f"{count:,} of {each:.2f} s: evaluations, diagnosis, soft labels, difficulty")


def benchmarked(lab: Lab, most: int = 64) -> Timed:
    """The run's benchmarks, of every model: what is written and what is chosen, each at the pace of some of it."""
    from redone.measure.benchmarks import questions

    asking = lab.config.eval
    prompts = [
        prompt
        for one in lab.benchmarks
        for prompt in questions(one, likelihood=asking.likelihood, most=asking.benchmark_tokens)
    ]
    seconds, said = 0.0, []
    for what, mine in (
        ("answers", [prompt for prompt in prompts if not prompt.choices]),
        ("choices", [prompt for prompt in prompts if prompt.choices]),
    ):
        if mine:
            each, count = _pace(lab, mine, most, whole_context=True), len(lab.models) * len(mine)
            seconds += count * each
            said.append(f"{count:,} {what} of {each:.2f} s")
    return Timed("benchmarks", seconds, ", ".join(said))


def drifting(lab: Lab, most: int = 32) -> Timed:
    """The held-out texts of every model, the base's answers and the divergence of every other model along them, at the
    pace of some of each."""
    from redone.measure.drift import answers_of
    from redone.model.likelihood import divergences, nats

    held, policy, models = lab.drift, lab.load(BASE), len(lab.models)
    passages = [passage for mine in held.texts.values() for passage in mine]
    seconds, said = 0.0, []
    if passages:
        some = drawn(passages, most, lambda passage: passage.key)
        waited, _ = _clocked(lambda: nats(policy, some, lab.config.tokens_per_pass, lambda texts: None))
        seconds += models * waited * _tokens(passages) / _tokens(some)
        said.append(f"{models * len(passages):,} texts")
    if held.prompts:
        asked = replace(held, prompts=list(drawn(held.prompts, most, lambda prompt: prompt[0])))
        answered, answers = _clocked(lambda: answers_of(policy, lab.encoder, asked, lab.config.eval.rows))
        apart, _ = _clocked(
            lambda: divergences(policy, policy, answers, lab.config.tokens_per_pass, lambda texts: None)
        )
        seconds += (answered + (models - 1) * apart) * len(held.prompts) / len(answers)
        said += [f"{len(held.prompts):,} answers", f"{(models - 1) * len(held.prompts):,} divergences"]
    return Timed("drift", seconds, ", ".join(said))


def _pace(lab: Lab, prompts: Sequence[Prompt], most: int, whole_context: bool = False) -> float:
    """Seconds that the base takes for one of the prompts, greedily, on a draw of them."""
    some = drawn(prompts, most, lambda prompt: prompt.key)
    asks = answerer(lab, BASE, "estimate", whole_context=whole_context).make(0, ())
    waited, _ = _clocked(lambda: list(asks.ask(some)))
    return waited / len(some)


def _tokens(passages: Sequence[Passage]) -> int:
    return sum(len(passage.before) + len(passage.tokens) for passage in passages)


def _answers(lab: Lab) -> int:
    """How many a run samples outside of reinforcement; those to benchmarks and to measure drift are not among them."""
    config, records = lab.config, lab.dataset.records
    most = config.eval.records or 1 << 30
    count = len(lab.models) * sum(min(most, len(mine[config.eval.split])) for mine in records.values())
    for stage in lab.stages:
        settings = stage.settings
        if not settings.trains:
            continue
        if isinstance(settings, Reinforce):
            if settings.difficulty:
                pools = [len(mine) for mine in lab.train_records().values()]
                count += settings.difficulty_samples * sum(min(settings.difficulty_records, pool) for pool in pools)
        else:
            probed = sum(min(config.diagnose.records, len(mine["probe"])) for mine in records.values())
            models = len({BASE, stage.start}) if settings.choose == "findings" else 0
            soft = 0 if settings.soft_labels == "gold" else round(settings.records * settings.general_share)
            if settings.answers == "own":
                soft += round(settings.records * (1 - settings.general_share))
            own = round(taught(lab, settings) * settings.own_share)
            count += models * config.diagnose.samples * probed + settings.candidates * soft + 2 * own
    return count


def _some(lab: Lab, count: int) -> list[Record]:
    every = [record for mine in lab.train_records().values() for record in mine]
    return list(drawn(every, count))


def _clocked(act: Callable[[], _Found]) -> tuple[float, _Found]:
    began = time.monotonic()
    found = act()
    return time.monotonic() - began, found
