"""How long a task's prompts and reference answers are in the model's tokens, and what room would hold them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from math import ceil

from redone.algo.dapo import overlong_cache
from redone.records import Record, Task

_SHOWN = 20  # tasks in a sentence
MOST = 0.99  # of a task's records, beside the room for all: what the very longest ask for


@dataclass(frozen=True)
class Lengths:
    """Tokens of each record's prompt, and of its reference answer with the end; of the records in order."""

    prompts: Sequence[int]
    answers: Sequence[int]


@dataclass(frozen=True)
class TooLong:
    """Places of a task's records that are too long, in a sentence for a person."""

    places: frozenset[int]
    said: str
    short: str = ""  # the same in a few words, where another task has said it
    need: int = 0  # tokens of the longest


def long_prompts(records: Sequence[Record], task: Task, lengths: Sequence[int], context: int, own: int) -> TooLong:
    """Those whose prompt leaves no room for the answer's budget in the context. own: the longest that the model has."""
    needs = [length + task.budget for length in lengths]
    said = f"prompts leave no room for an answer of {task.budget:,} tokens in the context of {context:,}"
    found = _longer(records, needs, context, said, lambda i: f"{lengths[i]:,} tokens", "model.max_context")
    beyond = found.places and max(needs) > own
    return replace(found, said=f"{found.said}; the model itself goes as far as {own:,}") if beyond else found


def long_answers(records: Sequence[Record], task: Task, lengths: Sequence[int], zone: float) -> TooLong:
    """Those whose reference answer is longer than the budget rewards in full (`overlong_penalty`). zone: share of the
    budget that is punished."""
    most = rewarded(task.budget, zone)
    said = f"reference answers are longer than the {most:,} tokens that its budget of {task.budget:,} rewards in full"
    return _longer(
        records,
        lengths,
        most,
        said,
        lambda i: f"{lengths[i]:,} tokens with its end",
        "budget",
        lambda need: budget_for(need, zone, task.budget),
    )


def _longer(
    records: Sequence[Record],
    needs: Sequence[int],
    most: int,
    said: str,
    has: Callable[[int], str],
    key: str,
    value: Callable[[int], int] = lambda need: need,
) -> TooLong:
    """Those of a task's records that need more tokens than `most`. said: that they do; has: how many the longest has;
    key: what to raise, and value: to what for a need."""
    places = frozenset(i for i, need in enumerate(needs) if need > most)
    if not places:
        return TooLong(places, "")
    longest = max(places, key=lambda i: needs[i])
    return TooLong(
        places,
        f"{records[longest].task}: {len(places):,} of {len(records):,} {said}; the longest has {has(longest)} "
        f"({_named(records[longest])}). {_room(key, needs, most, value)}",
        f"{records[longest].task} ({len(places):,} of {len(records):,}; {key} = {value(max(needs))})",
        max(needs),
    )


def together(found: Sequence[TooLong]) -> str:
    """The tasks' in one sentence: what the longest asks for, and the others in short."""
    worst, *others = sorted(found, key=lambda one: -one.need)
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    return f"{worst.said}; likewise {', '.join(one.short for one in others[:_SHOWN])}{more}" if others else worst.said


def rewarded(budget: int, zone: float) -> int:
    """Tokens of the longest answer that the overlong penalty leaves alone."""
    return budget - overlong_cache(budget, zone)


def budget_for(length: int, zone: float, least: int = 1) -> int:
    """The least budget, of those from `least` on, that rewards an answer of so many tokens in full."""
    return next(budget for budget in count(max(length, least)) if rewarded(budget, zone) >= length)


def _room(key: str, needs: Sequence[int], given: int, value: Callable[[int], int]) -> str:
    """What the key would have to be for all, and for MOST of them where that is less and not there yet."""
    ordered = sorted(needs)
    all_, most = ordered[-1], ordered[ceil(MOST * len(ordered)) - 1]
    nearly = f", and {value(most)} would hold {100 * MOST:.0f} %" if given < most < all_ else ""
    return f"{key} = {value(all_)} would hold all{nearly}"


def _named(record: Record) -> str:
    return f"{record.source}, {record.id}"
