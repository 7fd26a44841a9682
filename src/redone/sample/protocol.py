"""What samples answers: requests go in at any time, complete groups of answers come out.

A Sampler answers in tokens, for training: `admit`, `step`, `in_flight`, and `load` where its weights change. Whatever
can be asked for texts, an endpoint too, has `ask`; measuring needs no more.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from redone.records import Prompt, Text

LOOK = 16  # tokens of an answer between two looks at whether it may stop

MayStop = Callable[[Sequence[int]], bool]  # of the tokens of an answer so far


@dataclass(frozen=True, slots=True)
class Request:
    key: int  # the caller's ticket, given back with the answers
    prompt: tuple[int, ...]
    budget: int  # most tokens of an answer
    may_stop: MayStop | None = None  # asked after every 16 tokens of an answer, which ends there where it says so


@dataclass(frozen=True, slots=True)
class Answer:
    tokens: tuple[int, ...]  # with the end token if it was sampled
    logprobs: tuple[float, ...]  # of the tokens, at the sampling temperature (at 1 when greedy)
    finished: bool  # False: cut off by the budget, or stopped before it sampled an end token


Completed = tuple[Request, tuple[Answer, ...]]
Seeds = Callable[[int], int]  # the random seed of a version of the weights


class Asks(Protocol):
    """Whatever answers prompts: a model in this process, an endpoint, a script."""

    def ask(self, prompts: Sequence[Prompt]) -> Iterator[list[Text]]:
        """The answers, some at a time, in any order; an empty list now and then, so that the caller can stop. Who stops
        early asks the same sampler no more: it has answers in flight."""
        ...


class Sampler(Asks, Protocol):
    """A model that answers in tokens; every request gets a group of answers."""

    version: int  # of the weights that sample; rollouts carry it

    @property
    def in_flight(self) -> int:
        """Requests admitted whose answers have not been given back yet."""
        ...

    def admit(self, requests: Sequence[Request]) -> None: ...

    def step(self) -> list[Completed]: ...


class TrainingSampler(Sampler, Protocol):
    """A sampler whose weights training changes."""

    def load(self, weights: Any, version: int) -> None:
        """Sample with these weights from now on, from the version's own random seed. Nothing may be in flight."""
        ...
