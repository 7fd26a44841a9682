"""Verdicts that need the outside: what is asked of it, as data, and the verdict on the replies.

Both halves are pure; the run performs the act between them (run/scoring.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from redone.records import Verdict
from redone.sandbox.jobs import Job
from redone.served.judge import Question


@dataclass(frozen=True)
class Search:
    """A search of which nobody can tell how long it takes, such as a regex's, for a process that can be killed.

    Its reply is what the function, which can be imported by name, gives for the arguments; None where the time for the
    answer ran out over it.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]


Request = Job | Question | Search  # replied with an Outcome, a judge's Reply, what the function gives


@dataclass(frozen=True)
class Pending:
    """A verdict that waits for replies to its requests, in order."""

    requests: tuple[Request, ...]
    verdict: Callable[[Sequence[Any]], Verdict]


Found = Verdict | Pending  # what a reward gives


def together(parts: Sequence[Found], finish: Callable[[Sequence[Verdict]], Verdict]) -> Found:
    """What `finish` makes of the parts' verdicts; it waits for whatever they wait for."""
    if all(isinstance(part, Verdict) for part in parts):
        return finish(parts)  # type: ignore[arg-type]

    def verdict(replies: Sequence[Any]) -> Verdict:
        left = iter(replies)
        return finish(
            [part.verdict([next(left) for _ in part.requests]) if isinstance(part, Pending) else part for part in parts]
        )

    return Pending(tuple(r for part in parts if isinstance(part, Pending) for r in part.requests), verdict)
