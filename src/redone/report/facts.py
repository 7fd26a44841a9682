"""What a report shows, computed once for both templates."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from redone.report import scores
from redone.report.glossary import GLOSSARY, of_averages
from redone.report.numbers import count
from redone.report.read import METHODS, Run
from redone.report.story import story
from redone.run.stages import Stage

KINDS = {
    "unknown": "Hardly any sample passes, or no more than a fixed answer would: there is nothing to reinforce.",
    "unstable": "The model can, but not reliably: some samples pass.",
    "format": "Many samples cannot be parsed.",
    "truncated": "Many samples are cut off by the token budget.",
    "regressed": "Training has made these worse than they are under the base model.",
    "reward suspect": "The reward fails its own reference answers or breaks down: mend it before training on it.",
    "solved": "Most samples pass.",
}
CURVES = {  # key of metrics.jsonl -> what it is called
    "reward": "reward",
    "loss": "loss",
    "entropy": "entropy",
    "clip_fraction": "clip fraction",
    "grad_norm": "gradient norm",
    "sampler_gap": "sampler gap",
    "generated": "generated",
    "dropped": "dropped",
    "groups": "used",
}


def collect(run: Run) -> dict[str, Any]:
    """Every value that the templates and the plots show."""
    curves = {stage.name: series(run.metrics[stage.name]) for stage in run.stages if run.metrics[stage.name]}
    reward_stages = [stage.name for stage in run.of_kind("reinforce") if stage.name in curves]
    return {
        "run": run,
        "models": run.models,
        "order": run.order,
        "steps": scores.steps_of(run),
        "method": method(run),
        "titles": {stage.name: run.title(stage) for stage in run.stages},
        "split": run.config.get("eval", {}).get("split", "eval"),
        "story": story(run),
        "headline": scores.headline(run),
        "averages": scores.averages(run),
        "gains": scores.gains(run),
        "form": scores.form(run),
        "templates": scores.templates(run),
        "tasks": scores.tasks(run),
        "benchmarks": scores.benchmarks(run),
        "forgotten": scores.forgotten(run),
        "drift": scores.drift(run),
        "teaching": [made for stage in run.of_kind("teach") if (made := teaching(run, stage))],
        "seconds": spent(run),
        "total_seconds": sum(run.seconds.values()),
        "series": curves,
        "curves": summaries(run, curves),
        "reward_stages": reward_stages,
        "loss_stages": [stage.name for stage in run.of_kind("teach") if stage.name in curves],
        "incomparable": incomparable(run, reward_stages),
        "rewards": rewards(run),
        "sampling": sampling(run),
        "samples": samples(run),
        "notes": run.results.get("notes", []),
        "glossary": [*of_averages(scores.averages(run)), *GLOSSARY],
    }


def method(run: Run) -> str:
    """The stages in a sentence, each with the model that it starts from."""
    each = [f"{stage.name} ({METHODS[stage.kind]} from {stage.start})" for stage in run.stages]
    return f"{count(len(each), 'stage')}: {', '.join(each)}."


def teaching(run: Run, stage: Stage) -> dict[str, Any]:
    """What a stage is taught and why; empty where nothing is known yet.

    {stage, title, start, findings: by kind, plan: rows by reason, why: task to reason, prose, fed: task to records,
    known: whether `fed` is what was written and not what is planned, total, listed: `fed` as text}
    """
    found, plan, fed = run.findings[stage.name], run.plan[stage.name], run.fed[stage.name]
    if not (found or plan or fed):
        return {}
    shown = fed or {**plan.get("quotas", {}), **(plan.get("general") or {})}
    return {
        "stage": stage.name,
        "number": run.number(stage),
        "title": run.title(stage),
        "start": stage.start,
        "findings": findings(found),
        "plan": taught(plan),
        "why": plan.get("why", {}),
        "prose": plan.get("prose", ""),
        "fed": shown,
        "known": bool(fed),
        "total": sum(shown.values()),
        "listed": listed(shown),
    }


def findings(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """[{kind, about, findings}], in the order of KINDS."""
    made = []
    for kind in [*KINDS, *sorted({row["kind"] for row in found} - set(KINDS))]:
        mine = [row for row in found if row["kind"] == kind]
        if mine:
            made.append({"kind": kind, "about": KINDS.get(kind, ""), "findings": mine})
    return made


def taught(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The plan by reason, the largest first: [{why, records, tasks: text}]."""
    quotas: Mapping[str, int] = plan.get("quotas", {})
    by_reason: dict[str, list[str]] = {}
    for name in quotas:
        by_reason.setdefault(plan["why"].get(name, ""), []).append(name)
    rows = [_by_reason(why, {name: quotas[name] for name in names}) for why, names in by_reason.items()]
    rows.sort(key=lambda row: -row["records"])
    general = {name: number for name, number in (plan.get("general") or {}).items() if number}
    return [*rows, _by_reason("soft labels: to keep general ability", general)] if general else rows


def _by_reason(why: str, records: Mapping[str, int]) -> dict[str, Any]:
    return {"why": why, "records": sum(records.values()), "tasks": listed(records)}


def listed(records: Mapping[str, int]) -> str:
    """Tasks with their records, the most first."""
    return ", ".join(f"{name} {records[name]:,}" for name in sorted(records, key=lambda name: (-records[name], name)))


def incomparable(run: Run, stages: Sequence[str]) -> str:
    """Why the rewards of several RL stages do not compare, where that is so."""
    drawn = [stage.name for stage in run.stages if stage.name in stages and stage.settings.get("difficulty")]
    if len(stages) < 2 or not drawn:
        return ""
    verb = "draws" if len(drawn) == 1 else "draw"
    return (
        f"{' and '.join(drawn)} {verb} prompts by their difficulty, so rewards of the stages do not compare: scores do."
    )


def spent(run: Run) -> list[dict[str, Any]]:
    """[{phase, seconds, share of all}], the longest first."""
    total = sum(run.seconds.values())
    rows = [{"phase": k, "seconds": v, "share": v / total if total else 0.0} for k, v in run.seconds.items()]
    return sorted(rows, key=lambda row: -row["seconds"])


def series(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[float, float]]]:
    """Curve -> [(step, value)], without the steps that have no value."""
    return {
        name: [(row["step"], row[name]) for row in rows if row.get(name) is not None]
        for name in CURVES
        if any(row.get(name) is not None for row in rows)
    }


def summaries(run: Run, curves: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]]) -> list[dict[str, Any]]:
    """First, last, lowest and highest value of every curve."""
    teaching = {stage.name for stage in run.of_kind("teach")}
    rows = []
    for stage, table in curves.items():
        for name, points in table.items():
            values = [value for _, value in points]
            rows.append(
                {
                    "stage": stage,
                    "name": "SFT loss" if stage in teaching and name == "loss" else CURVES[name],
                    "points": values,
                    "first": values[0],
                    "last": values[-1],
                    "low": min(values),
                    "high": max(values),
                }
            )
    return rows


def rewards(run: Run) -> list[dict[str, Any]]:
    """Reward by task over the steps of the RL stages: [{task, points: {stage: [(step, reward)]}, ends: {stage: text}}].

    The ends are means over the first and the last fifth of the steps that sampled the task.
    """
    stages = [stage.name for stage in run.of_kind("reinforce")]
    names = {name for stage in stages for row in run.metrics[stage] for name in row.get("tasks", {})}
    order = [row["name"] for row in scores.tasks(run) if row["name"] in names]
    rows = []
    for name in [*order, *sorted(names - set(order))]:
        points, ends = {}, {}
        for stage in stages:
            cells = [(row["step"], row.get("tasks", {}).get(name, {}).get("reward")) for row in run.metrics[stage]]
            points[stage] = [(step, value) for step, value in cells if value is not None]
            values = [value for _, value in points[stage]]
            size = max(1, len(values) // 5)
            ends[stage] = f"{fmean(values[:size]):.2f} → {fmean(values[-size:]):.2f}" if values else "–"
        rows.append({"task": name, "points": points, "ends": ends})
    return rows


def sampling(run: Run) -> list[str]:
    """What dynamic sampling cost each RL stage over all its steps, a sentence for each."""
    made = []
    for stage in (stage.name for stage in run.of_kind("reinforce")):
        rows = run.metrics[stage]
        if not rows:
            continue
        total = {name: sum(row.get(name) or 0 for row in rows) for name in ("generated", "dropped", "groups", "errors")}
        starved = sum(bool(row.get("starved")) for row in rows)
        share = 100.0 * total["dropped"] / total["generated"] if total["generated"] else 0.0
        said = (
            f"{stage}: {total['generated']:,} groups were generated in {count(len(rows), 'step')}, "
            f"{total['dropped']:,} of them dropped ({share:.0f} %) because all their answers score alike; "
            f"{total['groups']:,} were trained on."
        )
        if starved:
            said += f" {count(starved, 'step')} found fewer informative groups than asked for."
        alike = Counter(name for row in rows for name in row.get("nearly_constant", {}))
        if alike:
            each = ", ".join(f"{name} in {count(steps, 'step')}" for name, steps in alike.most_common())
            said += f" Answered nearly alike: {each}."
        if total["errors"]:
            said += f" {count(total['errors'], 'group')} could not be scored."
        made.append(said)
    return made


def samples(run: Run, most: int = 4, answers: int = 8) -> list[dict[str, Any]]:
    """A few tasks of each RL stage with their first and last group: where the score rose most, the largest fall too."""
    made = []
    for stage in (stage.name for stage in run.of_kind("reinforce")):
        shown: list[dict[str, Any]] = []
        for task, ends in run.sampled[stage].items():
            if ends[0].step == ends[1].step:
                continue
            means = [fmean(row["score"] for row in group.rows) for group in ends]
            groups = [
                {
                    "when": when,
                    "group": group,
                    "mean": mean,
                    "rows": group.rows[:answers],
                    "left_out": max(0, len(group.rows) - answers),
                }
                for when, group, mean in zip(("early", "late"), ends, means)
            ]
            shown.append({"stage": stage, "task": task, "groups": groups, "rise": means[1] - means[0]})
        shown.sort(key=lambda one: (-one["rise"], one["task"]))
        made += shown if len(shown) <= most else [*shown[: most - 1], shown[-1]]
    return made
