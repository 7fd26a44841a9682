"""A run's folder as plain structures. Whatever has not been made yet is empty, and named in `missing`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from redone.files import read_json, read_jsonl
from redone.run.stages import BASE, Stage, stages_in

METHODS = {"reinforce": "RL", "teach": "SFT"}  # kind of a stage -> what people call it


@dataclass(frozen=True)
class Sampled:
    """All answers to one prompt at one step, as the lines of rollouts.jsonl.gz."""

    stage: str
    step: int
    task: str
    prompt: str
    rows: tuple[dict[str, Any], ...]


class Scored(Protocol):
    """Models with their scores: a run's, or those that were evaluated."""

    @property
    def results(self) -> Mapping[str, Any]: ...

    @property
    def stages(self) -> Sequence[Stage]: ...

    @property
    def models(self) -> list[str]: ...

    @property
    def tasks(self) -> Mapping[str, Mapping[str, Any]]: ...


@dataclass(frozen=True)
class Run:
    """The files of a run's folder (docs/data.md)."""

    name: str  # of the folder
    config: dict[str, Any]
    stages: Sequence[Stage]
    manifest: dict[str, Any]
    metrics: dict[str, list[dict[str, Any]]]  # stage -> one row per step
    sampled: dict[str, dict[str, tuple[Sampled, Sampled]]]  # RL stage -> task -> first and last group trained on
    findings: dict[str, list[dict[str, Any]]]  # teaching stage -> what was found before it
    plan: dict[str, dict[str, Any]]  # teaching stage -> what it is to be taught
    fed: dict[str, dict[str, int]]  # teaching stage -> task -> records in its data
    results: dict[str, Any]
    seconds: dict[str, float]  # phase -> seconds
    missing: list[str]  # one sentence for each part that is not there yet

    @property
    def order(self) -> list[str]:
        """Every model that the run has or is to have: the base, then what each stage makes."""
        return [BASE, *(stage.name for stage in self.stages)]

    @property
    def models(self) -> list[str]:
        """The models that have scores, in order."""
        return [model for model in self.order if model in self.results.get("models", {})]

    @property
    def tasks(self) -> dict[str, dict[str, Any]]:
        """The tasks of results.json, with the last model's figures."""
        return self.results["models"][self.models[-1]]["tasks"] if self.models else {}

    def number(self, stage: Stage) -> int:
        """From 1."""
        return self.order.index(stage.name)

    def title(self, stage: Stage) -> str:
        return f"stage {self.number(stage)}, {stage.name} ({METHODS[stage.kind]})"

    def of_kind(self, kind: str) -> list[Stage]:
        return [stage for stage in self.stages if stage.kind == kind]


@contextmanager
def undamaged(folder: Path) -> Iterator[None]:
    """Raises ValueError naming the folder where what shows its files does not find in them what redone writes."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, ArithmeticError) as error:
        said = f"there is no {error!s:.200}" if isinstance(error, KeyError) else f"{error!s:.200}"
        raise ValueError(f"{folder}: its files are not as redone leaves them ({said}); make them anew") from error


def of_this_version(results: Mapping[str, Any], path: Path) -> None:
    """Raises ValueError naming the file where a version of redone summed it up that called the domain otherwise."""
    if any("sns" in model["averages"] for model in results.get("models", {}).values()):
        raise ValueError(
            f'{path}: of a version of redone that called the domain "sns"; show it with that version, or make it anew'
        )


def read_run(folder: Path) -> Run:
    """Everything the report shows.

    Raises ValueError where the folder is not a run's, or where a file of a finished part cannot be read.
    """
    if not (folder / "config.json").is_file():
        raise ValueError(f"{folder}: no run lies here (config.json is missing)")
    stages = stages_in(folder)
    teaching = [stage.name for stage in stages if stage.kind == "teach"]
    results = _json(folder / "results.json", {})
    of_this_version(results, folder / "results.json")
    return Run(
        name=folder.resolve().name,
        config=_json(folder / "config.json", {}),
        stages=stages,
        manifest=_json(folder / "manifest.json", {}),
        metrics={s.name: list(rows_of(folder, s.name, "metrics.jsonl")) for s in stages},
        sampled={s.name: _first_and_last(folder, s.name) for s in stages if s.kind == "reinforce"},
        findings={name: _json(folder / name / "findings.json", []) for name in teaching},
        plan={name: _json(folder / name / "plan.json", {}) for name in teaching},
        fed={name: _fed(folder / name / "data.jsonl.gz") for name in teaching},
        results=results,
        seconds=results.get("seconds") or _seconds(folder, stages),
        missing=[f"{said} ({name} is missing)." for name, said in _expected(stages) if not (folder / name).exists()],
    )


def _expected(stages: Sequence[Stage]) -> Iterator[tuple[str, str]]:
    """Each file of a finished run with what its absence means."""
    for number, stage in enumerate(stages, 1):
        said = f"stage {number} ({stage.name})"
        if stage.settings.get("choose") == "findings":
            yield f"{stage.name}/plan.json", f"the diagnosis for {said} has not been made"
        yield f"{stage.name}/DONE", f"{said} has not ended"
    yield "results.json", "the results have not been summed up, so this report has no scores"


def _fed(path: Path) -> dict[str, int]:
    return dict(Counter(row["task"] for row in _rows(path, whole=True)))


def rows_of(run: Path, stage: str, file: str) -> Iterator[dict[str, Any]]:
    """The rows of a stage's file, those that are whole where the stage is under way. Raises ValueError where a finished
    stage's cannot be read."""
    return _rows(run / stage / file, _done(run, stage))


def _done(folder: Path, stage: str) -> bool:
    return (folder / stage / "DONE").exists()


def _seconds(folder: Path, stages: Sequence[Stage]) -> dict[str, float]:
    """What is known of the time before results.json exists: steps so far, and the phases beside the stages."""
    known = {}
    for stage in (stage.name for stage in stages):
        if _done(folder, stage):
            known[stage] = _json(folder / stage / "DONE", {}).get("seconds", 0.0)
        elif rows := list(_rows(folder / stage / "metrics.jsonl", whole=False)):
            known[stage] = sum(row.get("seconds") or 0.0 for row in rows)
    return {**known, **_json(folder / "timings.json", {})}


def _first_and_last(folder: Path, stage: str) -> dict[str, tuple[Sampled, Sampled]]:
    """The first and the last group of each task that was trained on: one pass, little memory."""
    ends: dict[str, tuple[Sampled, Sampled]] = {}
    group: list[dict[str, Any]] = []

    def close() -> None:
        if group and group[0].get("advantage") is not None:
            row = group[0]
            made = Sampled(stage, row["step"], row["task"], row["prompt"], tuple(group))
            ends[row["task"]] = (ends[row["task"]][0] if row["task"] in ends else made, made)

    for row in rows_of(folder, stage, "rollouts.jsonl.gz"):
        if group and (row["step"], row["id"]) != (group[0]["step"], group[0]["id"]):
            close()
            group = []
        group.append(row)
    close()
    return ends


def _rows(path: Path, whole: bool) -> Iterator[dict[str, Any]]:
    """The rows of a file; of one that a running stage still writes (not `whole`), those before a torn end."""
    if not path.exists():
        return
    try:
        yield from read_jsonl(path)
    except ValueError:
        if whole:
            raise


def _json(path: Path, default: Any) -> Any:
    if not path.exists():
        return default
    value = read_json(path)
    if type(value) is not type(default):
        raise ValueError(f"{path}: not as a run leaves it: it holds no {type(default).__name__}")
    return value
