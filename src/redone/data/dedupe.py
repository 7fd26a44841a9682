"""Equal and nearly equal prompts: what may not be in two splits, and what teaches nothing twice."""

import unicodedata
from collections.abc import Sequence

from redone.records import Record

_SHINGLE = 3  # words


def normalised_prompt(record: Record) -> str:
    """The prompt in NFKC, casefolded, with single spaces: records of equal ones are the same question."""
    return " ".join(unicodedata.normalize("NFKC", record.prompt_text).casefold().split())


def drop_near_duplicates(records: Sequence[Record], threshold: float) -> tuple[list[Record], int]:
    """The records without those whose prompt is too like an earlier one's, and how many were left out.

    Likeness is the Jaccard similarity of the prompts' sets of three successive words (characters where a prompt has
    fewer than six words, as Chinese ones do), above `threshold`. Only records that share a shingle are compared.
    """
    kept: list[Record] = []
    sets: list[frozenset[str]] = []
    holders: dict[str, list[int]] = {}  # shingle -> kept records that hold it
    for record in records:
        mine = shingles(normalised_prompt(record))
        shared: dict[int, int] = {}
        for shingle in mine:
            for other in holders.get(shingle, ()):
                shared[other] = shared.get(other, 0) + 1
        if any(common / (len(mine) + len(sets[other]) - common) > threshold for other, common in shared.items()):
            continue
        for shingle in mine:
            holders.setdefault(shingle, []).append(len(kept))
        kept.append(record)
        sets.append(mine)
    return kept, len(records) - len(kept)


def shingles(text: str) -> frozenset[str]:
    words = text.split()
    parts: Sequence[str] = words if len(words) >= 2 * _SHINGLE else text
    return frozenset(" ".join(parts[i : i + _SHINGLE]) for i in range(max(1, len(parts) - _SHINGLE + 1)))
