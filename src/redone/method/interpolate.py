"""Weights between those that a stage starts from and those that it taught: as much of the start as costs nothing.

What fine-tuning forgets it often forgets along the way that leads to what it learns, and a point between both ends
keeps most of both (WiSE-FT, arXiv 2109.01903). The share is chosen on probe, never on eval. Not in RedOne 2.0.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from redone.files import write_json
from redone.measure.gate import Standing, standing
from redone.measure.items import Items
from redone.measure.taskset import some_of_each_task
from redone.method.evaluate import answerer
from redone.model.policy import Policy
from redone.run.lab import Lab
from redone.run.stages import Stage

if TYPE_CHECKING:
    from torch import Tensor

_DOMAIN = ("domain", "translation")  # the averages that may not fall


def interpolate(lab: Lab, stage: Stage, policy: Policy) -> None:
    """Move the taught policy towards its start: by the largest of the stage's shares with which no average of the
    domain is clearly below what was taught and by more than `interpolate_cost` points, measured on probe records; by
    none where there is no such share.

    The stage's interpolation.json says what was tried. Needs the weights three times.
    """
    taught = weights_of(policy)
    start = weights_of(lab.load(stage.start))
    reference = _standing(lab, stage, policy, 0.0).items
    tried: dict[str, Any] = {}
    chosen = 0.0
    for share in sorted(stage.settings.interpolate, reverse=True):
        policy.load_weights({name: taught[name].lerp(start[name], share) for name in taught})
        found = _standing(lab, stage, policy, share, reference).differences["averages"]
        tried[f"{share:g}"] = found
        if not any(fell(found.get(kind), stage.settings.interpolate_cost) for kind in _DOMAIN):
            chosen = share
            break
    else:
        policy.load_weights(taught)
    write_json(lab.out / stage.name / "interpolation.json", {"share": chosen, "tried": tried})
    cost = f" above {stage.settings.interpolate_cost:g} points" if stage.settings.interpolate_cost else ""
    lab.log.line(f"{stage.name}: {100 * chosen:g} % of the way back to {stage.start}, at no clear cost{cost} on probe")


def fell(one: Mapping[str, Any] | None, cost: float = 0.0) -> bool:
    """Whether a paired difference lies wholly below zero, and itself below minus the cost."""
    return bool(one and one["interval"] and one["interval"][1] < 0.0 and one["difference"] < -cost)


def weights_of(policy: Policy) -> "dict[str, Tensor]":
    """A copy of the weights that are trained."""
    return {name: parameter.detach().clone() for name, parameter in policy.trainable().items()}


def _standing(lab: Lab, stage: Stage, policy: Policy, share: float, reference: Items | None = None) -> Standing:
    """By greedy answers to the probe records of the domain's trained tasks."""
    purpose = f"interpolate {stage.name} {share:g}"
    tasks = {name: task for name, task in lab.trained.items() if task.part == "domain"}
    records = some_of_each_task(lab.dataset, "probe", lab.config.diagnose.records)
    return standing(
        answerer(lab, policy, purpose),
        tasks,
        lab.score_all,
        [record for record in records if record.task in tasks],
        reference,
        lab.out / stage.name / "interpolation" / f"{share:g}.jsonl.gz",
        most_errors=lab.config.scoring.most_errors,
        log=lab.log,
        label=purpose,
    )
