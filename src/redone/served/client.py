"""The one client of OpenAI-compatible endpoints: requests some at a time, again while it is down or busy.

An outage is told of and waited for, and nothing that has arrived is lost by it.
"""

import os
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, TypeVar

INSTALL = "pip install 'redone[judge]'"
_TRIES = 5  # of a request, while nothing else gets through either
_LONGEST_PAUSE = 60.0  # seconds between two tries
_LOOK_SECONDS = 0.5
_BUSY = (408, 409, 429)  # states of an endpoint, besides 500 and above, that pass

Item = TypeVar("Item")
Made = TypeVar("Made")


class Down(ValueError):
    """An endpoint did not answer, however often it was asked."""


@dataclass(frozen=True)
class Service:
    """Where a model is served. concurrent: most requests at a time. key: environment variable that holds the API key.
    seconds: longest that one reply may take."""

    base_url: str
    model: str
    concurrent: int = 8
    key: str = "OPENAI_API_KEY"
    seconds: float = 600.0


class Line:
    """What the threads that ask one service for one caller share.

    name: of the service, in messages. say: told of every outage once, from any thread. wait: whether an outage is
    waited for however long it is; else Down is raised where nothing gets through in `_TRIES` tries, about ten seconds.
    """

    def __init__(self, service: Service, name: str, say: Callable[[str], None], *, wait: bool = False) -> None:
        self.service, self.name, self.say, self.wait = service, name, say, wait
        self.client = connect(service.base_url, service.key, service.seconds)
        self.lock = threading.Lock()
        self.closed = threading.Event()
        self.arrived = 0
        self.said = -1  # how many replies had arrived when an outage was last told of

    def each(self, make: Callable[[Item], Made], items: Sequence[Item]) -> Iterator[tuple[Item, Made] | None]:
        """The items with what `make` gives for them, as it comes, so many at a time as the service allows; None twice a
        second where nothing comes, so that a caller can stop.

        Raises what `make` raises. What is in flight when the caller stops is forgotten.
        """
        done: queue.SimpleQueue[tuple[Item, Made] | Exception] = queue.SimpleQueue()
        waiting = iter(items)

        def work() -> None:
            while True:
                with self.lock:
                    taken = [] if self.closed.is_set() else list(islice(waiting, 1))
                if not taken:
                    return
                try:
                    done.put((taken[0], make(taken[0])))
                except Exception as error:  # is raised where the replies are read
                    done.put(error)
                    return

        for _ in range(min(self.service.concurrent, len(items))):
            threading.Thread(target=work, daemon=True).start()  # a daemon: ctrl-C does not wait for a reply
        try:
            left = len(items)
            while left:
                try:
                    found = done.get(timeout=_LOOK_SECONDS)
                except queue.Empty:
                    yield None
                    continue
                if isinstance(found, Exception):
                    raise found
                left -= 1
                yield found
        finally:
            self.closed.set()

    def complete(self, what: str = "", **request: Any) -> Any:
        """The first choice of a chat completion by the service's model. what: is asked for, in messages.

        Raises ValueError where the endpoint refuses the request or does not speak the protocol, and Down.
        """
        import openai

        where = f"{self.name} at {self.service.base_url}{what}"
        pauses = self._pauses()
        while True:
            try:
                reply = self.client.chat.completions.create(model=self.service.model, **request)
            except openai.APIStatusError as error:
                if error.status_code not in _BUSY and error.status_code < 500:
                    raise ValueError(f"{where} refuses: {error!s:.500}") from None
                trouble = f"{where} does not answer ({error!s:.500})"
            except openai.APIConnectionError as error:
                trouble = f"{where} does not answer ({error})"
            except (openai.APIError, ValueError) as error:
                raise ValueError(f"{where} replies with what is no chat completion ({error!s:.200})") from None
            else:
                if not getattr(reply, "choices", None):
                    raise ValueError(f"{where} replies with what is no chat completion: {reply!r:.200}")
                with self.lock:
                    self.arrived += 1
                return reply.choices[0]
            pause = next(pauses, None)
            if pause is None:
                raise Down(trouble)
            self._tell(f"{trouble}; waiting, nothing is lost")
            time.sleep(pause)

    def _pauses(self) -> Iterator[float]:
        """Seconds, doubling up to a minute, with jitter. They end where the caller has stopped and, unless it waits,
        where nothing has arrived through `_TRIES` tries; where others get through, the endpoint is busy."""
        arrived, tries, pause = self.arrived, 0, 1.0
        while not self.closed.is_set():
            if self.arrived != arrived:
                arrived, tries = self.arrived, 0
            tries += 1
            if tries == _TRIES and not self.wait:
                return
            yield pause * random.uniform(0.5, 1.0)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _tell(self, note: str) -> None:
        with self.lock:
            first, self.said = self.said != self.arrived, self.arrived
        if first:
            self.say(note)


@cache
def connect(base_url: str, key: str, seconds: float) -> Any:
    """A connection to an endpoint, for any number of threads. key: environment variable that holds the API key.
    seconds: longest that one reply may take."""
    try:
        import openai
    except ImportError:
        raise ValueError(f"an endpoint needs its client: {INSTALL}") from None
    return openai.OpenAI(base_url=base_url, api_key=os.environ.get(key) or "none", timeout=seconds, max_retries=0)
