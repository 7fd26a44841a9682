"""A run's folder as plain structures. Whatever has not been made yet is empty, and named in `missing`."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redone.files import read_jsonl

MODELS = ("base", "explore", "target", "refine")
STAGES = MODELS[1:]
RL_STAGES = ("explore", "refine")
EXPECTED = {
    "explore/DONE": "stage 1 (explore) has not ended",
    "target/plan.json": "the diagnosis has not been made",
    "target/DONE": "stage 2 (target) has not ended",
    "refine/DONE": "stage 3 (refine) has not ended",
    "results.json": "the results have not been summed up, so this report has no scores",
}


@dataclass(frozen=True)
class Sampled:
    """All answers to one prompt at one step, as the lines of rollouts.jsonl.gz."""

    stage: str
    step: int
    task: str
    prompt: str
    rows: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Run:
    """The files of a run's folder (docs/data.md)."""

    name: str  # of the folder
    config: dict[str, Any]
    manifest: dict[str, Any]
    metrics: dict[str, list[dict[str, Any]]]  # stage -> one row per step
    sampled: dict[str, dict[str, tuple[Sampled, Sampled]]]  # stage -> task -> first and last group trained on
    findings: list[dict[str, Any]]
    plan: dict[str, Any]
    fed: dict[str, int]  # task -> records in stage 2's data
    results: dict[str, Any]
    seconds: dict[str, float]  # phase -> seconds
    missing: list[str]  # one sentence for each part that is not there yet

    @property
    def models(self) -> list[str]:
        return [model for model in MODELS if model in self.results.get("models", {})]

    @property
    def tasks(self) -> dict[str, dict[str, Any]]:
        """The tasks of results.json, with the last model's figures."""
        return self.results["models"][self.models[-1]]["tasks"] if self.models else {}


def read_run(folder: Path) -> Run:
    """Everything the report shows.

    Raises ValueError where the folder is not a run's, or where a file of a finished part cannot be read.
    """
    if not (folder / "config.json").is_file():
        raise ValueError(f"{folder}: no run lies here (config.json is missing)")
    results = _json(folder / "results.json", {})
    return Run(
        name=folder.resolve().name,
        config=_json(folder / "config.json", {}),
        manifest=_json(folder / "manifest.json", {}),
        metrics={stage: list(_rows(folder / stage / "metrics.jsonl", _done(folder, stage))) for stage in STAGES},
        sampled={stage: _first_and_last(folder, stage) for stage in RL_STAGES},
        findings=_json(folder / "target" / "findings.json", []),
        plan=_json(folder / "target" / "plan.json", {}),
        fed=dict(Counter(row["task"] for row in _rows(folder / "target" / "data.jsonl.gz", whole=True))),
        results=results,
        seconds=results.get("seconds") or _seconds(folder),
        missing=[f"{said} ({name} is missing)." for name, said in EXPECTED.items() if not (folder / name).exists()],
    )


def _done(folder: Path, stage: str) -> bool:
    return (folder / stage / "DONE").exists()


def _seconds(folder: Path) -> dict[str, float]:
    """What is known of the time before results.json exists: steps so far, and the phases beside the stages."""
    known = {}
    for stage in STAGES:
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

    for row in _rows(folder / stage / "rollouts.jsonl.gz", _done(folder, stage)):
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
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not JSON ({error})") from None
