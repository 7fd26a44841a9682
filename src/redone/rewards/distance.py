"""Distances between sequences, bit-parallel, so that 20,000 by 20,000 characters take a second and not minutes."""

from collections.abc import Sequence


def common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of the longest common subsequence.

    One bit a place of `one`, one addition a word of `other` (Hyyrö 2004), because the usual table of 20,000 by 20,000
    characters would take minutes.
    """
    places: dict[str, int] = {}
    for place, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << place
    every = (1 << len(one)) - 1
    free = every  # a 0 where the subsequence grows by one
    for word in other:
        shared = free & places.get(word, 0)
        free = ((free + shared) | (free - shared)) & every
    return len(one) - free.bit_count()


def edit_distance(one: str, other: str) -> int:
    """The least number of inserted, deleted and replaced characters between the two (Levenshtein).

    The columns of the usual table are kept as bits of rising and of falling steps (Myers 1999, Hyyrö 2003).
    """
    if not one:
        return len(other)
    places: dict[str, int] = {}
    for place, letter in enumerate(one):
        places[letter] = places.get(letter, 0) | 1 << place
    every, last = (1 << len(one)) - 1, 1 << (len(one) - 1)
    rises, falls, distance = every, 0, len(one)
    for letter in other:
        same = places.get(letter, 0)
        diagonal = (((same & rises) + rises) ^ rises) | same | falls
        up = falls | (every & ~(diagonal | rises))
        down = rises & diagonal
        distance += bool(up & last) - bool(down & last)
        up, down = up << 1 | 1, down << 1
        rises = (down | ~(diagonal | up)) & every
        falls = up & diagonal & every
    return distance
