"""What a translation's scores are made of: sentence BLEU and chrF, and the counts whose sums give the corpus's own.

Counting is ours, because one pass gives every reading and takes time in proportion to the output; tokens and the
formula of BLEU are sacrebleu's and jieba's. Tests hold all of it against sacrebleu 2.6 and NLTK 3.10.
"""

import math
import string
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, reduce
from operator import or_
from typing import Any, NamedTuple

import numpy as np

from redone.benchmark.aggregate import Aggregate, Totals, Values, ratio
from redone.data.convert import filled
from redone.records import Reason, Record, Verdict
from redone.rewards import extract
from redone.rewards.metrics import words_of

# language of the translation -> sacrebleu's tokenizer; the words of Japanese and Korean need dictionaries that are
# packages of their own, and so both are cut into characters where a reading does not ask for words
TOKENIZERS = {"zh": "zh", "ja": "char", "ko": "char"}
MECAB = {**TOKENIZERS, "ja": "ja-mecab", "ko": "ko-mecab"}
_BLEU_ORDER, _CHARACTERS, _WORDS = 4, 6, 2  # longest n-grams of BLEU, and of chrF's characters and chrF++'s words
# characters: the longest text that jieba cuts as a whole, the pieces of longer ones, and where it stops
_WHOLE, _PIECE, _LONGEST = 10_000, 1_000, 100_000
_SMALLEST = 0.1  # NLTK's method1: what counts as matched where nothing is

Text = str | tuple[str, ...]  # characters or words


def translation(
    record: Record,
    output: str,
    *,
    language: str,
    references: str = "",
    score: Sequence[str] = ("bleu",),
    mecab: bool = False,
) -> Verdict:
    """The mean of the sentence scores that `score` names, of nltk_bleu, bleu, chrf and chrf++.

    language: of the translation, or a template that gives it. references: the field that lists them, the record's
    answer if not given. Parts: the sentence scores, 0 to 1 (nltk_bleu only where `score` names it, because it takes
    longest), and the counts of `corpus_bleu` and `corpus_chrf`. "right" is a reference word for word, though NLTK's
    BLEU of one may be below 1.

    bleu: sacrebleu's with effective order; of several references it takes the n-grams of all and the nearest length.
    Japanese and Korean are cut into characters, or with `mecab` into words, as WMT does.
    chrf: chrF2, which RedTrans-Bench uses and the paper seems to call chrF++; chrf++ adds words and word pairs. Of
    several references each takes the one that it scores best.
    nltk_bleu: NLTK's with smoothing method1 over jieba's words, in every language, as RedTrans-Bench's code has it;
    between English words the blanks are tokens.
    """
    language = filled(language, record.fields)
    golds: list[str] = list(record.fields[references]) if references else [record.answer]
    if not golds:
        raise ValueError(f"{record.id}: it has no reference")
    parts: dict[str, float] = {}
    counts = overlap(
        *(_words(text, (MECAB if mecab else TOKENIZERS).get(language, "13a")) for text in (output, *golds))
    )
    parts["bleu"] = _bleu(*counts, effective_order=True) / 100
    parts |= {f"bleu_hits_{n}": hits for n, hits in enumerate(counts.hits, 1)}
    parts |= {f"bleu_found_{n}": found for n, found in enumerate(counts.found, 1)}
    parts |= {"bleu_length": counts.length, "bleu_gold_length": counts.gold_length}
    found = np.array([_chrf_counts(output, gold) for gold in golds])  # [references, 3, characters and words]
    for name, orders in _CHRF.items():
        scores = _chrf(found[:, :, :orders])
        best = found[scores.argmax(), :, :orders]
        parts[name] = float(scores.max()) / 100
        for what, row in zip(("found", "gold", "hits"), best):
            parts |= {f"{name}_{what}_{n}": float(value) for n, value in enumerate(row, 1)}
    if "nltk_bleu" in score:
        parts["nltk_bleu"] = _nltk_bleu(overlap(*(jieba_words(text) for text in (output, *golds))))
    reason: Reason = "right" if output in golds else "wrong" if output.strip() else "unparsable"
    return Verdict(sum(parts[name] for name in score) / len(score), reason, parts)


_CHRF = {"chrf": _CHARACTERS, "chrf++": _CHARACTERS + _WORDS}  # metric -> n-gram orders


class Overlap(NamedTuple):
    """BLEU's counts: matched and found n-grams of 1 to 4, words, and words of the reference of the nearest length."""

    hits: list[int]
    found: list[int]
    length: int
    gold_length: int


def overlap(found: Text, *golds: Text) -> Overlap:
    sizes = range(1, _BLEU_ORDER + 1)
    hits = [_matched(found, reduce(or_, (Counter(_ngrams(g, n)) for g in golds)), n) for n in sizes]
    nearest = min(map(len, golds), key=lambda length: (abs(length - len(found)), length))
    return Overlap(hits, [max(0, len(found) - n + 1) for n in sizes], len(found), nearest)


def _ngrams(text: Text, size: int) -> Iterator[Text]:
    return (text[i : i + size] for i in range(len(text) - size + 1))


def _matched(found: Text, gold: Counter[Text], size: int) -> int:
    """How many n-grams of the text are among the reference's, each at most as often as there.

    Only those are kept, so memory is bounded by the reference.
    """
    hits = Counter(filter(gold.__contains__, _ngrams(found, size)))
    return sum(min(count, gold[gram]) for gram, count in hits.items())


def _words(text: str, tokenizer: str) -> tuple[str, ...]:
    return tuple(words_of(tokenizer)(text.rstrip()).split())


def _bleu(hits: Any, found: Any, length: float, gold_length: float, *, effective_order: bool) -> float:
    """sacrebleu's BLEU, 0 to 100, with its exponential smoothing; its logarithms would give a copy 100 + 4e-14."""
    from sacrebleu.metrics import BLEU

    counts = (list(hits), list(found), int(length), int(gold_length))
    return min(100.0, BLEU.compute_bleu(*counts, smooth_method="exp", effective_order=effective_order).score)


def _nltk_bleu(counts: Overlap) -> float:
    """NLTK's sentence_bleu with SmoothingFunction().method1 (Chen and Cherry 2014), 0 to 1."""
    if counts.hits[0] == 0:
        return 0.0
    logs = [math.log((hits or _SMALLEST) / max(1, found)) for hits, found in zip(counts.hits, counts.found)]
    short = min(0.0, 1 - counts.gold_length / counts.length)
    return math.exp(short + sum(logs) / len(logs))


@cache
def _jieba() -> Any:
    """jieba's tokenizer with its own dictionary, read without the cache file that it would write."""
    try:
        import jieba
    except ImportError:
        raise ValueError("SNS-Bench and SNS-TransBench need jieba: pip install 'redone[benchmarks]'") from None
    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer


def jieba_words(text: str) -> tuple[str, ...]:
    """jieba's words, blanks among them.

    Its time grows with the square of a run of characters that make no words, so a text of more than 10,000 characters
    is given to it in pieces of 1,000, and what stands after 100,000 is left out.
    """
    text = text[:_LONGEST]
    size = max(1, len(text)) if len(text) <= _WHOLE else _PIECE
    pieces = (text[i : i + size] for i in range(0, len(text), size))
    return tuple(word for piece in pieces for word in _jieba().cut(piece))


def _chrf_counts(output: str, gold: str) -> list[list[int]]:
    """[3, 8]: found, gold and matched n-grams of 1 to 6 characters, blanks left out, then of 1 and 2 words.

    As in sacrebleu, found n-grams do not count where the reference is too short to have any of that length.
    """
    characters = ["".join(text.split()) for text in (output, gold)]
    words = [_chrf_words(text) for text in (output, gold)]
    columns = []
    for texts, longest in ((characters, _CHARACTERS), (words, _WORDS)):
        for n in range(1, longest + 1):
            found, wanted = (max(0, len(text) - n + 1) for text in texts)
            hits = _matched(texts[0], Counter(_ngrams(texts[1], n)), n)
            columns.append((found if wanted else 0, wanted, hits))
    return [list(row) for row in zip(*columns)]


def _chrf_words(text: str) -> tuple[str, ...]:
    """Words between blanks, one ASCII punctuation mark at their end or else at their start cut off (Popović 2017)."""
    words: list[str] = []
    for word in text.split():
        if len(word) > 1 and word[-1] in string.punctuation:
            words += (word[:-1], word[-1])
        elif len(word) > 1 and word[0] in string.punctuation:
            words += (word[0], word[1:])
        else:
            words.append(word)
    return tuple(words)


def _chrf(counts: Values) -> Values:
    """chrF with beta 2, 0 to 100, of counts [..., 3, orders]: found, gold, matched (Popović 2015).

    Precision and recall are means over the orders that both texts have; then F = 5 P R / (4 P + R).
    """
    found, gold, hits = np.moveaxis(np.asarray(counts, dtype=np.float64), -2, 0)
    both = (found > 0) & (gold > 0)
    orders = np.maximum(1, both.sum(-1))
    precision = np.where(both, hits / np.maximum(1, found), 0.0).sum(-1) / orders
    recall = np.where(both, hits / np.maximum(1, gold), 0.0).sum(-1) / orders
    below = 4 * precision + recall
    return 100 * np.divide(5 * precision * recall, below, out=np.zeros_like(below), where=below > 0)


def mean_of(part: str) -> Aggregate:
    """100 times the mean of a sentence score."""

    def aggregate(totals: Totals) -> Mapping[str, Values]:
        return {"score": 100 * totals[part] / totals["n"]}

    return aggregate


def corpus_bleu(totals: Totals) -> Mapping[str, Values]:
    """BLEU of summed counts, as sacrebleu's corpus_score has it (without effective order)."""
    hits = np.stack([totals[f"bleu_hits_{n}"] for n in range(1, _BLEU_ORDER + 1)], -1)
    found = np.stack([totals[f"bleu_found_{n}"] for n in range(1, _BLEU_ORDER + 1)], -1)
    rows = zip(hits, found, totals["bleu_length"], totals["bleu_gold_length"])
    return {"score": np.array([_bleu(*row, effective_order=False) for row in rows])}


def corpus_chrf(metric: str) -> Aggregate:
    """chrf or chrf++ of summed counts, as sacrebleu's corpus_score has it."""

    def aggregate(totals: Totals) -> Mapping[str, Values]:
        orders = range(1, _CHRF[metric] + 1)
        rows = [[totals[f"{metric}_{what}_{n}"] for n in orders] for what in ("found", "gold", "hits")]
        return {"score": _chrf(np.moveaxis(np.array(rows), -1, 0))}

    return aggregate


def slang(record: Record, output: str) -> Verdict:
    """1 where the output holds a known translation of the post's slang: of `slang_trans` or `slang_candidates`.

    Both are compared in NFKC, without case, with punctuation as blanks; an expression of punctuation alone as it is.
    The expression that was found is the note.
    Parts: hits, asked (0 for a post without slang, whose score is 1 and which `slang_rate` leaves out).
    Blind to inflection that changes the expression, and to an expression that is a part of another word.
    """
    terms = [*_listed(record.fields["slang_trans"]), *_listed(record.fields["slang_candidates"])]
    if not terms:
        return Verdict(1.0, "right", {"hits": 0.0, "asked": 0.0}, "no slang")
    plain, folded = extract.normalise(output, punctuation=False), extract.fold(output)

    def held(term: str) -> bool:
        wanted = extract.normalise(term, punctuation=False)
        return wanted in plain if wanted else extract.fold(term) in folded

    hit = next(filter(held, terms), "")
    reason: Reason = "right" if hit else "wrong" if output.strip() else "unparsable"
    return Verdict(float(bool(hit)), reason, {"hits": float(bool(hit)), "asked": 1.0}, hit)


def _listed(value: str | Sequence[str] | None) -> list[str]:
    values = [value] if isinstance(value, str) else value or []
    return [text for text in values if text.strip()]


def slang_rate(totals: Totals) -> Mapping[str, Values]:
    """Of 100 posts with slang, those whose translation has it; 100 where there is none."""
    return {"score": 100 * ratio(totals["hits"], totals["asked"], 1.0)}


AGGREGATES: Mapping[str, Aggregate] = {
    "nltk_bleu": mean_of("nltk_bleu"),
    "sentence_bleu": mean_of("bleu"),
    "sentence_chrf": mean_of("chrf"),
    "sentence_chrf++": mean_of("chrf++"),
    "corpus_bleu": corpus_bleu,
    "corpus_chrf": corpus_chrf("chrf"),
    "corpus_chrf++": corpus_chrf("chrf++"),
    "slang_rate": slang_rate,
}
