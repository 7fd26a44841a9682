"""SNS-Bench's metrics without the mistakes of its code: the reading "clean".

What holds for all: the thinking is dropped, and an answer is none where thinking is never closed or where more than
20,000 characters are left. An answer ends at a token such as <|endofresponse|>; what stands before a first "Answer:"
does not count. Texts are compared as the training rewards do: case, width, spacing and one trailing full stop do not
count. What cannot be read stays in the sums with nothing right, so there is no share of answers read to multiply by,
nothing is rounded, and no small number is added below a line.

Kept as published, though it can be questioned: what a comma or full stop separates from a label is not read; an empty
list of highlights counts as one word, so that abstaining can be right; BLEU and ROUGE are means over the items that
have passages on both sides; options that were not named cost nothing.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from redone.benchmark.aggregate import Aggregate, Totals, Values, ratio
from redone.benchmark.sns import LEVELS, existence, literal
from redone.records import Reason, Record, Verdict
from redone.rewards import LONGEST, extract
from redone.rewards.distance import common_subsequence
from redone.rewards.exact import exact
from redone.rewards.metrics import anls, bleu, set_f1
from redone.rewards.similarity import rouge_1, rouge_2, rouge_l
from redone.thinking import split_thinking

_END = re.compile(r"<\|\w{1,40}\|>|</s>")
_ANSWER = re.compile(r"answer\s{0,9}[:：]", re.IGNORECASE)
_STOP = re.compile(r"[.,。，]")
_NUMBER = re.compile(r"(?:(?<!\w)[-−–])?\d+(?:\.\d+)?")
_TEXT = r"""(?:"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+')"""
_LIST = re.compile(rf"\[\s*+(?:{_TEXT}\s*+(?:,\s*+{_TEXT}\s*+)*+,?\s*+)?\]", re.DOTALL)
_SIMILAR: Mapping[str, Callable[..., Verdict]] = {
    "bleu": bleu,
    "rouge_1": rouge_1,
    "rouge_2": rouge_2,
    "rouge_l": rouge_l,
}


def answer_of(output: str) -> str:
    """The answer in an output, after its thinking; "" where there is none (see above)."""
    text = _END.split(split_thinking(output)[1] or "", maxsplit=1)[0].strip()
    return text if len(text) <= LONGEST else ""


def line_of(output: str) -> str:
    """The first line of the answer, or of what stands after its first "Answer:", without emphasis around it."""
    text = extract.unfence(answer_of(output))
    if found := _ANSWER.search(text):
        text = text[found.end() :].strip(" \t\r\n*")
    return text.partition("\n")[0].strip(" \t\r*`")


def label(record: Record, output: str) -> Verdict:
    """1 where the first line, or what stands before its first full stop or comma, is the reference, else 0.

    Punctuation does not count, so "No. 9 Scooter" is itself, and "**Yes**" and "Yes, because ..." are yes. Subsets:
    gender, querycorr_explain, and the two single choices.
    """
    return _first(record, output, kind="text")


def path(record: Record, output: str) -> Verdict:
    """1 where the levels between | are the reference's, one for one, else 0; the line ends as in `label`.

    Punctuation within a level does not count. Subset: taxonomy_multiple.
    """
    return _first(record, output, kind="list", separator="|")


def _first(record: Record, output: str, **rules: Any) -> Verdict:
    line = line_of(output)
    whole, cut = (exact(record, text, punctuation=False, **rules) for text in (line, _STOP.split(line, maxsplit=1)[0]))
    return max(whole, cut, key=lambda verdict: verdict.score)


def tags(record: Record, output: str) -> Verdict:
    """F1 of the first line's items between commas against the reference's. Parts: hits, predicted, gold.

    Subsets: hashtag_multiple, ner.
    """
    return set_f1(record, line_of(output), separator=",", none="")


def listed(text: str) -> list[str] | None:
    """The last list of texts in a text, as Python or JSON writes it; None where there is none.

    Brackets within a text are part of it, and its lines may be broken as they are.
    """
    for match in reversed(list(_LIST.finditer(text))):
        try:
            found: list[str] = json.loads(match[0], strict=False)
            return found
        except ValueError:
            pass
        try:
            found = literal(match[0].replace("\r", "\\r").replace("\n", "\\n"))
            return found
        except ValueError:
            pass
    return None


def highlights(record: Record, output: str) -> Verdict:
    """F1 of the last list of words, an empty list, or one of empty words, being the set of one empty word.

    Parts: hits, predicted (0 where there is no list), gold. Subset: chlw.
    """
    words, gold = (listed(text) for text in (answer_of(output), record.answer))
    assert gold is not None, f"{record.id}: the reference answer is no list of texts"
    wanted = _words(gold)
    found = set[str]() if words is None else _words(words)
    hits, predicted, total = (float(len(those)) for those in (found & wanted, found, wanted))
    score = 2 * hits / (predicted + total)
    reason: Reason = "unparsable" if words is None else "right" if score == 1 else "wrong"
    return Verdict(score, reason, {"hits": hits, "predicted": predicted, "gold": total})


def _words(words: Sequence[str]) -> set[str]:
    return {word for text in words if (word := extract.normalise(text))} or {""}


def relevance(record: Record, output: str) -> Verdict:
    """1 where the first number of the answer that is a level is the reference's, else 0.

    "Level 2" and "2." are 2, a Unicode minus is a minus, and 10 and 2.5 are no level. A hyphen behind a letter is no
    minus. Parts: tp, or fn and, where a level was found, fp, as tp-1. Subset: querycorr_topic.
    """
    text, gold = answer_of(output), record.answer.strip()
    if found := _ANSWER.search(text):
        text = text[found.end() :]
    numbers = (number.replace("−", "-").replace("–", "-") for number in _NUMBER.findall(extract.fold(text)))
    level = next((number for number in numbers if number in LEVELS), None)
    if level is None:
        return Verdict(0.0, "unparsable", {f"fn{gold}": 1.0}, "no level")
    if level == gold:
        return Verdict(1.0, "right", {f"tp{gold}": 1.0})
    return Verdict(0.0, "wrong", {f"fn{gold}": 1.0, f"fp{level}": 1.0})


def macro_f1(totals: Totals) -> Mapping[str, Values]:
    """100 times the mean F1 of the levels that an answer or a reference has."""
    counts = {level: [totals[f"{what}{level}"] for what in ("tp", "fp", "fn")] for level in LEVELS}
    each = {level: 100 * ratio(2 * tp, 2 * tp + fp + fn) for level, (tp, fp, fn) in counts.items()}
    present = np.sum([np.sum(mine, axis=0) > 0 for mine in counts.values()], axis=0)
    total = np.sum(list(each.values()), axis=0)
    return {"score": total / present, **{f"f1 of {level}": values for level, values in each.items()}}


def passages(record: Record, output: str) -> Verdict:
    """How much the last list of passages shares with the reference's: 1 where both are empty, the mean of BLEU and
    ROUGE-1, 2 and L where both are not, else 0.

    Both sides are joined by newlines; the measures are the training rewards', over words. Parts: tp, tn, fp or fn, and
    for a pair of passages pairs with bleu, rouge_1, rouge_2, rouge_l. No list at all is never right: fp without
    passages in the reference, else fn and a pair of which nothing is right. Subset: mrc_simple.
    """
    passages, gold = listed(answer_of(output)), "\n".join(record.fields["answer"]).strip()
    if passages is None:
        return Verdict(0.0, "unparsable", {"fn": 1.0, "pairs": 1.0} if gold else {"fp": 1.0}, "no list of texts")
    found = "\n".join(passages).strip()
    if not found or not gold:
        return existence(bool(found), bool(gold))
    wanted = replace(record, answer=gold)
    if extract.tokens(extract.fold(gold)):
        similar = {name: measure(wanted, found).score for name, measure in _SIMILAR.items()}
    else:
        similar = dict.fromkeys(_SIMILAR, exact(wanted, found).score)
    score = sum(similar.values()) / len(similar)
    return Verdict(score, "right" if score == 1 else "wrong", {"tp": 1.0, "pairs": 1.0, **similar})


def passages_mean(totals: Totals) -> Mapping[str, Values]:
    """100 times the mean of the F1 of answering at all and, over the pairs, BLEU and ROUGE-1, 2 and L.

    Where there are no pairs, because no item has passages on both sides, these are 0; without any passages the F1 alone
    counts.
    """
    existence, any_passages = _answering(totals)
    parts = {part: 100 * ratio(totals[part], totals["pairs"]) for part in _SIMILAR}
    count = np.where(any_passages, 1 + len(parts), 1)
    return {"score": (existence + sum(parts.values())) / count, "existence": existence, **parts}


def options(record: Record, output: str) -> Verdict:
    """How right the named options are: the mean of their best F1 and of their exact matches among the reference's
    options, 1 where both name none, 0 where one does.

    F1 is of the longest common subsequence of words; a match ignores punctuation. The options are those of the JSON
    list between the last <Result> and </Result>, a reason being optional because none is scored. Parts: tp, tn, fp or
    fn, option_f1, option_em; no list at all is never right: fn, or fp where the reference has no options. Subset:
    mrc_complex.
    """
    gold, found = _options(record.answer), _options(answer_of(output))
    assert gold is not None, f"{record.id}: the reference answer has no list of options"
    if found is None:
        return Verdict(0.0, "unparsable", {"fn" if gold else "fp": 1.0}, "no list of options")
    if not found or not gold:
        verdict = existence(bool(found), bool(gold))
        both = {"option_f1": verdict.score, "option_em": verdict.score}
        return replace(verdict, parts={**verdict.parts, **both})
    f1 = sum(max(_subsequence_f1(mine, other) for other in gold) for mine in found) / len(found)
    exact = sum(mine in gold for mine in found) / len(found)
    score = (f1 + exact) / 2
    parts = {"tp": 1.0, "option_f1": f1, "option_em": exact}
    return Verdict(score, "right" if score == 1 else "wrong", parts)


def _options(text: str) -> list[str] | None:
    """The different options, normalised and without punctuation, in their order; None where they cannot be read."""
    before, closed, _ = text.rpartition("</Result>")
    _, opened, result = before.rpartition("<Result>")
    if not closed or not opened:
        return None
    try:
        rows = json.loads(extract.unfence(result), strict=False)
    except (ValueError, RecursionError):
        return None
    if not isinstance(rows, list) or not all(isinstance(r, dict) and isinstance(r.get("Option"), str) for r in rows):
        return None
    options = (extract.normalise(row["Option"], punctuation=False) or extract.fold(row["Option"]) for row in rows)
    return [option for option in dict.fromkeys(options) if option]


def _subsequence_f1(found: str, gold: str) -> float:
    if found == gold:
        return 1.0
    ours, theirs = extract.tokens(found), extract.tokens(gold)
    return 2 * common_subsequence(theirs, ours) / max(1, len(ours) + len(theirs))


def options_mean(totals: Totals) -> Mapping[str, Values]:
    """100 times the mean of the F1 of answering at all and of the options' mean F1 and exact match."""
    parts = {"existence": _answering(totals)[0]}
    parts |= {part: 100 * totals[part] / totals["n"] for part in ("option_f1", "option_em")}
    return {"score": np.mean(list(parts.values()), axis=0), **parts}


def _answering(totals: Totals) -> tuple[Values, Any]:
    """F1 of answering at all, times 100, 100 where nothing was to be answered nor was; and where something was."""
    tp, fp, fn = (totals[part] for part in ("tp", "fp", "fn"))
    return 100 * ratio(2 * tp, 2 * tp + fp + fn, 1.0), tp + fp + fn > 0


def query(record: Record, output: str) -> Verdict:
    """The training reward anls of the first line, which is embedded too. Part: anls, times 100. Subset: querygen."""
    verdict = anls(record, line_of(output))
    return replace(verdict, parts={"anls": 100 * verdict.score})


READINGS: Mapping[str, Callable[..., Verdict]] = {
    "sns_clean_label": label,
    "sns_clean_path": path,
    "sns_clean_tags": tags,
    "sns_clean_highlights": highlights,
    "sns_clean_relevance": relevance,
    "sns_clean_passages": passages,
    "sns_clean_options": options,
    "sns_clean_query": query,
}
AGGREGATES: Mapping[str, Aggregate] = {
    "sns_clean_macro_f1": macro_f1,
    "sns_clean_passages": passages_mean,
    "sns_clean_options": options_mean,
}
