"""What is wrong with a configuration and its data beyond what a run refuses, and what a person may not want."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from redone.commands import memory
from redone.commands.begun import same_configuration
from redone.mistakes import gathered, refuse

if TYPE_CHECKING:
    from redone.commands.prepare import Checked
    from redone.config import RunConfig
    from redone.data.load import Dataset
    from redone.run.log import Log
    from redone.run.scoring import ScoreAll

_JUDGE_SECONDS = 5.0  # that its endpoint has to answer in


@dataclass(frozen=True)
class Examined:
    """Of what was found good enough to be trained on."""

    earned: Mapping[str, tuple[float, str]]  # task -> the best score without a model, 0 to 100, and by which answer
    memory: str  # what a run takes of it, a sentence; "" where nothing is trained
    doubts: list[str]  # what a run takes and a person may not want, a sentence for each cause
    misread: list[str]  # reference answers that are wrong in another spelling, a sentence each


def examined(config: RunConfig, checked: Checked, score_all: ScoreAll, log: Log) -> Examined:
    """Raises ValueError with every cause why a run would be refused though its data are good."""
    from redone.model.trial import NotServed

    causes: list[str] = []
    with gathered(causes):
        _check_weights(config, checked.base)
    earned: Mapping[str, tuple[float, str]] = {}
    needed = ""
    with gathered(causes):
        earned = _without_a_model(config, checked.dataset, score_all, log)
    try:
        needed = _memory(config, checked)
    except NotServed as refusal:
        causes.append(str(refusal))
    refuse(causes)
    return Examined(earned, needed, _doubts(config, checked), _misread(checked.dataset, score_all, log))


def _check_weights(config: RunConfig, folder: Path) -> None:
    """Raises ValueError where numbers in the base's files are not finite, as loading it would."""
    from redone.model.places import loading, not_finite, refuse_not_finite

    with loading(config.model.path):
        broken = not_finite(folder)
    refuse_not_finite(config.model.path, broken)


def _memory(config: RunConfig, checked: Checked) -> str:
    """What a run takes of it, or why that is not known, which is no fault of the configuration. Raises NotServed where
    no way to run the model is right."""
    from redone.model.trial import NotServed

    try:
        found = memory.memory(config, checked)
    except NotServed:
        raise
    except ValueError as error:
        return str(error)
    return memory.peak_line(found, checked.machine.device) if found else ""


def _without_a_model(
    config: RunConfig, dataset: Dataset, score_all: ScoreAll, log: Log
) -> dict[str, tuple[float, str]]:
    """Task to the score, 0 to 100, and the name of the best answer that needs no model, on what models are measured
    by; none where a judge decides. Raises ValueError where such an answer cannot be scored, as a run would."""
    from redone.checks.agreement import verifiable
    from redone.measure.taskset import some_of_each_task
    from redone.measure.trivial import best, trivial_verdicts

    records = some_of_each_task(dataset, config.eval.split, config.eval.records)
    found = {}
    with log.bar("answers that need no model", len(dataset.tasks)) as bar:
        for task in verifiable(dataset):
            if mine := [record for record in records if record.task == task.name]:
                found[task.name] = best(task, trivial_verdicts(dataset, mine, score_all)[task.name])
            bar.advance(1)
    return found


def _doubts(config: RunConfig, checked: Checked) -> list[str]:
    from redone.checks.check import check_trained
    from redone.checks.doubts import grouped, repeated

    found = [*grouped(checked.notes, checked.dataset.tasks), *repeated(checked.dataset)]
    with gathered(found):  # which is no fault of what is evaluated alone
        check_trained(checked.dataset)
    found += _silent_judge(config, checked.dataset)
    with gathered(found):
        same_configuration(Path("runs") / config.name, config)
    return found


def _silent_judge(config: RunConfig, dataset: Dataset) -> list[str]:
    """Why the judge's endpoint, where a task asks it, does not answer now; a run would wait for it."""
    from redone.rewards import JUDGED, uses
    from redone.served.client import Service, silent

    asked = config.judge
    if asked.base_url is None or not any(uses(task, JUDGED) for task in dataset.tasks.values()):
        return []
    why = silent(Service(asked.base_url, asked.model, key=asked.key, seconds=_JUDGE_SECONDS))
    return [f"the judge at {asked.base_url} does not answer now, and a run would wait for it: {why}"] if why else []


def _misread(dataset: Dataset, score_all: ScoreAll, log: Log) -> list[str]:
    from redone.checks.spellings import misread

    with log.bar("other spellings of the reference answers", len(dataset.tasks)) as bar:
        found = []
        for task in dataset.tasks.values():
            found += misread(dataset, task, score_all)
            bar.advance(1)
    return [
        f"{one.record.source} ({one.record.id}): {one.record.answer!r:.200}, "
        f"written {one.spelling!r:.200}, scores less than 1{one.note and ': '}{one.note}"
        for one in found
    ]
