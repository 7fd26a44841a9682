"""What every training stage does around its steps: go on where it was, write down, save, and stop when asked or where
numbers are no longer finite."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from redone.files import as_left, write_json
from redone.model.learner import Learner
from redone.run.log import Clock, Interrupted, Log
from redone.run.monitors import watch
from redone.run.store import Store


@dataclass(frozen=True)
class Taken:
    """What one step leaves: a line of metrics.jsonl, the lines of rollouts.jsonl.gz, what a person reads."""

    metrics: Mapping[str, Any]
    said: str
    rows: Iterable[Mapping[str, Any]] = ()


class Refused(FloatingPointError):
    """A step that cannot be taken, or must not be kept, with the rows of what it was made of."""

    def __init__(self, why: str, batch: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(why)
        self.batch = batch


@contextmanager
def over(batch: Callable[[], Sequence[Mapping[str, Any]]]) -> Iterator[None]:
    """A FloatingPointError of the body is Refused over this batch."""
    try:
        yield
    except FloatingPointError as error:
        raise Refused(str(error), batch()) from error


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
    ends: Callable[[Sequence[Mapping[str, Any]]], str] = lambda lines: "",
    say_every: int = 1,
) -> float:
    """Take the steps, from the store's checkpoint on if there is one; the seconds they took in all. ends: why the stage
    should end early, by the lines of metrics so far; "" where it should not.

    Raises Interrupted after ctrl-C, with a checkpoint of the last whole step saved; and FloatingPointError where loss,
    gradient, weights or metrics are not finite, with the batch written down and nothing of the step saved.
    """
    saved = store.resume(log.line)
    step, spent = 0, 0.0
    good = 0  # the step of the last checkpoint, whose weights were looked at
    if saved:
        step, spent = saved["step"], saved["seconds"]
        good = step
        again = f"put its own back, or remove {store.folder}: the stage then begins again"
        with as_left(store.folder / "checkpoints" / f"step-{step:06}.pt", again):
            learner.restore(saved)
            restore(saved)
        del saved
        log.line(f"{name}: going on after step {step}")
    lines: list[Mapping[str, Any]] = [*store.metrics()]
    clock, say = Clock(steps), watch(lines)
    while step < steps and not ends(lines):
        began = time.monotonic()
        try:
            taken = take(step)
            _refuse_nan(taken)
        except FloatingPointError as failure:
            raise FloatingPointError(_stopped(name, step + 1, failure, store, good)) from failure
        step += 1
        seconds = round(time.monotonic() - began, 3)
        spent += seconds
        alarms = say(taken.metrics)
        for sentence in alarms:
            log.line(f"{name}, {sentence}")
        lines.append({**taken.metrics, "alarms": alarms, "seconds": seconds})
        store.append(lines[-1], taken.rows)
        left = clock.left(step, seconds)
        if step % say_every == 0 or step == steps:
            log.line(f"{name} {step:>4}/{steps}  {taken.said}  {seconds:.1f} s  left {left}")
        if step % save_every == 0 or step == steps or log.stop or ends(lines):
            store.save(step, {**learner.state(), **state(), "seconds": spent})
            good = step
        if log.stop and step < steps:
            raise Interrupted(f"after step {step} of {steps} of {name}")
    if step < steps and (why := ends(lines)):
        log.line(f"{name} ends after step {step} of {steps}: {why}")
    return spent


def _refuse_nan(taken: Taken) -> None:
    numbers = {name: value for name, value in taken.metrics.items() if isinstance(value, float)}
    if wrong := [name for name, value in numbers.items() if not math.isfinite(value)]:
        raise Refused(f"of its metrics {', '.join(wrong)} are not finite", list(taken.rows))


def _stopped(name: str, step: int, failure: FloatingPointError, store: Store, good: int) -> str:
    """Writes down what the step was made of; what to say of it."""
    path = store.folder / f"stopped-{step:06}.json"
    batch = failure.batch if isinstance(failure, Refused) else ()
    write_json(path, _readable({"stage": name, "step": step, "why": str(failure), "batch": batch}))
    kept = f"The last checkpoint, of step {good}, is good" if good else "There is no checkpoint before it"
    return (
        f"{name} stopped at step {step}: {failure}. Nothing of this step was saved. {kept}. What the step was made of "
        f"is in {path}: look for a text or a score that does not belong; if there is none, lower {name}.learning_rate: "
        f"with another --out and --from-stage {store.folder} what stands before {name} is taken over"
    )


def _readable(value: Any) -> Any:
    """The value with numbers that are not finite as texts, which JSON has no other way to say."""
    if isinstance(value, Mapping):
        return {name: _readable(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_readable(one) for one in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
