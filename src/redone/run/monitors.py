"""Monitors: how a run goes wrong without stopping, told from its lines of metrics and the scores of its models alone.

Each has a name, a threshold and a sentence that says what is seen and what to look at. What a single step shows is in
its line itself (`starved`, `resting`, `nearly_constant`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import hypot
from typing import Any, NamedTuple

NEVER = 40  # answers of a task, none with any score, before it is called never right
SWING = 0.1  # of the mean reward, the least that counts as a swing
ERRORS = 3.5  # standard errors of a difference; noise of 30 steps of 12 prompts reaches SWINGS in 1 of 100 runs
SWINGS = 3  # there and back again and there
WINDOW = 12  # steps in which they are looked for
POINTS = -2.0  # of an average, and
NATS = 0.03  # a token of held-out texts: what is forgotten, where the interval lies wholly beyond it

_LOOK = {
    "wrong": "They are read and wrong. See that `redone check` lets its reference answers pass, a code task's in the "
    "sandbox; if they do, the model cannot do it yet: teach it first",
    "unparsable": "Most are not in the form that its reward reads: say the form in the prompt, or teach it first",
    "truncated": "Most are cut off by the budget: raise it, or ask for less",
    "error": "Most could not be scored at all: see the notes of rollouts.jsonl.gz",
}

_KEEP = {
    "teach": "What is not rehearsed is overwritten: lower learning_rate or epochs, raise general_share, or train with "
    "[lora]",
    "reinforce": "Lower learning_rate, or raise general_share",
}

Point = tuple[int, float, float]  # step, mean reward, its standard error


class Alarm(NamedTuple):
    monitor: str  # its name
    about: str  # a task; "" of the whole stage
    said: str


def told(alarms: Iterable[Alarm]) -> list[str]:
    """A sentence for each, those together that say the same."""
    about: dict[tuple[str, str], list[str]] = {}
    for alarm in alarms:
        about.setdefault((alarm.monitor, alarm.said), []).append(alarm.about)
    return [": ".join(filter(None, (monitor, ", ".join(names), said))) for (monitor, said), names in about.items()]


def alarms(lines: Sequence[Mapping[str, Any]]) -> list[Alarm]:
    """What is to be said after these steps, the last one's line at the end."""
    return [*_never_right(lines), *_oscillates(lines)]


def new_alarms(lines: Sequence[Mapping[str, Any]]) -> list[Alarm]:
    """Those of them that the step before did not raise."""
    before = {(alarm.monitor, alarm.about) for alarm in alarms(lines[:-1])}
    return [alarm for alarm in alarms(lines) if (alarm.monitor, alarm.about) not in before]


def raised(lines: Sequence[Mapping[str, Any]]) -> list[Alarm]:
    """What a whole stage shows: the tasks that were never right in it, and the first time that it oscillated."""
    swung = (alarm for end in range(1, len(lines) + 1) for alarm in _oscillates(lines[:end]))
    return [*_never_right(lines), *islice(swung, 1)]


def forgets(
    kind: str,
    averages: Mapping[str, Mapping[str, Any]],
    texts: Mapping[str, Mapping[str, Any]],
    points: float = POINTS,
    nats: float = NATS,
) -> Iterator[Alarm]:
    """What a stage of this kind did to ability that it did not train.

    averages: name to its paired difference from the model before it, `difference` and `interval` in points. texts:
    held-out set to its `rise` over that model and its `rise_interval`, in nats a token.
    """
    for name, one in averages.items():
        if one["interval"] and one["interval"][1] < points:
            low, high = one["interval"]
            seen = f"{one['difference']:+.1f} [{low:+.1f}, {high:+.1f}] points"
            yield Alarm("forgets", name, f"{seen}. {_KEEP[kind]}.")
    for name, one in texts.items():
        if one["rise_interval"][0] > nats:
            low, high = one["rise_interval"]
            seen = f"{one['rise']:+.3f} [{low:+.3f}, {high:+.3f}] nats a token of held-out texts"
            yield Alarm("forgets", name, f"{seen}. {_KEEP[kind]}.")


def _never_right(lines: Sequence[Mapping[str, Any]]) -> Iterator[Alarm]:
    """Tasks of which no answer had any score so far."""
    answers: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = {}
    some = set()
    for line in lines:
        for task, row in line["tasks"].items():
            mine = row.get("reasons", {})  # lines of an older version have none
            answers[task] += sum(mine.values())
            reasons.setdefault(task, Counter()).update(mine)
            if row["reward"]:
                some.add(task)
    for task in sorted(answers.keys() - some):
        if answers[task] >= NEVER:
            most = max(sorted(reasons[task]), key=lambda reason: reasons[task][reason])
            yield Alarm("never right", task, f"no answer had any score. {_LOOK[most]}.")


def _oscillates(lines: Sequence[Mapping[str, Any]]) -> Iterator[Alarm]:
    """The mean reward goes to and fro by more than the choice of prompts explains."""
    turns = swings(_alike([line for line in lines[-WINDOW:] if line["reward"] is not None]))
    if len(turns) > SWINGS:
        path = " to ".join(f"{reward:.2f}" for _, reward, _ in turns)
        yield Alarm(
            "oscillates",
            "",
            f"the mean reward went from {path} in steps {turns[0][0]} to {turns[-1][0]}: each step undoes what the one "
            "before it did. Lower learning_rate or updates, or raise prompts",
        )


def _alike(lines: Sequence[Mapping[str, Any]]) -> list[Point]:
    """The mean reward of each step, as if all had asked every task as often as they do together."""
    rewards: dict[str, list[tuple[float, int]]] = {}
    for line in lines:
        for task, row in line["tasks"].items():
            if row["reward"] is not None:
                rewards.setdefault(task, []).append((row["reward"], row["groups"]))
    means = {task: sum(r * n for r, n in mine) / sum(n for _, n in mine) for task, mine in rewards.items()}
    total = sum(n for mine in rewards.values() for _, n in mine)
    whole = sum(r * n for mine in rewards.values() for r, n in mine) / total if total else 0.0
    points = []
    for line in lines:
        rows = {task: row for task, row in line["tasks"].items() if row["reward"] is not None}
        above = sum((row["reward"] - means[task]) * row["groups"] for task, row in rows.items())
        own = above / sum(row["groups"] for row in rows.values())
        points.append((line["step"], whole + own, line.get("reward_error", 1.0)))
    return points


def swings(points: Sequence[Point]) -> list[Point]:
    """The turning points of a curve, first and last included, where each lies further from the one before than noise
    explains; a single one of a curve that does not move."""
    turns = list(points[:1])
    for point in points[1:]:
        rising = len(turns) > 1 and turns[-1][1] > turns[-2][1]
        falling = len(turns) > 1 and not rising
        if (rising and point[1] >= turns[-1][1]) or (falling and point[1] <= turns[-1][1]):
            turns[-1] = point  # the same swing goes on
        elif abs(point[1] - turns[-1][1]) > max(SWING, ERRORS * hypot(point[2], turns[-1][2])):
            turns.append(point)
    return turns
