"""BLEU and ROUGE as SNS-Bench's authors compute them over jieba's words: NLTK 3.10's and rouge 1.0.1's, emoji left out.

Both are counted here, because rouge 1.0.1 recurses once a word and takes time and memory in proportion to the product
of the lengths; tests hold them against both packages.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

from redone.benchmark.translation import jieba_words, overlap

_FLOOR = 1e-8  # what rouge adds to precision and recall
_LONGEST = 200_000  # characters that are compared; 4,096 tokens are about 20,000


def similarity(found: str, gold: str) -> dict[str, float]:
    """bleu, rouge_1, rouge_2 and rouge_l, each between 0 and 1.

    BLEU is NLTK's sentence_bleu without smoothing over words, blanks among them. ROUGE is rouge's F over what stands
    between blanks once the words are joined by them, with a sentence for each full stop; it is 0 where a text has none
    (rouge stops with an error there). All are 0 for a text of more than 200,000 characters, which would take seconds.
    """
    if len(found) > _LONGEST:
        return dict.fromkeys(("bleu", "rouge_1", "rouge_2", "rouge_l"), 0.0)
    return _similarity(_words(found), _gold_words(gold))


def _words(text: str) -> tuple[str, ...]:
    text = text.replace("\n", "").replace("\ufffd", "")
    return jieba_words(text if text.isascii() else _without_emoji(text))


_gold_words = lru_cache(maxsize=1024)(_words)


def _without_emoji(text: str) -> str:
    try:
        import demoji
    except ImportError:
        raise ValueError("the published scores of SNS-Bench need demoji: pip install 'redone[benchmarks]'") from None
    return demoji.replace(text, "")


def _similarity(found: tuple[str, ...], gold: tuple[str, ...]) -> dict[str, float]:
    ours, theirs = (_sentences(words) for words in (found, gold))
    flat = [[word for sentence in text for word in sentence] for text in (ours, theirs)]
    ones, twos = ([_grams(words, n) for words in flat] for n in (1, 2))
    shared = set[tuple[str, ...]]()
    for sentence in theirs:
        for other in dict.fromkeys(ours):
            shared |= {(word,) for word in _subsequence(sentence, other)}
    return {
        "bleu": _bleu(found, gold),
        "rouge_1": _f(len(ones[0] & ones[1]), len(ones[0]), len(ones[1])),
        "rouge_2": _f(len(twos[0] & twos[1]), len(twos[0]), len(twos[1])),
        "rouge_l": _f(len(shared), len(ones[0]), len(ones[1])),
    }


def _bleu(found: tuple[str, ...], gold: tuple[str, ...]) -> float:
    counts = overlap(found, gold)
    if not all(counts.hits):
        return 0.0
    logs = [math.log(hits / total) for hits, total in zip(counts.hits, counts.found)]
    return math.exp(min(0.0, 1 - counts.gold_length / counts.length) + sum(logs) / len(logs))


def _sentences(words: Sequence[str]) -> list[tuple[str, ...]]:
    """A sentence of blanks alone is one empty word."""
    return [tuple(part.split()) or ("",) for part in " ".join(words).split(".") if part]


def _grams(words: Sequence[str], size: int) -> set[tuple[str, ...]]:
    return {tuple(words[i : i + size]) for i in range(len(words) - size + 1)}


def _f(hits: int, found: int, gold: int) -> float:
    precision, recall = (hits / total if total else 0.0 for total in (found, gold))
    return 2 * precision * recall / (precision + recall + _FLOOR)


def _subsequence(gold: Sequence[str], found: Sequence[str]) -> set[str]:
    """The words of the one longest common subsequence that rouge walks back to.

    One bit a word of the reference, as in rewards.distance; columns[j] has a 0 at bit i where the length for i + 1 and
    j words is one more than for i and j, so the usual table can be read from them.
    """
    places: dict[str, int] = {}
    for place, word in enumerate(gold):
        places[word] = places.get(word, 0) | 1 << place
    if places.keys().isdisjoint(found):
        return set()
    every = (1 << len(gold)) - 1
    columns = [every]
    for word in found:
        free = columns[-1]
        shared = free & places.get(word, 0)
        columns.append(((free + shared) | (free - shared)) & every)

    def length(i: int, j: int) -> int:
        return i - (columns[j] & ((1 << i) - 1)).bit_count()

    i, j, words = len(gold), len(found), set[str]()
    while i and j:
        if gold[i - 1] == found[j - 1]:
            words.add(gold[i - 1])
            i, j = i - 1, j - 1
        elif length(i - 1, j) > length(i, j - 1):
            i -= 1
        else:
            j -= 1
    return words
