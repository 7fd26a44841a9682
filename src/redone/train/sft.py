"""Packed supervised fine-tuning: stages that teach, and the pretraining of the embedded base model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from redone.algo.dapo import token_weights
from redone.algo.sft import sft_loss
from redone.model.learner import Learner
from redone.model.policy import Policy
from redone.model.trees import PackedBatch, pack, split_by_tokens
from redone.run.log import Log
from redone.run.store import Store
from redone.train.passes import Passes
from redone.train.steps import Taken, over, run_steps


class Example(NamedTuple):
    """soft: k token ids [n, k] and their shares [n, k], taught in the place of the target's n tokens."""

    prompt: Sequence[int]
    target: Sequence[int]
    soft: tuple[Tensor, Tensor] | None = None


BatchAt = Callable[[int], Sequence[Example]]  # the examples of a step


@dataclass(frozen=True)
class Fit:
    """Settings of one run of fine-tuning. rate: the learning rate at a step."""

    name: str
    steps: int
    rate: Callable[[int], float]
    max_grad_norm: float
    save_every: int
    tokens_per_pass: int
    averaging: str = "token"  # or "group": see `token_weights`; a record is a group


def fit(
    learner: Learner,
    batch_at: BatchAt,
    settings: Fit,
    store: Store,
    log: Log,
) -> float:
    """Train on batch_at(0), batch_at(1), ... going on from the store's checkpoint; the seconds it took in all.

    The loss of a step is the mean over its target tokens, or over its records of the mean over each one's. Raises
    Interrupted after ctrl-C, with the last whole step saved.
    """

    passes = Passes(settings.tokens_per_pass, log.line)

    def take(step: int) -> Taken:
        rate = settings.rate(step)
        examples = batch_at(step)
        with over(lambda: passes.run(partial(_looked_at, learner.policy, examples))):
            loss, tokens = passes.run(
                partial(accumulate, learner.policy, examples, averaging=settings.averaging), learner.forget
            )
            norm = learner.step(rate, settings.max_grad_norm, loss)
        metrics = {"step": step + 1, "loss": loss, "grad_norm": norm, "learning_rate": rate, "tokens": tokens}
        return Taken({**metrics, "records": len(examples)}, f"loss {loss:.3f}")

    def restore(saved: Mapping[str, Any]) -> None:
        passes.tokens = saved["tokens_per_pass"]

    return run_steps(
        settings.name,
        learner,
        store,
        log,
        steps=settings.steps,
        save_every=settings.save_every,
        take=take,
        state=lambda: {"tokens_per_pass": passes.tokens},
        restore=restore,
        say_every=max(1, settings.steps // 200),
    )


def accumulate(
    policy: Policy, examples: Sequence[Example], tokens_per_pass: int, averaging: str = "token"
) -> tuple[float, int]:
    """Gradients of the step's loss, and that; and the number of tokens forwarded."""
    examples = sorted(examples, key=lambda e: (len(e.prompt), len(e.target)))
    trees = [(e.prompt, [e.target]) for e in examples]
    lengths = [len(targets[0]) for _, targets in trees]
    weights = token_weights(lengths, range(len(lengths)), averaging).split(lengths)
    total, forwarded = 0.0, 0
    for part in split_by_tokens(trees, tokens_per_pass):
        batch = pack([trees[i] for i in part], policy.device)
        logprobs = _logprobs(policy, batch, [examples[i] for i in part])
        loss = sft_loss(logprobs, torch.cat([weights[i] for i in part]).to(policy.device))
        loss.backward()
        total += float(loss.detach())
        forwarded += batch.num_tokens
    return total, forwarded


def _looked_at(policy: Policy, examples: Sequence[Example], tokens_per_pass: int) -> list[dict[str, Any]]:
    """For a person to look at: a row each, with its own loss under the weights as they are."""
    rows: list[dict[str, Any]] = [{"prompt": list(e.prompt), "target": list(e.target)} for e in examples]
    trees = [(e.prompt, [e.target]) for e in examples]
    with torch.no_grad():
        for part in split_by_tokens(trees, tokens_per_pass):
            logprobs = _logprobs(policy, pack([trees[i] for i in part], policy.device), [examples[i] for i in part])
            for i, mine in zip(part, logprobs.split([len(examples[i].target) for i in part])):
                rows[i]["loss"] = -float(mine.mean())
    return rows


def _logprobs(policy: Policy, batch: PackedBatch, examples: Sequence[Example]) -> Tensor:
    """Log-probability [K] of each target token, or its mean under the token's distribution where there is one."""
    widest = max((e.soft[0].shape[1] for e in examples if e.soft), default=0)
    if not widest:
        return policy.token_logprobs(batch)[0]
    labels = [e.soft or one_hot(e.target, widest) for e in examples]
    ids, shares = (torch.cat(parts).to(policy.device) for parts in zip(*labels))
    return policy.expected_logprobs(batch, ids, shares)


def one_hot(target: Sequence[int], k: int) -> tuple[Tensor, Tensor]:
    """The target as distributions over k tokens: [n, k] ids, [n, k] shares, all of it on the first."""
    ids = torch.tensor(target)[:, None].expand(-1, k)
    return ids, torch.eye(1, k).expand(len(target), -1)


def distributions(
    policy: Policy, examples: Sequence[Example], k: int, tokens_per_pass: int, advance: Callable[[int], None]
) -> list[tuple[Tensor, Tensor]]:
    """The policy's k likeliest tokens [n, k] and their shares [n, k] at each target token of each example.

    Source: knowledge distillation by the teacher's distribution (Hinton et al. 2015), cut to its top k.
    """
    trees = [(e.prompt, [e.target]) for e in examples]
    found: list[tuple[Tensor, Tensor]] = []
    for part in split_by_tokens(trees, tokens_per_pass):
        with torch.no_grad():
            ids, shares = policy.top_tokens(pack([trees[i] for i in part], policy.device), k)
        lengths = [len(trees[i][1][0]) for i in part]
        found += zip(ids.cpu().split(lengths), shares.cpu().split(lengths))
        advance(len(part))
    return found
