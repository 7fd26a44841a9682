"""What a stage teaches, how much of it, and why (RedOne 2.0 section 3.3.1; our quotas are in docs/diagnosis.md)."""

from collections.abc import Mapping, Sequence
from statistics import median

from redone.data.mix import uniform
from redone.records import Finding, TargetPlan, Task
from redone.report.numbers import count

_WEAK = ("unknown", "format", "truncated", "regressed", "unstable")
_REASON = {
    "unknown": "unknown: only teaching can bring it",
    "format": "wrong format: shown the right one",
    "truncated": "cut off: shown shorter answers",
    "regressed": "regressed: taught again",
    "unstable": "unstable: taught once, the rest is reinforcement's work",
    "solved": "solved: not taught",
    "reward suspect": "left out: its reward does not pass its own reference answers",
}


def make_plan(
    findings: Sequence[Finding],
    tasks: Mapping[str, Task],
    sizes: Mapping[str, int],  # train records of each task
    *,
    records: int,
    rare_factor: float,
    rehearsal: float,
    general_share: float,
) -> TargetPlan:
    """Quotas of train records by task of the domain, and of records with soft labels by general task.

    Each weak task is a stratum with a share by need: one minus pass@1, times `rare_factor` for rare tasks (fewer train
    records than a third of the median task's). No quota exceeds what there is. `rehearsal` of the domain's records are
    drawn from the solved tasks alike, and the general records are `general_share` of the whole mix, as far as there are
    any: half of them spread evenly over the general tasks, half by need, since what is least mastered is forgotten
    first.
    """
    mine = {f.task: f for f in findings if tasks[f.task].part == "domain"}
    rare_below = median(sizes[name] for name in mine) / 3 if mine else 0.0
    rare = {name for name in mine if sizes[name] < rare_below}
    weak = [name for name, finding in mine.items() if finding.kind in _WEAK]
    solved = [name for name, finding in mine.items() if finding.kind == "solved"]
    need = {name: max(0.05, 1.0 - mine[name].pass1) * (rare_factor if name in rare else 1.0) for name in weak}
    quotas = share_out(records - (round(rehearsal * records) if solved else 0), need, sizes)
    rehearsed = round(sum(quotas.values()) * rehearsal / (1.0 - rehearsal))  # of what the weak ones hold
    quotas |= share_out(rehearsed, dict.fromkeys(solved, 1.0), sizes)
    quotas = {name: quota for name, quota in quotas.items() if quota}
    others = {f.task: max(0.01, 1.0 - f.pass1) for f in findings if tasks[f.task].part == "general"}
    shares = {name: 1.0 / len(others) + missing / sum(others.values()) for name, missing in others.items()}
    general = share_out(round(sum(quotas.values()) * general_share / (1.0 - general_share)), shares, sizes)
    why = {}
    for name, finding in mine.items():
        why[name] = _REASON[finding.kind]
        if finding.kind == "solved" and name in quotas:
            why[name] = "solved: rehearsed"
        elif name in rare and name in quotas:
            why[name] += f"; rare ({sizes[name]} train records): {rare_factor:g} times its weight"
    return TargetPlan(quotas=quotas, general=general, why=why, prose=_prose(mine, quotas, general, why, tasks))


def even_plan(
    tasks: Mapping[str, Task],
    sizes: Mapping[str, int],  # train records of each task
    *,
    seed: int | None,
    records: int,
    general_share: float,
) -> TargetPlan:
    """A plan that knows of no findings: the records spread evenly over the domain's tasks, or, with a seed, over half
    of them drawn at random; general records as in `make_plan`, evenly too."""
    domain = [name for name, task in tasks.items() if task.part == "domain"]
    chosen = domain
    if seed is not None:
        chosen = sorted(domain, key=lambda name: uniform(seed, "random tasks", name))[: -(-len(domain) // 2)]
    quotas = share_out(records, {name: 1.0 for name in domain if name in chosen}, sizes)
    others = {name: 1.0 for name, task in tasks.items() if task.part == "general"}
    general = share_out(round(sum(quotas.values()) * general_share / (1.0 - general_share)), others, sizes)
    drawn = "every task is taught" if seed is None else "drawn at random"
    why = {name: drawn if name in chosen else "not drawn" for name in domain}
    how = "all" if seed is None else f"{len(chosen)} drawn at random of"
    each = f"{how} {count(len(domain), 'task')} of the domain"
    said = f"No findings: {sum(quotas.values()):,} records, spread evenly over {each}."
    prose = "\n\n".join([said, *_prose_general(quotas, general)])
    return TargetPlan(quotas=quotas, general=general, why=why, prose=prose)


def share_out(total: int, weights: Mapping[str, float], most: Mapping[str, int]) -> dict[str, int]:
    """Whole numbers in proportion to the weights, none above `most`; what one cannot take goes to the others."""
    quotas = dict.fromkeys(weights, 0)
    open_to = {name: weight for name, weight in weights.items() if weight > 0}
    left = total
    while left > 0 and open_to:
        whole = sum(open_to.values())
        wanted = {name: left * weight / whole for name, weight in open_to.items()}
        full = {name: most[name] - quotas[name] for name in open_to if wanted[name] >= most[name] - quotas[name]}
        if full:
            for name, room in full.items():
                quotas[name] += room
                left -= room
                del open_to[name]
            continue
        for name in wanted:
            quotas[name] += int(wanted[name])
        left -= sum(int(value) for value in wanted.values())
        for name in sorted(wanted, key=lambda n: (int(wanted[n]) - wanted[n], n))[:left]:
            quotas[name] += 1
        break
    return quotas


def _prose(
    mine: Mapping[str, Finding],
    quotas: Mapping[str, int],
    general: Mapping[str, int],
    why: Mapping[str, str],
    tasks: Mapping[str, Task],
) -> str:
    counts: dict[str, int] = {}
    for finding in mine.values():
        counts[finding.kind] = counts.get(finding.kind, 0) + 1
    kinds = [f"{counts[kind]} {kind}" for kind in sorted(counts, key=lambda kind: (-counts[kind], kind))]
    parts = [f"Of {count(len(mine), 'task')} of the domain on the probe split: {', '.join(kinds) or 'none'}."]
    taught = [
        f"{name} ({tasks[name].family}, {quotas[name]:,} records; {why[name]})"
        for name in sorted(quotas, key=lambda n: (-quotas[n], n))
    ]
    if taught:
        parts.append(f"What is taught: {sum(quotas.values()):,} records: {'; '.join(taught)}.")
    else:
        parts.append(
            "No task of the domain is weak, so there is nothing to teach: the stage leaves the model as it is."
        )
    parts += _prose_general(quotas, general)
    return "\n\n".join(parts)


def _prose_general(quotas: Mapping[str, int], general: Mapping[str, int]) -> list[str]:
    beside = sum(general.values())
    if not beside:
        return []
    share = 100 * beside / (sum(quotas.values()) + beside)
    by_task = ", ".join(f"{name} {general[name]:,}" for name in sorted(general, key=lambda n: (-general[n], n)))
    return [
        f"Beside them {beside:,} general records ({share:.1f} % of the mix), whose targets are the model's own best "
        f"answers, keep general ability where it is; more where less is mastered: {by_task}."
    ]
