"""What of a run is worth sending, and not sent yet; pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from redone.run.stages import BASE
from redone.watch.seen import MOST_SAID, Seen, StageSeen, name, number, one_line, table

Sent = Mapping[str, int]  # source to the last step of it that was sent


@dataclass(frozen=True)
class Entry:
    """Numbers and texts of one step; what they are called begins with `group` and a slash."""

    source: str  # steps of one source only rise
    group: str
    step: int
    values: Mapping[str, float] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)  # what somebody should hear of


def news(seen: Seen, sent: Sent) -> Iterator[Entry]:
    """In the run's order: scores of the base, then of each stage its steps, why one was refused, and its scores.

    A step that was sent and is done again, after a run was stopped, is the same and not sent again.
    """
    yield from _scores(seen, BASE, 0, sent)
    for n, one in enumerate(seen.stages, 1):
        yield from _steps(one, sent)
        yield from _stopped(one, sent)
        yield from _scores(seen, one.stage.name, n, sent)


def _steps(one: StageSeen, sent: Sent) -> Iterator[Entry]:
    """What a stage makes after the gate rejected it is counted and named apart."""
    again = sum(there.startswith("rejected-") for there in one.there)
    group = f"{one.stage.name}.{again + 1}" if again else one.stage.name
    source = f"steps/{group}"
    last = sent.get(source, 0)
    by_step: dict[int, dict[str, float]] = {}
    for task, cells in one.tasks.items():
        for cell in takewhile(lambda cell: cell.step > last, reversed(cells)):
            mine = by_step.setdefault(cell.step, {})
            for kind, value in (("reward", cell.reward), ("pass_rate", cell.pass_rate)):
                if value is not None:
                    mine[f"tasks/{task}/{kind}"] = value
    for step in reversed(list(takewhile(lambda step: step.number > last, reversed(one.steps)))):
        values = {**step.values, "seconds": step.seconds, **by_step.get(step.number, {})}
        yield Entry(source, group, step.number, values, {"alarms": "\n".join(step.alarms)} if step.alarms else {})


def _stopped(one: StageSeen, sent: Sent) -> Iterator[Entry]:
    found = table(one.stopped)
    step, source = int(number(found.get("step")) or 0), f"stopped/{one.stage.name}"
    if step > sent.get(source, 0):
        yield Entry(source, one.stage.name, step, {}, {"stopped": one_line(found.get("why"), MOST_SAID)})


def _scores(seen: Seen, model: str, n: int, sent: Sent) -> Iterator[Entry]:
    """Steps of scores are the places of the models: 0 the base, 1 what the first stage made."""
    source = f"eval/{model}"
    scores = seen.measured[model].scores
    if scores and source not in sent:
        yield Entry(source, "eval", n, dict(_numbers(scores)))


def _numbers(scores: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for kind, value in table(scores.get("averages")).items():
        if (score := number(value)) is not None:
            yield name(kind), score
    for task, one in table(scores.get("tasks")).items():
        if (score := number(table(one).get("score"))) is not None:
            yield f"tasks/{name(task)}", score
