"""`redone watch RUN...`: where runs stand, from their files alone, in the terminal or as a page on this machine."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redone.cli.options import frozen

if TYPE_CHECKING:
    from redone.watch import Looking


MOST_SHARE = 0.01  # of a core: where a look takes more, the next one waits longer


@dataclass(frozen=True)
class Options:
    runs: tuple[Path, ...]
    once: bool
    every: float
    page: bool
    port: int


def add(commands: Any) -> None:
    watch = commands.add_parser("watch", help="see where runs stand, while they go or afterwards")
    watch.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a run's folder; several beside each other")
    watch.add_argument("--once", action="store_true", help="print one picture and end, as where there is no terminal")
    watch.add_argument("--every", type=_seconds, default=3.0, metavar="SECONDS", help="between two looks (default: 3)")
    watch.add_argument(
        "--page", action="store_true", help="as a page that this machine alone can open, not in the terminal"
    )
    watch.add_argument("--port", type=_port, default=0, help="of the page; one that is free if not given")
    watch.set_defaults(command=command)


def _seconds(text: str) -> float:
    if not 0.2 <= (value := float(text)) <= 3600:
        raise argparse.ArgumentTypeError("between 0.2 and 3,600 seconds")
    return value


def _port(text: str) -> int:
    if not 0 <= (value := int(text)) < 1 << 16:
        raise argparse.ArgumentTypeError("between 0 and 65,535")
    return value


def command(namespace: argparse.Namespace) -> int:
    options = frozen(Options, namespace)
    from redone.watch import Looking
    from redone.watch.follow import refuse_other

    for run in options.runs:
        refuse_other(run)
    looking = Looking(options.runs)
    try:
        if options.page:
            return served(looking, options.every, options.port)
        if options.once or not sys.stdout.isatty():
            return shown_once(looking)
        return shown(looking, options.every)
    except KeyboardInterrupt:
        return 130


def shown_once(looking: Looking) -> int:
    from rich.console import Console

    from redone.watch.terminal import picture

    console = Console(highlight=False)
    console.print(picture(looking.views(), time.time(), console.width))
    return 0


def shown(looking: Looking, every: float) -> int:
    """Shows the runs until all have finished, or for as long as somebody looks."""
    from rich.console import Console
    from rich.live import Live

    from redone.watch.terminal import picture

    console = Console(highlight=False)
    with ended_by_signal(), Live(console=console, screen=True, auto_refresh=False) as live:
        first = True
        while True:
            began = time.process_time()
            views = looking.views()
            live.update(picture(views, time.time(), console.width, console.height), refresh=True)
            if all(one.state == "finished" for one in views):
                break
            time.sleep(every if first else pause(every, time.process_time() - began))
            first = False
    console.print(picture(views, time.time(), console.width))
    return 0


def served(looking: Looking, every: float, port: int) -> int:
    """Serves the page until it is asked to end."""
    from redone.watch.page import HOST, Views, server

    try:
        made = server(Views(looking, lambda took: pause(every, took)), port)
    except OSError as error:
        raise ValueError(
            f"port {port} cannot be listened on ({error.strerror}); leave out --port for a free one"
        ) from None
    with ended_by_signal(), made:
        print(f"http://{HOST}:{made.server_port}/  (ctrl-C ends it)", flush=True)
        made.serve_forever()
    return 0


def pause(every: float, took: float) -> float:
    """Seconds until the next look, after one that took so many of a core."""
    return max(every, took / MOST_SHARE)


@contextmanager
def ended_by_signal() -> Iterator[None]:
    """SIGTERM and SIGHUP end the body as an exception does, so that the terminal is left as it was found."""

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
