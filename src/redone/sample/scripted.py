"""A sampler without a model: its answers are a function's. For tests, and for trying out what is built on sampling."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from redone.data.encode import Encoder
from redone.records import Prompt, Text
from redone.sample import asking
from redone.sample.protocol import Answer, Completed, Request

Written = str | Sequence[int]
Says = Callable[[Any, int], Written]  # prompt, number of the answer -> the answer; texts with an encoder, else tokens


class ScriptedSampler:
    """Answers one request a step, the latest first, each token with the same log-probability.

    With an encoder a script reads prompts as texts, and the texts it writes are followed by the end token; without one
    it reads token ids. Token ids that it writes are taken as they are. What is longer than the budget is cut off.
    loaded: every (weights, version) in order. answered: the version that each request was answered with, by ticket;
    most, admitted: requests in flight at once, and in all.
    """

    def __init__(
        self, says: Says, encoder: Encoder | None = None, *, group: int, rows: int = 64, logprob: float = -1.0
    ) -> None:
        self.says, self.encoder = says, encoder
        self.group, self.rows, self.logprob = group, rows, logprob
        self.version = 0
        self.weights: Any = None
        self.loaded: list[tuple[Any, int]] = []
        self.answered: list[tuple[int, int]] = []  # ticket, version
        self.most = self.admitted = 0
        self.waiting: list[Request] = []

    def load(self, weights: Any, version: int) -> None:
        assert not self.in_flight, "answers of other weights are in flight"
        self.weights, self.version = weights, version
        self.loaded.append((weights, version))

    def ask(self, prompts: Sequence[Prompt]) -> Iterator[list[Text]]:
        assert self.encoder is not None, "texts need an encoder"
        return asking.ask(self, self.encoder, prompts, group=self.group, rows=self.rows, room=1 << 60)

    @property
    def in_flight(self) -> int:
        return len(self.waiting)

    def admit(self, requests: Sequence[Request]) -> None:
        self.waiting += requests
        self.admitted += len(requests)
        self.most = max(self.most, len(self.waiting))

    def step(self) -> list[Completed]:
        if not self.waiting:
            return []
        request = self.waiting.pop()
        self.answered.append((request.key, self.version))
        return [(request, tuple(self._answer(request, n) for n in range(self.group)))]

    def _answer(self, request: Request, number: int) -> Answer:
        prompt: Any = request.prompt if self.encoder is None else self.encoder.tokenizer.decode(request.prompt)
        written = self.says(prompt, number)
        if isinstance(written, str):
            assert self.encoder is not None, "a text needs an encoder"
            tokens = self.encoder.ended(written)
        else:
            tokens = tuple(written)
        kept = tokens[: request.budget]
        finished = len(kept) == len(tokens)
        return Answer(kept, (self.logprob,) * len(kept), finished)
