"""Equal and nearly equal prompts: what may not be in two splits, and what teaches nothing twice."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace

from redone.records import Record

_SHINGLE = 3  # words
FIELD = re.compile(r"\{\w+\}")


def normalised_prompt(record: Record) -> str:
    """The prompt in NFKC, casefolded, with single spaces: records of equal ones are the same question."""
    return normalise(record.prompt_text)


def normalise(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def drop_near_duplicates(
    records: Iterable[Record], threshold: float, *, template: str = "", most: int | None = None
) -> tuple[list[Record], int]:
    """The records without those whose prompt is too like an earlier one's, and how many were left out.

    Likeness is the Jaccard similarity of the prompts' sets of three successive words (characters where a prompt has
    fewer than six words, as Chinese ones do), above `threshold`. What lies wholly within the words of the task's prompt
    `template` does not count, so that long instructions do not make short posts alike; nor do system prompts, but
    prompts under different ones are not alike. Ends when `most` are kept.
    """
    pieces = [normalise(piece) for piece in FIELD.split(template)]
    common = frozenset[str]().union(*(_windows(part) for piece in pieces for part in (piece, piece.split())))
    kept: list[Record] = []
    sets: list[frozenset[str]] = []
    every: dict[str, dict[str, list[int]]] = {}  # system prompt -> shingle -> kept records that hold it
    dropped = 0
    for record in records:
        if len(kept) == most:
            break
        system, asked = _apart(record)
        holders = every.setdefault(system, {})
        all_of_it = shingles(normalised_prompt(asked))
        mine = all_of_it - common or all_of_it
        shared: dict[int, int] = {}
        for shingle in mine:
            for other in holders.get(shingle, ()):
                shared[other] = shared.get(other, 0) + 1
        if any(both / (len(mine) + len(sets[other]) - both) > threshold for other, both in shared.items()):
            dropped += 1
            continue
        for shingle in mine:
            holders.setdefault(shingle, []).append(len(kept))
        kept.append(record)
        sets.append(mine)
    return kept, dropped


def _apart(record: Record) -> tuple[str, Record]:
    """The system prompt, "" where there is none, and the record without it."""
    first, *others = record.messages
    return (first["content"], replace(record, messages=tuple(others))) if first["role"] == "system" else ("", record)


def shingles(text: str) -> frozenset[str]:
    """The text's runs of three words, or of three characters where it has fewer than six words; never none."""
    words = text.split()
    return _windows(words if len(words) >= 2 * _SHINGLE else text) or frozenset([text])


def _windows(parts: Sequence[str]) -> frozenset[str]:
    return frozenset(" ".join(parts[i : i + _SHINGLE]) for i in range(len(parts) - _SHINGLE + 1))
