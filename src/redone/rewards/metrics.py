"""Graded rewards, each between 0 and 1."""

from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any, Literal

from redone.records import Record, Verdict
from redone.rewards import extract
from redone.rewards.distance import edit_distance

Tokens = Literal["13a", "zh", "char", "ja-mecab", "ko-mecab"]


def set_f1(record: Record, answer: str, *, separator: str = ",", none: str = "none") -> Verdict:
    """F1 of the answer's items against the reference's: 2 hits / (predicted + gold), 1 where both are empty.

    The empty set is written as `none` or not at all. Parts: hits, predicted, gold.
    Blind to order, to repetition, and to items that are nearly right.
    """

    def members(text: str) -> set[str]:
        found = set(extract.items(text, separator, reference=record.answer))
        return set() if found == {extract.normalise(none)} else found

    gold, found = members(record.answer), members(answer)
    return _counted(len(found & gold), len(found), len(gold), parsed=bool(answer.strip()) or not gold)


def token_f1(record: Record, answer: str) -> Verdict:
    """F1 of the answer's bag of words against the reference's; each Chinese or Japanese character is a word.

    Parts: hits, predicted, gold, in words. Blind to word order, to punctuation and to negation.
    """
    gold = Counter(extract.tokens(extract.fold(record.answer)))
    if not gold:
        raise ValueError(f"{record.id}: the reference answer {record.answer!r} has no words")
    found = Counter(extract.tokens(extract.fold(answer)))
    return _counted((found & gold).total(), found.total(), gold.total(), parsed=bool(found))


def chrf(record: Record, answer: str, *, word_order: int = 0, at_most: float = 0.0) -> Verdict:
    """Sentence chrF of sacrebleu (chrF++ with word_order=2), divided by 100; 0 where it is longer than `at_most` says.

    Blind to meaning: a translation with the negation lost scores nearly as well, a free one badly. Recall counts four
    times as much as precision, so that words too many, such as the source before its translation, cost little: bound
    the length.
    """
    metric = _chrf(word_order)
    return graded(record, answer, at_most, lambda: metric.sentence_score(answer, [record.answer]).score / 100)


def bleu(record: Record, answer: str, *, tokenize: Tokens = "13a", at_most: float = 0.0) -> Verdict:
    """Sentence BLEU of sacrebleu with effective order, divided by 100, over the tokens of `words_of`; 0 where it is
    longer than `at_most` says.

    Blind to meaning and to inflection, and coarse on one sentence: a missing 4-gram is smoothed, not averaged out. To
    "13a" a run of Chinese or Japanese is one word, and a Korean word with its particle.
    """
    metric = _bleu(tokenize)
    return graded(record, answer, at_most, lambda: metric.sentence_score(answer, [record.answer]).score / 100)


def anls(record: Record, answer: str, *, case: bool = False, at_most: float = 0.0) -> Verdict:
    """1 - edit distance / the longer length, of normalised texts, with `case` in their case; 0 where it is longer than
    `at_most` says. Unlike the published ANLS no threshold makes it 0.

    Blind to meaning: 1999 and 1998 are close.
    """

    def similarity() -> float:
        gold, found = extract.normalise(record.answer, case), extract.normalise(answer, case)
        return 1 - edit_distance(gold, found) / max(len(gold), len(found))

    return graded(record, answer, at_most, similarity)


def graded(record: Record, answer: str, at_most: float, similarity: Callable[[], float]) -> Verdict:
    """The similarity; 0 for an answer of more than `at_most` times the reference's characters, unless that is 0."""
    gold, found = extract.normalise(record.answer), extract.normalise(answer)
    if not gold:
        raise ValueError(f"{record.id}: the reference answer is empty")
    if not found:
        return Verdict(0.0, "unparsable", {"parsed": 0.0}, "empty")
    if at_most and len(found) > at_most * len(gold):
        return Verdict(0.0, "wrong", {"parsed": 1.0}, f"{len(found)} characters, the reference has {len(gold)}")
    score = round(similarity(), 9)  # sacrebleu's logarithms give gold 1 + 4e-16
    return Verdict(score, "right" if score == 1.0 else "wrong", {"parsed": 1.0})


def _counted(hits: int, predicted: int, gold: int, parsed: bool) -> Verdict:
    score = 2 * hits / (predicted + gold) if predicted + gold else 1.0
    parts = {"parsed": float(parsed), "hits": float(hits), "predicted": float(predicted), "gold": float(gold)}
    return Verdict(score, "right" if score == 1.0 else "wrong" if parsed else "unparsable", parts)


@cache
def _chrf(word_order: int) -> Any:
    from sacrebleu.metrics import CHRF

    return CHRF(word_order=word_order)


@cache
def _bleu(tokenize: str) -> Any:
    from sacrebleu.metrics import BLEU

    metric = BLEU(effective_order=True)
    metric.tokenizer = words_of(tokenize)
    return metric


@cache
def words_of(tokenize: str) -> Callable[[str], str]:
    """sacrebleu's tokenizer of that name: a text with a space between its tokens.

    "13a" for languages with spaces, "zh" cuts Chinese into characters, "char" everything; "ja-mecab" and "ko-mecab" are
    the words of Japanese, and Korean words and particles, as WMT scores them. Raises ValueError where MeCab or its
    dictionary is not installed.
    """
    from sacrebleu.metrics import BLEU

    try:
        tokenizer: Callable[[str], str] = BLEU(tokenize=tokenize).tokenizer
    except RuntimeError:
        raise ValueError(
            f"the tokens {tokenize} need MeCab and its dictionary: pip install 'redone[mecab]'; char needs nothing"
        ) from None
    if tokenize.endswith("mecab"):
        return lambda text: tokenizer(text.replace("\0", " "))  # at which it would end the text
    return tokenizer
