"""What a run's files say at one look: numbers and texts of the kinds that are expected, and nothing else of them.

Whatever a line holds, what is made of it here can be counted with and shown: a value of another kind is as if it were
not there, and texts are made visible and cut.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from redone.run.stages import Stage
from redone.texts import visible

MOST_NAME = 80  # characters of a name
MOST_TEXT = 600  # of a prompt or an answer
MOST_SAID = 1_000  # of a sentence
CURVES = ("reward", "pass_rate", "loss", "entropy", "clip_fraction", "sampler_gap_mean", "grad_norm")
_HUGE = 1e300
OTHERS = ("learning_rate",)
COUNTS = ("groups", "generated", "dropped", "errors")


class Cell(NamedTuple):
    """A task in a step: means over its answers, and groups."""

    step: int
    reward: float | None
    pass_rate: float | None
    groups: float
    dead: float  # without spread
    trained: float


@dataclass(frozen=True, slots=True)
class Step:
    """A line of metrics.jsonl."""

    number: int
    seconds: float
    values: Mapping[str, float]  # those of CURVES, OTHERS, COUNTS and `length` that it has
    alarms: tuple[str, ...] = ()
    alike: tuple[tuple[str, str, float, float], ...] = ()  # task, label, its share of the answers, of the references
    resting: int = 0  # tasks
    starved: bool = False


@dataclass(frozen=True)
class Rollout:
    """A line of rollouts.jsonl.gz, its texts made visible and cut."""

    step: int
    task: str
    id: str
    prompt: str
    text: str
    score: float | None
    reason: str
    note: str
    advantage: float | None


class Asked(NamedTuple):
    """The answers in a file that grows."""

    answers: int
    pace: float | None  # a second since it was first looked at; None where none came


@dataclass(frozen=True)
class StageSeen:
    stage: Stage
    steps: Sequence[Step] = ()
    tasks: Mapping[str, Sequence[Cell]] = field(default_factory=dict)  # of a stage that reinforces
    rollouts: Sequence[Rollout] = ()  # some of the last step's
    done: Mapping[str, Any] | None = None  # the contents of DONE
    stopped: Mapping[str, Any] | None = None  # of the newest stopped-STEP.json
    there: frozenset[str] = frozenset()  # names of finished files below the folder
    asked: Mapping[str, Asked] = field(default_factory=dict)  # growing file to its answers
    findings: Sequence[Any] = ()
    plan: Mapping[str, Any] = field(default_factory=dict)
    made: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """What is there of eval/<model>/."""

    done: bool = False
    asked: Mapping[str, Asked] = field(default_factory=dict)  # set to its answers
    scores: Mapping[str, Any] = field(default_factory=dict)  # of the tasks


@dataclass(frozen=True)
class Seen:
    folder: str
    name: str
    config: Mapping[str, Any]  # empty before the run has begun
    manifest: Mapping[str, Any]
    stages: tuple[StageSeen, ...]
    measured: Mapping[str, Measured]  # model to its evaluation
    results: Mapping[str, Any]
    reported: bool  # whether there is a report
    timings: Mapping[str, float]
    process: str  # who works in the folder, or did and was killed; "" where nobody does
    works: bool | None  # whether that process is there; None where it is on another machine
    written: float | None  # when something in it was written last, in seconds since 1970
    flaws: tuple[str, ...] = ()  # what could not be read, a sentence each


def number(value: Any) -> float | None:
    """The value where it is a number that is finite."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _HUGE:
        return None
    return float(value)


def name(value: Any) -> str:
    return one_line(value, MOST_NAME)


def one_line(value: Any, most: int) -> str:
    """A text made visible, in one line, cut; of what is no text nothing."""
    if not isinstance(value, str):
        return ""
    text = visible(" ".join(value[: 4 * most].split()))
    if len(text) <= most and len(value) <= 4 * most:
        return text
    return f"{text[:most]} [... {len(value):,} characters in all]"


def table(value: Any) -> Mapping[str, Any]:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def step_of(row: Mapping[str, Any]) -> Step | None:
    """A line of metrics.jsonl; None where it has no step."""
    at = number(row.get("step"))
    if at is None:
        return None
    values = {key: value for key in (*CURVES, *OTHERS, *COUNTS) if (value := number(row.get(key))) is not None}
    rows = [table(one) for one in table(row.get("tasks")).values()]
    lengths = [(n, g) for one in rows if (n := number(one.get("length"))) and (g := number(one.get("groups")))]
    if lengths:
        values["length"] = sum(length * groups for length, groups in lengths) / sum(groups for _, groups in lengths)
    alarms = row.get("alarms")
    return Step(
        number=int(at),
        seconds=number(row.get("seconds")) or 0.0,
        values=values,
        alarms=tuple(one_line(said, MOST_SAID) for said in (alarms if isinstance(alarms, list) else ()) if said),
        alike=tuple(
            (name(task), name(one.get("label")), number(one.get("share")) or 0.0, number(one.get("references")) or 0.0)
            for task, one in table(row.get("nearly_constant")).items()
            if isinstance(one, dict)
        ),
        resting=len(table(row.get("resting"))),
        starved=row.get("starved") is True,
    )


def cells_of(row: Mapping[str, Any], step: int) -> dict[str, Cell]:
    """The tasks of a line of metrics.jsonl."""
    trained = table(row.get("trained"))
    found = {}
    for task, one in table(row.get("tasks")).items():
        groups = number(table(one).get("groups")) or 0.0
        found[name(task)] = Cell(
            step,
            number(table(one).get("reward")),
            number(table(one).get("pass_rate")),
            groups,
            groups * (number(table(one).get("filtered")) or 0.0),
            number(trained.get(task)) or 0.0,
        )
    return found


def rollout_of(row: Mapping[str, Any]) -> Rollout:
    return Rollout(
        step=int(number(row.get("step")) or 0),
        task=name(row.get("task")),
        id=name(row.get("id")),
        prompt=one_line(row.get("prompt"), MOST_TEXT),
        text=one_line(row.get("text"), MOST_TEXT),
        score=number(row.get("score")),
        reason=name(row.get("reason")),
        note=one_line(row.get("note"), MOST_TEXT),
        advantage=number(row.get("advantage")),
    )
