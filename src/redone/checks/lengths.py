"""How long a task's prompts and reference answers are in the model's tokens, and what room would hold them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from math import ceil
from statistics import median

from redone.algo.dapo import overlong_cache
from redone.records import Record, Task

MOST = 0.99  # of a task's records, beside the room for all: what the very longest ask for


@dataclass(frozen=True)
class Lengths:
    """Tokens of each record's prompt, and of its reference answer with the end; of the records in order."""

    prompts: Sequence[int]
    answers: Sequence[int]

    def __str__(self) -> str:
        return f"prompts of {_span(self.prompts)}, answers of {_span(self.answers)}"


def _span(lengths: Sequence[int]) -> str:
    low, high = min(lengths), max(lengths)
    return f"{low:,} tokens" if low == high else f"{low:,} to {high:,} tokens (median {median(lengths):,.0f})"


@dataclass(frozen=True)
class TooLong:
    """Places of a task's records that are too long, in a sentence for a person."""

    places: frozenset[int]
    said: str


def long_prompts(records: Sequence[Record], task: Task, lengths: Sequence[int], context: int, own: int) -> TooLong:
    """Those whose prompt leaves no room for the answer's budget in the context. own: the longest that the model has."""
    needs = [length + task.budget for length in lengths]
    places = frozenset(i for i, need in enumerate(needs) if need > context)
    if not places:
        return TooLong(places, "")
    longest = max(places, key=lambda i: needs[i])
    said = (
        f"{task.name}: {len(places):,} of {len(records):,} prompts leave no room for an answer of {task.budget:,} "
        f"tokens in the context of {context:,}; the longest has {lengths[longest]:,} tokens "
        f"({_named(records[longest])}). {_room('model.max_context', needs, context)}"
    )
    beyond = f"; the model itself goes as far as {own:,}" if max(needs) > own else ""
    return TooLong(places, said + beyond)


def long_answers(records: Sequence[Record], task: Task, lengths: Sequence[int], zone: float) -> TooLong:
    """Those whose reference answer is longer than the budget rewards in full (`overlong_penalty`). zone: share of the
    budget that is punished."""
    most = rewarded(task.budget, zone)
    places = frozenset(i for i, length in enumerate(lengths) if length > most)
    if not places:
        return TooLong(places, "")
    longest = max(places, key=lambda i: lengths[i])
    said = (
        f"{task.name}: {len(places):,} of {len(records):,} reference answers are longer than the {most:,} tokens that "
        f"its budget of {task.budget:,} rewards in full; the longest has {lengths[longest]:,} tokens with its end "
        f"({_named(records[longest])}). "
        f"{_room('budget', lengths, most, lambda need: budget_for(need, zone, task.budget))}"
    )
    return TooLong(places, said)


def rewarded(budget: int, zone: float) -> int:
    """Tokens of the longest answer that the overlong penalty leaves alone."""
    return budget - overlong_cache(budget, zone)


def budget_for(length: int, zone: float, least: int = 1) -> int:
    """The least budget, of those from `least` on, that rewards an answer of so many tokens in full."""
    return next(budget for budget in count(max(length, least)) if rewarded(budget, zone) >= length)


def _room(key: str, needs: Sequence[int], given: int, value: Callable[[int], int] = lambda need: need) -> str:
    """What the key would have to be for all, and for MOST of them where that is less and not there yet."""
    ordered = sorted(needs)
    all_, most = ordered[-1], ordered[ceil(MOST * len(ordered)) - 1]
    nearly = f", and {value(most)} would hold {100 * MOST:.0f} %" if given < most < all_ else ""
    return f"{key} = {value(all_)} would hold all{nearly}"


def _named(record: Record) -> str:
    return f"{record.source}, {record.id}"
