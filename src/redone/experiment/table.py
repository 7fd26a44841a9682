"""What an experiment found, from the kept records alone: results.json, table.md, and the picture of it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from redone.algo.statistics import holm
from redone.experiment.analysis import Bench, Tree, Value, answer, headline, measures
from redone.experiment.definition import Experiment, Plan, Question
from redone.experiment.picture import draw
from redone.experiment.records import LIKELIHOOD, path_of, read_kept
from redone.files import write_json, write_page
from redone.report.numbers import Change, Score
from redone.run.stages import BASE

COSTS = ("records", "updates", "tokens", "sampled", "seconds")


def asked(experiment: Experiment) -> list[str]:
    """What the experiment asks and what would count as failure, before it runs."""
    lines = [f"{experiment.name}: {experiment.about}"] if experiment.about else [experiment.name]
    for question in experiment.questions:
        kind = "" if question.primary else ", secondary"
        lines.append(f"Asked{kind}: {question.name}: {_said(question, experiment)}. Fails if {question.fails}")
    return lines


def write_table(plan: Plan, out: Path, failed: Mapping[str, str]) -> list[str]:
    """results.json, table.md, table.svg and table.png below `out`; the lines of the table."""
    paths = {(job.arm, job.seed): path for job in plan.jobs if (path := path_of(job, plan, out)) is not None}
    if not paths:
        return []
    results = results_of(plan, Bench({key: read_kept(path) for key, path in paths.items()}), failed)
    write_json(out / "results.json", results)
    draw(results, out)
    reports = {job.name: f"{job.name}/report.html" for job in plan.jobs if (out / job.name / "report.html").is_file()}
    lines = list(lines_of(results, plan, reports))
    write_page(out / "table.md", "\n".join(lines) + "\n")
    return lines


def results_of(plan: Plan, bench: Bench, failed: Mapping[str, str]) -> dict[str, Any]:
    """The contents of results.json."""
    experiment, reference = plan.experiment, plan.experiment.reference
    known = {name: tree for name, tree in measures(bench.shapes).items() if bench.has(tree)}
    shown = headline(known, bench.shapes)
    models = {arm: kept.stages[-1] for (arm, _), kept in bench.kept.items()}
    arms: dict[str, Any] = {}
    if reference in models:
        arms[BASE] = {"about": "what every arm begins with", **_arm(bench, known, shown, (reference, BASE), None)}
    for arm in (name for name in experiment.arms if name in models):
        against = (reference, models[reference]) if reference in models and arm != reference else None
        runs = [kept for (mine, _), kept in bench.kept.items() if mine == arm]
        costs = {name: fmean(sum(cost[name] for cost in run.costs.values()) for run in runs) for name in COSTS}
        about = {"about": experiment.arms[arm].about, "stages": list(runs[0].stages), "costs": costs}
        arms[arm] = {**about, **_arm(bench, known, shown, (arm, models[arm]), against)}
    return {
        "experiment": experiment.name,
        "about": experiment.about,
        "reference": reference,
        "measures": shown,
        "arms": arms,
        "questions": answers(experiment, bench, known, models),
        "records_left_out": {"/".join(part): count for part, count in bench.left_out.items()},
        "missing": [job.name for job in plan.jobs if (job.arm, job.seed) not in bench.kept],
        "failed": dict(failed),
    }


def _arm(
    bench: Bench,
    known: Mapping[str, Tree],
    shown: Sequence[str],
    side: tuple[str, str],
    against: tuple[str, str] | None,
) -> dict[str, Any]:
    """An arm's scores of the measures and what they are above those of `against`. side: arm and model."""
    seeds = bench.seeds(side[0])
    found: dict[str, Any] = {"seeds": seeds, "model": side[1], "scores": {}, "differences": {}}
    for name in shown:
        each = [bench.score(known[name], *side, [seed]).value for seed in seeds]
        found["scores"][name] = {**_entry(bench.score(known[name], *side, seeds)), "each": each}
        if against and bench.seeds(side[0], against[0]):
            found["differences"][name] = _entry(bench.difference(known[name], side, against))
    return found


def _entry(value: Value) -> dict[str, Any]:
    return {"value": value.value, "interval": list(value.interval)}


def answers(
    experiment: Experiment, bench: Bench, known: Mapping[str, Tree], models: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Every question with its answer, None where the runs that it needs are not there. p: how unlikely it is that the
    difference is `above` and no more; of primary questions adjusted by Holm's method for their number."""
    found: list[tuple[Question, Value | None]] = []
    for question in experiment.questions:
        other = question.against or experiment.reference
        sides = (question.arm, question.arm if other == BASE else other)
        trees: list[Tree] = [known[name] for name in question.measures if name in known]
        if set(sides) <= set(models) and len(trees) == len(question.measures) and bench.seeds(*sides):
            one = (question.arm, question.stage or models[question.arm])
            against = (sides[1], BASE if other == BASE else models[other])
            found.append((question, bench.difference(trees, one, against)))
        else:
            found.append((question, None))
    chances = [1.0 if value is None else value.chance(question.above) for question, value in found]
    primary = [i for i, (question, _) in enumerate(found) if question.primary]
    adjusted = {**dict(enumerate(chances)), **dict(zip(primary, holm([chances[i] for i in primary])))}
    return [
        {
            **question.model_dump(mode="json"),
            "asks": _said(question, experiment),
            **({"value": None, "interval": None} if value is None else _entry(value)),
            "p": None if value is None else chances[i],
            "adjusted_p": None if value is None else adjusted[i],
            "answer": None if value is None else answer(value, question, adjusted[i]),
        }
        for i, (question, value) in enumerate(found)
    ]


def _said(question: Question, experiment: Experiment) -> str:
    stage = f" ({question.stage})" if question.stage else ""
    above = f" by more than {question.above:g}" if question.above else ""
    other = question.against or experiment.reference
    return f"{question.arm}{stage} is above {other}{above} on {', '.join(question.measures)}"


def lines_of(results: Mapping[str, Any], plan: Plan, reports: Mapping[str, str]) -> Iterator[str]:
    """table.md."""
    shown = results["measures"]
    yield f"# {results['experiment']}"
    yield from ("", results["about"]) if results["about"] else ()
    for about in (f"**{arm}**: {one['about']}" for arm, one in results["arms"].items() if one["about"]):
        yield from ("", about)
    unit = f", {LIKELIHOOD} in hundredths of a nat a token of held-out texts" if LIKELIHOOD in shown else ""
    yield from ("", f"Mean over seeds, 0 to 100{unit}, with 95 % intervals over seeds and records.", "")
    yield from _table(
        ["arm", "seeds", *shown],
        (
            [arm, str(len(one["seeds"])), *(_cell(one["scores"][m]) for m in shown)]
            for arm, one in results["arms"].items()
        ),
    )
    yield from ("", f"Paired differences to {results['reference']}.", "")
    yield from _table(
        ["arm", *shown],
        (
            [arm, *(_cell(one["differences"].get(m), change=True) for m in shown)]
            for arm, one in results["arms"].items()
            if one["differences"]
        ),
    )
    yield from ("", "Of a run, the mean over seeds.", "")
    yield from _table(
        ["arm", "stages", "records taught or trained on", "updates", "tokens in updates", "tokens sampled", "minutes"],
        (
            [arm, ", ".join(one["stages"]), *_costs(one["costs"])]
            for arm, one in results["arms"].items()
            if "costs" in one
        ),
    )
    if results["questions"]:
        yield from ("", "Asked before anything ran; p of primary questions by Holm's method.", "")
        yield from _table(
            ["question", "asks whether", "difference", "p", "fails if", "answer"],
            (
                [
                    one["name"] + ("" if one["primary"] else " (secondary)"),
                    one["asks"],
                    _cell(one if one["value"] is not None else None, change=True),
                    "" if one["adjusted_p"] is None else f"{one['adjusted_p']:.3f}",
                    one["fails"],
                    one["answer"] or "not run",
                ]
                for one in results["questions"]
            ),
        )
    yield from _notes(results)
    if reports:
        yield from ("", "Reports: " + ", ".join(f"[{name}]({path})" for name, path in reports.items()))


def _costs(costs: Mapping[str, float]) -> list[str]:
    return [*(f"{costs[name]:,.0f}" for name in COSTS[:-1]), f"{costs['seconds'] / 60:.1f}"]


def _notes(results: Mapping[str, Any]) -> Iterator[str]:
    if min(len(one["seeds"]) for one in results["arms"].values()) < 2:
        yield from ("", "Of one seed the interval is over records alone: how much another seed changes is not known.")
    if left_out := results["records_left_out"]:
        yield from ("", f"Left out, because not every run has them: {sum(left_out.values()):,} records.")
    if results["missing"]:
        yield from ("", f"Not run yet: {', '.join(results['missing'])}.")


def _cell(entry: Mapping[str, Any] | None, change: bool = False) -> str:
    if entry is None:
        return ""
    value, interval = entry["value"], entry["interval"]
    return str(Change(value, interval, clear=True) if change else Score(value, interval))


def _table(head: Sequence[str], rows: Iterator[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"
