"""What a person sees of a run: progress bars with time left, one line per step, and an orderly stop when it is asked
to: by ctrl-C, by SIGTERM as from a scheduler, by SIGHUP as from a terminal that is closed."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from redone.texts import visible

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_QUIET_SECONDS = 10.0  # between progress lines where there is no terminal


class Interrupted(Exception):
    """The run was asked to stop and did so with everything saved; the text says where."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Whoever read it has gone, as `head` does; the run goes on, and what is on disk tells as much."""
        self.quiet = True


class Log:
    """Progress on the error stream: bars on a terminal, plain lines elsewhere; nowhere once nobody reads it."""

    def __init__(self) -> None:
        self.console = _Console(stderr=True, highlight=False, soft_wrap=True)
        self.stop = 0  # the signal that asked for it

    @property
    def code(self) -> int:
        """What a command that was stopped ends with, as a shell has it."""
        return 128 + self.stop

    def line(self, text: str) -> None:
        try:
            self.console.print(visible(text), markup=False)
        except OSError:  # the terminal is gone
            self.console.quiet = True

    @contextmanager
    def bar(self, label: str, total: int) -> Iterator["Bar"]:
        """A bar that advances towards `total`; raises Interrupted at an advance after ctrl-C."""
        if self.console.is_terminal:
            columns: list[Any] = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
            columns += [TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()]
            with Progress(*columns, console=self.console, transient=True) as progress:
                yield Bar(self, label, total, (progress, progress.add_task(label, total=total)))
        else:
            yield Bar(self, label, total, None)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """The first signal asks the loops below to stop at their next boundary; the second stops at once."""

        def ask(number: int, frame: FrameType | None) -> None:
            if self.stop:
                raise KeyboardInterrupt
            self.stop = number
            self.line("Stopping at the next step, to save; press ctrl-C again to stop at once.")

        if threading.current_thread() is not threading.main_thread():  # where Python allows no handlers
            yield
            return
        before = {number: signal.signal(number, ask) for number in _STOPS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Bar:
    def __init__(self, log: Log, label: str, total: int, shown: tuple[Progress, Any] | None) -> None:
        self.log, self.label, self.total, self.shown = log, label, total, shown
        self.done = 0
        self.began = self.spoke = time.monotonic()

    def advance(self, count: int) -> None:
        self.done += count
        if self.log.stop:
            raise Interrupted(f"during {self.label}, which starts again")
        if self.shown:
            self.shown[0].update(self.shown[1], completed=self.done)
        now = time.monotonic()
        if not self.shown and now - self.spoke > _QUIET_SECONDS:
            self.spoke = now
            left = (now - self.began) / max(self.done, 1) * (self.total - self.done)
            self.log.line(f"{self.label}: {self.done} of {self.total}, {clock(left)} left")


def quiet_transformers() -> None:
    """Turn off the library's own progress bars and advice, which would bury ours."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


class Clock:
    """Time left of a stage from the mean of its last steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.recent: list[float] = []

    def left(self, step: int, seconds: float) -> str:
        self.recent = [*self.recent[-19:], seconds]
        return clock(sum(self.recent) / len(self.recent) * (self.steps - step))


def clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
