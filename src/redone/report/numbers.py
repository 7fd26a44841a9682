"""How the reports write numbers: scores with their intervals, and changes that are clear or are not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


def num(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def signed(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "−")


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def some(names: Sequence[str], most: int) -> str:
    """The first of them, and how many more there are."""
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


@dataclass(frozen=True)
class Score:
    """A score of 0 to 100 with its 95 % interval, where it has them."""

    value: float | None
    interval: Sequence[float] | None = None

    @property
    def span(self) -> Sequence[float]:
        """The interval; without one, the score itself twice."""
        assert self.value is not None
        return self.interval or (self.value, self.value)

    def __str__(self) -> str:
        if self.value is None or self.interval is None:
            return num(self.value)
        return f"{num(self.value)} [{num(self.interval[0])}, {num(self.interval[1])}]"


@dataclass(frozen=True)
class Change:
    """From one model to another, in points of 100, over the records that both answered."""

    difference: float
    interval: Sequence[float] | None  # 95 %, paired by record
    clear: bool

    @property
    def verdict(self) -> str:
        """rose, fell or unclear."""
        return "unclear" if not self.clear else "rose" if self.difference > 0 else "fell"

    @property
    def size(self) -> str:
        """How much, and how sure, in words."""
        points = f"{abs(self.difference):.1f} points"
        return points if self.interval is None else f"{points} ({' to '.join(map(signed, self.interval))})"

    @property
    def brief(self) -> str:
        """For where there is no room for the interval; "?" marks what is not clear."""
        return signed(self.difference) + ("" if self.clear else " ?")

    def __str__(self) -> str:
        inner = "" if self.interval is None else f" [{', '.join(map(signed, self.interval))}]"
        return signed(self.difference) + inner + ("" if self.clear else " ?")


def read_change(found: Mapping[str, Any] | None) -> Change | None:
    """A difference as results.json has it (docs/data.md); None where there is none."""
    if found is None or found["difference"] is None:
        return None
    return Change(found["difference"], found["interval"], found["clear"])
