"""A trainer over a few records and a tiny model, for tests of a training step."""

from typing import Any

import torch
from tiny import tiny

from redone.config import Reinforce
from redone.data.encode import Encoder
from redone.data.mix import Mix, Stratum
from redone.model.learner import Learner, adamw
from redone.model.policy import Policy
from redone.records import Record, Task, Verdict
from redone.sample.local import make_sampler
from redone.train import rl
from redone.train.passes import Passes

TASK = Task("t", "domain", "dialogue", "{text}", "{text}", "exact", budget=8)


def trainer_of(
    tokenizer: Any,
    kind: str = "Qwen3",
    *,
    records: int = 12,
    task: Task = TASK,
    tokens_per_pass: int = 10_000,
    score_all: Any = None,
    optimizer: Any = adamw,
    sampler: Any = None,
    seed: int = 0,
    hope: float | None = None,
    most_errors: float = 0.1,
    **settings: Any,
) -> rl.Trainer:
    """`score_all` is `toss` if not given, the sampler one of the model itself. hope: the share of live groups that the
    mix expects; by what became of them if not given."""
    texts = [f"{i}" * (5 + i) for i in range(records)]
    pool = [Record(f"t/train/{i}", "t", ({"content": x},), "z", "train", "test") for i, x in enumerate(texts)]
    chosen = {"prompts": 4, "group": 4, "updates": 2, "learning_rate": 1e-3, "max_grad_norm": 1e9, **settings}
    made = Reinforce(kind="reinforce", start="base", **chosen)
    policy, encoder = Policy(tiny(kind, vocab_size=len(tokenizer))), Encoder(tokenizer)
    mix = Mix([Stratum("domain", 1.0, {"t": 1.0})], {"t": pool}, seed=0)
    if hope is not None:
        mix.hope = lambda task: hope  # type: ignore[method-assign]
    return rl.Trainer(
        stage="explore",
        learner=Learner(policy, learning_rate=made.learning_rate, weight_decay=made.weight_decay, optimizer=optimizer),
        sampler=sampler
        or make_sampler(policy, encoder, group=made.group, temperature=made.temperature, seeds=lambda step: step),
        encoder=encoder,
        tasks={"t": task},
        score_all=score_all or toss,
        most_errors=most_errors,
        mix=mix,
        settings=made,
        seed=seed,
        passes=Passes(tokens_per_pass, lambda line: None),
    )


def toss(asked: Any) -> list[list[Verdict]]:
    """Verdicts that depend on the answer's last byte: about half are right."""
    right = [[len(text) > 0 and ord(text[-1]) % 2 == 0 for text, _ in answers] for _, answers in asked]
    return [[Verdict(float(r), "right" if r else "wrong") for r in mine] for mine in right]


def plain(named: Any, rate: float, decay: float) -> torch.optim.Optimizer:
    """Gradient descent: a step moves the weights by rate x gradient."""
    return torch.optim.SGD(named.values(), lr=rate)
