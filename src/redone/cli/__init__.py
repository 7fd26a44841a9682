"""The command line. Nothing heavy is imported before it is needed, so that --help and mistakes answer at once.

Every command has a file of its own: what it takes (`add`, a frozen type of its options) and what it does (`command`).
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Mapping, Sequence

from redone.files import FULL, MAKE_ROOM
from redone.model.heap import give_large_blocks_back
from redone.texts import cut, visible

MOST_SAID = 10_000  # characters of a mistake, which may repeat what a file says


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0, or 2 after a mistake of the user's, or 128 and the number of the signal that stopped it."""
    _keep_standard_streams()
    # Threads that wait by spinning slow everything tenfold as soon as another process wants a core.
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    give_large_blocks_back()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # what a terminal's encoding lacks is spelled out
    options = parsed(sys.argv[1:] if arguments is None else arguments)
    try:
        code = options.command(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever read the output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # as a shell has it of a program that SIGPIPE ended
    except (ValueError, OSError) as mistake:
        full = isinstance(mistake, OSError) and mistake.errno in FULL
        print(f"redone: {visible(cut(str(mistake), MOST_SAID))}{f'; {MAKE_ROOM}' if full else ''}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("redone: stopped; what was saved before stays", file=sys.stderr)
        return 130


def _keep_standard_streams() -> None:
    """Have 0, 1 and 2 be open, if only to nothing: a program that was started without one of them would give its number
    to the next file that it opens, and what is printed, or read, would go there."""
    while (opened := os.open(os.devnull, os.O_RDWR)) < 3:
        os.set_inheritable(opened, True)
    os.close(opened)
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


def parsed(given: Sequence[str]) -> argparse.Namespace:
    """The options of a command line; exits with a usage and what was likely meant where it has a mistake."""
    from redone.mistakes import nearest

    top, commands = parser()
    if given and not given[0].startswith("-") and given[0] not in commands:
        top.error(f"there is no command {given[0]}{nearest(given[0], commands)}")
    options, rest = top.parse_known_args(given)
    if rest:
        command = commands[given[0]]
        command.error(f"there is no {rest[0]}{nearest(rest[0], command._option_string_actions)}")
    return options


def parser() -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """The command line's, and that of each command by its name."""
    from importlib.metadata import version

    from redone.cli import (
        chat,
        check,
        compare,
        completion,
        data,
        estimate,
        eval,
        experiment,
        init,
        report,
        run,
        schema,
        score,
        track,
        watch,
    )

    top = argparse.ArgumentParser(
        prog="redone",
        description="Make a language model good at your domain without getting worse at everything else.",
    )
    top.add_argument("--version", action="version", version=f"redone {version('redone')}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for one in (
        init,
        data,
        run,
        watch,
        chat,
        track,
        experiment,
        check,
        estimate,
        eval,
        score,
        compare,
        report,
        schema,
        completion,
    ):
        one.add(commands)
    return top, commands.choices
