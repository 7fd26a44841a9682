"""Replies of an OpenAI-compatible endpoint to many requests, some of them at a time."""

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from redone.served import judge

_TRIES = 5  # of a request, while nothing else gets through either
_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Service:
    """Where a model is served. concurrent: most requests at a time. key: environment variable that holds the API key.
    seconds: longest that one reply may take."""

    base_url: str
    model: str
    concurrent: int = 8
    key: str = "OPENAI_API_KEY"
    seconds: float = 600.0

    def __str__(self) -> str:
        return f"the endpoint at {self.base_url}"


class Prompt(NamedTuple):
    key: str  # the caller's name for it, given back with the reply
    messages: Sequence[Mapping[str, str]]
    budget: int  # most tokens of the reply, its reasoning included
    seed: int | None = None


class Reply(NamedTuple):
    text: str
    thinking: str  # what the endpoint gives apart as reasoning
    finished: bool  # False: cut off by the budget


Arrived = tuple[Prompt, Reply]


def replies(
    service: Service, prompts: Sequence[Prompt], temperature: float, say: Callable[[str], None]
) -> Iterator[Arrived | None]:
    """The prompts with their replies as they arrive; None twice a second where none does, so that a caller can stop.

    `say` is told of every outage once, from any thread. Raises judge.Down where the endpoint lets nothing through in
    `_TRIES` tries, about ten seconds, and ValueError where it refuses a prompt. What is in flight when the caller stops
    is forgotten.
    """
    if not prompts:
        return
    line = _Line(service, prompts, temperature, say)
    for _ in range(min(service.concurrent, len(prompts))):
        threading.Thread(target=line.work, daemon=True).start()  # a daemon: ctrl-C does not wait for a reply
    try:
        left = len(prompts)
        while left:
            try:
                found = line.done.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                yield None
                continue
            if isinstance(found, Exception):
                raise found
            left -= 1
            yield found
    finally:
        line.closed.set()


class _Line:
    """Prompts waiting, replies arrived, and what the threads between them share."""

    def __init__(
        self, service: Service, prompts: Sequence[Prompt], temperature: float, say: Callable[[str], None]
    ) -> None:
        self.service, self.temperature, self.say = service, temperature, say
        self.client = judge.connect(service.base_url, service.key, service.seconds)
        self.waiting = iter(prompts)
        self.lock = threading.Lock()
        self.done: queue.SimpleQueue[Arrived | Exception] = queue.SimpleQueue()
        self.closed = threading.Event()
        self.arrived = 0
        self.said = -1  # how many replies had arrived when an outage was last told of

    def work(self) -> None:
        """Ask for one prompt after the other until none is left or the caller has stopped."""
        while (prompt := self._next()) is not None:
            try:
                reply = self._ask(prompt)
            except Exception as error:  # is raised where the replies are read
                self.done.put(error)
                return
            with self.lock:
                self.arrived += 1
            self.done.put((prompt, reply))

    def _next(self) -> Prompt | None:
        with self.lock:
            return None if self.closed.is_set() else next(self.waiting, None)

    def _ask(self, prompt: Prompt) -> Reply:
        more = {} if prompt.seed is None else {"seed": prompt.seed}
        choice = judge.complete(
            self.client,
            f"{self.service}, asked for {prompt.key},",
            self._pauses(),
            self._patience,
            model=self.service.model,
            messages=list(prompt.messages),
            max_tokens=prompt.budget,
            temperature=self.temperature,
            **more,
        )
        message = choice.message
        thinking = getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None) or ""
        return Reply(message.content or "", thinking, choice.finish_reason != "length")

    def _pauses(self) -> Iterator[float]:
        """Pauses until nothing has arrived through `_TRIES` tries; where others get through, the endpoint is busy."""
        arrived, tries = self.arrived, 0
        for pause in judge.pauses():
            if self.arrived != arrived:
                arrived, tries = self.arrived, 0
            tries += 1
            if tries == _TRIES or self.closed.is_set():
                return
            yield pause

    def _patience(self, seconds: float, note: str) -> None:
        with self.lock:
            first, self.said = note and self.said != self.arrived, self.arrived if note else self.said
        if first:
            self.say(note)
