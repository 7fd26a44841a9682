"""One stage of DAPO (stages 1 and 3): sample, score, filter, update.

A rollout step samples `prompts` informative groups and makes `updates` optimiser steps of them. Every optimiser
step's loss is a sum over its tokens, weighted by shares that were fixed for the whole step before it was cut into
passes that fit into memory.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import islice
from math import isfinite
from statistics import fmean, stdev
from typing import Any

import torch
from torch import Tensor

from redone.algo import dapo
from redone.algo.schedules import constant_with_warmup
from redone.config import Reinforce
from redone.data.encode import Encoder
from redone.data.mix import Mix, uniform
from redone.model.heap import give_back
from redone.model.learner import Learner
from redone.model.policy import Policy, flatten
from redone.model.trees import pack, split_by_tokens
from redone.records import Group, Record, Rollout, Task, Verdict, group_from_json, group_to_json
from redone.rewards.labels import Commonest
from redone.run.log import Log
from redone.run.monitors import nothing_left
from redone.run.scoring import GONE, Asked, ScoreAll, refuse_errors
from redone.run.store import Store
from redone.sample.asking import cache_room, kept
from redone.sample.protocol import Answer, Request, TrainingSampler
from redone.train.labels import Counts, counted, excess, nearly_constant, remembered
from redone.train.passes import Passes
from redone.train.rollouts import Collected, by_task, collect, reached, rollout_rows, with_old_logprobs
from redone.train.steps import Refused, Taken, over, run_steps

_SHOWN = 2  # tasks that are answered nearly alike, in a line
# Largest mean gap of a step's log-probabilities between sampler and trainer, in float32 and with products in bfloat16.
# SmolLM2's are 3e-6, and 0.02 where it is sampled with other shapes than it is scored in; sampled at 0.7 and scored at
# 1 it is 0.3. The largest gap says less: of 600 tokens one is off by 0.2 in bfloat16.
_NOISE = {False: 1e-3, True: 0.1}


@dataclass
class Trainer:
    """What every step needs; nothing of it but `counts` changes identity during a stage."""

    stage: str
    learner: Learner
    sampler: TrainingSampler
    encoder: Encoder
    tasks: Mapping[str, Task]
    score_all: ScoreAll
    most_errors: float  # share of a step's answers that may go without a verdict
    mix: Mix
    settings: Reinforce
    seed: int
    passes: Passes
    labels: Mapping[str, str] = field(default_factory=dict)  # of the records of closed tasks, by id
    counts: Counts = field(default_factory=dict)  # of answers, for the alarm; changes from step to step

    @property
    def policy(self) -> Policy:
        return self.learner.policy


def train(trainer: Trainer, store: Store, log: Log) -> float:
    """Run the stage to its end, going on from the store's checkpoint if there is one; the seconds it took in all.

    Raises Interrupted after ctrl-C, with a checkpoint of the last whole step saved.
    """
    settings = trainer.settings
    surplus: list[Group] = []

    def take(step: int) -> Taken:
        nonlocal surplus
        metrics, rows, surplus = rl_step(trainer, step, surplus)
        return Taken(metrics, _said(metrics), rows)

    def state() -> dict[str, Any]:
        kept = {"surplus": [group_to_json(group) for group in surplus], "mix": trainer.mix.state()}
        return {**kept, "tokens_per_pass": trainer.passes.tokens, "labels": trainer.counts}

    def restore(saved: Mapping[str, Any]) -> None:
        nonlocal surplus
        surplus = [group_from_json(row) for row in saved["surplus"]]
        trainer.mix.restore(saved["mix"])
        trainer.passes.tokens = saved["tokens_per_pass"]
        trainer.counts = saved["labels"]

    return run_steps(
        trainer.stage,
        trainer.learner,
        store,
        log,
        steps=settings.steps,
        save_every=settings.save_every,
        take=take,
        state=state,
        restore=restore,
        ends=partial(nothing_left, settings.idle_steps),
    )


def rl_step(
    trainer: Trainer, step: int, carried: Sequence[Group]
) -> tuple[dict[str, Any], list[dict[str, Any]], list[Group]]:
    """One rollout step and its updates: (metrics, rollout lines, surplus groups)."""
    settings = trainer.settings
    collected = sample_groups(trainer, step, carried)
    give_back()  # what sampling leaves in pieces, before an update that has no use for them
    refuse_errors(((g.record.task, g.verdicts) for g in collected.fresh), trainer.most_errors)
    dealt = minibatches(trainer, step, collected.groups)
    order = [group for part in dealt for group in part]
    size = len(dealt[0]) if dealt else 0  # of the first, whose ratio is one
    known, scored = add_old_logprobs(trainer, [*order[size:], *collected.surplus])
    trained, surplus = [*order[:size], *known[: len(order) - size]], known[len(order) - size :]
    answers = counted(collected.fresh, trainer.labels)
    trainer.counts = remembered(trainer.counts, answers)
    advantages = advantages_of(trainer, trained, excess(answers)).split([len(part) for part in dealt])
    ready = iter(trained)
    rate = settings.learning_rate * constant_with_warmup(step, settings.warmup, settings.steps, settings.cooldown)
    parts, rows = [], []
    for theirs in advantages:
        part = list(islice(ready, len(theirs)))
        with over(partial(_looked_at, trainer, step + 1, part, theirs)):
            parts.append(update(trainer, part, theirs, rate * len(part) * settings.updates / settings.prompts))
        for group, values in zip(part, theirs.tolist()):
            rows += rollout_rows(step + 1, group, values)
    for group in [*collected.dropped, *collected.errors]:
        rows += rollout_rows(step + 1, group, None)
    metrics = _metrics(trainer, step + 1, collected, parts, rate, scored)
    return metrics, rows, surplus


def minibatches(trainer: Trainer, step: int, groups: Sequence[Group]) -> list[list[Group]]:
    """The groups of a step's updates, none empty: every task and every label is spread evenly over them."""

    def place(group: Group) -> tuple[Any, ...]:
        id = group.record.id
        return group.record.task, trainer.labels.get(id, ""), uniform(trainer.seed, trainer.stage, step, id)

    order, updates = sorted(groups, key=place), trainer.settings.updates
    return [part for i in range(updates) if (part := order[i::updates])]


def sample_groups(trainer: Trainer, step: int, carried: Sequence[Group], most: int | None = None) -> Collected:
    """The groups of a step. most: prompts drawn for it; as many as the stage has patience for if not given."""
    settings, encoder, tasks = trainer.settings, trainer.encoder, trainer.tasks
    trainer.sampler.load(trainer.policy, step)

    def request(ticket: int, record: Record) -> Request:
        task = tasks[record.task]
        return Request(ticket, encoder.prompt(record.messages, task.think), task.budget)

    def rollout(record: Record, answer: Answer) -> Rollout:
        text = encoder.decode(answer.tokens, tasks[record.task].think)
        if not isfinite(sum(answer.logprobs)):
            row = {"id": record.id, "task": record.task, "prompt": record.prompt_text, "text": text}
            seen = {"tokens": answer.tokens, "sampler_logprobs": answer.logprobs}
            raise Refused(f"the model gives an answer to {record.id} no finite probability", [{**row, **seen}])
        return Rollout(record.id, answer.tokens, answer.logprobs, text, answer.finished, trainer.sampler.version)

    def scored(completed: Sequence[tuple[Record, Sequence[Answer]]]) -> list[list[tuple[Rollout, Verdict]]]:
        written = [[rollout(record, answer) for answer in answers] for record, answers in completed]
        verdicts = trainer.score_all(
            [Asked(record, [(r.text, r.finished) for r in mine]) for (record, _), mine in zip(completed, written)]
        )
        return [list(zip(mine, theirs)) for mine, theirs in zip(written, verdicts)]

    policy = trainer.policy
    room = cache_room(policy, held=3 * sum(p.nbytes for p in policy.trainable().values()))  # gradients and moments
    copies = 1 if policy.packed else settings.group
    return collect(
        trainer.sampler,
        trainer.mix,
        request,
        scored,
        tasks=tasks,
        prompts=settings.prompts,
        most=most or min(settings.patience * settings.prompts, len(trainer.mix)),
        in_flight=settings.in_flight,
        fits=lambda requests: kept(requests, settings.group, copies) <= room,
        min_spread=settings.min_spread,
        carried=carried,
    )


def advantages_of(
    trainer: Trainer, groups: Sequence[Group], above: Mapping[str, Mapping[str, float]]
) -> Tensor:  # -> [P, G]
    """Of all groups that a step trains on; those of closed tasks calibrated.

    above: task to label to its excess among the prompts that this step generated. What earlier steps answered is not
    asked: a correction that comes some steps late swings a task from one label to another.
    """
    settings = trainer.settings
    if not groups:
        return torch.empty(0, settings.group)
    shaped = shaped_rewards(groups, trainer.tasks, settings.length_penalty, settings.overlong_zone)
    return dapo.calibrated(
        dapo.advantages(shaped, settings.advantage_floor),
        [[verdict.said for verdict in group.verdicts] for group in groups],
        [above.get(group.record.task, {}) for group in groups],
        settings.calibration,
    )


def shaped_rewards(
    groups: Sequence[Group], tasks: Mapping[str, Task], factor: float, zone: float
) -> Tensor:  # -> [P, G]
    """Outcome scores plus the soft overlong penalty; the penalty joins after filtering and is not stored."""

    def shaped(group: Group, index: int) -> float:
        budget = tasks[group.record.task].budget
        penalty = dapo.overlong_penalty(len(group.rollouts[index].tokens), budget, dapo.overlong_cache(budget, zone))
        return group.verdicts[index].score + factor * penalty

    return torch.tensor([[shaped(group, i) for i in range(len(group.rollouts))] for group in groups])


def add_old_logprobs(trainer: Trainer, groups: Sequence[Group]) -> tuple[list[Group], int]:
    """The groups in their order, those without the trainer's log-probabilities with them, taken before the weights that
    sampled them change; and the tokens that were run forward for it."""
    return trainer.passes.run(partial(_with_old_logprobs, trainer, groups))


def _with_old_logprobs(trainer: Trainer, groups: Sequence[Group], tokens: int) -> tuple[list[Group], int]:
    known, forwarded = list(groups), 0
    places = [i for i, group in enumerate(groups) if group.old_logprobs is None]
    trees = group_trees([groups[i] for i in places])
    with torch.no_grad():
        for part in split_by_tokens(trees, tokens, repeated=not trainer.policy.packed):
            batch = pack([trees[i] for i in part], trainer.policy.device)
            forwarded += trainer.policy.num_forwarded(batch)
            logprobs, _ = trainer.policy.token_logprobs(batch, trainer.settings.temperature)
            values = iter(logprobs.tolist())
            for i in part:
                rows = [[next(values) for _ in answer] for answer in trees[i][1]]
                known[places[i]] = with_old_logprobs(groups[places[i]], rows)
    return known, forwarded


def refuse_gap(mean: float, largest: float, narrow: bool) -> None:
    """Raises FloatingPointError where sampler and trainer differ by more than rounding makes them."""
    if not mean <= _NOISE[narrow]:  # also when it is nan
        instead = '; or set model.dtype = "float32", in which nothing is rounded to bfloat16' if narrow else ""
        raise FloatingPointError(
            f"the sampler and the trainer disagree: they give the same tokens under the same weights log-probabilities "
            f"that differ by {mean:.2g} nats on average and {largest:.2g} at most, where rounding explains "
            f"{_NOISE[narrow]:g} on average, so that every ratio and every update would be wrong: not stepped. The "
            f"model is not run as it was when it was loaded: please report it with the model's name{instead}"
        )


def group_trees(groups: Sequence[Group]) -> list[tuple[Sequence[int], list[Sequence[int]]]]:
    return [(group.prompt, [rollout.tokens for rollout in group.rollouts]) for group in groups]


def update(trainer: Trainer, groups: Sequence[Group], advantages: Tensor, rate: float) -> dict[str, float]:
    """One optimiser step on some groups, at this learning rate; its statistics."""
    totals = trainer.passes.run(partial(_accumulate, trainer, groups, advantages), trainer.learner.forget)
    refuse_gap(totals["sampler_gap_mean"], totals["sampler_gap"], trainer.policy.narrow)
    norm = trainer.learner.step(rate, trainer.settings.max_grad_norm, totals["loss"])
    return {**totals, "grad_norm": norm}


def _looked_at(trainer: Trainer, step: int, groups: Sequence[Group], advantages: Tensor) -> list[dict[str, Any]]:
    """For a person to look at: a row an answer, with its log-probabilities under the weights as they are."""
    known, _ = add_old_logprobs(trainer, [replace(group, old_logprobs=None) for group in groups])
    rows = []
    for group, values in zip(known, advantages.tolist()):
        for row, rollout, now in zip(rollout_rows(step, group, values), group.rollouts, group.old_logprobs or ()):
            seen = {"tokens": rollout.tokens, "logprobs": now, "sampler_logprobs": rollout.sampler_logprobs}
            rows.append({**row, "prompt_tokens": group.prompt, **seen})
    return rows


def _accumulate(trainer: Trainer, groups: Sequence[Group], advantages: Tensor, tokens: int) -> dict[str, float]:
    """Gradients of the groups' loss, from passes of so many tokens; its statistics."""
    settings, policy = trainer.settings, trainer.policy
    trees = group_trees(groups)
    lengths = [len(rollout.tokens) for group in groups for rollout in group.rollouts]
    owners = [i for i, group in enumerate(groups) for _ in group.rollouts]
    weights = list(dapo.token_weights(lengths, owners, settings.averaging).split([sum(map(len, t[1])) for t in trees]))
    totals = {"loss": 0.0, "clip_fraction": 0.0, "entropy": 0.0, "sampler_gap": 0.0, "sampler_gap_mean": 0.0}
    forwarded = 0
    for part in split_by_tokens(trees, tokens, repeated=not policy.packed):
        batch = pack([trees[i] for i in part], policy.device)
        forwarded += policy.num_forwarded(batch)
        logprobs, entropy = policy.token_logprobs(batch, settings.temperature)
        mine = [groups[i] for i in part]
        share = torch.cat([weights[i] for i in part]).to(policy.device)
        each = torch.cat([advantages[i] for i in part]).to(policy.device)
        spread = each.repeat_interleave(torch.tensor(batch.lengths, device=policy.device))
        sampler = flatten([r.sampler_logprobs for group in mine for r in group.rollouts], policy.device)
        old = _old_logprobs(mine, logprobs)
        loss, statistics = dapo.dapo_loss(logprobs, old, spread, share, settings.clip_low, settings.clip_high)
        loss.backward()
        totals["loss"] += float(loss.detach())
        totals["clip_fraction"] += statistics["clip_fraction"]
        totals["entropy"] += float((entropy * share).sum())
        gaps = (old - sampler).abs()
        totals["sampler_gap"] = max(totals["sampler_gap"], float(gaps.max()))
        totals["sampler_gap_mean"] += float(gaps.sum()) / sum(lengths)
    return {**totals, "forwarded": forwarded, "answer_tokens": sum(lengths)}


def _old_logprobs(groups: Sequence[Group], logprobs: Tensor) -> Tensor:
    """Stored ones where a group has them; elsewhere the current ones, whose ratio is one with a gradient."""
    pieces = []
    place = 0
    for group in groups:
        count = sum(len(rollout.tokens) for rollout in group.rollouts)
        if group.old_logprobs is None:
            pieces.append(logprobs.detach()[place : place + count])
        else:
            pieces.append(flatten(group.old_logprobs, logprobs.device))
        place += count
    return torch.cat(pieces)


def _metrics(
    trainer: Trainer, step: int, collected: Collected, parts: Sequence[Mapping[str, float]], rate: float, scored: int
) -> dict[str, Any]:
    fresh = collected.fresh
    verdicts = reached(fresh)
    trained = [trainer.tasks[group.record.task] for group in collected.groups]

    def mean(name: str) -> float | None:
        return fmean(part[name] for part in parts) if parts else None

    return {
        "step": step,
        "reward": fmean(v.score for v in verdicts) if verdicts else None,
        "reward_error": _error([fmean(v.score for v in group.verdicts) for group in fresh]),
        "pass_rate": fmean(v.reason == "right" for v in verdicts) if verdicts else None,
        "loss": mean("loss"),
        "entropy": mean("entropy"),
        "clip_fraction": mean("clip_fraction"),
        "grad_norm": mean("grad_norm"),
        "sampler_gap": max((part["sampler_gap"] for part in parts), default=None),
        "sampler_gap_mean": mean("sampler_gap_mean"),
        "learning_rate": rate,
        "groups": len(collected.groups),
        "generated": len(fresh),
        "dropped": len(collected.dropped),
        "errors": len(collected.errors),
        "sandbox_gone": sum(v.note.startswith(GONE) for group in collected.errors for v in group.verdicts),
        "carried": collected.carried,
        "surplus": len(collected.surplus),
        "starved": collected.starved,
        "rationale_share": fmean(task.think for task in trained) if trained else None,
        "general_share": fmean(task.part == "general" for task in trained) if trained else None,
        "trained": dict(sorted(Counter(task.name for task in trained).items())),
        "resting": {task: trainer.mix.hope(task) for task in trainer.mix.resting()},
        "updates": len(parts),
        "forwarded_tokens": sum(part["forwarded"] for part in parts),  # of the updates, forward and backward
        "tokens_per_pass": trainer.passes.tokens,
        "scored_tokens": scored,  # forward only, for old log-probabilities
        "answer_tokens": sum(part["answer_tokens"] for part in parts),
        "nearly_constant": {name: asdict(one) for name, one in nearly_constant(trainer.counts).items()},
        "tasks": by_task(fresh, trainer.tasks, trainer.settings.min_spread, trainer.labels),
    }


def _error(values: Sequence[float]) -> float:
    """The standard error of a mean of values between 0 and 1; 1 of so few that there is none."""
    return stdev(values) / len(values) ** 0.5 if len(values) > 1 else 1.0


def _said(metrics: Mapping[str, Any]) -> str:
    parts = []
    if metrics["reward"] is not None:
        parts.append(f"reward {metrics['reward']:.3f}  pass {100 * metrics['pass_rate']:3.0f} %")
    parts.append(f"groups {metrics['groups']} of {metrics['generated'] + metrics['carried']}")
    if metrics["entropy"] is not None:
        parts.append(f"entropy {metrics['entropy']:.2f}")
    if metrics["errors"]:
        parts.append(f"{metrics['errors']} groups could not be scored")
    if metrics["starved"]:
        none = "" if metrics["groups"] else " (none: no update)"
        parts.append(f"too few prompts of middling difficulty were found: trained on those there are{none}")
    if resting := metrics["resting"]:
        parts.append(f"{len(resting)} task{'s rest' if len(resting) > 1 else ' rests'}")
    alike = {name: Commonest(**one) for name, one in metrics["nearly_constant"].items()}
    worst = sorted(alike, key=lambda name: alike[name].references - alike[name].share)[:_SHOWN]
    parts += [f"{name}: {alike[name]}: nearly a constant" for name in worst]
    if len(alike) > _SHOWN:
        parts.append(f"and {len(alike) - _SHOWN} more tasks")
    return "  ".join(parts)
