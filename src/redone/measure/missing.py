"""Answers that are missing: why, how many, and how that is said, so that none counts as wrong in silence."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from redone.measure.items import Item
from redone.records import Missing, Record, Verdict

KINDS: tuple[Missing, ...] = tuple(kind for kind in get_args(Missing) if kind)
MOST = 0.1  # share of missing answers above which that is said before any score

Entry = Mapping[str, Any]  # of a subset or a task, in scores.json


def missing_of(output: str, finished: bool) -> Missing:
    """Why a text that was written holds no answer; "" where it holds one."""
    return "" if output.strip() else "empty" if finished else "cut off"


def marked(verdict: Verdict, record: Record, missing: Missing) -> Verdict:
    """The verdict on nothing, with why there was nothing. It is 0 unless the model itself said nothing, which may be
    what a reward asks for, and is an answer where the reference is nothing too."""
    if not missing or (missing == "empty" and verdict.reason == "right" and not record.answer.strip()):
        return verdict
    if missing == "empty" or verdict.reason == "error":
        return replace(verdict, missing=missing)
    return replace(verdict, score=0.0, reason="truncated" if missing == "cut off" else "unparsable", missing=missing)


def told(items: Sequence[Item], reading: str) -> dict[str, Any]:
    """What an entry of scores.json says of the answers, all samples together: how many there should be, how many are
    missing by kind, and how many were cut short, yet read."""
    verdicts = [verdict for item in items for verdict in item.readings[reading]]
    return {
        "answers": len(verdicts),
        "missing": _ordered(Counter(verdict.missing for verdict in verdicts)),
        "cut_short": sum(verdict.reason == "truncated" and not verdict.missing for verdict in verdicts),
    }


def said(entries: Iterable[Entry]) -> str:
    """Such as "no answer: 3 empty, 1 refused by the endpoint (4 of 500); 7 more were cut short", or nothing."""
    answers, counts, cut = summed(entries).values()
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in counts.items())
    missing = f"no answer: {kinds} ({sum(counts.values()):,} of {answers:,})" if counts else ""
    more = "more were" if counts else f"of {answers:,} answers were"
    return "; ".join(filter(None, [missing, f"{cut:,} {more} cut short" if cut else ""]))


def many(entries: Iterable[Entry]) -> bool:
    """Whether so many are missing that this is to be said before any score."""
    answers, counts, _ = summed(entries).values()
    return sum(counts.values()) > MOST * answers


def summed(entries: Iterable[Entry]) -> dict[str, Any]:
    """The same of all entries together; of one that says nothing, nothing is missing."""
    answers, counts, cut = 0, Counter[str](), 0
    for entry in entries:
        answers += entry.get("answers", 0)
        counts.update(entry.get("missing", {}))
        cut += entry.get("cut_short", 0)
    return {"answers": answers, "missing": _ordered(counts), "cut_short": cut}


def _ordered(counts: Mapping[str, int]) -> dict[str, int]:
    return {kind: counts[kind] for kind in KINDS if counts.get(kind)}
