"""What a run tells a person between its steps: where it stands in the method, what was found, what comes of it.
Sentences from what is on disk; nothing here decides anything."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from redone.config import Reinforce, Teach
from redone.data.load import Dataset
from redone.records import Task
from redone.report.numbers import count, some
from redone.report.story import verdict
from redone.run.stages import Stage

_SHOWN = 5  # names in a line


def what_is_read(dataset: Dataset, measured: int) -> str:
    """The tasks, and how many of their records are for what. measured: those that every model is measured by."""
    parts = Counter(task.part for task in dataset.tasks.values())
    only = sum(not task.train for task in dataset.tasks.values())
    train, probe = (
        sum(len(records.get(split, ())) for records in dataset.records.values()) for split in ("train", "probe")
    )
    aside = f", {only} of all only evaluated" if only else ""
    return (
        f"{count(parts['domain'], 'task')} of the domain and {parts['general']} general ones{aside}: {train:,} records "
        f"to train on, {probe:,} to diagnose by, {measured:,} to measure every model by."
    )


def heading(stage: Stage, number: int, stages: int) -> str:
    """Where the stage stands in the method, and what it is about to do."""
    settings = stage.settings
    if isinstance(settings, Reinforce):
        does = (
            f"reinforcement, {count(settings.steps, 'step')} of {settings.prompts} prompts with {settings.group} "
            "answers each"
        )
    else:
        by = {"findings": "what a diagnosis finds weak", "random": "half of the tasks", "all": "all tasks evenly"}
        does = f"fine-tuning on {by[settings.choose]}, at most {settings.records:,} records"
    return f"{stage.name} (stage {number} of {stages}), from {stage.start}: {does}."


def unsolved(table: Mapping[str, Any], tasks: Mapping[str, Task], stages: Sequence[Stage]) -> list[str]:
    """Which tasks the base never solves, so that reinforcement finds no right answer to begin with; and what to do. By
    its entry of results.json."""
    never = [
        f"{name} (0 of {entry['n']})"
        for name, entry in table["tasks"].items()
        if name in tasks and tasks[name].train and entry["score"] == 0
    ]
    if not never:
        return []
    if teaching := [stage.name for stage in stages if isinstance(stage.settings, Teach)]:
        then = f"{teaching[0]} can teach them"
    else:
        then = 'no stage here teaches: put one into `stages`, kind = "teach"'
    return [f"The base solves none of {some(never, _SHOWN)}: reinforcement cannot help there by itself; {then}."]


def diagnosed(findings: Sequence[Mapping[str, Any]], plan: Mapping[str, Any], stage: str) -> list[str]:
    """The diagnosis in lines: of every kind how many tasks and which, and what is taught of it. findings, plan: the
    contents of the stage's findings.json and plan.json."""
    kinds: dict[str, list[str]] = {}
    for finding in findings:
        kinds.setdefault(finding["kind"], []).append(finding["task"])
    lines = [
        f"  {kind:<15}{len(names):>4}  {some(names, _SHOWN)}"
        for kind, names in sorted(kinds.items(), key=lambda item: -len(item[1]))
    ]
    taught = sorted((name for name, quota in plan["quotas"].items() if quota), key=lambda name: -plan["quotas"][name])
    general = sum(plan["general"].values())
    if not taught:
        return [*lines, f"Nothing is weak, so that {stage} has nothing to teach and leaves the model as it is."]
    each = some([f"{name} {plan['quotas'][name]:,}" for name in taught], _SHOWN)
    beside = f"; beside them {general:,} general ones, so that general ability stays" if general else ""
    return [*lines, f"{stage} is taught {sum(plan['quotas'].values()):,} records ({each}){beside}."]


def ending(results: Mapping[str, Any], out: Path) -> list[str]:
    """What comes of the run in one sentence, where its model is, how it is served and measured further, the report."""
    base, *_, last = results["models"]
    model = out / last / "model"
    lines = [verdict(results, base, last)]
    if model.is_dir():
        lines += [
            f"Model:    {model}",
            f"Serve it: vllm serve {model}",
            f"Measure:  redone eval {out / last} --benchmark general --data DATA --out {out.name}-general",
        ]
    return [*lines, f"Report:   {out / 'report.html'}"]
