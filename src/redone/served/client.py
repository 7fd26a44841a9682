"""The one client of OpenAI-compatible endpoints: requests some at a time, again while it is down or busy.

An outage is told of and waited for, and nothing that has arrived is lost by it. What a model does not take of a request
is left out from then on, said once, and kept.
"""

import os
import queue
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from redone.files import read_json, write_json
from redone.records import Missing
from redone.served.message import Message, read_message

INSTALL = "pip install 'redone[judge]'"
_TRIES = 5  # of a request, while nothing else gets through either, or while its replies are broken
_LONGEST_PAUSE = 60.0  # seconds between two tries
_LOOK_SECONDS = 0.5
_BUSY = (408, 409, 429)  # states of an endpoint, besides 500 and above, that pass
_NOBODY = (502, 503, 504)  # of a gateway, where nothing answers behind it
_OF_ONE = (400, 403, 413, 422)  # with which an endpoint refuses one request: too long, against its policy
_MOST_SAID = 500  # characters of an endpoint's words
_SHORTEST_KEY = 8  # characters; what is shorter, as "none" and "EMPTY" for servers that want no key, is no secret

# What some models do not take -> what they take instead, or None where it is left out.
INSTEAD: Mapping[str, str | None] = {"max_tokens": "max_completion_tokens", "temperature": None, "seed": None}
_NOT_TAKEN = (
    "not support", "unsupported", "not permitted", "not allowed", "deprecated", "unrecognized", "unknown", "unexpected",
    "instead",
)  # fmt: skip

Item = TypeVar("Item")
Made = TypeVar("Made")


class Down(ValueError):
    """An endpoint did not answer, however often it was asked."""


class Refused(ValueError):
    """An endpoint gives no reply to this request. kind: of the answer that is therefore missing. words: its own."""

    def __init__(self, said: str, kind: Missing, words: str) -> None:
        super().__init__(said)
        self.kind: Missing = kind
        self.words = words[:_MOST_SAID]


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

    name: of the service, in messages. say: told of every outage once, and once of broken replies, from any thread.
    wait: whether an outage is waited for however long it is; else Down is raised where nothing gets through in `_TRIES`
    tries, about ten seconds. kept: a JSON file whose key "request" holds what the model does not take, for this line
    and those to come.
    """

    def __init__(
        self,
        service: Service,
        name: str,
        say: Callable[[str], None],
        *,
        wait: bool = False,
        kept: Path | None = None,
    ) -> None:
        self.service, self.name, self.say, self.wait, self.kept = service, name, say, wait, kept
        self.secret = os.environ.get(service.key) or ""
        self.client = connect(service.base_url, service.key, service.seconds)
        self.lock = threading.Lock()
        self.closed = threading.Event()
        self.arrived = 0
        self.said = -1  # how many replies had arrived when an outage was last told of
        self.broken = False  # whether broken replies were told of
        self.instead: dict[str, str | None] = _read(kept).get("request", {})

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

    def complete(self, what: str = "", **request: Any) -> Message:
        """The message of a chat completion by the service's model. what: is asked for, in messages.

        Wherever the endpoint repeats the API key, `***` stands. Raises Refused where the endpoint does not answer this
        request: it says so, or its replies stay broken; ValueError where it refuses for another reason, and Down.
        """
        import openai

        where = f"{self.name} at {self.service.base_url}{what}"
        pauses = self._pauses()
        broken = 0
        while True:
            told = self._told(request)
            try:
                reply = self.client.chat.completions.create(model=self.service.model, **told)
            except openai.APIStatusError as error:
                if error.status_code not in _BUSY and error.status_code < 500:
                    if self._gives_way(told, f"{error} {error.body}"):
                        continue
                    raise self._refusal(where, error) from None
                broken, trouble = 0, f"{where} does not answer ({self.hidden(error):.500})"
            except openai.APIConnectionError as error:
                broken, trouble = 0, f"{where} does not answer ({self.hidden(error):.500})"
            except (openai.APIError, ValueError) as error:
                broken += 1
                trouble = f"{where} replies with what is no chat completion ({self.hidden(error):.200})"
            else:
                if (choice := _choice(reply)) is not None:
                    with self.lock:
                        self.arrived += 1
                    return self._message(choice)
                broken += 1
                trouble = f"{where} replies with what is no chat completion: {self.hidden(repr(reply)):.200}"
            pause = next(pauses, None)
            if broken == _TRIES or (broken and pause is None):
                raise Refused(trouble, "broken reply", trouble.removeprefix(f"{where} "))
            if pause is None:
                raise Down(trouble)
            self._tell(f"{trouble}; waiting, nothing is lost", broken > 0)
            time.sleep(pause)

    def hidden(self, said: object) -> str:
        """What the endpoint said, without the API key."""
        return str(said).replace(self.secret, "***") if len(self.secret) >= _SHORTEST_KEY else str(said)

    def _message(self, choice: Any) -> Message:
        found = read_message(choice)
        return replace(
            found, text=self.hidden(found.text), thinking=self.hidden(found.thinking), said=self.hidden(found.said)
        )

    def _refusal(self, where: str, error: Any) -> ValueError:
        said = f"{where} refuses: {self.hidden(error):.500}"
        if error.status_code not in _OF_ONE:
            return ValueError(said)
        words = error.body.get("message") if isinstance(error.body, dict) else None
        kind: Missing = "content filter" if error.code == "content_filter" else "refused by the endpoint"
        return Refused(said, kind, self.hidden(words if isinstance(words, str) else error.body or error))

    def _told(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The request as the model takes it."""
        return {other: value for name, value in request.items() if (other := self.instead.get(name, name))}

    def _gives_way(self, told: Mapping[str, Any], error: str) -> bool:
        """Whether the endpoint refuses for a parameter that can be told otherwise; from then on it is."""
        words = error.casefold()
        for name, other in INSTEAD.items():
            named = re.search(rf"\b{name}\b", words) and (other is None or other in words)
            if name in told and named and any(phrase in words for phrase in _NOT_TAKEN):
                with self.lock:
                    if name not in self.instead:
                        self.instead = {**self.instead, name: other}
                        how = "leaves it to the model" if other is None else f"names it {other}"
                        self.say(f"{self.name}: {self.service.model} takes no {name}; every request {how} from here on")
                        if self.kept:
                            write_json(self.kept, {**_read(self.kept), "request": self.instead})
                return True
        return False

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

    def _tell(self, note: str, broken: bool) -> None:
        """Say it, of an outage once, and of broken replies the first time alone: they may come between good ones."""
        with self.lock:
            first = not self.broken if broken else self.said != self.arrived
            self.broken, self.said = self.broken or broken, self.said if broken else self.arrived
        if first:
            self.say(note)


def silent(service: Service) -> str:
    """Why the endpoint does not answer, asked once for its models; "" where it does, whatever it says of them, but for
    a gateway's word that nothing is behind it."""
    import openai

    try:
        connect(service.base_url, service.key, service.seconds).models.list()
    except openai.APIStatusError as error:
        return f"status {error.status_code}" if error.status_code in _NOBODY else ""
    except openai.APITimeoutError:
        return f"no reply in {service.seconds:g} s"
    except openai.APIConnectionError as error:
        return f"{error.__cause__ or error!s:.200}"
    except (openai.APIError, ValueError):  # a reply that cannot be read is one
        return ""
    return ""


def _choice(reply: Any) -> Any:
    """The reply's first choice; None where it has none, or one without a message that can be read."""
    choices = getattr(reply, "choices", None)
    first = choices[0] if isinstance(choices, list) and choices else None
    message = getattr(first, "message", None)
    readable = isinstance(getattr(message, "content", 0), str | list | None)
    return first if readable and getattr(first, "finish_reason", None) != "error" else None


def _read(path: Path | None) -> dict[str, Any]:
    """What the file holds, nothing where there is none."""
    found = read_json(path) if path and path.exists() else {}
    if not isinstance(found, dict) or not isinstance(found.get("request", {}), dict):
        raise ValueError(f"{path}: not what a model does not take of a request; remove it")
    return found


@cache
def connect(base_url: str, key: str, seconds: float) -> Any:
    """A connection to an endpoint, for any number of threads. key: environment variable that holds the API key.
    seconds: longest that one reply may take."""
    try:
        import openai
    except ImportError:
        raise ValueError(f"an endpoint needs its client: {INSTALL}") from None
    return openai.OpenAI(base_url=base_url, api_key=os.environ.get(key) or "none", timeout=seconds, max_retries=0)
