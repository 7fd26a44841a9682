"""What a manager reads of a run, on one screen: what got better, what was paid, how sure that is, what to do next.
Sentences from what is on disk; every rule is a line of `next_steps`."""

from collections.abc import Iterator, Mapping
from typing import Any

from redone.measure.closed import nearly_constant
from redone.measure.taskset import is_general
from redone.report.numbers import Change, count, num, read_change, signed, some
from redone.report.read import Run
from redone.report.scores import APART, average, gains, labels, overall

FEW = 30  # records of a task, below which only large changes of it can be clear
_SHOWN = 3  # names in a line


def story(run: Run) -> dict[str, Any]:
    """{verdict, parts: [(heading, sentences)]}; empty where no two models can be compared."""
    if len(run.models) < 2 or overall(run, "averages", "domain") is None:
        return {}
    return {
        "verdict": judged(run.results, run.models[0], run.models[-1]),
        "parts": [
            ("What got better", [*_moved(run, "rose")] or ["Nothing rose clearly."]),
            ("What was paid", [*_moved(run, "fell"), *_likelihood(run), *_cost(run)]),
            ("How sure this is", [*how_sure(run)]),
            ("What to do next", [*next_steps(run)] or ["Measure it on what it will be used for, and serve it."]),
        ],
    }


def verdict(results: Mapping[str, Any], base: str, last: str) -> str:
    """How the last model stands to the base, with every average's change."""
    called = labels(results)
    numbers = ", ".join(f"{called[kind]} {change}" for kind, change in _known(results, base, last).items())
    return f"{judged(results, base, last)} {numbers}."


def _known(results: Mapping[str, Any], before: str, after: str) -> dict[str, Change]:
    """The changes of the averages that both models have."""
    [made] = [one for one in results["changes"] if (one["before"], one["after"]) == (before, after)]
    found = {kind: read_change(made["averages"].get(kind)) for kind in labels(results)}
    return {kind: change for kind, change in found.items() if change}


def judged(results: Mapping[str, Any], base: str, last: str) -> str:
    """How the last model stands to the base, by the paired changes that are clear."""
    called, known = labels(results), _known(results, base, last)
    general = {kind: change.verdict for kind, change in known.items() if is_general(kind)}
    clear = {known[kind].verdict for kind in ("domain", "translation") if kind in known}
    fell = [called[kind] for kind, verdict in general.items() if verdict == "fell"]
    if {"rose", "fell"} <= clear:
        better = "better at the domain in part, and worse in part"
    elif "rose" in clear:
        better = "clearly better at the domain"
    elif "fell" in clear:
        better = "clearly worse at the domain"
    else:
        better = "not clearly better at the domain"
    if fell:
        kept = f"clearly worse at {' and '.join(fell)}"
    elif general:
        kept = "nothing general fell clearly"
    else:
        kept = "what it lost in general was not measured"
    return f"{last} against {base}: {better}; {kept}."


def _moved(run: Run, verdict: str) -> Iterator[str]:
    """The averages that moved so, then how many tasks did, and which the most."""
    for kind, label in labels(run.results).items():
        change = overall(run, "averages", kind)
        if change and change.verdict == verdict:
            before, after = (num(average(run, model, kind).value) for model in (run.models[0], run.models[-1]))
            yield f"{label} {verdict} by {change.size}, from {before} to {after}."
    tasks = {name: change for name in run.tasks if (change := overall(run, "tasks", name))}
    mine = {name: change for name, change in tasks.items() if change.verdict == verdict}
    order = sorted(mine, key=lambda name: -abs(mine[name].difference))
    if mine:
        most = some([f"{name} ({signed(mine[name].difference)})" for name in order], _SHOWN)
        yield f"{len(mine)} of {count(len(tasks), 'task')} {verdict} clearly: {most}."
    elif verdict == "fell":
        yield "No task fell clearly."


def _likelihood(run: Run) -> Iterator[str]:
    """Held-out texts that the last model finds clearly less likely than the base does."""
    texts: Mapping[str, Mapping[str, Any]] = run.results.get("drift", {}).get(run.models[-1], {}).get("texts", {})
    for name, mine in texts.items():
        if mine.get("rise_interval") and mine["rise_interval"][0] > 0:
            yield f"{name} is less likely, by {mine['rise']:.3f} nats a token."


def _cost(run: Run) -> Iterator[str]:
    seconds = sum(run.seconds.values())
    spent = f"{seconds / 3600:.1f} hours" if seconds >= 7200 else f"{seconds / 60:.0f} minutes"
    groups = sum(row.get("generated") or 0 for rows in run.metrics.values() for row in rows)
    taught = sum(sum(fed.values()) for fed in run.fed.values())
    did = [f"answers to {count(groups, 'prompt')} were sampled"] if groups else []
    did += [f"{count(taught, 'record')} taught"] if taught else []
    yield f"{spent} on {run.manifest.get('device', 'an unknown device')}: {', '.join(did) or 'nothing was trained on'}."


def how_sure(run: Run) -> Iterator[str]:
    """What the intervals rest on, and what they do not hold."""
    sizes = {name: row["n"] for name, row in run.tasks.items() if row.get("n")}
    wide = {
        label: (interval[1] - interval[0]) / 2
        for kind, label in labels(run.results).items()
        if (interval := average(run, run.models[-1], kind).interval)
    }
    known = ", ".join(f"{label} to {half:.1f} points" for label, half in wide.items())
    yield f"Measured on {sum(sizes.values()):,} records of {count(len(sizes), 'task')}, which tell {known}."
    yield (
        f"One run, seed {run.manifest.get('seed', 'unknown')}: another seed may change more than the intervals say, "
        "which are about the choice of records alone."
    )
    if few := [name for name, n in sizes.items() if n < FEW]:
        yield f"Fewer than {FEW} records, so that only large changes can be clear: {some(few, _SHOWN)}."
    if not any(map(is_general, _known(run.results, run.models[0], run.models[-1]))):
        yield "What it lost in general was not measured: add general tasks, some of them with train = false."


def next_steps(run: Run) -> Iterator[str]:
    """What the figures ask for, the gravest first."""
    if run.missing:
        yield "The run is not complete: the same command goes on with it."
    rows, called = gains(run), labels(run.results)
    for row in rows:
        change: Change | None = row["changes"]["domain"]
        if change and change.verdict == "fell":
            yield (
                f"Leave out {row['stage']}, which made the domain worse, or give it fewer steps: {row['start']} is the "
                "better model so far."
            )
    whole = _known(run.results, run.models[0], run.models[-1])
    lost = {kind for kind, change in whole.items() if is_general(kind) and change.verdict == "fell"}
    blamed: dict[str, list[str]] = {}  # stage -> what the run lost of general ability, and fell in it
    for row in rows:
        for kind, change in row["changes"].items():
            if kind in lost and change and change.verdict == "fell":
                blamed.setdefault(row["stage"], []).append(called[kind])
    kinds = {stage.name: stage.kind for stage in run.stages}
    for stage, fell in blamed.items():
        if kinds[stage] == "teach":
            how = f"a lower {stage}.learning_rate for more epochs, more of {stage}.general_share, [lora], or [gate]"
        else:
            how = f"fewer {stage}.steps, a lower {stage}.learning_rate, or [gate]"
        yield f"{stage} cost {' and '.join(fell)}: try {how}."
    last = run.results["models"][run.models[-1]]["tasks"]
    if alike := nearly_constant(last):
        each = some(list(alike), _SHOWN)
        yield f"Answered nearly alike, whatever is asked: {each}. Look at their labels' shares in train."
    apart = [
        name for name, row in last.items() if (row.get("lenient") or {}).get("above", 0.0) >= APART
    ]  # known, and not said as asked
    if apart:
        yield f"Known better than said in the form asked for: {some(apart, _SHOWN)}. Say the form in their prompts."
    below = [name for name, row in last.items() if row.get("interval") and row["interval"][1] < (row["baseline"] or 0)]
    if below:
        each = some(below, _SHOWN)
        yield f"Clearly below an answer that needs no model: {each}. Read their answers in rollouts.html."
    if still := [row["stage"] for row in rows if not any(c and c.clear for c in row["changes"].values())]:
        yield f"{some(still, _SHOWN)} changed no average clearly: leave it out, or give it more to do."
    if not run.missing:
        yield "Repeat it from other seeds, against fine-tuning alone, with redone experiment."
