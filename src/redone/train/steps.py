"""What every training stage does around its steps: go on where it was, write down, save, and stop when asked."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from redone.model.learner import Learner
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
    learner: Learner,
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
    saved = store.resume(log.line)
    step, spent = 0, 0.0
    if saved:
        step, spent = saved["step"], saved["seconds"]
        learner.restore(saved)
        restore(saved)
        del saved
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
            store.save(step, {**learner.state(), **state(), "seconds": spent})
        if log.stop and step < steps:
            raise Interrupted(f"after step {step} of {steps} of {name}")
    return spent
