"""Where a run stands in the method: its parts in their order, how far each is, and how long it may take."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, Literal

from redone.run.stages import BASE
from redone.watch.seen import Asked, Seen, StageSeen, Step, number, table

_TAUGHT = ("records", "earlier_turns", "soft_labels", "own_prompts")  # of made.json
_RECENT = 20  # steps whose mean tells how long the others take

Counted = tuple[int | None, int | None, Asked | None]  # answers so far, in all, and those of the file that grows
State = Literal["done", "now", "next"]
What = Literal["measured", "diagnosis", "data", "difficulty", "steps", "gate", "summed up"]


@dataclass(frozen=True)
class Part:
    """A part of the run, of the model that it makes or measures."""

    model: str
    what: What
    state: State
    count: int | None = None  # steps or answers so far
    of: int | None = None
    seconds: float | None = None  # that it took
    left: float | None = None  # seconds, where they can be told
    about: bool = False  # `left` is by another part's


def parts(seen: Seen) -> list[Part]:
    """All parts of the run; the first that is not done is the one that it is at."""
    found = list(_parts(seen))
    at = next((i for i, part in enumerate(found) if part.state != "done"), len(found))
    return [replace(part, state="now") if i == at else part for i, part in enumerate(found)]


def left(found: Sequence[Part]) -> tuple[float, bool]:
    """Seconds that are left of all parts, and whether they are known of every one."""
    open_ = [part for part in found if part.state != "done" and part.what != "summed up"]
    return sum(part.left or 0.0 for part in open_), all(part.left is not None for part in open_)


def _parts(seen: Seen) -> Iterator[Part]:
    if not seen.stages:
        return
    yield _measured(seen, BASE)
    for one in seen.stages:
        yield from _stage(seen, one)
        yield _measured(seen, one.stage.name)
    yield Part(seen.stages[-1].stage.name, "summed up", "done" if seen.results and seen.reported else "next")


def _measured(seen: Seen, model: str) -> Part:
    found = seen.measured[model]
    took = seen.timings.get(f"eval {model}")
    if found.done:
        return Part(model, "measured", "done", seconds=took)
    settings = table(seen.config.get("eval"))
    of = _records(seen, str(settings.get("split", "eval")), number(settings.get("records")))
    asked = found.asked.get("tasks")
    if asked is not None and of is not None and asked.answers < of:
        return Part(model, "measured", "next", asked.answers, of, left=_by_pace(asked, of))
    return Part(model, "measured", "next", left=None if asked else seen.timings.get(f"eval {BASE}"), about=True)


def _stage(seen: Seen, one: StageSeen) -> Iterator[Part]:
    name, settings = one.stage.name, table(one.stage.settings)
    done = one.done is not None
    if one.stage.kind == "teach":
        if settings.get("choose") == "findings":
            yield _asking(seen, one, "diagnosis", done or "plan.json" in one.there, _diagnosis(seen, one))
        yield _asking(seen, one, "data", done or "data.jsonl.gz" in one.there, _soft_labels(one))
    elif settings.get("difficulty"):
        yield _asking(seen, one, "difficulty", done or "difficulty.json" in one.there, _difficulty(seen, one))
    yield _steps(seen, one)
    if seen.config.get("gate"):
        yield Part(name, "gate", "done" if done else "next")


def _asking(seen: Seen, one: StageSeen, what: What, done: bool, asked: Counted) -> Part:
    name = one.stage.name
    if done:
        alone = sum(other.stage.kind == one.stage.kind for other in seen.stages) == 1 or what == "difficulty"
        took = seen.timings.get({"data": "soft labels"}.get(what, what)) if alone else None
        return Part(name, what, "done", seconds=took)
    count, of, growing = asked
    return Part(name, what, "next", count, of, left=_by_pace(growing, of, count) if growing and of else None)


def _diagnosis(seen: Seen, one: StageSeen) -> Counted:
    """Answers to the probe split of the base and the model that is examined: so far, in all, and the growing ones."""
    settings = table(seen.config.get("diagnose"))
    each, samples = _records(seen, "probe", number(settings.get("records"))), number(settings.get("samples"))
    if each is None or samples is None:
        return None, None, None
    models = {BASE, one.stage.start}
    whole = sum(f"probe/{model}.jsonl.gz" in one.there for model in models)
    growing = next((asked for name, asked in one.asked.items() if name.startswith("probe/")), None)
    count = round(whole * each * samples) + (growing.answers if growing else 0)
    return count, round(len(models) * each * samples), growing


def _soft_labels(one: StageSeen) -> Counted:
    growing = one.asked.get("candidates.jsonl")
    candidates = number(table(one.stage.settings).get("candidates"))
    quotas = [number(quota) for quota in table(one.plan.get("general")).values()]
    if growing is None or candidates is None:
        return None, None, None
    return growing.answers, round(candidates * sum(filter(None, quotas))) or None, growing


def _difficulty(seen: Seen, one: StageSeen) -> Counted:
    settings = table(one.stage.settings)
    growing = one.asked.get("difficulty.jsonl")
    samples, records = number(settings.get("difficulty_samples")), number(settings.get("difficulty_records"))
    each = _records(seen, "train", records, trained=True)
    if growing is None or samples is None or each is None:
        return None, None, None
    return growing.answers, round(samples * each), growing


def _steps(seen: Seen, one: StageSeen) -> Part:
    of, at = steps_of(one), one.steps[-1].number if one.steps else 0
    if one.done is not None:
        took = number(one.done.get("seconds"))
        return Part(one.stage.name, "steps", "done", at, of, seconds=took)
    each = _recent(one.steps) or _elsewhere(seen, one)
    time = None if each is None or of is None else each * (of - at)
    return Part(one.stage.name, "steps", "done" if of and at >= of else "next", at, of, left=time, about=not one.steps)


def steps_of(one: StageSeen) -> int | None:
    """How many steps the stage is to take; None where that is not known yet."""
    settings = table(one.stage.settings)
    if one.stage.kind == "reinforce":
        steps = number(settings.get("steps"))
        return None if steps is None else int(steps)
    epochs, batch = number(settings.get("epochs")), number(settings.get("batch"))
    records = sum(number(one.made.get(kind)) or 0 for kind in _TAUGHT)
    if not (epochs and batch and records):
        return None
    return int(epochs * -(-records // batch))


def _recent(steps: Sequence[Step]) -> float | None:
    return fmean(step.seconds for step in steps[-_RECENT:]) if steps else None


def _elsewhere(seen: Seen, one: StageSeen) -> float | None:
    """Seconds of a step, by those of another stage that reinforces and the answers that each trains on."""
    if one.stage.kind != "reinforce":
        return None
    for other in seen.stages:
        mine, its = _answers(one.stage.settings), _answers(other.stage.settings)
        if other.stage.kind == "reinforce" and mine and its and (each := _recent(other.steps)):
            return each * mine / its
    return None


def _answers(settings: Mapping[str, Any]) -> float:
    return (number(settings.get("prompts")) or 0) * (number(settings.get("group")) or 0)


def _records(seen: Seen, split: str, most: float | None, trained: bool = False) -> int | None:
    """Records of the split that are asked, at most so many of each task. trained: without tasks that are held out."""
    held = table(seen.config.get("data")).get("held_out")
    out = held if trained and isinstance(held, list) else ()
    tasks = {name: one for name, one in table(seen.manifest.get("data")).items() if name not in out}
    sizes = [number(table(one).get(split)) or 0 for one in tasks.values()]
    return int(sum(size if most is None else min(size, most) for size in sizes)) or None


def _by_pace(asked: Asked, of: int, count: int | None = None) -> float | None:
    return None if asked.pace is None else max(0, of - (asked.answers if count is None else count)) / asked.pace
