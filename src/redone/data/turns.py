"""Which record of a task comes next: each as often as its weight says, and the labels of a closed task in turn.

A record's turns lie 1 / weight apart on its task's clock, each at a hashed place of its own interval. Of records that
weigh alike every one comes once in a pass, each pass in another order; one that weighs twice as much comes twice as
often, from the first pass on.
"""

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from redone.records import Record


@dataclass(frozen=True)
class Difficulty:
    """How much a record weighs by its pass rate p: p(1 - p) + floor, and the floor alone in a task of luck."""

    rates: Mapping[str, float]  # record id -> p, of those that were tried
    usual: Mapping[str, float]  # task -> weight of those that were not
    luck: frozenset[str]  # tasks that pass no more often than an answer that needs no model
    floor: float

    def weight(self, task: str, rate: float | None) -> float:
        if rate is None:
            return self.usual[task]
        return self.floor + (0.0 if task in self.luck else rate * (1.0 - rate))


def difficulty_of(rates: Mapping[str, Mapping[str, float]], chances: Mapping[str, float], floor: float) -> Difficulty:
    """Of tasks whose records have these pass rates: task to record id to p. chances: what an answer that needs no model
    passes; where a task does no better its passes are luck, which p(1 - p) would take for the most instructive prompts
    of all. A record that was not tried weighs as those that were, on average."""
    luck = frozenset(task for task, mine in rates.items() if sum(mine.values()) <= chances[task] * len(mine))
    known = Difficulty({key: p for mine in rates.values() for key, p in mine.items()}, {}, luck, floor)
    usual = {task: fmean(known.weight(task, p) for p in mine.values()) for task, mine in rates.items()}
    return Difficulty(known.rates, usual, luck, floor)


class Turns:
    """The next record of each task, for ever. Its state is what has become of the records that were drawn."""

    def __init__(
        self,
        records: Mapping[str, Sequence[Record]],
        seed: int,
        labels: Mapping[str, str] | None = None,  # record id -> label; a task without any has one queue
        difficulty: Difficulty | None = None,  # None: all weigh alike
    ) -> None:
        labels = labels or {}
        self.seed = seed
        self.difficulty = difficulty
        self.pool = {record.id: record for mine in records.values() for record in mine}
        self.place = {key: (record.task, labels.get(key, "")) for key, record in self.pool.items()}
        self.queues: dict[str, dict[str, list[str]]] = {}  # task -> label -> record ids
        for key, (task, label) in self.place.items():
            self.queues.setdefault(task, {}).setdefault(label, []).append(key)
        self.restore({"taken": {}, "rates": {} if difficulty is None else difficulty.rates})

    def next(self, task: str) -> Record:
        places = [(task, label) for label in self.queues[task]]
        place = min(places, key=lambda one: (self._drawn[one], uniform(self.seed, one)))
        heap = self._heap(place)
        while True:
            due, key = heapq.heappop(heap)
            if due == self._due[key]:  # or its weight has changed since
                break
        self._drawn[place] += 1
        # A record that weighs more than it did has no turns to catch up.
        self._clock[place] = max(self._clock[place], due)
        self.taken[key] = (self.taken.get(key, (0, 0.0))[0] + 1, self._clock[place])
        self._queue(key)
        return self.pool[key]

    def tell(self, key: str, rate: float) -> None:
        """The pass rate of a group of the record: its own is the mean of what it was and of this."""
        if self.difficulty is None:
            return
        self.rates[key] = (self.rates.get(key, rate) + rate) / 2
        if self.place[key] in self._heaps:
            self._queue(key)

    def state(self) -> dict[str, Any]:
        return {"taken": dict(self.taken), "rates": dict(self.rates)}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.taken: dict[str, tuple[int, float]] = {key: (n, at) for key, (n, at) in state["taken"].items()}
        self.rates: dict[str, float] = dict(state["rates"])
        self._drawn: Counter[tuple[str, str]] = Counter()
        self._clock: defaultdict[tuple[str, str], float] = defaultdict(float)
        for key, (turns, at) in self.taken.items():
            place = self.place[key]
            self._drawn[place] += turns
            self._clock[place] = max(self._clock[place], at)
        self._heaps: dict[tuple[str, str], list[tuple[float, str]]] = {}
        self._due: dict[str, float] = {}

    def _heap(self, place: tuple[str, str]) -> list[tuple[float, str]]:
        if place not in self._heaps:
            self._heaps[place] = []
            for key in self.queues[place[0]][place[1]]:
                self._queue(key)
        return self._heaps[place]

    def _queue(self, key: str) -> None:
        """Put the record where its next turn is due by its weight as it is now."""
        turns, at = self.taken.get(key, (0, 0.0))
        weight = 1.0
        if self.difficulty is not None:
            weight = self.difficulty.weight(self.place[key][0], self.rates.get(key))
        apart = uniform(self.seed, turns, key) + (1.0 - uniform(self.seed, turns - 1, key) if turns else 0.0)
        due = at + apart / weight
        if self._due.get(key) != due:
            self._due[key] = due
            heapq.heappush(self._heaps[self.place[key]], (due, key))


def uniform(*parts: Any) -> float:
    """A stable hash of the parts, uniform in (0, 1)."""
    return (int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:6]) + 0.5) / 256**6
