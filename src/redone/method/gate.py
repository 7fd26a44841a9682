"""The gate after a stage: is what no stage trains still there, and what is done where it is not. Not in RedOne 2.0.

It is measured on probe records of the general tasks that are held out of training, and on texts of its own, never on
what results are measured on; against the run's base, in pairs. It says no where an interval lies wholly beyond the
bound. Then the actions of `[gate]` follow in their order, each judged likewise, until one passes:

    earlier       the checkpoint before the stage's end
    interpolate   a quarter, half, three quarters of the way back to what the stage started from
    repeat        the stage taught again, with twice the share of general records
    warn, stop    said, and gone on; or said, and the run ends
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from redone.config import Gate, RunConfig
from redone.data.encode import Encoder, Passage
from redone.data.load import Dataset
from redone.files import as_left, read_jsonl, read_object, write_json, write_jsonl
from redone.measure.drift import HeldOut, Line, held_texts, measure_texts, summed, trained_keys
from redone.measure.gate import standing
from redone.measure.items import Items
from redone.measure.taskset import some_of_each_task
from redone.method.drift import templates_of
from redone.method.evaluate import answerer
from redone.method.interpolate import weights_of
from redone.model.policy import Policy
from redone.run.lab import Lab
from redone.run.monitors import forgets, told
from redone.run.stages import BASE, Stage
from redone.run.store import Store, checkpoints, damage

if TYPE_CHECKING:
    from torch import Tensor

BACK = (0.25, 0.5, 0.75)  # of the way to the stage's start
_REJECTED = "rejected-"
_PART = ".rejecting"
_KEPT = ("probe",)  # of a stage that is repeated: what its diagnosis asked of models that are as they were


class Repeat(Exception):
    """The stage is to be taught again."""


class Seen(NamedTuple):
    averages: Mapping[str, Any]  # paired differences from the base, in points
    texts: Mapping[str, Any]  # set to its rise over the base, in nats a token
    items: Items
    lines: list[Line]


def texts_of(
    config: RunConfig, dataset: Dataset, encoder: Encoder, context: int, measured: HeldOut | None
) -> tuple[HeldOut | None, list[str]]:
    """The gate's own texts, and what a person should know of them. measured: what results read, and the gate does not.
    Raises ValueError where they cannot be read, or the gate has nothing to look at."""
    gate = config.gate
    if gate is None:
        return None, []
    taken = {passage.key for mine in (measured.texts.values() if measured else ()) for passage in mine}
    trained = trained_keys(dataset.split("train"))
    texts, notes = dict[str, list[Passage]](), list[str]()
    for name, one in gate.texts.items():
        at = templates_of(config, one)
        texts[name], said = held_texts(f"gate.texts.{name}", at, encoder, context, gate.most, trained, taken)
        notes += said
    held = [name for name, task in dataset.tasks.items() if task.part == "general" and not task.train]
    if not texts and not any(dataset.records[name].get("probe") for name in held):
        raise ValueError(
            "[gate] has nothing to look at: hold general tasks with probe records out of training (data.held_out, or "
            "`train = false`), or give it texts"
        )
    return (HeldOut(texts, (), 0) if texts else None), notes


def guard(lab: Lab, stage: Stage, policy: Policy) -> None:
    """Leave the stage's policy with weights that pass the gate, where an action leads to some; gate.json in the stage's
    folder says what was tried. Raises Repeat, or ValueError where the run is to stop."""
    gate = lab.config.gate
    if gate is None:
        return
    base = look(lab, gate, BASE, lab.out / "gate" / "base.jsonl.gz", "gate base", None)
    tried: list[dict[str, Any]] = []

    def passes(what: str) -> bool:
        path = lab.out / stage.name / "gate" / f"{what.replace(' % ', '-percent-')}.jsonl.gz"
        seen = look(lab, gate, policy, path, f"gate {stage.name} {what}", base)
        fell = told(forgets(stage.kind, seen.averages, seen.texts, gate.points, gate.nats))
        tried.append({"what": what, "averages": seen.averages, "texts": seen.texts, "fell": fell})
        return not fell

    done, ends = ("as it was made", "") if passes("made") else _act(lab, stage, policy, gate, passes)
    write_json(lab.out / stage.name / "gate.json", {"left": done, "tried": tried})
    lab.log.line(said(stage.name, done, tried))
    if ends == "repeat":
        raise Repeat
    if ends == "stop":
        raise ValueError(
            f"{said(stage.name, done, tried)} The run stops, as gate.actions has it; what the stage saved stays in "
            f"{lab.out / stage.name}. Change the stage's settings and give another --out, or allow more in [gate]"
        )


def _act(lab: Lab, stage: Stage, policy: Policy, gate: Gate, passes: Callable[[str], bool]) -> tuple[str, str]:
    """What the policy is left as, and "repeat" or "stop" where the stage does not end with it."""
    made: dict[str, Any] = {}
    for action in _left(gate.actions, len(rejected(lab, stage))):
        if action in ("warn", "stop"):
            return "as it was made", action if action == "stop" else ""
        if action == "repeat" and stage.kind == "teach":
            return "", action
        made = made or weights_of(policy)
        for what, weights in _others(lab, stage, action, made):
            policy.load_weights(weights)
            if passes(what):
                return what, ""
        policy.load_weights(made)
    return "as it was made", ""


def _left(actions: tuple[str, ...], repeated: int) -> tuple[str, ...]:
    """The actions after those that have been carried out, when the stage has been repeated so often."""
    for _ in range(repeated):
        actions = actions[actions.index("repeat") + 1 :]
    return actions


def _others(
    lab: Lab, stage: Stage, action: str, made: "Mapping[str, Tensor]"
) -> "Iterator[tuple[str, Mapping[str, Tensor]]]":
    """Names of weights that the action offers, and they."""
    import torch

    if action == "earlier":
        for path in reversed(checkpoints(lab.out / stage.name)[:-1]):
            if flaw := damage(path):
                lab.log.line(f"{flaw}; passed over")
                continue
            yield path.stem, torch.load(path, weights_only=True, map_location="cpu", mmap=True)["model"]
    elif action == "interpolate":
        start = weights_of(lab.load(stage.start))
        for share in BACK:
            yield f"{100 * share:g} % back", {name: made[name].lerp(start[name], share) for name in made}


def look(lab: Lab, gate: Gate, policy: Policy | str, path: Path, label: str, base: Seen | None) -> Seen:
    """How the policy stands to the base; the base itself where `base` is None. path: keeps the answers."""
    tasks = {name: task for name, task in lab.dataset.tasks.items() if task.part == "general" and not task.train}
    records = [r for r in some_of_each_task(lab.dataset, "probe", gate.records) if r.task in tasks]
    averages, items = dict[str, Any](), dict[str, Any]()
    if records:
        found = standing(
            answerer(lab, policy, "gate"),
            tasks,
            lab.score_all,
            records,
            base and base.items,
            path,
            most_errors=lab.config.scoring.most_errors,
            log=lab.log,
            label=label,
        )
        items = dict(found.items)
        averages = dict(found.differences.get("averages", {}))
    lines = _lines(lab, policy, path.with_name(path.name.replace(".jsonl.gz", ".texts.jsonl")), label)
    texts = summed(lines, lines if base is None else base.lines)["texts"]
    return Seen(averages, {} if base is None else texts, items, lines)


def _lines(lab: Lab, policy: Policy | str, path: Path, label: str) -> list[Line]:
    held: HeldOut | None = lab.guard
    if held is None:
        return []
    if not path.exists():
        model = lab.load(policy) if isinstance(policy, str) else policy
        with lab.log.bar(f"{label}, texts", sum(map(len, held.texts.values()))) as bar:
            lines = list(measure_texts(held, model, lab.config.tokens_per_pass, bar.advance))
        write_jsonl(path, [line._asdict() for line in lines])
    with as_left(path):
        return [Line(**row) for row in read_jsonl(path)]


def said(name: str, left: str, tried: list[dict[str, Any]]) -> str:
    """What the gate found and did, in a sentence."""
    fell, last = tried[0]["fell"], tried[-1]
    if not fell:
        return f"{name}: passes the gate."
    ways = ", ".join(one["what"] for one in tried[1:])
    also = f" Tried: {ways}." if ways else ""
    done = f"left {left}" if left else "taught again, with more general records"
    passed = "" if last["fell"] else ", which passes"
    return f"{name}: does not pass the gate: {' '.join(fell)}{also} It is {done}{passed}."


def rejected(lab: Lab, stage: Stage) -> list[Path]:
    """The folders of what a stage made before it was repeated."""
    return sorted((lab.out / stage.name).glob(f"{_REJECTED}*"))


def reject(lab: Lab, stage: Stage) -> None:
    """Set aside what the stage made, but for what its diagnosis asked of models that are as they were."""
    folder = lab.out / stage.name
    part = folder / _PART
    part.mkdir(exist_ok=True)
    for path in folder.iterdir():
        if path.name not in (*_KEPT, _PART) and not path.name.startswith(_REJECTED):
            path.replace(part / path.name)
    Store(part).tidy()
    part.replace(folder / f"{_REJECTED}{len(rejected(lab, stage)) + 1}")


def as_repeated(lab: Lab, stage: Stage) -> Stage:
    """The stage with its general records doubled as often as it was rejected, up to half of all. What a kill left half
    set aside is set aside first."""
    if (lab.out / stage.name / _PART).exists():
        reject(lab, stage)
    times = len(rejected(lab, stage))
    if not times:
        return stage
    share = min(0.5, stage.settings.general_share * 2**times)
    return Stage(stage.name, stage.kind, stage.start, stage.settings.model_copy(update={"general_share": share}))


def notes_of(lab: Lab, stage: Stage) -> list[str]:
    """What the gate found and did, for the results; nothing where there was none."""
    path = lab.out / stage.name / "gate.json"
    if not path.exists():
        return []
    notes = []
    for one in (*(folder / "gate.json" for folder in rejected(lab, stage)), path):
        with as_left(one, "put it back"):
            found = read_object(one)
            notes.append(said(stage.name, found["left"], found["tried"]))
    return notes
