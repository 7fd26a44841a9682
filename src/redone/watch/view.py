"""What the files of a run mean: the one picture that terminal and page both show. Pure: from what was seen alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import fsum
from statistics import fmean
from typing import Literal

from redone.method.story import diagnosed, verdict
from redone.report.numbers import count
from redone.report.read import METHODS
from redone.report.scores import labels
from redone.run.log import clock
from redone.texts import cut, visible
from redone.watch.progress import Part, left, parts, steps_of
from redone.watch.seen import COUNTS, MOST_SAID, Cell, Rollout, Seen, StageSeen, Step, name, number, one_line, table

LAST = 5  # steps of a task by which it is told whether it is dead, and
FEWEST = 4  # groups in them, at the least
MOST_POINTS = 120  # of a curve
MOST_ROLLOUTS = 24
MOST_ALARMS = 20
HEALTH = {  # value of a step -> what it is called, digits
    "entropy": ("entropy", 2),
    "clip_fraction": ("clipped", 3),
    "sampler_gap_mean": ("sampler gap", 7),
    "length": ("length", 1),
    "grad_norm": ("gradient", 2),
}
WHATS = {  # a part -> while it is made, and when it is
    "measured": ("measuring", "measured"),
    "diagnosis": ("diagnosis", "diagnosed"),
    "data": ("making what is taught", "data made"),
    "difficulty": ("trying prompts", "prompts tried"),
    "steps": ("training", "trained"),
    "gate": ("gate", "gate"),
    "summed up": ("summing up", "summed up"),
}
_SPACES = {ord("\n"): " ", ord("\t"): " "}
State = Literal["finished", "running", "stopped", "begun"]
Points = tuple[tuple[int, float], ...]  # step, value
Dead = Literal["", "none right", "all right", "all alike"]


@dataclass(frozen=True)
class Curve:
    name: str
    points: Points
    digits: int = 2


@dataclass(frozen=True)
class TaskView:
    """A task in the stage of reinforcement that ran last."""

    name: str
    reward: Points
    pass_rate: Points
    first: float | None  # mean reward over the first fifth of its steps, and
    last: float | None  # over the last
    groups: int
    dead: int  # of these, without spread
    trained: int
    state: Dead  # of its last steps: no group had spread

    @property
    def change(self) -> float:
        return 0.0 if self.first is None or self.last is None else self.last - self.first


@dataclass(frozen=True)
class StageView:
    name: str
    title: str
    step: int
    steps: int | None
    curves: tuple[Curve, ...]  # reward and pass rate; of a stage that teaches its loss
    health: tuple[Curve, ...]
    groups: str  # what dynamic sampling cost, in a sentence


@dataclass(frozen=True)
class ModelView:
    """A line of the method: a model, the parts that make and measure it, and its averages."""

    name: str
    parts: tuple[tuple[str, str], ...]  # state, what is said of it
    averages: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class View:
    name: str
    folder: str
    state: State
    at: str  # where it stands, in a sentence
    about: str  # model, device, process
    written: float | None  # seconds since 1970
    models: tuple[ModelView, ...]
    stages: tuple[StageView, ...]  # those that have steps
    tasks: tuple[TaskView, ...]  # those that moved most first
    tasks_of: str  # the stage
    alike: tuple[str, ...]  # tasks that are answered nearly alike, a sentence each
    alarms: tuple[tuple[str, str], ...]  # stage and step, what a monitor said; the newest first
    found: tuple[str, ...]  # by the last diagnosis, in lines
    rollouts: tuple[Rollout, ...]
    rollouts_of: str
    flaws: tuple[str, ...]


def view(seen: Seen) -> View:
    """The picture of what was seen; whatever is not there yet is empty."""
    found, flaws = parts(seen), list(seen.flaws)
    state = _state(seen, found)
    stages = [one for one in seen.stages if one.steps]
    reinforced = [one for one in stages if one.stage.kind == "reinforce"]
    last = reinforced[-1] if reinforced else None
    return View(
        name=name(seen.name),
        folder=one_line(seen.folder, MOST_SAID),
        state=state,
        at=_at(seen, found, state, flaws),
        about=_about(seen),
        written=seen.written,
        models=tuple(_models(seen, found, state)),
        stages=tuple(_stage(seen, one) for one in stages),
        tasks=tuple(sorted(_tasks(last), key=lambda task: (-abs(task.change), task.name))) if last else (),
        tasks_of=last.stage.name if last else "",
        alike=tuple(_alike(last)) if last else (),
        alarms=tuple(_alarms(seen))[:MOST_ALARMS],
        found=tuple(_found(seen, flaws)),
        rollouts=_rollouts(last)[:MOST_ROLLOUTS] if last else (),
        rollouts_of=f"{last.stage.name}, step {last.steps[-1].number}" if last else "",
        flaws=tuple(flaws),
    )


def _state(seen: Seen, found: Sequence[Part]) -> State:
    if found and all(part.state == "done" for part in found):
        return "finished"
    if seen.works is False:
        return "stopped"
    return "running" if found else "begun"


def _at(seen: Seen, found: Sequence[Part], state: State, flaws: list[str]) -> str:
    if state == "finished":
        try:
            base, *_, last = seen.results["models"]
            return one_line(verdict(seen.results, base, last), MOST_SAID)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
            flaws.append(f"{seen.folder}/results.json: not as redone leaves it, so no verdict is shown; make it anew.")
            return "Finished."
    now = next((part for part in found if part.state == "now"), None)
    said = "It reads and checks its data." if now is None else f"{now.model}: {_part(now, state)}"
    seconds, whole = left(found)
    if now is not None and seconds and state == "running":
        said += f"; {'about' if whole else 'at least'} {clock(seconds)} until the end"
    if state == "stopped":
        killed = f" ({seen.process}, which worked in it, is gone: it was killed)" if seen.process else ""
        return f"No process works in its folder{killed}. It stands at {said}. The same command goes on."
    return said


def _about(seen: Seen) -> str:
    about = [name(seen.manifest.get("model"))]
    if weights := number(seen.manifest.get("parameters")):
        about.append(f"{weights / 1e6:,.1f} M weights")
    about += [name(seen.manifest.get("device")), name(seen.manifest.get("dtype"))]
    if (seed := number(seen.manifest.get("seed"))) is not None:
        about.append(f"seed {seed:.0f}")
    if seen.works is not False:
        about.append(seen.process)
    return ", ".join(filter(None, about))


def _models(seen: Seen, found: Sequence[Part], state: State) -> Iterator[ModelView]:
    called = labels({"domain": name(seen.results.get("domain"))})
    for model in seen.measured:
        averages = table(seen.measured[model].scores.get("averages"))
        scores = [(called[kind], value) for kind in called if (value := number(averages.get(kind))) is not None]
        mine = tuple((part.state, _part(part, state)) for part in found if part.model == model)
        if mine:
            yield ModelView(name(model), mine, tuple(scores))


def _part(part: Part, state: State) -> str:
    making, made = WHATS[part.what]
    if part.what == "steps" and part.of is not None:
        making = count(part.of, "step")
        made = making if part.count == part.of else f"{part.count:,} of {making}"
    if part.state == "done":
        return made + _time(" ", part.seconds)
    if part.state == "next":
        return making + _time(" about ", part.left)
    if part.of is not None and part.count is not None:
        making = f"{making} {part.count:,} of {part.of:,} answers"
        if part.what == "steps":
            making = f"step {part.count:,} of {part.of:,}"
    return making + (_time(", ", part.left, " left") if state == "running" else "")


def _time(before: str, seconds: float | None, after: str = "") -> str:
    return "" if seconds is None else f"{before}{clock(seconds)}{after}"


def _stage(seen: Seen, one: StageSeen) -> StageView:
    reinforces = one.stage.kind == "reinforce"
    shown = {"reward": "reward", "pass_rate": "pass"} if reinforces else {"loss": "loss"}
    watched = {"loss": ("loss", 2), **HEALTH} if reinforces else HEALTH
    health = [Curve(said, _points(one.steps, key), digits) for key, (said, digits) in watched.items()]
    return StageView(
        name=name(one.stage.name),
        title=f"{name(one.stage.name)} ({METHODS[one.stage.kind]})",
        step=one.steps[-1].number,
        steps=steps_of(one),
        curves=tuple(curve for key, said in shown.items() if (curve := Curve(said, _points(one.steps, key))).points),
        health=tuple(curve for curve in health if curve.points),
        groups=_groups(one.steps),
    )


def _points(steps: Sequence[Step], key: str) -> Points:
    return thin([(step.number, step.values[key]) for step in steps if key in step.values])


def thin(points: Sequence[tuple[int, float]]) -> Points:
    """At most MOST_POINTS of them: of so many steps one after another the last, and the mean of their values."""
    size = -(-len(points) // MOST_POINTS)
    if size <= 1:
        return tuple(points)
    parts = (points[i : i + size] for i in range(0, len(points), size))
    return tuple((part[-1][0], fsum([value for _, value in part]) / len(part)) for part in parts)


def _groups(steps: Sequence[Step]) -> str:
    total = {key: sum(step.values.get(key, 0.0) for step in steps) for key in COUNTS}
    if not total["generated"]:
        return ""
    said = (
        f"{total['generated']:,.0f} groups sampled: {total['groups']:,.0f} trained on, {total['dropped']:,.0f} dead "
        f"({100 * total['dropped'] / total['generated']:.0f} %: all their answers score alike)"
    )
    if total["errors"]:
        said += f", {total['errors']:,.0f} not scored"
    if starved := sum(step.starved for step in steps):
        said += f"; {count(starved, 'step')} found too few to train on"
    if resting := steps[-1].resting:
        said += f"; {count(resting, 'task')} {'rests' if resting == 1 else 'rest'}"
    return said + "."


def _tasks(one: StageSeen) -> Iterator[TaskView]:
    for task, cells in one.tasks.items():
        reward = [(cell.step, cell.reward) for cell in cells if cell.reward is not None]
        size = max(1, len(reward) // 5)
        ends = [fmean([value for _, value in part]) for part in (reward[:size], reward[-size:]) if part]
        yield TaskView(
            name=task,
            reward=thin(reward),
            pass_rate=thin([(cell.step, cell.pass_rate) for cell in cells if cell.pass_rate is not None]),
            first=ends[0] if ends else None,
            last=ends[1] if ends else None,
            groups=round(fsum([cell.groups for cell in cells])),
            dead=round(fsum([cell.dead for cell in cells])),
            trained=round(fsum([cell.trained for cell in cells])),
            state=_dead(cells[-LAST:]),
        )


def _dead(cells: Sequence[Cell]) -> Dead:
    """Whether the task gave nothing to learn from in its last steps, and why."""
    groups = sum(cell.groups for cell in cells)
    rates = [cell.pass_rate for cell in cells if cell.pass_rate is not None]
    if groups < FEWEST or not rates or round(sum(cell.dead for cell in cells)) < groups:
        return ""
    return "none right" if not any(rates) else "all right" if min(rates) == 1 else "all alike"


def _alike(one: StageSeen) -> Iterator[str]:
    for task, label, share, references in one.steps[-1].alike:
        yield f'{task}: {100 * share:.0f} % of the answers are "{label}", {100 * references:.0f} % of the references'


def _alarms(seen: Seen) -> Iterator[tuple[str, str]]:
    for one in reversed(seen.stages):
        where = name(one.stage.name)
        if one.stopped and one.done is None:
            at = f"{where}, step {number(one.stopped.get('step')) or 0:.0f}"
            yield at, f"stopped: {one_line(one.stopped.get('why'), MOST_SAID)}"
        for step in reversed(one.steps):
            yield from ((f"{where}, step {step.number}", said) for said in reversed(step.alarms))


def _found(seen: Seen, flaws: list[str]) -> Iterator[str]:
    for one in reversed(seen.stages):
        if one.findings and one.plan:
            try:
                lines = diagnosed(one.findings, one.plan, one.stage.name)
            except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
                flaws.append(f"{seen.folder}/{one.stage.name}: findings.json or plan.json is not as redone leaves it.")
                continue
            yield f"{name(one.stage.start)} on the probe split:"
            yield from (cut(visible(line.translate(_SPACES)), MOST_SAID) for line in lines)
            return


def _rollouts(one: StageSeen) -> tuple[Rollout, ...]:
    """Of the last step's, those of different prompts before others of the same."""
    rest: dict[str, list[Rollout]] = {}
    for row in one.rollouts:
        rest.setdefault(row.id, []).append(row)
    places = [(n, row) for mine in rest.values() for n, row in enumerate(mine)]
    return tuple(row for _, row in sorted(places, key=lambda place: place[0]))
