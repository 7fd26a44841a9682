"""Whatever a person, a model, a judge or a file says becomes a result or one sentence, and in bounded time.

    python tests/fuzz.py --inputs 10000 [--seed 0] [-k WORD]

Every parser and every reward is given inputs that are valid but for a few drawn edits. What comes must be of its
documented type, the same when asked twice, or a plain ValueError that says where; another exception, or more than
SECONDS of CPU time, is a finding. A line a target; where a sandbox starts or a page is made, a tenth of the inputs.
"""

import argparse
import contextlib
import faulthandler
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

SECONDS = 5.0  # of CPU time for one input
STUCK = 300.0  # seconds after which even C code that no signal reaches is ended, with its traceback
TENTH = 10  # the share of a target that starts a sandbox or writes pages


@dataclass(frozen=True)
class Target:
    inputs: SearchStrategy[Any]
    check: Callable[[Any], None]  # raises where the promise is broken
    share: int = 1  # it gets one of so many inputs


@dataclass(frozen=True)
class Found:
    inputs: int
    seconds: float
    flaws: Sequence[str]


class Hang(BaseException):
    """Too long; no `except Exception` on the way holds it."""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises Hang where what is in here takes more CPU time."""

    def over(number: int, frame: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGPROF, over)
    left, _ = signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, left)
        signal.signal(signal.SIGPROF, before)


class Refused(Exception):
    """The input was, in a sentence: all is well, and nothing is left to check."""


@contextlib.contextmanager
def sentence(*places: str) -> Iterator[None]:
    """Where what is in here raises, it is a plain ValueError that says one of these places. Raises Refused then."""
    try:
        yield
    except ValueError as error:
        if type(error) is not ValueError:
            raise
        if not any(place in str(error) for place in places):
            raise AssertionError(f"says none of {', '.join(places)}") from error
        raise Refused from None


def fuzz(target: Target, inputs: int, seed: int | None = None, bounded: bool = False) -> Found:
    """seed: None for the same inputs every time. bounded: an input that takes more than SECONDS is a flaw."""
    done, began = 0, time.monotonic()

    def check(one: Any) -> None:
        nonlocal done
        done += 1
        if bounded:
            faulthandler.dump_traceback_later(STUCK, exit=True)
        try:
            with within(SECONDS) if bounded else contextlib.nullcontext():
                target.check(one)
        except Refused:
            pass
        except Hang:
            raise AssertionError(f"more than {SECONDS:g} s") from None
        finally:
            if bounded:
                faulthandler.cancel_dump_traceback_later()

    run = given(target.inputs)(check)
    run = settings(
        max_examples=max(1, inputs // target.share), database=None, deadline=None, derandomize=seed is None,
        suppress_health_check=list(HealthCheck), print_blob=False, phases=(Phase.generate, Phase.shrink),
    )(run)  # fmt: skip
    if seed is not None:
        run = hypothesis.seed(seed)(run)
    flaws: list[str] = []
    try:
        run()
    except ExceptionGroup as several:
        flaws = [_said(error) for error in several.exceptions]
    except Exception as error:
        flaws = [_said(error)]
    return Found(done, time.monotonic() - began, flaws)


def _said(error: Exception) -> str:
    """The exception, where it came from, and the input."""
    first = error.__context__ if isinstance(error, AssertionError) and error.__context__ is not None else error
    place, at = "", first.__traceback__
    while at is not None:
        if "/redone/" in at.tb_frame.f_code.co_filename:
            place = f"{at.tb_frame.f_code.co_filename.rpartition('/redone/')[2]}:{at.tb_lineno}"
        at = at.tb_next
    notes = " ".join(" ".join(getattr(error, "__notes__", ())).split())
    told = f"{type(error).__name__}: {error!s:.300}" + (f" <- {first!r:.300}" if first is not error else "")
    return f"{told} at {place}; {notes:.1000}".encode("utf-8", "backslashreplace").decode()


def main(arguments: Sequence[str] | None = None) -> int:
    from fuzz_answers import TARGETS as ANSWERS
    from fuzz_files import TARGETS as FILES

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-k", default="", metavar="WORD", help="the targets whose names hold it")
    options = parser.parse_args(arguments)
    flawed = 0
    for name, target in {**FILES, **ANSWERS}.items():
        if options.k in name:
            found = fuzz(target, options.inputs, options.seed, bounded=True)
            flawed += bool(found.flaws)
            print(f"{name}: {found.inputs:,} inputs, {found.seconds:.0f} s, {len(found.flaws)} findings", flush=True)
            for flaw in found.flaws:
                print(f"    {flaw}", flush=True)
    return int(flawed > 0)


if __name__ == "__main__":
    import fuzz as itself  # the targets know it by this name

    sys.exit(itself.main())
