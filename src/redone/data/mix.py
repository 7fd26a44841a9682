"""Which prompt comes next, so that what is *trained* has the shares that were asked for.

Dynamic sampling drops the groups that teach nothing, and shares of what is drawn would say little of what is left. So
every task has a quota of each step's trained groups, by its stratum's share and its own weight; what it lacks or has
too much of is settled in later steps; and a group that is dropped is followed by one of the same task.

A task that seldom teaches would take all of a step's time. The mix counts how many groups of each task were informative
lately and expects that share of the next ones (`hope`). A task that needs more groups than `patience` for one that is
trained on rests: the others have its share, none of its groups is replaced, and it is drawn the more rarely the less
hope it has, so that it may wake. Where all tasks would rest none does.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redone.data.turns import Difficulty, Turns, uniform
from redone.records import Record

__all__ = ["Mix", "Stratum", "derive_seed", "uniform"]

_WINDOW = 4  # times patience: the groups of a task that count


@dataclass(frozen=True)
class Stratum:
    name: str
    share: float
    tasks: Mapping[str, float]  # task -> weight


class Mix:
    """An endless, seeded stream of records. A step begins, draws, hears of every group that was drawn, and is settled
    by those that it trains on. len(mix) is the number of records, one full pass over the pool."""

    def __init__(
        self,
        strata: Sequence[Stratum],
        records: Mapping[str, Sequence[Record]],
        seed: int,
        *,
        labels: Mapping[str, str] | None = None,
        difficulty: Difficulty | None = None,
        patience: int = 8,
    ) -> None:
        self.strata = [
            Stratum(one.name, one.share, {task: weight for task, weight in one.tasks.items() if weight > 0})
            for one in strata
            if one.share > 0 and any(one.tasks.values())
        ]
        if not self.strata:
            raise ValueError("no task has a share of the prompts")
        self.tasks = [task for stratum in self.strata for task in stratum.tasks]
        assert all(records[task] for task in self.tasks)
        assert len(set(self.tasks)) == len(self.tasks)
        self.records = records
        self.seed = seed
        self.patience = patience
        self.turns = Turns({task: records[task] for task in self.tasks}, seed, labels, difficulty)
        self.history = dict.fromkeys(self.tasks, (0.0, 0.0))  # informative groups, groups generated, lately
        self.owed = dict.fromkeys(self.tasks, 0.0)  # groups of its quota that a task lacks
        self.probes = {task: uniform(seed, "probe", task) for task in self.tasks}  # groups that a resting task may have
        self.begin(0)

    def __len__(self) -> int:
        return sum(len(self.records[task]) for task in self.tasks)

    def begin(self, prompts: int, carried: Iterable[str] = ()) -> None:
        """A step that is to train on so many groups. carried: tasks of those that are there already."""
        self.prompts = prompts
        self.ready = Counter(carried)
        self.flying: Counter[str] = Counter()
        even = self.quotas(self.tasks)
        for task in self.resting():
            self.probes[task] += even[task] * (self.patience * self.hope(task)) ** 2

    def missing(self) -> float:
        """Informative groups that the step lacks, beside those that are to be expected of what was drawn."""
        expected = sum(count * self.hope(task) for task, count in self.flying.items())
        return self.prompts - sum(self.ready.values()) - expected

    def draw(self) -> Record:
        """The next record of a resting task whose turn it is, or of the task that lacks most."""
        task = next((task for task in self.resting() if self.probes[task] >= 1.0), None)
        if task is not None:
            self.probes[task] -= 1.0
        else:
            task = self._neediest()
        self.flying[task] += 1
        return self.turns.next(task)

    def tell(self, record: Record, informative: bool | None, rate: float) -> None:
        """What became of a group: whether it can teach (None: it could not be scored), and its pass rate."""
        task = record.task
        self.flying[task] -= 1
        if informative is None:
            return
        live, generated = self.history[task]
        most = _WINDOW * self.patience
        forgotten = live / most if generated == most else 0.0
        self.history[task] = (live - forgotten + informative, min(generated + 1.0, most))
        self.ready[task] += informative
        self.turns.tell(record.id, rate)

    def settle(self, trained: Iterable[str]) -> None:
        """The step trains on groups of these tasks. What a task lacks it is owed, a step's groups at most; a task that
        rests is owed nothing."""
        counts, quotas = Counter(trained), self.quotas(self._awake())
        owed = {task: self.owed[task] + quota - counts[task] for task, quota in quotas.items()}
        most = float(self.prompts)
        self.owed = {task: max(-most, min(most, owed.get(task, 0.0))) for task in self.tasks}

    def hope(self, task: str) -> float:
        """The share of the task's next groups that is expected to be informative; 1 of a new task."""
        live, generated = self.history[task]
        return (live + 1.0) / (generated + 1.0)

    def resting(self) -> list[str]:
        found = [task for task in self.tasks if self.hope(task) * self.patience <= 1.0]
        return found if len(found) < len(self.tasks) else []

    def quotas(self, tasks: Iterable[str]) -> dict[str, float]:
        """Groups of the step for each of these tasks; those of a stratum without any go to the other strata."""
        there = set(tasks)
        mine = [{task: w for task, w in one.tasks.items() if task in there} for one in self.strata]
        total = sum(one.share for one, weights in zip(self.strata, mine) if weights)
        return {
            task: self.prompts * one.share / total * weight / sum(weights.values())
            for one, weights in zip(self.strata, mine)
            for task, weight in weights.items()
        }

    def state(self) -> dict[str, Any]:
        """Of a mix between two steps."""
        kept = {"history": dict(self.history), "owed": dict(self.owed), "probes": dict(self.probes)}
        return {**kept, "turns": self.turns.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.history = {task: (live, generated) for task, (live, generated) in state["history"].items()}
        self.owed = dict(state["owed"])
        self.probes = dict(state["probes"])
        self.turns.restore(state["turns"])

    def _awake(self) -> list[str]:
        resting = set(self.resting())
        return [task for task in self.tasks if task not in resting]

    def _neediest(self) -> str:
        lacks = {
            task: self.owed[task] + quota - self.ready[task] - self.flying[task] * self.hope(task)
            for task, quota in self.quotas(self._awake()).items()
        }
        mine = [[task for task in stratum.tasks if task in lacks] for stratum in self.strata]
        stratum = max(filter(None, mine), key=lambda tasks: sum(lacks[task] for task in tasks))
        return max(stratum, key=lambda task: (lacks[task], uniform(self.seed, "task", task)))


def derive_seed(*parts: Any) -> int:
    """A seed for a random generator from (run seed, purpose, step, ...), by a stable hash."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:7])
