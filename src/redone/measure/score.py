"""From outputs to a benchmark's scores, and to a line for each record: what `--json` and `--items` hold."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np

from redone.algo.statistics import percentile_interval, wilson
from redone.benchmark.aggregate import Aggregate, Totals, Values, best_trivial, mean_or_none, resamples
from redone.benchmark.readings import AGGREGATES, EMBEDDED, read
from redone.data.convert import filled_at
from redone.data.mix import derive_seed
from redone.measure.definitions import Benchmark, Reading, Subset
from redone.measure.predictions import Outputs
from redone.records import Record, Task, Verdict
from redone.run.scoring import Asked, ScoreAll, in_process

DRAWS = 1000
_AT_ONCE = 4_000_000  # weights of draws that exist at once

Samples = list[list[Verdict]]  # [K samples][n records]
Embed = Callable[[str, Sequence[str], Sequence[str]], Sequence[float] | None]  # model, texts, references -> cosines


@dataclass(frozen=True)
class Measured:
    """A reading of some records: its values (the score first), and the score's draws [DRAWS]."""

    values: Mapping[str, float]
    interval: tuple[float, float] | None
    draws: Values

    @property
    def score(self) -> float:
        return self.values["score"]


def reading_tasks(benchmark: Benchmark) -> dict[str, Task]:
    """The tasks that a Scorer needs for the benchmark, by name."""
    return {task.name: task for subset in benchmark.subsets.values() for task in _tasks(subset).values()}


def _tasks(subset: Subset) -> dict[str, Task]:
    """Reading to its task; readings that compare alike and only aggregate otherwise share one."""
    first: dict[str, Task] = {}
    return {r.name: first.setdefault(_key(r.task), r.task) for r in subset.readings}


def _key(task: Task) -> str:
    return json.dumps([task.reward, dict(task.options), [dict(step) for step in task.extract]], sort_keys=True)


def score(
    benchmark: Benchmark,
    records: Mapping[str, Sequence[Record]],
    outputs: Outputs,
    score_all: ScoreAll,
    *,
    embed: Embed = lambda model, texts, references: None,
    advance: Callable[[int], None] = lambda subsets: None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The scores, 0 to 100, and a line per record. Records without outputs are left out.

    Raises ValueError where an answer has no verdict: a score without it would be none.
    """
    table, items, draws = {}, [], {}
    for name, subset in benchmark.subsets.items():
        mine = [record for record in records[name] if record.id in outputs]
        verdicts = verdicts_on(subset, mine, [outputs[record.id] for record in mine], score_all, embed)
        table[name], draws[name] = summary(subset, mine, verdicts)
        table[name]["trivial"] = _trivial(subset, mine, embed)
        items += item_lines(benchmark.origin or benchmark.name, subset, mine, verdicts)
        advance(1)
    return {"benchmark": benchmark.name, "subsets": table, **_averages(benchmark, table, draws)}, items


def verdicts_on(
    subset: Subset, records: Sequence[Record], outputs: Sequence[Sequence[str]], score_all: ScoreAll, embed: Embed
) -> dict[str, Samples]:
    """Reading to its verdicts on the outputs, each record's samples."""
    tasks = _tasks(subset)
    found: dict[str, Samples] = {}
    for task in {task.name: task for task in tasks.values()}.values():
        asked = [
            Asked(replace(r, task=task.name), [(text, True) for text in mine]) for r, mine in zip(records, outputs)
        ]
        verdicts = score_all(asked)
        broken = [(r.id, v.note) for r, mine in zip(records, verdicts) for v in mine if v.reason == "error"]
        if broken:
            raise ValueError(f"{len(broken)} answers could not be scored, first {broken[0][0]}: {broken[0][1]}")
        samples = [list(sample) for sample in zip(*verdicts)]
        if subset.embedding and samples:
            samples = _with_cosines(subset, task, records, list(zip(*outputs)), samples, embed)
        found[task.name] = samples
    return {name: found[task.name] for name, task in tasks.items()}


def _with_cosines(
    subset: Subset,
    task: Task,
    records: Sequence[Record],
    outputs: Sequence[Sequence[str]],
    samples: Samples,
    embed: Embed,
) -> Samples:
    """The verdicts with the parts "cosine", times 100, and "embedded", 1, where the embedding model is at hand."""
    out = []
    for texts, verdicts in zip(outputs, samples):
        cosines = embed(subset.embedding, [EMBEDDED[task.reward](t) for t in texts], [r.answer for r in records])
        if cosines is not None:
            verdicts = [
                replace(v, parts={**v.parts, "cosine": 100 * cosine, "embedded": 1.0})
                for v, cosine in zip(verdicts, cosines)
            ]
        out.append(verdicts)
    return out


def here(subset: Subset) -> ScoreAll:
    """Scoring in this process and without bounds, for answers that no model wrote."""
    return in_process({task.name: task for task in _tasks(subset).values()}, read)


def summary(
    subset: Subset, records: Sequence[Record], verdicts: Mapping[str, Samples]
) -> tuple[dict[str, Any], dict[str, Values]]:
    """A subset's entry, and the draws of each reading's score."""
    if not records:
        readings: dict[str, None] = {reading.name: None for reading in subset.readings}
        entry: dict[str, Any] = {
            "score": None,
            "clean": None,
            "n": 0,
            "interval": None,
            "groups": {},
            "readings": readings,
        }
        return entry, {}
    groups = _groups(subset, records)
    parts = {
        reading.name: {
            group: measure(reading, [[s[i] for i in places] for s in verdicts[reading.name]], f"{subset.name}/{group}")
            for group, places in groups.items()
        }
        for reading in subset.readings
        if groups
    }
    wholes = {
        reading.name: _mean_of(list(parts[reading.name].values()))
        if subset.over == "groups"
        else measure(reading, verdicts[reading.name], subset.name)
        for reading in subset.readings
    }
    first = subset.readings[0].name
    entry = _entry(wholes, first, len(records))
    entry["groups"] = {
        group: _entry({name: mine[group] for name, mine in parts.items()}, first, len(places))
        for group, places in groups.items()
    }
    return entry, {name: whole.draws for name, whole in wholes.items()}


def _entry(measured: Mapping[str, Measured], first: str, n: int) -> dict[str, Any]:
    main = measured[first]
    entry = {
        "score": known(main.score),
        "clean": known(measured["clean"].score) if "clean" in measured else None,
        "n": n,
        "interval": None if main.interval is None else list(main.interval),
        "parts": _parts(main),
        "readings": {
            name: {
                "score": known(mine.score),
                "interval": None if mine.interval is None else list(mine.interval),
                "parts": _parts(mine),
            }
            for name, mine in measured.items()
        },
    }
    return entry


def _parts(measured: Measured) -> dict[str, float | None]:
    return {name: known(value) for name, value in measured.values.items() if name != "score"}


def known(value: float) -> float | None:
    """None where a value is not a number."""
    return None if math.isnan(value) else float(value)


def _groups(subset: Subset, records: Sequence[Record]) -> dict[str, list[int]]:
    """Group to the places of its records, in the order in which they come."""
    groups: dict[str, list[int]] = {}
    if subset.group:
        for i, record in enumerate(records):
            groups.setdefault(str(record.fields[subset.group]), []).append(i)
    return groups


def measure(reading: Reading, samples: Samples, seed: str) -> Measured:
    """The reading's aggregate, the mean over samples, with a 95 % interval over records."""
    aggregate, n = AGGREGATES[reading.aggregate], len(samples[0])
    values = {name: float(value[0]) for name, value in aggregated(aggregate, samples, np.ones((1, n))).items()}
    if math.isnan(values["score"]):
        return Measured(values, None, np.full(DRAWS, math.nan))
    draws = np.concatenate(
        [aggregated(aggregate, samples, weights)["score"] for weights in drawn_weights(n, "benchmark", seed)]
    )
    return Measured(values, _interval(reading, samples, values["score"], draws), draws)


def aggregated(aggregate: Aggregate, samples: Samples, weights: Values) -> dict[str, Values]:
    """What the aggregate gives for each row of weights [D, n], the mean over samples."""
    each = [aggregate(Totals(verdicts, weights)) for verdicts in samples]
    return {name: np.mean([one[name] for one in each], axis=0) for name in each[0]}


def drawn_weights(n: int, *seed: str) -> Iterator[Values]:
    """[D, n]: DRAWS rows of weights, as many at a time as memory is spared for."""
    count = max(1, min(DRAWS, _AT_ONCE // n))
    for first in range(0, DRAWS, count):
        yield resamples(n, min(count, DRAWS - first), derive_seed(0, *seed, first))


def _interval(reading: Reading, samples: Samples, score: float, draws: Values) -> tuple[float, float]:
    """Wilson's where the score is a share of right answers, or where all draws are 0 or 100; else that of the draws."""
    n = len(samples[0])
    shares = reading.aggregate == "mean" and len(samples) == 1 and {v.score for v in samples[0]} <= {0.0, 1.0}
    if shares or (draws.min() == draws.max() and draws[0] in (0.0, 100.0)):
        low, high = wilson(round(score / 100 * n, 9), n)
        return 100 * low, 100 * high
    return percentile_interval(draws)  # type: ignore[arg-type]


def _mean_of(measured: Sequence[Measured]) -> Measured:
    """The mean of groups, each resampled by itself."""
    values = {name: fmean(mine.values[name] for mine in measured) for name in measured[0].values}
    draws = np.mean([mine.draws for mine in measured], axis=0)
    return Measured(values, _interval_of_mean(draws, [mine.interval for mine in measured]), draws)


def _interval_of_mean(draws: Values, parts: Sequence[Any]) -> tuple[float, float]:
    """That of the mean's draws; of a single part its own, and where the draws are all alike, so that it would have no
    width, the mean of the parts' ends."""
    if len(parts) > 1 and draws.min() < draws.max():
        return percentile_interval(draws)  # type: ignore[arg-type]
    low, high = (fmean(part[end] for part in parts) for end in (0, 1))
    return low, high


def trivial_answers(subset: Subset, records: Sequence[Record]) -> dict[str, list[str]]:
    """What needs no model: name to an answer for each record. {majority} is the most frequent reference among them."""
    counts = Counter(record.answer for record in records)
    majority = min(counts, key=lambda answer: (-counts[answer], answer), default="")
    return {
        name: [
            filled_at(template, {"majority": majority, **record.fields}, f"{record.id}, answer {name}")
            for record in records
        ]
        for name, template in subset.trivial.items()
    }


def _trivial(subset: Subset, records: Sequence[Record], embed: Embed) -> dict[str, dict[str, float | None]]:
    """What answers that need no model score on the same records."""
    out = {}
    for name, answers in trivial_answers(subset, records).items() if records else ():
        verdicts = verdicts_on(subset, records, [[answer] for answer in answers], here(subset), embed)
        scores = {}
        for reading in subset.readings:
            if reading.name in (subset.readings[0].name, "clean"):
                places = list(_groups(subset, records).values()) if subset.over == "groups" else [range(len(records))]
                parts = [[[s[i] for i in group] for s in verdicts[reading.name]] for group in places]
                each = [aggregated(AGGREGATES[reading.aggregate], p, np.ones((1, len(p[0])))) for p in parts]
                value = known(fmean(float(one["score"][0]) for one in each))
                scores["clean" if reading.name == "clean" else "score"] = value
        out[name] = scores
    return out


def _averages(
    benchmark: Benchmark, table: Mapping[str, Mapping[str, Any]], draws: Mapping[str, Mapping[str, Values]]
) -> dict[str, Any]:
    """The columns, where the benchmark has them, and the average of columns or subsets, None while one is None."""
    first = {name: subset.readings[0].name for name, subset in benchmark.subsets.items()}
    members = benchmark.columns or {name: [name] for name in benchmark.subsets}
    drawn = {
        column: np.mean([draws[name][first[name]] for name in names], axis=0)
        for column, names in members.items()
        if all(table[name]["score"] is not None for name in names)
    }
    columns = {
        column: {
            **{key: mean_or_none([table[name][key] for name in names]) for key in ("score", "clean")},
            "interval": list(_interval_of_mean(drawn[column], [table[name]["interval"] for name in names]))
            if column in drawn
            else None,
            "n": sum(table[name]["n"] for name in names),
            "trivial": mean_or_none([best_trivial(table[name]) for name in names]),
        }
        for column, names in members.items()
    }
    without = [column for column, mine in columns.items() if mine["score"] is None]
    out: dict[str, Any] = {"columns": columns} if benchmark.columns else {}
    out["average"] = mean_or_none([mine["score"] for mine in columns.values()])
    if any(mine["clean"] is not None for mine in columns.values()):
        out["clean_average"] = mean_or_none([mine["clean"] for mine in columns.values()])
    if without:
        out["average_without"] = without
        left = [mine["score"] for column, mine in columns.items() if column not in without]
        out["average_of_the_rest"] = mean_or_none(left)
    else:
        whole = np.mean(list(drawn.values()), axis=0)
        out["average_interval"] = list(_interval_of_mean(whole, [mine["interval"] for mine in columns.values()]))
    return out


def item_lines(
    benchmark: str, subset: Subset, records: Sequence[Record], verdicts: Mapping[str, Samples]
) -> list[dict[str, Any]]:
    """A line per record: each reading's verdicts, one for each sample, or the name of the reading that it shares them
    with; and the first reading's mean score."""
    first, lines = subset.readings[0].name, []
    shared = {name: next(other for other, mine in verdicts.items() if mine is verdicts[name]) for name in verdicts}
    for i, record in enumerate(records):
        readings: dict[str, list[dict[str, Any]] | str] = {
            name: shared[name]
            if shared[name] != name
            else [
                {"score": s[i].score, "reason": s[i].reason, "note": s[i].note, "parts": dict(s[i].parts)}
                for s in samples
            ]
            for name, samples in verdicts.items()
        }
        group = {"group": str(record.fields[subset.group])} if subset.group else {}
        mine = {"score": fmean(s[i].score for s in verdicts[first]), "reason": verdicts[first][0][i].reason}
        lines.append({"benchmark": benchmark, "id": record.id, **group, **mine, "readings": readings})
    return lines
