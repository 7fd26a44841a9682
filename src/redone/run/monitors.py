"""Monitors: how a run goes wrong without stopping, told from its lines of metrics and the scores of its models alone.

Each has a name, a threshold and a sentence that says what is seen and what to look at. What a single step shows is in
its line itself (`starved`, `resting`, `nearly_constant`). docs/diagnosis.md has the table of them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import hypot
from statistics import fmean, median
from typing import Any, NamedTuple

from redone.rewards.labels import Commonest, percent

NEVER = 40  # answers of a task, none with any score, before it is called never right
SWING = 0.1  # of the mean reward, the least that counts as a swing
ERRORS = 3.5  # standard errors of a difference; noise of 30 steps of 12 prompts reaches SWINGS in 1 of 100 runs
SWINGS = 3  # there and back again and there
WINDOW = 12  # steps in which they are looked for
POINTS = -2.0  # of an average, and
NATS = 0.03  # a token of held-out texts: what is forgotten, where the interval lies wholly beyond it
STEPS = 5  # that a monitor looks at: the last ones, and where something changes those at the stage's beginning
NEAR = 0.02  # of the mean reward, to 0 or to 1, in each of the last steps
NO_ENTROPY = 0.05  # nats a token, on average of the last steps, and
COLLAPSED = 0.1  # of what it was at first
CONSTANT = 10  # steps in a row in which a task is nearly constant
LONGER = 0.2  # of the answers, more than at first, that are cut off
CLIPPED = 0.25  # of the tokens
GAP = 1e-4  # nats a token between sampler and trainer, and
WIDER = 5.0  # times what it was at first
STARVED = 20  # steps in which a task had no trained group, and
TRIED = 8  # groups of it in these, at least
UNSCORED = 0.1  # of a task's answers, of at least NEVER
EXPLODED = 10.0  # times the gradient's median norm in the steps before, in each of
SPIKES = 3  # steps
BEFORE = 100  # steps that are looked back on
WORSE = 2.0  # times the lowest loss, and
RISE = 0.5  # nats above it
FEW = 0.05  # of the answers, or all but so many: why a stage has nothing left to reinforce

_SOME = "some"
_LOOK = {
    "wrong": "They are read and wrong. See that `redone check` lets its reference answers pass, a code task's in the "
    "sandbox; if they do, the model cannot do it yet: teach it first",
    "unparsable": "Most are not in the form that its reward reads: say the form in the prompt, or teach it first",
    "truncated": "Most are cut off by the budget: raise it, or ask for less",
}

_KEEP = {
    "teach": "What is not rehearsed is overwritten: lower learning_rate or epochs, raise general_share, or train with "
    "[lora]",
    "reinforce": "Lower learning_rate, or raise general_share",
}

Line = Mapping[str, Any]  # of metrics.jsonl
Monitor = Callable[[Sequence[Line]], Iterator["Alarm"]]  # what is seen after the last of these lines
Totals = dict[str, Counter[str]]  # task -> its answers by reason, and under _SOME the steps in which one had any score
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


def alarms(lines: Sequence[Line], totals: Totals | None = None) -> list[Alarm]:
    """What is to be said after these steps, the last one's at the end. totals: of all of them, where they are kept."""
    totals = _added({}, lines) if totals is None else totals
    whole = (alarm for monitor in _WHOLE for alarm in monitor(totals))
    return [*whole, *(alarm for monitor in _LATEST[_reinforces(lines)] for alarm in monitor(lines))]


def _added(totals: Totals, lines: Iterable[Line]) -> Totals:
    """The totals, which change, with these lines."""
    for line in lines:
        for task, row in line.get("tasks", {}).items():
            mine = totals.setdefault(task, Counter())
            mine.update(row.get("reasons", {}))  # lines of an older version have none
            mine[_SOME] += bool(row["reward"])
    return totals


def raised(lines: Sequence[Line]) -> list[Alarm]:
    """What a whole stage shows: what its tasks are like in it, and every other alarm as it was first seen."""
    first: dict[tuple[str, str], Alarm] = {}
    for end in range(1, len(lines) + 1):
        for monitor in _LATEST[_reinforces(lines)]:
            for alarm in monitor(lines[:end]):
                first.setdefault((alarm.monitor, alarm.about), alarm)
    totals = _added({}, lines)
    return [*(alarm for monitor in _WHOLE for alarm in monitor(totals)), *first.values()]


def watch(lines: Sequence[Line]) -> Callable[[Line], list[str]]:
    """What to say of each line that follows on these: every alarm once, and none that these have raised."""
    seen, totals = list(lines), _added({}, lines)
    said = {(alarm.monitor, alarm.about) for alarm in raised(seen)}

    def say(line: Line) -> list[str]:
        seen.append(line)
        new = [alarm for alarm in alarms(seen, _added(totals, [line])) if (alarm.monitor, alarm.about) not in said]
        said.update((alarm.monitor, alarm.about) for alarm in new)
        return told(new)

    return say


def nothing_left(most: int, lines: Sequence[Line]) -> str:
    """Why a stage that reinforces ends early: its last `most` steps had no group to train on. "" where it goes on."""
    last = lines[-most:]
    if len(last) < most or any(line["groups"] for line in last):
        return ""
    known = [line["pass_rate"] for line in last if line["pass_rate"] is not None]
    then = _why_alike(fmean(known or [0.0]))
    steps = "its last step" if most == 1 else f"its last {most} steps"
    return f"in {steps} no prompt had answers that differ in score, so that there was nothing to reinforce; {then}"


def _why_alike(passing: float) -> str:
    """Why no group can be trained on where this share of the answers passes, and what to do."""
    if passing < FEW:
        return "hardly any answer passes: fine-tune first, or begin with easier tasks"
    if passing > 1 - FEW:
        return "nearly all answers pass: it needs harder prompts (difficulty = true)"
    return "the answers to each prompt score alike: sample more of them (group), or hotter (temperature)"


def _reinforces(lines: Sequence[Line]) -> bool:
    """Whether the lines are of a stage that reinforces; else it teaches."""
    return bool(lines) and "tasks" in lines[0]


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


def _never_right(totals: Totals) -> Iterator[Alarm]:
    """Tasks of which no answer had any score so far; those that could not be scored are told of elsewhere."""
    for task, mine in sorted(totals.items()):
        reasons = {reason: count for reason, count in mine.items() if reason not in ("error", _SOME)}
        if not mine[_SOME] and sum(reasons.values()) >= NEVER:
            most = max(sorted(reasons), key=lambda reason: reasons[reason])
            yield Alarm("never right", task, f"no answer had any score. {_LOOK[most]}.")


def _oscillates(lines: Sequence[Line]) -> Iterator[Alarm]:
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


def _alike(lines: Sequence[Line]) -> list[Point]:
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


def _learns_nothing(lines: Sequence[Line]) -> Iterator[Alarm]:
    """No update was made."""
    last = lines[-STEPS:]
    if len(last) == STEPS and not any(line.get("groups", 1) for line in last):
        yield Alarm(
            "learns nothing",
            "",
            f"no update was made in {STEPS} steps, since all answers to a prompt score alike. Where they are wrong, "
            "prompts are too hard or the model is ruined: teach it first, or lower learning_rate; where they are "
            "right, choose harder prompts (difficulty = true)",
        )


def _starves(lines: Sequence[Line]) -> Iterator[Alarm]:
    """Tasks that were tried and never trained on of late, but for those of which no answer ever had any score; and the
    stage, where no step was full."""
    last = lines[-STARVED:]
    if len(last) < STARVED:
        return
    if all(line.get("starved") for line in last) and any(line.get("groups") for line in last):
        yield Alarm(
            "starved",
            "",
            f"{STARVED} steps in a row found fewer groups to train on than were asked for. Raise patience or group, "
            "lower prompts, or choose prompts that are neither too hard nor too easy (difficulty = true)",
        )
    tried: dict[str, list[Line]] = {}
    for line in last:
        for task, row in line["tasks"].items():
            if row.get("pass_rate") is not None:
                tried.setdefault(task, []).append(row)
    fed = {task for line in last for task in line.get("trained", ())}
    for task in sorted(tried.keys() - fed):
        groups = sum(row["groups"] for row in tried[task])
        if groups >= TRIED and any(line["tasks"].get(task, {}).get("reward") for line in lines):
            passing = sum(row["pass_rate"] * row["groups"] for row in tried[task]) / groups
            yield Alarm("starved", task, f"no group was trained on in {STARVED} steps: {_why_alike(passing)}")


def _saturates(lines: Sequence[Line]) -> Iterator[Alarm]:
    rewards = [line["reward"] for line in lines[-STEPS:] if line["reward"] is not None]
    if len(rewards) == STEPS and max(rewards) <= NEAR:
        yield Alarm(
            "reward at 0",
            "",
            f"the mean reward was at most {NEAR:g} in {STEPS} steps: hardly an answer of any task scores. See some in "
            "rollouts.jsonl.gz; if they were better before, lower learning_rate, and else teach the model first",
        )
    if len(rewards) == STEPS and min(rewards) >= 1 - NEAR:
        yield Alarm(
            "reward at 1",
            "",
            f"the mean reward was at least {1 - NEAR:g} in {STEPS} steps: nothing is left to learn, or the reward is "
            "cheated. See some answers in rollouts.jsonl.gz; then choose harder prompts (difficulty = true)",
        )


def _entropy_collapses(lines: Sequence[Line]) -> Iterator[Alarm]:
    first, last = _ends(lines, "entropy")
    if first and fmean(last) < min(NO_ENTROPY, COLLAPSED * fmean(first)):
        yield Alarm(
            "entropy collapses",
            "",
            f"from {fmean(first):.2f} to {fmean(last):.3f} nats a token: all answers to a prompt become alike, and "
            "nothing can be learned from those. Lower learning_rate or updates, or raise clip_high",
        )


def _one_answer(lines: Sequence[Line]) -> Iterator[Alarm]:
    """A closed task is answered nearly alike, and stays so."""
    last = [line.get("nearly_constant", {}) for line in lines[-CONSTANT:]]
    for task, one in last[-1].items():
        if len(last) == CONSTANT and all(task in mine for mine in last):
            yield Alarm(
                "one answer",
                task,
                f"{Commonest(**one)}, and for {CONSTANT} steps it was like that. Raise calibration, or teach it first",
            )


def _runs_long(lines: Sequence[Line]) -> Iterator[Alarm]:
    """More answers are cut off by the budget than at first, of the tasks that were asked then as now."""
    if len(lines) < 2 * STEPS:
        return
    first, last = _cut_off(lines[:STEPS]), _cut_off(lines[-STEPS:])
    both = first.keys() & last.keys()
    if not (answers := sum(last[task][1] for task in both)):
        return
    before = sum(last[task][1] * first[task][0] / first[task][1] for task in both) / answers
    after = sum(last[task][0] for task in both) / answers
    error = hypot(*(0.5 / sum(found[task][2] for task in both) ** 0.5 for found in (first, last)))  # at most
    if after - before > max(LONGER, ERRORS * error):
        yield Alarm(
            "runs long",
            "",
            f"{percent(after)} of the answers are cut off by their budgets, where it was {percent(before)} of the same "
            "tasks at first. See that the reward does not pay for length; raise length_penalty, or the budgets",
        )


def _cut_off(lines: Sequence[Line]) -> dict[str, tuple[int, int, int]]:
    """Task to answers cut off, answers and groups; of those with any answer."""
    found: dict[str, tuple[int, int, int]] = {}
    for line in lines:
        for task, row in line["tasks"].items():
            if reasons := row.get("reasons"):
                cut, answers, groups = found.get(task, (0, 0, 0))
                found[task] = (
                    cut + reasons.get("truncated", 0),
                    answers + sum(reasons.values()),
                    groups + row["groups"],
                )
    return found


def _clips(lines: Sequence[Line]) -> Iterator[Alarm]:
    shares = _some(reversed(lines), "clip_fraction")
    if len(shares) == STEPS and fmean(shares) > CLIPPED:
        yield Alarm(
            "clips",
            "",
            f"of {percent(fmean(shares))} of the tokens the clip decides: a step's updates move further than it lets "
            "them. Lower learning_rate or updates",
        )


def _drifts_apart(lines: Sequence[Line]) -> Iterator[Alarm]:
    first, last = _ends(lines, "sampler_gap_mean")
    if first and fmean(last) > max(GAP, WIDER * fmean(first)):
        yield Alarm(
            "sampler gap",
            "",
            f"sampler and trainer differ by {fmean(last):.2g} nats a token, at first by {fmean(first):.2g}: the "
            "weights grow beyond what is computed alike, and the run may stop of it. Lower learning_rate, or set "
            'model.dtype = "float32"',
        )


def _unscored(totals: Totals) -> Iterator[Alarm]:
    """Tasks of which many answers could not be scored."""
    for task, mine in sorted(totals.items()):
        answers = mine.total() - mine[_SOME]
        if answers >= NEVER and mine["error"] > UNSCORED * answers:
            share = percent(mine["error"] / answers)
            yield Alarm("not scored", task, f"{share} of its answers could not be: see the notes of rollouts.jsonl.gz")


def _sandbox_gone(lines: Sequence[Line]) -> Iterator[Alarm]:
    if answers := lines[-1].get("sandbox_gone"):
        yield Alarm(
            "sandbox gone",
            "",
            f"{answers} answers had nothing isolated to run in, and their groups are left out. `redone check` says "
            "why; the stage can be stopped and gone on with",
        )


def _explodes(lines: Sequence[Line]) -> Iterator[Alarm]:
    norms = [norm for line in lines[-BEFORE:] if (norm := line.get("grad_norm")) is not None]
    before, last = norms[:-SPIKES], norms[-SPIKES:]
    if len(before) >= 2 * STEPS and min(last) > EXPLODED * median(before):
        yield Alarm(
            "gradient explodes",
            "",
            f"its norm was {min(last):.2g} or more in {SPIKES} steps, {median(before):.2g} before. It is clipped, but "
            "the model is leaving what it knew: lower learning_rate",
        )


def _diverges(lines: Sequence[Line]) -> Iterator[Alarm]:
    """The loss of a stage that teaches rises: each of the last is far above the lowest median of so many."""
    if len(lines) < 2 * STEPS:
        return
    losses = [line["loss"] for line in lines[-BEFORE:]]
    medians = [median(losses[i : i + STEPS]) for i in range(len(losses) - STEPS + 1)]
    lowest = min(lines[0]["loss"], *medians)
    if min(losses[-STEPS:]) > max(WORSE * lowest, lowest + RISE):
        yield Alarm(
            "loss rises",
            "",
            f"from {lowest:.2f} to {medians[-1]:.2f} nats a token: the steps are too long. Lower learning_rate, or "
            "raise warmup_ratio",
        )


def _some(lines: Iterable[Line], name: str) -> list[float]:
    """The first values that there are, of as many steps as are looked at."""
    return list(islice((value for line in lines if (value := line.get(name)) is not None), STEPS))


def _ends(lines: Sequence[Line], name: str) -> tuple[list[float], list[float]]:
    """The first values and the last; nothing of a stage that has not so many of both."""
    first, last = _some(lines, name), _some(reversed(lines), name)
    return (first, last) if len(lines) >= 2 * STEPS and len(first) == STEPS else ([], [])


_WHOLE = (_never_right, _unscored)  # of all lines of a stage
_LATEST: Mapping[bool, tuple[Monitor, ...]] = {  # of the last ones; whether it reinforces
    True: (
        _oscillates,
        _learns_nothing,
        _starves,
        _saturates,
        _entropy_collapses,
        _one_answer,
        _runs_long,
        _clips,
        _drifts_apart,
        _sandbox_gone,
        _explodes,
    ),
    False: (_explodes, _diverges),
}
