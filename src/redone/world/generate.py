"""The rows of the world's tasks: pure functions of (domain, period, task, split, index), the same on every machine.

Contents are assigned to the splits by a stable hash, so that no prompt of probe or eval occurs in train, nor in the
base model's pretraining, which draws from the train contents.
"""

import json
import random
from collections.abc import Iterator
from typing import Any

from redone.data.mix import derive_seed, uniform
from redone.world.catalogue import Catalogue
from redone.world.domain import Row
from redone.world.makers import MAKERS

_REGION = {"probe": (0.8, 0.9), "eval": (0.9, 1.0)}  # other splits: contents below 0.8
_UNASKED = ("answer", "rationale", "cases", "rules")  # fields that no prompt shows


def row(catalogue: Catalogue, task: str, split: str, index: int) -> Row:
    """Row `index` of a task's split."""
    low, high = _REGION.get(split, (0.0, 0.8))
    given = dict(catalogue.makes[task])
    make = MAKERS[given.pop("by")]
    for attempt in range(1000):
        chance = random.Random(derive_seed(catalogue.name, catalogue.period, task, split, index, attempt))
        made = make(catalogue.world, chance, **given)
        content = {name: value for name, value in made.items() if name not in _UNASKED}
        if low <= uniform("content", task, json.dumps(content, sort_keys=True)) < high:
            return made
    raise AssertionError(f"task {task} has too few contents for split {split}")


def rows(catalogue: Catalogue, task: str, split: str, count: int) -> Iterator[dict[str, Any]]:
    return (row(catalogue, task, split, index) for index in range(count))
