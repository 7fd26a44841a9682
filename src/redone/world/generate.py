"""The rows of the world's tasks: each a pure function of (task, split, index), the same on every machine.

Contents are assigned to the splits by a stable hash, so that no prompt of probe or eval occurs in train, nor in the
base model's pretraining, which draws from the train contents.
"""

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from redone.world import general, social

Row = dict[str, Any]
GENERATORS: dict[str, Callable[[random.Random], Row]] = {**social.GENERATORS, **general.GENERATORS}
_REGION = {"probe": (0.8, 0.9), "eval": (0.9, 1.0)}  # other splits: contents below 0.8

_UNASKED = ("answer", "rationale", "cases", "rules")  # fields that no prompt shows


def row(task: str, split: str, index: int, make: Callable[[random.Random], Row] | None = None) -> Row:
    """Row `index` of a task's split. make: another generator than the task's own, of rows of the same form."""
    low, high = _REGION.get(split, (0.0, 0.8))
    make = make or GENERATORS[task]
    for attempt in range(1000):
        made = make(random.Random(_hash("world", task, split, index, attempt)))
        content = {name: value for name, value in made.items() if name not in _UNASKED}
        if low <= _hash("content", task, json.dumps(content, sort_keys=True)) / 2**64 < high:
            return made
    raise AssertionError(f"task {task} has too few contents for split {split}")


def rows(task: str, split: str, count: int) -> Iterator[Row]:
    return (row(task, split, index) for index in range(count))


def _hash(*parts: Any) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8])
