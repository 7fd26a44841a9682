"""An experiment is a file: a configuration, arms that are laid over it, seeds, and questions with what would count as
failure, which are written before anything runs."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from redone.config import RunConfig, Table, load_config
from redone.mistakes import nearest, read_toml
from redone.model.places import model_path
from redone.run.stages import BASE

SMALL = 64 * 2**20  # bytes of weights up to which a run has one thread, and the cores run others beside it
_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"


class Question(Table):
    """Asks whether what an arm is above another by lies above a margin."""

    name: str = Field(min_length=1)
    arm: str
    against: str = ""  # another arm, or BASE; the reference if not given
    measure: str | list[str]  # of several the mean
    stage: str = ""  # of the arm; its last if not given
    above: float = 0.0  # points of 100
    unclear: Literal["fails", "undecided"] = "undecided"  # what an interval that holds `above` counts as
    fails: str = Field(min_length=1)  # what counts as failure, in words
    primary: bool = False

    @property
    def measures(self) -> list[str]:
        return [self.measure] if isinstance(self.measure, str) else self.measure


class Arm(BaseModel):
    """What is laid over the configuration stands beside `about`."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)
    about: str = ""


class Experiment(Table):
    name: str = Field(pattern=_NAME)
    about: str = ""
    config: str | list[str]  # files beside this one, later ones on top; or "demo"
    seeds: int = Field(ge=1)
    reference: str
    common: Mapping[str, Any] = Field({}, alias="set")  # laid over the configuration, under every arm
    arms: Mapping[str, Arm] = Field(min_length=1)
    questions: tuple[Question, ...] = Field((), strict=False)


@dataclass(frozen=True)
class Job:
    """An arm with a seed: a run."""

    arm: str
    seed: int
    config: RunConfig

    @property
    def name(self) -> str:
        return f"{self.arm}-{self.seed}"


@dataclass(frozen=True)
class Plan:
    path: Path
    experiment: Experiment
    jobs: Sequence[Job]  # seed by seed, so that the first whole comparison is there soon

    def job(self, name: str) -> Job:
        known = {job.name: job for job in self.jobs}
        if name not in known:
            raise ValueError(f"{self.path}: there is no run {name}{nearest(name, known)}")
        return known[name]


def read_plan(path: Path, demo: Path, seeds: int | None = None, sets: Sequence[str] = ()) -> Plan:
    """demo: the configuration of the embedded world's own run. sets: `a.b=v` assignments on top of every arm. Raises
    ValueError with one sentence that names file, table and key."""
    experiment = _checked(read_toml(path, "experiment"), str(path))
    names = [experiment.config] if isinstance(experiment.config, str) else experiment.config
    files = [demo if name == "demo" else path.parent / name for name in names]

    def config(arm: str, seed: int, *more: str) -> RunConfig:
        own = [f"name={json.dumps(f'{arm}-{seed}')}", f"seed={seed}"]
        tables = [(path, "set", experiment.common), (path, f"arms.{arm}", experiment.arms[arm].model_extra or {})]
        return load_config(files, [*own, *more], tables)

    stages = {arm: config(arm, 0).stages for arm in experiment.arms}
    every = {stage for mine in stages.values() for stage in mine}

    def meant(arm: str) -> list[str]:
        """The assignments, without those to a stage that other arms have and this one has not."""
        return [one for one in sets if (table := one.partition(".")[0]) in stages[arm] or table not in every]

    configs = {arm: config(arm, 0, *meant(arm)) for arm in experiment.arms}
    _check_questions(experiment, configs, str(path))
    alone = [arm for arm, one in configs.items() if one.threads is None and one.device != "cuda" and _small(one)]
    count = seeds or experiment.seeds
    jobs = [
        Job(arm, seed, config(arm, seed, *meant(arm), *(["threads=1"] if arm in alone else [])))
        for seed in range(count)
        for arm in experiment.arms
    ]
    return Plan(path, experiment, jobs)


def _small(config: RunConfig) -> bool:
    """Whether the base has so few weights that threads would wait for one another more than they help."""
    files = [path for kind in ("*.safetensors", "*.bin") for path in model_path(config.model.path).glob(kind)]
    return 0 < sum(path.stat().st_size for path in files) <= SMALL


def _checked(table: Mapping[str, Any], where: str) -> Experiment:
    try:
        experiment = Experiment.model_validate(table)
    except ValidationError as failure:
        error = min(
            failure.errors(), key=lambda one: one["type"] != "extra_forbidden"
        )  # what is missing may be misspelt
        key = ".".join(map(str, error["loc"]))
        if error["type"] == "extra_forbidden":
            model = Question if error["loc"][0] == "questions" else Experiment
            known = [field.alias or name for name, field in model.model_fields.items()]
            raise ValueError(f"{where}: unknown key {key}{nearest(str(error['loc'][-1]), known)}") from None
        if error["type"] == "missing":
            raise ValueError(f"{where}: {key} is missing") from None
        raise ValueError(f"{where}: {key} = {error['input']!r}: {error['msg']}") from None
    for arm in experiment.arms:
        if arm == BASE or not re.fullmatch(_NAME, arm):
            raise ValueError(f"{where}: an arm cannot be called {arm!r}")
    return experiment


def _check_questions(experiment: Experiment, configs: Mapping[str, RunConfig], where: str) -> None:
    """Raises ValueError naming what an experiment's reference or a question names and there is not."""
    arms = list(experiment.arms)

    def known(said: str, name: str, names: Collection[str]) -> None:
        if name not in names:
            raise ValueError(f"{where}: {said} {name}{nearest(name, names) or '; there are ' + ', '.join(names)}")

    known("reference: there is no arm", experiment.reference, arms)
    names = [question.name for question in experiment.questions]
    for question in experiment.questions:
        said = f"the question {question.name!r}:"
        if names.count(question.name) > 1:
            raise ValueError(f"{where}: {said} there are two of this name")
        known(f"{said} there is no arm", question.arm, arms)
        known(f"{said} there is no arm", question.against or experiment.reference, [*arms, BASE])
        if question.stage:
            stages = configs[question.arm].stages
            known(f"{said} the arm {question.arm} has no stage", question.stage, stages)
