"""A model judged against another: its averages, and what differs on the records that both answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redone.measure.ask import Answerer
from redone.measure.compare import differences
from redone.measure.items import Items
from redone.measure.judged import judged
from redone.measure.score import Measured
from redone.measure.taskset import averages, task_items
from redone.records import Record, Task
from redone.run.log import Log
from redone.run.scoring import ScoreAll


@dataclass(frozen=True)
class Standing:
    items: Items
    averages: Mapping[str, Measured]  # domain, translation, general: those that there are
    differences: Mapping[str, Any]  # as `compare.differences` has them, this model less the reference


def standing(
    answerer: Answerer,
    tasks: Mapping[str, Task],
    score_all: ScoreAll,
    records: Sequence[Record],
    reference: Items | None,
    path: Path,
    *,
    most_errors: float,
    log: Log,
    label: str,
) -> Standing:
    """Asks, with the answers in `path`, and scores. reference: `task_items` of another model on these records; without
    one there are no differences."""
    found = judged(answerer, tasks, score_all, records, path, most_errors=most_errors, log=log, label=label)
    items = task_items(tasks, found)
    return Standing(items, averages(tasks, items), {} if reference is None else differences(tasks, reference, items))
