"""Which prompt comes next: strata with shares, tasks with weights, records in seeded order.

A draw chooses a stratum by its share, a task of it by weight, and the next record of that task's current pass.
Within a pass no record repeats, and heavy records tend to come early (Efraimidis and Spirakis 2006). The state is
two small counters, so that a resumed run draws what the uninterrupted one would have drawn.
"""

import bisect
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from redone.records import Record


@dataclass(frozen=True)
class Stratum:
    name: str
    share: float
    tasks: Mapping[str, float]  # task -> weight


class Mix:
    """An endless, seeded stream of records. len(mix) is the number of records, one full pass over the pool."""

    def __init__(
        self,
        strata: Sequence[Stratum],
        records: Mapping[str, Sequence[Record]],
        seed: int,
        weights: Mapping[str, float] | None = None,  # record id -> weight, 1 if not given
    ) -> None:
        self.strata = [stratum for stratum in strata if stratum.share > 0 and any(stratum.tasks.values())]
        if not self.strata:
            raise ValueError("no task has a share of the prompts")
        assert all(records[task] for stratum in self.strata for task, weight in stratum.tasks.items() if weight)
        assert all(weight > 0 for weight in (weights or {}).values())
        self.records = records
        self.seed = seed
        self.weights = weights or {}
        self.draws = 0
        self.taken: dict[str, int] = {}  # task -> records drawn so far
        self._orders: dict[tuple[str, int], list[Record]] = {}

    def __len__(self) -> int:
        return sum(
            len(self.records[task]) for stratum in self.strata for task, weight in stratum.tasks.items() if weight
        )

    def draw(self) -> Record:
        stratum = _choose([s.share for s in self.strata], uniform(self.seed, "stratum", self.draws))
        tasks = self.strata[stratum].tasks
        names = list(tasks)
        task = names[_choose([tasks[name] for name in names], uniform(self.seed, "task", self.draws))]
        self.draws += 1
        number = self.taken.get(task, 0)
        self.taken[task] = number + 1
        turn, place = divmod(number, len(self.records[task]))
        return self._order(task, turn)[place]

    def _order(self, task: str, turn: int) -> list[Record]:
        key = (task, turn)
        if key not in self._orders:
            self._orders.pop((task, turn - 1), None)

            def late(record: Record) -> float:
                return math.log(uniform(self.seed, turn, record.id)) / self.weights.get(record.id, 1.0)

            self._orders[key] = sorted(self.records[task], key=late, reverse=True)
        return self._orders[key]

    def state(self) -> dict[str, Any]:
        return {"draws": self.draws, "taken": dict(self.taken)}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.draws = state["draws"]
        self.taken = dict(state["taken"])


def _choose(weights: Sequence[float], place: float) -> int:
    sums = list(accumulate(weights))
    return min(bisect.bisect_right(sums, place * sums[-1]), len(sums) - 1)


def uniform(*parts: Any) -> float:
    """A stable hash of the parts, uniform in (0, 1)."""
    return (int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:6]) + 0.5) / 256**6


def derive_seed(*parts: Any) -> int:
    """A seed for a random generator from (run seed, purpose, step, ...), by a stable hash."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:7])


def by_difficulty(rates: Mapping[str, float], chance: float, floor: float) -> dict[str, float]:
    """Weights p(1 - p) + floor of a task's prompts, p their pass rates.

    Where the task passes no more often than an answer that needs no model (`chance`), its passes are luck, which
    p(1 - p) would take for the most instructive prompts of all: there every weight is the floor.
    """
    luck = sum(rates.values()) <= chance * len(rates)
    return {key: floor + (0.0 if luck else p * (1.0 - p)) for key, p in rates.items()}
