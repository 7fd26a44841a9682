"""Everything that can be known to be wrong before training starts."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from math import sqrt

from redone.algo.statistics import Z
from redone.data.load import SPLITS, Dataset, needed
from redone.mistakes import gathered, nearest, refuse
from redone.records import Record, Split, Task, Verdict
from redone.rewards import JUDGED, SANDBOXED, uses, validate_options
from redone.run.scoring import Asked, ScoreAll
from redone.sandbox.isolate import unavailable
from redone.served.client import INSTALL

_SHOWN = 20
_NAMED = 5
_TELLING = 10.0  # points to both sides of a score: beyond it a task says little of a setting


def check_rewards(
    dataset: Dataset, score_all: ScoreAll, advance: Callable[[int], None] = lambda tasks: None
) -> tuple[Dataset, list[str]]:
    """The dataset without records whose gold answer their own reward does not score 1, and a note for each task
    that lost some.

    Raises ValueError listing them where a task does not say on_bad_gold = "drop", or is left without data by it.
    """
    refused: dict[str, dict[str, str]] = {}
    notes = []
    records = dict(dataset.records)
    for name, task in dataset.tasks.items():
        if uses(task, JUDGED):
            notes.append(f"{name}: a judge decides, so its reference answers were not checked")
            advance(1)
            continue
        gold = every(dataset, name)
        written = [[record, *(replace(record, answer=one) for one in record.accepted)] for record in gold]
        verdicts = score_all([Asked(r, [(one.gold_text, True) for one in each]) for r, each in zip(gold, written)])
        pairs = [pair for each, found in zip(written, verdicts) for pair in zip(each, found)]
        bad: dict[str, str] = {}
        for record, verdict in pairs:
            if flaw := _gold_flaw(record, verdict):
                bad.setdefault(record.id, flaw)
        if bad and task.on_bad_gold == "drop":
            notes.append(f"{name}: {len(bad)} records left out, whose reference answer their reward does not score 1")
            records[name] = without(dataset, name, bad, notes[-1], "mend its answers")
        elif bad:
            refused[name] = bad
        advance(1)
    if refused:
        lines = [_first(name, bad, {r.id: r.source for r in every(dataset, name)}) for name, bad in refused.items()]
        raise ValueError(
            f"{sum(map(len, refused.values()))} reference answers do not score 1 under their own reward; mend them, or "
            f'set on_bad_gold = "drop" in their task:\n{listed(lines)}'
        )
    return replace(dataset, records=records), notes


def _first(task: str, bad: Mapping[str, str], sources: Mapping[str, str]) -> str:
    """What is wrong with the task's first bad reference, and where the others are, by their records' ids."""
    first, *others = bad
    if not others:
        return bad[first]
    places = ", ".join(sources[one] for one in others[:_SHOWN]) + (", ..." if len(others) > _SHOWN else "")
    return f"{bad[first]} (and {len(others):,} more of {task}: {places})"


def held_out(tasks: Mapping[str, Task], names: Collection[str]) -> dict[str, Task]:
    """The tasks, those of these names not to be trained. Raises ValueError where there is no such task."""
    for name in names:
        if name not in tasks:
            raise ValueError(f"data.held_out: there is no task {name}{nearest(name, tasks)}")
    return {name: replace(task, train=task.train and name not in names) for name, task in tasks.items()}


def check_trained(dataset: Dataset) -> None:
    """Raises ValueError where no task is trained."""
    if not dataset.trained:
        raise ValueError(
            "nothing is trained: every task is held out (data.held_out) or only evaluated (train = false); "
            "`redone eval MODEL --config` measures them"
        )


def check_tune(dataset: Dataset, split: str, most: int | None) -> list[str]:
    """What a person should know of the split tune, where there is one: which tasks have too few records in it to choose
    a setting by, and which none where the run is measured on it. most: records per task that are measured.

    Raises ValueError where the run is to be measured on it and there is none.
    """
    tune = {name: dataset.records[name].get("tune", ()) for name in dataset.tasks}
    sizes = {name: len(mine[:most]) for name, mine in tune.items() if mine}
    notes = []
    if split == "tune" and not sizes:
        raise ValueError('eval.split = "tune", but no task has such a split; set data.tune, or name one in its files')
    if split == "tune" and (without := [name for name in dataset.tasks if name not in sizes]):
        notes.append(f"not measured, because they have no split tune: {', '.join(without)}")
    half = {name: half_width([size]) for name, size in sizes.items()}
    if small := sorted((name for name in sizes if half[name] > _TELLING), key=lambda name: (-half[name], name)):
        said = ", ".join(f"{name} ±{half[name]:.0f} ({sizes[name]})" for name in small[:_NAMED])
        more = f" and {len(small) - _NAMED} more" if len(small) > _NAMED else ""
        notes.append(
            f"tune is too small to choose a setting by {said}{more}: points to both sides of a score of 50, at 95 % "
            f"(and records). The mean over all {len(sizes)} has ±{half_width(list(sizes.values())):.1f}; raise "
            "data.tune, or bring more records"
        )
    return notes


def half_width(sizes: Sequence[int]) -> float:
    """Points to both sides of a mean over tasks whose scores are 50, where so many records of each are right or wrong,
    at 95 %."""
    return 100 * Z * sqrt(sum(0.25 / size for size in sizes)) / len(sizes)


def check_options(tasks: Mapping[str, Task]) -> None:
    """Raises ValueError naming the tasks whose reward, options, metric or pass_at cannot be."""
    causes: list[str] = []
    for task in tasks.values():
        with gathered(causes):
            validate_options(task)
    refuse(causes)


def check_sandbox(dataset: Dataset, missing: str) -> tuple[Dataset, list[str]]:
    """The dataset and no note, where no task runs code or the sandbox can be had. Where it cannot: with `missing`
    "leave_out" the dataset without those tasks and a note that says so; otherwise raises ValueError with what to do."""
    running = [name for name, task in dataset.tasks.items() if uses(task, SANDBOXED)]
    why = unavailable() if running else ""
    if not why:
        return dataset, []
    named = f"{', '.join(running)} run{'s' if len(running) == 1 else ''} code that a model wrote"
    if missing != "leave_out":
        raise ValueError(f'{named}: {why}. Without it nothing is run; scoring.sandbox_missing = "leave_out" goes on')
    kept = {name: task for name, task in dataset.tasks.items() if name not in running}
    return replace(dataset, tasks=kept), [f"{named} and stay out of this run: {why}"]


def check_judge(tasks: Mapping[str, Task], base_url: str | None, model: str) -> None:
    """Raises ValueError where tasks ask a judge and the configuration names none, or its client is not installed."""
    asking = [name for name, task in tasks.items() if uses(task, JUDGED)]
    if not asking:
        return
    said = f"task{' ' if len(asking) == 1 else 's '}{', '.join(asking)} ask{'s' if len(asking) == 1 else ''} a judge"
    if not base_url or not model:
        raise ValueError(f"{said}; name one: judge.base_url and judge.model")
    if find_spec("openai") is None:
        raise ValueError(f"{said}; install the client of its endpoint: {INSTALL}")


def _gold_flaw(record: Record, verdict: Verdict) -> str:
    """The line that says what is wrong with the record's reference answer, or nothing."""
    if verdict.reason == "error":  # the reward cannot read its own record
        return f"{record.source}: {verdict.note.removeprefix('ValueError: ')}"
    if verdict.score == 1.0:
        return ""
    why = verdict.note or verdict.reason
    return f"{record.source} ({record.id}): {record.answer!r} scores {verdict.score:g}: {why}"


def without(dataset: Dataset, task: str, ids: Collection[str], note: str, mend: str) -> dict[Split, tuple[Record, ...]]:
    """The task's records by split without those of these ids. Raises ValueError with the note where that leaves none in
    a split that it needs, and what to do."""
    kept = {split: tuple(r for r in dataset.records[task].get(split, ()) if r.id not in ids) for split in SPLITS}
    if empty := [split for split in needed(dataset.tasks[task]) if not kept[split]]:
        raise ValueError(f"{note}; that leaves no data in {' and '.join(empty)}: {mend}")
    return kept


def every(dataset: Dataset, task: str) -> list[Record]:
    """The task's records of all splits."""
    return [record for split in SPLITS for record in dataset.records[task].get(split, ())]


def listed(lines: Sequence[str]) -> str:
    """The first of them, a line each, and how many more there are."""
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return "\n".join(f"  {line}" for line in [*lines[:_SHOWN], *more])
