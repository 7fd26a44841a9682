"""What the models' scores say: averages, tasks, benchmarks, changes, and the sentences built of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from redone.data.chat import template_said
from redone.measure.closed import nearly_constant
from redone.measure.compare import MEAN
from redone.measure.missing import many, summed
from redone.measure.missing import said as answers_said
from redone.report.numbers import Change, Score, count, num, read_change, signed
from redone.report.read import Scored
from redone.rewards.labels import percent

AVERAGES = {
    "domain": "Domain",
    "translation": "Translation",
    "general": "General",
    "unrehearsed": "General, never rehearsed",
}
_WORST = 3  # tasks of those that a model answers nearly alike
APART = 10.0  # points between the lenient and the strict score of a task from which it is said
UNPAIRED = (
    "Changes are not shown: results.json has no paired comparisons, because another version of redone summed this run "
    "up. The same `redone run` command again adds them."
)


def labels(results: Mapping[str, Any]) -> dict[str, str]:
    """What the averages are called: the domain's by its pack, where one holds it; others as tasks name them."""
    kinds = (kind for table in results.get("models", {}).values() for kind in table["averages"])
    named = {kind: kind[:1].upper() + kind[1:] for kind in kinds if kind not in AVERAGES}
    return {**AVERAGES, "domain": results.get("domain") or AVERAGES["domain"], **named}


def changed(
    run: Scored, before: str, after: str, of: Literal["averages", "tasks", "benchmarks"], name: str
) -> Change | None:
    """From one model to another, paired by record; None where the run has no such comparison."""
    for entry in run.results.get("changes", []):
        if (entry["before"], entry["after"]) == (before, after):
            return read_change(entry.get(of, {}).get(name))
    return None


def overall(run: Scored, of: Literal["averages", "tasks", "benchmarks"], name: str) -> Change | None:
    """From the base to the last model."""
    return changed(run, run.models[0], run.models[-1], of, name)


def average(run: Scored, model: str, kind: str) -> Score:
    """One of the averages; empty where the run has no such tasks."""
    table = run.results["models"][model]
    return Score(table["averages"].get(kind), table.get("average_intervals", {}).get(kind))


def task_score(run: Scored, model: str, task: str) -> Score:
    row = run.results["models"][model]["tasks"].get(task, {})
    return Score(row.get("score"), row.get("interval"))


def averages(run: Scored) -> list[dict[str, Any]]:
    """[{kind, label, cells: one for each model, baseline, overall}] of the averages that the run has."""
    rows = []
    for kind, label in labels(run.results).items():
        cells = [average(run, model, kind) for model in run.models]
        if any(cell.value is not None for cell in cells):
            baseline = run.results["models"][run.models[-1]].get("baselines", {}).get(kind)
            change = overall(run, "averages", kind)
            rows.append({"kind": kind, "label": label, "cells": cells, "baseline": baseline, "overall": change})
    return rows


def steps_of(run: Scored) -> list[tuple[str, str]]:
    """(before, after) of every stage that has been measured: the model that it started from, and its own."""
    known = run.models
    return [(stage.start, stage.name) for stage in run.stages if {stage.start, stage.name} <= set(known)]


def gains(run: Scored) -> list[dict[str, Any]]:
    """What each stage changed, against the model it started from: [{stage, start, changes: {kind: Change}}]."""
    rows = [
        {
            "stage": after,
            "start": before,
            "changes": {kind: changed(run, before, after, "averages", kind) for kind in labels(run.results)},
        }
        for before, after in steps_of(run)
    ]
    return [row for row in rows if any(row["changes"].values())]  # type: ignore[attr-defined]


def tasks(run: Scored) -> list[dict[str, Any]]:
    """One row per task, the domain's first, families together in the order of their first task."""
    rows = []
    for name, row in run.tasks.items():
        part, family = row.get("part", "domain"), row.get("family") or row.get("group") or "no family"
        rows.append(
            {
                "name": name,
                "part": part,
                "label": family if part == "domain" else f"general: {family}",
                "n": row.get("n"),
                "metric": row.get("metric", "") + (f" ({', '.join(row['classes'])})" if row.get("classes") else ""),
                "ngrams": (row.get("ngrams") or {}).get("score"),
                "baseline": row.get("baseline"),
                "baseline_answer": row.get("baseline_answer", ""),
                "cells": [task_score(run, model, name) for model in run.models],
                "lenient": (row.get("lenient") or {}).get("score"),
                "commonest": _commonest(row.get("commonest")),
                "overall": overall(run, "tasks", name),
            }
        )
    order = list(dict.fromkeys(row["label"] for row in rows))
    return sorted(rows, key=lambda row: (row["part"] != "domain", order.index(row["label"])))


def _commonest(one: Mapping[str, Any] | None) -> str:
    return f"{one['label']}: {percent(one['share'])} ({percent(one['references'])})" if one else ""


def benchmarks(run: Scored) -> dict[str, Any]:
    """The benchmarks that the run measured: {models: those that were, rows: [{name, n, cells, overall}], mean: of
    several a row of their mean, in a list}."""
    table: Mapping[str, Mapping[str, Any]] = run.results.get("benchmarks", {})
    models = [model for model in run.models if any(model in by_model for by_model in table.values())]
    rows: list[dict[str, Any]] = []
    for name, by_model in table.items():
        scores = [by_model.get(model, {}) for model in models]
        rows.append(
            {
                "name": name,
                "n": max((score.get("n", 0) for score in scores), default=0),
                "cells": [Score(score.get("score"), score.get("interval")) for score in scores],
                "overall": overall(run, "benchmarks", name) if run.models else None,
            }
        )
    means = [run.results.get("benchmarks_mean", {}).get(model, {}) for model in models]
    cells = [Score(mean.get("score"), mean.get("interval")) for mean in means]
    n = sum(row["n"] for row in rows)
    mean = {"name": MEAN, "n": n, "cells": cells, "overall": overall(run, "benchmarks", MEAN) if run.models else None}
    return {"models": models, "rows": rows, "mean": [mean] if any(means) else []}


def forgotten(run: Scored) -> list[dict[str, Any]]:
    """Clear falls, over all and in each stage, where they can be told: [{before, after, falls, said}]."""
    known = run.models
    pairs = dict.fromkeys([(known[0], known[-1]), *steps_of(run)]) if len(known) > 1 else {}
    compared = {(entry["before"], entry["after"]) for entry in run.results.get("changes", [])}
    return [_falls(run, *pair) for pair in pairs if pair in compared]


def drift(run: Scored) -> list[dict[str, Any]]:
    """Nats a token of held-out texts, and the divergence from the base, for each model: [{label, cells: as text}]."""
    table: Mapping[str, Mapping[str, Any]] = run.results.get("drift", {})
    models = [table.get(model, {"texts": {}, "kl": None}) for model in run.models]
    rows = [
        {
            "label": f"minus log-likelihood of {name}",
            "cells": [_nats(one["texts"].get(name), first=place == 0) for place, one in enumerate(models)],
        }
        for name in dict.fromkeys(name for one in models for name in one["texts"])
    ]
    if any(one["kl"] for one in models):
        rows.append({"label": "KL(base, model)", "cells": [_nats(one["kl"]) for one in models]})
    return rows


def _nats(mine: Mapping[str, Any] | None, first: bool = True) -> str:
    """A value with its interval, or how far it is above the base's."""
    if mine is None:
        return "–"
    if first:
        return f"{mine['nats']:.3f} [{mine['interval'][0]:.3f}, {mine['interval'][1]:.3f}]"
    low, high = mine["rise_interval"]
    return f"{mine['nats']:.3f}, {signed(mine['rise'], 3)} [{signed(low, 3)}, {signed(high, 3)}]"


def _falls(run: Scored, before: str, after: str) -> dict[str, Any]:
    falls = []
    for name in run.tasks:
        change = changed(run, before, after, "tasks", name)
        if change and change.verdict == "fell":
            cells = {"before": task_score(run, before, name), "after": task_score(run, after, name)}
            falls.append({"name": name, **cells, "change": change})
    falls.sort(key=lambda fall: fall["change"].difference)  # type: ignore[attr-defined]
    said = f"From {before} to {after}, "
    if falls:
        each = ", ".join(
            f"{fall['name']} (by {-fall['change'].difference:.1f}, to {num(fall['after'].value)})"  # type: ignore[attr-defined]
            for fall in falls
        )
        said += f"{count(len(falls), 'task')} fell clearly: {each}."
    else:
        said += "no task fell clearly."
    return {"before": before, "after": after, "falls": falls, "said": said}


def headline(run: Scored) -> list[str]:
    """What came of it, in plain words; what got worse is said as plainly as what got better."""
    if len(run.models) < 2:
        return []
    said = [*absent(run, True), *([] if "changes" in run.results else [UNPAIRED])]
    for kind, label in labels(run.results).items():
        before, after = average(run, run.models[0], kind), average(run, run.models[-1], kind)
        if before.value is None or after.value is None:
            said += [f"{label}: there are no such tasks."] if kind == "general" else []
        else:
            said.append(f"{label} {moved(overall(run, 'averages', kind), before, after)}.")
    said += [*_about_stages(run), *_counted("task", tasks(run)), *beside_no_model(run)]
    measured = benchmarks(run)
    said += _counted("benchmark", measured["rows"])
    said += [f"The {MEAN} {moved(row['overall'], row['cells'][0], row['cells'][-1])}." for row in measured["mean"]]
    return [*said, *about_form(run), *about_constants(run), *absent(run, False)]


def absent(run: Scored, first: bool) -> Iterator[str]:
    """The answers that are missing: of each model where they are many, of the others together."""
    measured = {"tasks": {model: list(run.results["models"][model]["tasks"].values()) for model in run.models}}
    for name, by_model in run.results.get("benchmarks", {}).items():
        measured[name] = {model: [by_model[model]] for model in run.models if model in by_model}
    for name, entries_of in measured.items():
        some = {model: entries for model, entries in entries_of.items() if many(entries) == first}
        if first:
            yield from (f"{model}, {name}: {answers_said(entries)}." for model, entries in some.items())
        elif note := answers_said([entry for entries in some.values() for entry in entries]):
            counts = {model: sum(summed(entries)["missing"].values()) for model, entries in some.items()}
            each = ", ".join(f"{model} {number:,}" for model, number in counts.items() if number)
            yield f"{name}: {note}." + (f" Missing by model: {each}." if each else "")


def templates(run: Scored) -> str:
    """Which chat template wrote the prompts of the tasks, in words; nothing where that is not known."""
    marks = [table["chat_template"] for table in run.results.get("models", {}).values() if "chat_template" in table]
    return ", ".join(map(template_said, dict.fromkeys(marks)))


def form(run: Scored) -> dict[str, Any]:
    """The closed tasks in the form asked for, and by the first label named: {tasks: how many, rows: [{label, cells: one
    for each model}]}; empty where the run has none, or is of a version that did not read them so."""
    found = [run.results["models"][model].get("lenient") for model in run.models]
    if not found or not all(found):
        return {}
    rows = [
        {"label": "in the form asked for", "cells": [Score(one["strict"], one["strict_interval"]) for one in found]},
        {"label": "by the first label named", "cells": [Score(one["score"], one["interval"]) for one in found]},
        {"label": "above", "cells": [Score(one["above"], one["above_interval"]) for one in found]},
    ]
    return {"tasks": found[-1]["tasks"], "rows": rows}


def about_form(run: Scored) -> Iterator[str]:
    """The tasks of the base and of the last model whose labels it names far more often than it gives them as asked."""
    for model in dict.fromkeys([run.models[0], run.models[-1]]):
        rows = {name: row for name, row in run.results["models"][model]["tasks"].items() if row.get("lenient")}
        apart = {
            name: row
            for name, row in rows.items()
            if row["lenient"]["above"] >= APART and row["lenient"]["above_interval"][0] > 0
        }
        if apart:
            order = sorted(apart, key=lambda name: -apart[name]["lenient"]["above"])
            each = ", ".join(
                f"{name} ({num(apart[name]['score'])}, {num(apart[name]['lenient']['score'])} by the first label named)"
                for name in order
            )
            yield f"{model} knows more than it says in the form asked for: {each}."


def about_constants(run: Scored) -> Iterator[str]:
    """How many tasks each model answers nearly alike, and the worst of them; the last model first."""
    for model in reversed(run.models):
        found = nearly_constant(run.results["models"][model]["tasks"])
        each = [f"{name} ({one})" for name, one in found.items()]
        if each:
            worst = f"; the worst: {', '.join(each[:_WORST])}" if len(each) > _WORST else f": {', '.join(each)}"
            yield f"{model} answers {count(len(each), 'closed task')} nearly alike, whatever it is asked{worst}."


def moved(change: Change | None, before: Score, after: Score) -> str:
    ends = f"from {before} to {after}"
    if change is None:
        return f"went {ends}"
    if change.clear:
        return f"{change.verdict} by {change.size}, {ends}"
    if round(change.difference, 1) == 0:
        return f"did not move: {ends}"
    verb = "risen" if change.difference > 0 else "fallen"
    return f"may have {verb} by {change.size}, {ends}: that is not clear, so perhaps not at all"


def _about_stages(run: Scored) -> list[str]:
    """What each stage did to the domain, and every average that a stage made clearly worse."""
    rows, called = gains(run), labels(run.results)
    said = []
    if len(rows) > 1 and all(row["changes"]["domain"] for row in rows):
        each = ", ".join(f"{row['stage']} {row['changes']['domain'].brief}" for row in rows)
        said.append(f"The change in {called['domain']} by stage: {each}.")
    for row in rows:
        for kind, change in row["changes"].items():
            if change and change.verdict == "fell":
                said.append(f"The {row['stage']} stage made {called[kind]} worse, by {change.size}.")
    return said


def _counted(what: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """How many of them rose and fell from the base to the last model, and which fell."""
    names: dict[str, list[str]] = {"rose": [], "fell": [], "unclear": []}
    for row in rows:
        if row["overall"]:
            names[row["overall"].verdict].append(row["name"])
    total = sum(map(len, names.values()))
    if not total:
        return []
    fell = f"{len(names['fell'])} fell clearly" + (f" ({', '.join(names['fell'])})" if names["fell"] else "")
    still = f"{len(names['unclear'])} did not change clearly"
    return [f"Of {count(total, what)}, {len(names['rose'])} rose clearly and {fell}; {still}."]


def beside_no_model(run: Scored) -> list[str]:
    """How the last model stands to answers that need no model, and to naive Bayes."""
    return [*_below(run), *_beside_ngrams(run)]


def _below(run: Scored) -> list[str]:
    """Which tasks end below an answer that needs no model."""
    last = [(row["name"], row["cells"][-1], row["baseline"] or 0.0) for row in tasks(run)]
    below = [name for name, cell, baseline in last if cell.value is not None and cell.span[1] < baseline]
    return [f"Clearly below the best answer that needs no model: {', '.join(below)}."] if below else []


def _beside_ngrams(run: Scored) -> Iterator[str]:
    """How the last model stands to naive Bayes on n-grams, paired by record."""
    model = run.models[-1]
    whole = run.results["models"][model].get("ngrams")
    if not whole:
        return
    ends = {name: row["ngrams"]["above_interval"] for name, row in run.tasks.items() if row.get("ngrams")}
    below = [name for name, (_, high) in ends.items() if high < 0]
    named = f" ({', '.join(below)})" if below else ""
    above = sum(low > 0 for low, _ in ends.values())
    own, words = Score(whole["model"], whole["model_interval"]), Score(whole["score"], whole["interval"])
    yield (
        f"Beside naive Bayes on n-grams, which needs no language model: {model} has {own}, it {words}, over "
        f"{count(whole['tasks'], 'closed task')}; {model} is clearly above it on {above} and clearly below it on "
        f"{len(below)}{named}."
    )
