"""What every training stage does around its steps: go on where it was, write down, save, stop when asked, and step the
optimiser."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from redone.model.policy import Policy
from redone.run.log import Clock, Interrupted, Log
from redone.run.store import Store


@dataclass(frozen=True)
class Taken:
    """What one step leaves: a line of metrics.jsonl, the lines of rollouts.jsonl.gz, what a person reads."""

    metrics: Mapping[str, Any]
    said: str
    rows: Iterable[Mapping[str, Any]] = ()


def run_steps(
    name: str,
    policy: Policy,
    optimizer: torch.optim.Optimizer,
    store: Store,
    log: Log,
    *,
    steps: int,
    save_every: int,
    take: Callable[[int], Taken],  # from the number of steps before it
    state: Callable[[], Mapping[str, Any]] = dict,  # what a checkpoint holds besides weights and optimiser
    restore: Callable[[Mapping[str, Any]], None] = lambda state: None,
    say_every: int = 1,
) -> float:
    """Take the steps, from the store's checkpoint on if there is one; the seconds they took in all.

    Raises Interrupted after ctrl-C, with a checkpoint of the last whole step saved.
    """
    saved = store.resume()
    step, spent = 0, 0.0
    if saved:
        step, spent = saved["step"], saved["seconds"]
        policy.model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        restore(saved)
        log.line(f"{name}: going on after step {step}")
    clock = Clock(steps)
    while step < steps:
        began = time.monotonic()
        taken = take(step)
        step += 1
        seconds = round(time.monotonic() - began, 3)
        spent += seconds
        store.append({**taken.metrics, "seconds": seconds}, taken.rows)
        left = clock.left(step, seconds)
        if step % say_every == 0 or step == steps:
            log.line(f"{name} {step:>4}/{steps}  {taken.said}  {seconds:.1f} s  left {left}")
        if step % save_every == 0 or step == steps or log.stop:
            weights = {"model": policy.model.state_dict(), "optimizer": optimizer.state_dict()}
            store.save(step, {**weights, **state(), "seconds": spent})
        if log.stop and step < steps:
            raise Interrupted(f"after step {step} of {steps} of {name}")
    return spent


def make_optimizer(policy: Policy, learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW with decay on matrices only."""
    matrices = [p for p in policy.model.parameters() if p.ndim >= 2]
    others = [p for p in policy.model.parameters() if p.ndim < 2]
    tables = [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(tables, lr=learning_rate, betas=(0.9, 0.95), fused=True)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for table in optimizer.param_groups:
        table["lr"] = rate


def optimizer_step(policy: Policy, optimizer: torch.optim.Optimizer, max_norm: float, loss: float) -> float:
    """Clip, step, clear; the gradient's norm before clipping. Raises FloatingPointError before a non-finite step."""
    norm = float(torch.nn.utils.clip_grad_norm_(policy.model.parameters(), max_norm))
    if not math.isfinite(loss) or not math.isfinite(norm):
        raise FloatingPointError(
            f"loss {loss}, gradient norm {norm}: not stepped. The last checkpoint is good; lower the learning rate "
            "or use float32 weights"
        )
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return norm
