"""A suite's scores: the mean over its groups of the mean over each group's benchmarks."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from redone.benchmark.aggregate import mean_or_none
from redone.measure.definitions import Benchmark


def combined(
    name: str, benchmarks: Sequence[Benchmark], scores: Sequence[dict[str, Any]], missing: Sequence[str]
) -> dict[str, Any]:
    """The suite's own scores. missing: its benchmarks whose data are not at hand; the average is without them."""
    averages = {benchmark.name: mine["average"] for benchmark, mine in zip(benchmarks, scores)}
    kinds: dict[str, list[float | None]] = {}
    for benchmark in benchmarks:
        kinds.setdefault(benchmark.kind, []).append(averages[benchmark.name])
    groups = {kind: mean_or_none(values) for kind, values in kinds.items()}
    without = [*missing, *(benchmark for benchmark, value in averages.items() if value is None)]
    found = [value for value in averages.values() if value is not None]
    return {
        "benchmark": name,
        "subsets": {subset: entry for mine in scores for subset, entry in mine["subsets"].items()},
        "benchmarks": averages,
        "groups": groups,
        "average": mean_or_none(list(groups.values())),
        "average_over_benchmarks": fmean(found) if found else None,
        **({"average_without": without} if without else {}),
    }
