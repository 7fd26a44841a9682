"""What a report shows, computed once for both templates."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from redone.report import scores
from redone.report.glossary import GLOSSARY
from redone.report.read import RL_STAGES, STAGES, Run

STAGE_NAMES = {
    "explore": "stage 1, explore (RL)",
    "target": "stage 2, target (SFT)",
    "refine": "stage 3, refine (RL)",
}
KINDS = {
    "unknown": "Hardly any sample passes, or no more than a fixed answer would: there is nothing to reinforce.",
    "unstable": "The model can, but not reliably: some samples pass.",
    "format": "Many samples cannot be parsed.",
    "truncated": "Many samples are cut off by the token budget.",
    "regressed": "Stage 1 made these worse than they were under the base model.",
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
    curves = {stage: series(run.metrics[stage]) for stage in STAGES if run.metrics[stage]}
    return {
        "run": run,
        "models": run.models,
        "stage_names": STAGE_NAMES,
        "headline": scores.headline(run),
        "averages": scores.averages(run),
        "gains": scores.gains(run),
        "tasks": scores.tasks(run),
        "forgotten": scores.forgotten(run),
        "findings": findings(run),
        "taught": taught(run),
        "fed": run.fed or dict(run.plan.get("quotas", {})),
        "seconds": spent(run),
        "total_seconds": sum(run.seconds.values()),
        "series": curves,
        "curves": summaries(curves),
        "reward_stages": [stage for stage in RL_STAGES if stage in curves],
        "rewards": rewards(run),
        "sampling": sampling(run),
        "samples": samples(run),
        "notes": run.results.get("notes", []),
        "glossary": GLOSSARY,
    }


def findings(run: Run) -> list[dict[str, Any]]:
    """[{kind, about, findings}], in the order of KINDS."""
    made = []
    for kind in [*KINDS, *sorted({row["kind"] for row in run.findings} - set(KINDS))]:
        mine = [row for row in run.findings if row["kind"] == kind]
        if mine:
            made.append({"kind": kind, "about": KINDS.get(kind, ""), "findings": mine})
    return made


def taught(run: Run) -> list[dict[str, Any]]:
    """The plan by reason, the largest first: [{why, records, tasks: text}]."""
    quotas: dict[str, int] = run.plan.get("quotas", {})
    by_reason: dict[str, list[str]] = {}
    for name in sorted(quotas, key=lambda name: (-quotas[name], name)):
        by_reason.setdefault(run.plan["why"].get(name, ""), []).append(name)
    rows: list[dict[str, Any]] = [
        {
            "why": why,
            "records": sum(quotas[name] for name in names),
            "tasks": ", ".join(f"{name} {quotas[name]:,}" for name in names),
        }
        for why, names in by_reason.items()
    ]
    rows.sort(key=lambda row: -row["records"])
    general = {name: count for name, count in (run.plan.get("general") or {}).items() if count}
    if general:
        rows.append(
            {
                "why": "soft labels: to keep general ability",
                "records": sum(general.values()),
                "tasks": ", ".join(f"{name} {general[name]:,}" for name in sorted(general, key=lambda n: -general[n])),
            }
        )
    return rows


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


def summaries(curves: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]]) -> list[dict[str, Any]]:
    """First, last, lowest and highest value of every curve."""
    rows = []
    for stage, table in curves.items():
        for name, points in table.items():
            values = [value for _, value in points]
            rows.append(
                {
                    "stage": stage,
                    "name": "SFT loss" if (stage, name) == ("target", "loss") else CURVES[name],
                    "points": values,
                    "first": values[0],
                    "last": values[-1],
                    "low": min(values),
                    "high": max(values),
                }
            )
    return rows


def rewards(run: Run) -> list[dict[str, Any]]:
    """Reward by task over the steps of the RL stages: [{task, <stage>: [(step, reward)], ends: {stage: text}}].

    The ends are means over the first and the last fifth of the steps that sampled the task.
    """
    names = {name for stage in RL_STAGES for row in run.metrics[stage] for name in row.get("tasks", {})}
    order = [row["name"] for row in scores.tasks(run) if row["name"] in names]
    rows = []
    for name in [*order, *sorted(names - set(order))]:
        made: dict[str, Any] = {"task": name, "ends": {}}
        for stage in RL_STAGES:
            cells = [(row["step"], row.get("tasks", {}).get(name, {}).get("reward")) for row in run.metrics[stage]]
            made[stage] = [(step, value) for step, value in cells if value is not None]
            values = [value for _, value in made[stage]]
            size = max(1, len(values) // 5)
            made["ends"][stage] = f"{fmean(values[:size]):.2f} → {fmean(values[-size:]):.2f}" if values else "–"
        rows.append(made)
    return rows


def sampling(run: Run) -> list[str]:
    """What dynamic sampling cost each RL stage over all its steps, a sentence for each."""
    made = []
    for stage in RL_STAGES:
        rows = run.metrics[stage]
        if not rows:
            continue
        total = {name: sum(row.get(name) or 0 for row in rows) for name in ("generated", "dropped", "groups", "errors")}
        starved = sum(bool(row.get("starved")) for row in rows)
        share = 100.0 * total["dropped"] / total["generated"] if total["generated"] else 0.0
        said = (
            f"{stage}: {total['generated']:,} groups were generated in {scores.count(len(rows), 'step')}, "
            f"{total['dropped']:,} of them dropped ({share:.0f} %) because all their answers score alike; "
            f"{total['groups']:,} were trained on."
        )
        if starved:
            said += f" {scores.count(starved, 'step')} found fewer informative groups than asked for."
        if total["errors"]:
            said += f" {scores.count(total['errors'], 'group')} could not be scored."
        made.append(said)
    return made


def samples(run: Run, most: int = 4, answers: int = 8) -> list[dict[str, Any]]:
    """A few tasks of each RL stage with their first and last group: where the score rose most, the largest fall too."""
    made = []
    for stage in RL_STAGES:
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
