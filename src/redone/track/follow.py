"""Follows a run's files and sends what is new to trackers, whatever those raise and however long they wait."""

import fcntl
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from redone.files import as_left, read_object, write_json
from redone.texts import cut, visible
from redone.track import FOLDER, Open, Tracker
from redone.track.news import Entry, news
from redone.watch.follow import Follower
from redone.watch.progress import parts
from redone.watch.seen import Seen

EVERY = 3.0  # seconds between looks
PATIENCE = 120  # seconds that sending may take at once
LAST_PATIENCE = 600  # seconds until everything has arrived, at the end
TRIES = 6  # in a row that may fail once the run is over
_AT_ONCE = 100  # entries that are sent before it is noted down
_MOST_REST = 6  # looks without a try after one that failed: 1, 2, 4, ... 2 to the power of this
_MOST_SAID = 500
_SECRETS = ("KEY", "TOKEN", "SECRET", "PASSWORD")  # ends of names of variables that hold some
_SHORTEST_SECRET = 8  # characters, as of the endpoints' keys


class Sending:
    """What goes to one tracker, and what has gone. It is opened when there is something to send, and again where it
    failed. Raises ValueError where the file of what was sent is damaged."""

    def __init__(self, run: Path, name: str, open_run: Open, say: Callable[[str], None]) -> None:
        self.run, self.name, self.open_run, self.say = run, name, open_run, say
        self.folder = run / FOLDER / name
        self.tracker: Tracker | None = None
        self.failed = 0  # tries in a row
        self.rest = 0  # looks that are let pass
        self.said = ""
        self.key, self.sent = _noted(self.folder / "sent.json")

    def look(self, seen: Seen) -> bool:
        """Send what is new; whether nothing is left to send."""
        entries = list(news(seen, self.sent))
        if entries and self.rest > 0:
            self.rest -= 1
            return False
        try:
            for at in range(0, len(entries), _AT_ONCE):
                with at_most(PATIENCE):
                    self._send(seen, entries[at : at + _AT_ONCE])
        except Exception as error:  # of whatever kind: the tracker is not ours
            self.failed += 1
            self.rest = 2 ** min(self.failed - 1, _MOST_REST)
            self.tracker = None
            self._tell(f"cannot be sent to now, {_reason(error)}")
            return False
        if self.failed:
            self._tell("everything is sent again")
        self.failed = self.rest = 0
        return True

    def close(self) -> None:
        if self.tracker is None:
            return
        try:
            with at_most(LAST_PATIENCE):
                self.tracker.close()
        except Exception as error:  # as above
            self._tell(f"not everything may have arrived, {_reason(error)}; what it kept lies in {self.folder}")
        self.tracker = None

    def _send(self, seen: Seen, entries: Sequence[Entry]) -> None:
        if self.tracker is None:
            self.tracker = self.open_run(self.folder, self.key, seen.name, seen.config)
        self.tracker.send(entries)
        self.sent |= {entry.source: entry.step for entry in entries}
        write_json(self.folder / "sent.json", {"key": self.key, "sent": self.sent})

    def _tell(self, said: str) -> None:
        if said != self.said:
            self.say(f"{self.name}: {said}")
        self.said = said


def follow(
    run: Path,
    trackers: Mapping[str, Open],
    say: Callable[[str], None],
    once: bool = False,
    wait: Callable[[float], None] = time.sleep,
) -> list[str]:
    """Send until the run is over, or `once`; the trackers that did not get everything.

    It is over when it has finished or no process works in its folder. Where another process sends to one of the
    trackers, it is waited for.
    """
    with ExitStack() as held:
        for name in sorted(trackers):
            held.enter_context(alone(run / FOLDER / name))
        follower = Follower(run)
        sendings = [Sending(run, name, open_run, say) for name, open_run in trackers.items()]
        for sending in sendings:
            held.callback(sending.close)
        over = False
        while True:
            seen = follower.look()
            if not over and (once or seen.works is False or _finished(seen)):
                over = True
                for sending in sendings:
                    sending.failed = sending.rest = 0
            left = [sending for sending in sendings if not sending.look(seen)]
            if over and (once or all(sending.failed >= TRIES for sending in left)):
                return [sending.name for sending in left]
            wait(EVERY)


def _finished(seen: Seen) -> bool:
    found = parts(seen)
    return bool(found) and all(part.state == "done" for part in found)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process at a time; the next one waits."""
    folder.mkdir(parents=True, exist_ok=True)
    file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """TimeoutError is raised in the body after so long, whatever it waits for; in the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"no answer within {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _noted(path: Path) -> tuple[str, dict[str, int]]:
    """The key that the tracker knows the run by, and the last step of each source that was sent."""
    if not path.exists():
        return uuid.uuid4().hex[:12], {}
    with as_left(path, "remove it, and everything is sent anew"):
        found = read_object(path)
        return str(found["key"]), {source: int(step) for source, step in dict(found["sent"]).items()}


def _reason(error: Exception) -> str:
    """What it said in one line, without what is secret in the environment."""
    said = f"{type(error).__name__}: {error}"
    for variable, value in os.environ.items():
        if variable.upper().endswith(_SECRETS) and len(value) >= _SHORTEST_SECRET:
            said = said.replace(value, "***")
    return visible(cut(" ".join(said.split()), _MOST_SAID))
