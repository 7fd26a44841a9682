"""The part of an evaluation's report that is of a configuration's tasks, for one model or several beside each other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redone.measure.compare import changes
from redone.measure.taskset import TASKS
from redone.report import scores
from redone.report.drawing import Plots
from redone.report.glossary import GLOSSARY as OF_RUNS
from redone.report.numbers import num
from redone.report.plots import plot_tasks
from redone.run.stages import Stage

_TERMS = (
    "first label named", "commonest", "change", "clear, ?", "baseline", "n-grams",
)  # fmt: skip
PLOTS: Plots = {"tasks": (plot_tasks, "Score of every task under each model, with answers that need no model")}
GLOSSARY = tuple(one for one in OF_RUNS if one[0] in _TERMS)


@dataclass(frozen=True)
class Evaluated:
    """Models with their scores on the same records, as the report of a run has its own."""

    results: Mapping[str, Any]
    stages: Sequence[Stage] = ()

    @property
    def models(self) -> list[str]:
        return list(self.results.get("models", {}))

    @property
    def tasks(self) -> Mapping[str, Mapping[str, Any]]:
        return self.results["models"][self.models[-1]]["tasks"]  # type: ignore[no-any-return]

    def alone(self, model: str) -> "Evaluated":
        return Evaluated({"models": {model: self.results["models"][model]}})


def together(folders: Mapping[str, Path], read: Mapping[str, Mapping[str, Any]]) -> Evaluated:
    """The models by their names, of folders that measured them on the same records, and what changes from the first to
    the last. read: each folder's results.json.

    Raises ValueError naming a folder that holds no such evaluation, or of other records.
    """
    asked = {name: one["made"].get("questions", {}).get(TASKS) for name, one in read.items() if "models" in one}
    first, *others = folders
    for name, folder in folders.items():
        if name not in asked:
            raise ValueError(f"{folder}: no evaluation on a configuration's tasks, which `redone eval --config` leaves")
        if asked[name] != asked[first]:
            raise ValueError(f"{folder} has other records, or other splits of them, than {folders[first]}")
    results: dict[str, Any] = {
        "split": read[first]["split"],
        "domain": read[first].get("domain", ""),
        "models": {name: next(iter(one["models"].values())) for name, one in read.items()},
    }
    if others:
        ends = {"before": first, "after": others[-1]}
        results["changes"] = [{**ends, **changes(folders[first], folders[others[-1]])}]
    return Evaluated(results)


def collect(found: Evaluated, wrong: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What the templates and the plot of the tasks show. wrong: model to task to its worst answered records."""
    if not found.models:
        return {"models": [], "tasks": [], "wrong": []}
    tasks = scores.tasks(found)
    return {
        "models": found.models,
        "order": ["no model", *found.models],
        "split": found.results.get("split", "eval"),
        "templates": scores.templates(found),
        "tasks": tasks,
        "averages": scores.averages(found),
        "alone": [
            {"model": model, "tasks": scores.tasks(one), "form": scores.form(one)}
            for model, one in ((model, found.alone(model)) for model in found.models)
        ],
        "wrong": [
            {"task": row["name"], "rows": rows}
            for row in tasks
            if (rows := [{"model": m, **one} for m in found.models for one in wrong.get(m, {}).get(row["name"], ())])
        ],
    }


def headline(found: Evaluated) -> list[str]:
    """What is to be said of the models first."""
    if len(found.models) > 1:
        first, *_, last = found.models
        return [f"From {first} to {last}, on the same records:", *scores.headline(found)]
    return list(_of_one(found)) if found.models else []


def _of_one(found: Evaluated) -> Iterator[str]:
    yield from scores.absent(found, True)
    for row in scores.averages(found):
        beside = "" if row["baseline"] is None else f"; the best answers that need no model have {num(row['baseline'])}"
        yield f"{row['label']}: {row['cells'][0]}{beside}."
    yield from scores.beside_no_model(found)
    yield from scores.about_form(found)
    yield from scores.about_constants(found)
    yield from scores.absent(found, False)
