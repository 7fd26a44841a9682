"""ROUGE: graded rewards for summaries and other free text (Lin 2004)."""

from collections import Counter
from collections.abc import Callable, Sequence

from redone.records import Record, Verdict
from redone.rewards import extract
from redone.rewards.distance import common_subsequence
from redone.rewards.metrics import graded


def rouge_1(record: Record, answer: str, *, at_most: float = 0.0) -> Verdict:
    """ROUGE-1: F1 of the words that answer and reference share; 0 where it is longer than `at_most` says.

    Words are folded, punctuation is left out, and each Chinese or Japanese character is a word. Nothing is stemmed.
    Blind to word order, to negation and to synonyms.
    """
    return _rouge(record, answer, at_most, lambda gold, found: _overlap(gold, found, 1))


def rouge_2(record: Record, answer: str, *, at_most: float = 0.0) -> Verdict:
    """ROUGE-2: F1 of the pairs of neighbouring words that answer and reference share; 0 where it is longer than
    `at_most` says. A text of one word is one pair with nothing.

    Blind to the order of phrases, to a single negated word and to synonyms.
    """
    return _rouge(record, answer, at_most, lambda gold, found: _overlap(gold, found, 2))


def rouge_l(record: Record, answer: str, *, at_most: float = 0.0) -> Verdict:
    """ROUGE-L: F1 of the longest common subsequence of words; 0 where it is longer than `at_most` says.

    Blind to what stands between the shared words, to negation and to synonyms; a moved sentence counts as lost.
    """

    def longest(gold: Sequence[str], found: Sequence[str]) -> float:
        return 2 * common_subsequence(gold, found) / (len(gold) + len(found))

    return _rouge(record, answer, at_most, longest)


def _rouge(record: Record, answer: str, at_most: float, f1: Callable[[Sequence[str], Sequence[str]], float]) -> Verdict:
    gold, found = (extract.tokens(extract.fold(text)) for text in (record.answer, answer))
    if not gold:
        raise ValueError(f"{record.id}: the reference answer {record.answer!r} has no words")
    if not found:
        return Verdict(0.0, "unparsable", {"parsed": 0.0}, "no words")
    return graded(record, answer, at_most, lambda: f1(gold, found))


def _overlap(gold: Sequence[str], found: Sequence[str], size: int) -> float:
    """F1 of the bags of `size` neighbouring words."""
    ours, theirs = (
        Counter(tuple(words[place : place + size]) for place in range(max(1, len(words) - size + 1)))
        for words in (gold, found)
    )
    return 2 * (ours & theirs).total() / (ours.total() + theirs.total())
