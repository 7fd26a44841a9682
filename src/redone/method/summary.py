"""What came of a run: results.json, from the files of its evaluations alone."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from redone.config import Reinforce
from redone.files import read_json, read_object, write_json
from redone.measure.compare import changes
from redone.measure.items import Item, read_items
from redone.measure.missing import summed
from redone.measure.score import average, known, mean_of
from redone.measure.taskset import TASKS, read_tasks
from redone.method.drift import drift_of
from redone.method.evaluate import forgotten
from redone.method.gate import notes_of
from redone.run.branch import branch_of
from redone.run.lab import Lab
from redone.run.monitors import nothing_left, raised, told
from redone.run.stages import BASE, Stage
from redone.run.store import Store


def summarise(lab: Lab) -> dict[str, Any]:
    """results.json: every model's scores, what changed from one to the next, where the time went, and what a reader
    should know."""
    with lab.timed("summary"):
        made = [
            {"before": before, "after": after, **changes(lab.out / "eval" / before, lab.out / "eval" / after)}
            for before, after in compared(lab)
        ]
        results = {
            "models": {model: read_tasks(lab.out / "eval" / model / TASKS)[0] for model in lab.models},
            "changes": made,
            "benchmarks": {one.benchmark.name: benchmark_scores(lab, one.benchmark.name) for one in lab.benchmarks},
            "benchmarks_mean": {
                model: mean_of_benchmarks(lab, model) for model in lab.models if len(lab.benchmarks) > 1
            },
            "drift": drift_of(lab),
        }
    results |= {
        "split": lab.config.eval.split,
        "domain": lab.dataset.domain,
        "seconds": seconds(lab),
        "notes": notes(lab, made),
    }
    write_json(lab.out / "results.json", results)
    return results


def compared(lab: Lab) -> list[tuple[str, str]]:
    """Every stage with the model that it started from, and the last model with the base."""
    pairs = [(stage.start, stage.name) for stage in lab.stages]
    return list(dict.fromkeys([*pairs, (BASE, lab.models[-1])]))


def benchmark_scores(lab: Lab, name: str) -> dict[str, Any]:
    """Model to its average on a benchmark, and what its answers were."""
    found = {}
    for model in lab.models:
        scores = read_object(lab.out / "eval" / model / name / "scores.json")
        entries = scores["subsets"].values()
        n = sum(entry["n"] for entry in entries)
        whole = {"score": scores["average"], "interval": scores.get("average_interval"), "n": n}
        found[model] = {**whole, **summed(entries)}
    return found


def mean_of_benchmarks(lab: Lab, model: str) -> dict[str, Any]:
    """A model's plain mean over the benchmarks of the run, its interval that of their items."""
    parts = []
    for one in lab.benchmarks:
        items: dict[str, list[Item]] = {}
        [found] = read_items(lab.out / "eval" / model / one.benchmark.name / "items.jsonl").values()
        for item in found.values():
            items.setdefault(item.subset, []).append(item)
        parts.append(average(one.benchmark.shape, items))
    whole = mean_of(parts)
    return {"score": known(whole.score), "interval": None if whole.interval is None else list(whole.interval)}


def seconds(lab: Lab) -> dict[str, float]:
    """Stage or phase to the seconds that it took."""
    return {**{stage.name: Store(lab.out / stage.name).seconds for stage in lab.stages}, **lab.seconds}


def notes(lab: Lab, made: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a reader of the results should know, one sentence each."""
    taught = [note for stage in lab.stages if stage.kind == "teach" for note in _of_teaching(lab, stage)]
    reinforced = [note for stage in lab.stages if stage.kind == "reinforce" for note in _of_reinforcing(lab, stage)]
    by_pair = {(one["before"], one["after"]): one for one in made}
    lost = [
        f"{stage.name}, against {stage.start}: {sentence}"
        for stage in lab.stages
        if (stage.start, stage.name) in by_pair
        for sentence in told(forgotten(lab, stage, by_pair[stage.start, stage.name]))
    ]
    guarded = [note for stage in lab.stages for note in notes_of(lab, stage)]
    branch = branch_of(lab.out)
    return [*([branch] if branch else []), *taught, *reinforced, *lost, *guarded]


def _of_teaching(lab: Lab, stage: Stage) -> Iterator[str]:
    folder = lab.out / stage.name
    made = read_object(folder / "made.json")
    if made["kind"] != "gold":
        yield (
            f"{stage.name}: the embedded judge stood in for a judge model: it ranks candidates by verifiable reward, "
            f"then format, then mean log-probability. {made['passing'] + made['not_passing']} general records carry a "
            f"soft label ({made['kind'].replace('_', ' ')}), {made['not_passing']} of them one that does not pass; "
            f"{made['by_reference']} whose candidates were all cut off or empty have the reference answer."
        )
    yield from _alarms(lab, stage)
    removed = sum(made["near_duplicates_removed"].values())
    yield f"{stage.name}: {removed} near-duplicates were left out of the targeted set."
    if (folder / "findings.json").exists():
        findings = read_json(folder / "findings.json")
        if suspect := [finding["task"] for finding in findings if finding["kind"] == "reward suspect"]:
            yield f"The reward of {', '.join(suspect)} does not pass its own reference answers."


def _of_reinforcing(lab: Lab, stage: Stage) -> Iterator[str]:
    settings: Reinforce = stage.settings
    steps = Store(lab.out / stage.name).metrics()
    full = [step for step in steps if step["groups"]]
    wanted = {"rationale_share": settings.rationale_share, "general_share": settings.general_share}
    for name, said in {"rationale_share": "reason", "general_share": "are general"}.items():
        if full and (share := wanted[name]) is not None:
            reached = fmean((step[name] for step in full), (step["groups"] for step in full))
            yield f"{stage.name}: {100 * reached:.1f} % of the trained prompts {said} ({100 * share:.1f} % wanted)."
    if steps and (resting := steps[-1]["resting"]):
        yield (
            f"{stage.name}: hardly any group of these tasks ({len(resting)}) taught anything at its end, so that the "
            f"others had their share: {', '.join(resting)}."
        )
    if starved := sum(step["starved"] for step in steps):
        yield f"{stage.name}: {starved} of {len(steps)} steps found fewer informative groups than asked for."
    if len(steps) < settings.steps and (why := nothing_left(settings.idle_steps, steps)):
        yield f"{stage.name} ended after step {len(steps)} of {settings.steps}: {why}."
    yield from _alarms(lab, stage)


def _alarms(lab: Lab, stage: Stage) -> Iterator[str]:
    return (f"{stage.name}: {sentence}" for sentence in told(raised(Store(lab.out / stage.name).metrics())))
