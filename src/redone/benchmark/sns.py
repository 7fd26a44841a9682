"""SNS-Bench as its authors' evaluators compute it, mistakes included: the reading "parity".

Source: github HC-Guo/SNS-Bench, opencompass/datasets/sns_bench. Separators are unescaped there, so that every < and >
cuts an answer, and in two subsets the bare word "end"; a list is the first pair of brackets without others inside;
what cannot be read leaves the sums, and the score is multiplied by the share that could.

Two departures: Python literals are read where the authors execute the model's text (differences are expressions, such
as ['a'] * 2, and texts of more than a million characters), and where their code stops with an exception (a ROUGE of a
text without words, an F1 of 0 / 0) the value is 0. A set of several texts, whose order is random there, is sorted.
"""

import ast
import json
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from redone.benchmark.aggregate import Aggregate, Totals, Values, ratio
from redone.benchmark.sns_similarity import similarity
from redone.records import Reason, Record, Verdict
from redone.rewards.distance import edit_distance

LEVELS = ("-1", "0", "1", "2", "3")
_CUT = re.compile(r"[\n.,<>]|endofresponse")
_CUT_END = re.compile(r"[\n.,<>]|(?:im_)?end")
_CUT_LINE = re.compile(r"[\n<>]|endofresponse")
_BRACKETS = re.compile(r"\[[^\[\]]*\]")
_LEVEL = re.compile(r"-1|[0-3]")
_LONGEST = 1_000_000
_CJK = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002a6df\U0002a700-\U0002ceaf\U0002f800-\U0002fa1f"
_TOKEN = re.compile(f"[{_CJK}=]|[^{_CJK}=]+")
_IGNORED = str.maketrans(dict.fromkeys(":_`，。：？！()“”；’《》·、,「」（）－～『』|"))


def label(record: Record, output: str, *, bare_end: bool = False) -> Verdict:
    """1 where the output up to the first newline, full stop, comma, < or > (or, with `bare_end`, "end") is the
    reference, in its case, else 0. Subsets: gender, querycorr_explain; with `bare_end` the two single choices."""
    return _exactly(_label(output, bare_end) == record.fields["answer"], output)


def path(record: Record, output: str) -> Verdict:
    """1 where a label path equals the reference once punctuation and articles are taken out of both, else 0.

    Subset: taxonomy_multiple, by OpenCompass' EMEvaluator; the output is cut as in `label` first.
    """
    gold, found = record.fields["answer"], _general(_label(output, bare_end=True))
    return _exactly(found in (gold, _general(gold)), output)


def _exactly(right: bool, output: str) -> Verdict:
    return Verdict(float(right), "right" if right else "wrong" if output.strip() else "unparsable")


def _label(output: str, bare_end: bool) -> str:
    return (_CUT_END if bare_end else _CUT).split(_bare(output), maxsplit=1)[0].strip()


def _bare(output: str) -> str:
    return output.replace("Answer:", "").strip()


def _general(text: str) -> str:
    """OpenCompass' general_postprocess."""
    text = re.sub(r"[^\w\s]", "", re.split(r"[\n.,]", text, maxsplit=1)[0])
    return " ".join(re.sub(r"\b(a|an|the)\b", "", text, flags=re.IGNORECASE).split())


def tags(record: Record, output: str) -> Verdict:
    """F1 of the first line's items between commas against the reference's. Parts: hits, predicted, gold.

    Only what is empty before it is stripped is left out, so "a, ,b" has the item "". Subsets: hashtag_multiple, ner.
    """
    found, gold = (_listed(text) for text in (output, record.fields["answer"]))
    return _counted(found, gold)


def _listed(text: str) -> set[str]:
    return {part.strip() for part in _CUT_LINE.split(_bare(text), maxsplit=1)[0].split(",") if part}


def _counted(found: set[str], gold: set[str]) -> Verdict:
    hits, predicted, wanted = (float(len(those)) for those in (found & gold, found, gold))
    score = 2 * hits / (predicted + wanted) if predicted + wanted else 1.0
    reason: Reason = "right" if score == 1 else "wrong" if found else "unparsable"
    return Verdict(score, reason, {"hits": hits, "predicted": predicted, "gold": wanted})


def highlights(record: Record, output: str) -> Verdict:
    """F1 of a list of words, the empty list being the set of one empty word. Parts: hits, predicted, gold; or errors,
    where no list of texts can be read. Subset: chlw."""
    try:
        found = literal(_bracketed(output))
        if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
            raise ValueError("no list of texts")
    except ValueError as error:
        return _unread(str(error))
    return _counted(set(found) or {""}, set(literal(record.fields["answer"])) or {""})


def _unread(note: str) -> Verdict:
    return Verdict(0.0, "unparsable", {"errors": 1.0}, note)


def _bracketed(output: str) -> str:
    match = _BRACKETS.search(output)
    return match[0] if match else output


def literal(text: str) -> Any:
    """The value of a Python literal. Raises ValueError where the text is none, or has over a million characters."""
    if len(text) > _LONGEST:
        raise ValueError("too long to be read")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes that Python does not know
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
            raise ValueError(f"no literal ({type(error).__name__})") from None


def micro_f1(totals: Totals) -> Mapping[str, Values]:
    """100 times 2 hits / (predicted + gold + 1e-4), rounded to four places, times the share that could be read."""
    hits, predicted, gold = totals["hits"], totals["predicted"], totals["gold"]
    success = _success(totals)
    below = {"f1": (2 * hits, predicted + gold), "precision": (hits, predicted), "recall": (hits, gold)}
    parts = {name: 100 * _rounded(above / (beneath + 1e-4)) for name, (above, beneath) in below.items()}
    return {"score": success * parts["f1"], **parts, "success": 100 * success}


def _rounded(values: Values) -> Values:
    return np.array([round(value, 4) for value in values.tolist()])  # numpy's round is off where Python's is exact


def _success(totals: Totals) -> Values:
    return 1 - totals["errors"] / totals["n"]


def relevance(record: Record, output: str) -> Verdict:
    """1 where the first of -1, 0, 1, 2, 3 anywhere in the output, even within a number, is the reference's level.

    Parts: tp, fp or fn of a level, as tp-1; or errors, where there is none. Subset: querycorr_topic.
    """
    match, gold = _LEVEL.search(output), record.fields["answer"]
    if match is None:
        return _unread("no level")
    if match[0] == gold:
        return Verdict(1.0, "right", {f"tp{gold}": 1.0})
    return Verdict(0.0, "wrong", {f"fn{gold}": 1.0, f"fp{match[0]}": 1.0})


def macro_f1(totals: Totals) -> Mapping[str, Values]:
    """The mean F1 of the five levels in percent, with 1e-5 added below every line, times the share that was read."""

    def f1(level: str) -> Values:
        tp, fp, fn = (totals[f"{what}{level}"] for what in ("tp", "fp", "fn"))
        precision, recall = 100 * tp / (tp + fp + 1e-5), 100 * tp / (tp + fn + 1e-5)
        return 2 * precision * recall / (precision + recall + 1e-5)

    parts = {f"f1 of {level}": f1(level) for level in LEVELS}
    success = _success(totals)
    return {"score": success * sum(parts.values()) / len(LEVELS), **parts, "success": 100 * success}


def passages(record: Record, output: str) -> Verdict:
    """How much the quoted passages share with the reference's: 1 where both are empty, the mean of BLEU and ROUGE-1, 2
    and L where both are not, else 0.

    The passages are joined by newlines, the reference's by nothing. Parts: tp (with bleu, rouge_1, rouge_2, rouge_l),
    tn, fp or fn; or errors, where no list of texts can be read. Subset: mrc_simple.
    """
    try:
        found = _joined(literal(_bracketed(output)))
    except (ValueError, TypeError) as error:
        return _unread(str(error))
    gold = "".join(record.fields["answer"])
    if not found or not gold:
        return existence(bool(found), bool(gold))
    similar = similarity(found, gold)
    score = sum(similar.values()) / len(similar)
    return Verdict(score, "right" if score > 0.999999 else "wrong", {"tp": 1.0, **similar})


def _joined(value: Any) -> str:
    return "\n".join(sorted(value) if isinstance(value, (set, frozenset)) else value).strip()


def existence(found: bool, gold: bool) -> Verdict:
    """Of an item that has nothing on one side, or on both."""
    if found or gold:
        return Verdict(0.0, "wrong", {"fp" if found else "fn": 1.0})
    return Verdict(1.0, "right", {"tn": 1.0})


def passages_mean(totals: Totals) -> Mapping[str, Values]:
    """The mean of the F1 of answering at all and, over the pairs that both answer, BLEU and ROUGE-1, 2 and L, times
    the share that could be read."""
    tp, fp, fn = (totals[part] for part in ("tp", "fp", "fn"))
    precision, recall = tp / (tp + fp + 1e-4), tp / (tp + fn + 1e-4)
    parts = {"existence": 100 * 2 * precision * recall / (precision + recall + 1e-4)}
    parts |= {part: 100 * ratio(totals[part], tp) for part in ("bleu", "rouge_1", "rouge_2", "rouge_l")}
    success = _success(totals)
    return {"score": success * sum(parts.values()) / len(parts), **parts, "success": 100 * success}


def options(record: Record, output: str) -> Verdict:
    """How right the named options are: the mean of their best F1 and of their exact matches among the reference's
    options, 1 where both name none, 0 where one does.

    F1 is of the longest common substring of tokens, a token being a Chinese character, "=", or all that stands between
    them. Parts: tp, tn, fp or fn with option_f1, option_em; or errors, where there is no <Result> that is a JSON list
    of options with reasons. Subset: mrc_complex.
    """
    try:
        found = _options(output)
    except ValueError as error:
        return _unread(str(error))
    gold = _options(record.fields["answer"])
    if not found or not gold:
        verdict = existence(bool(found), bool(gold))
        both = {"option_f1": verdict.score, "option_em": verdict.score}
        return Verdict(verdict.score, verdict.reason, {**verdict.parts, **both})
    wanted = [(text, _TOKEN.findall(text)) for text in map(_plain, gold)]
    texts = {text for text, _ in wanted}
    mine = [(text, _TOKEN.findall(text)) for text in map(_plain, found)]
    f1 = sum(max(_substring_f1(tokens, other) for _, other in wanted) for _, tokens in mine) / len(mine)
    exact = sum(text in texts for text, _ in mine) / len(mine)
    score = (f1 + exact) / 2
    parts = {"tp": 1.0, "option_f1": f1, "option_em": exact}
    return Verdict(score, "right" if score == 1 else "wrong", parts)


def _options(text: str) -> list[str]:
    """The different options of the last result, in their order. Raises ValueError where it cannot be read."""
    try:
        rows = json.loads(_last_result(text).strip().lstrip("`json").rstrip("`"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and all(isinstance(row.get(key), str) for key in ("Option", "Reason")) for row in rows
    ):
        raise ValueError("no list of options with reasons")
    return list(dict.fromkeys(row["Option"] for row in rows))


def _last_result(text: str) -> str:
    """The last match of (?<=<Result>).+?(?=</Result>), whose own time can grow with the square of the text."""
    last, start = None, text.find("<Result>")
    while start >= 0:
        start += len("<Result>")
        end = text.find("</Result>", start + 1)
        if end < 0:
            break
        last = text[start:end]
        start = text.find("<Result>", end - len("<Result>"))
    if last is None:
        raise ValueError("no result")
    return last


def _plain(text: str) -> str:
    return text.lower().translate(_IGNORED)


def _substring_f1(found: Sequence[str], gold: Sequence[str]) -> float:
    places: dict[str, list[int]] = {}
    for place, token in enumerate(gold):
        places.setdefault(token, []).append(place)
    longest, runs = 0, dict[int, int]()  # place in the reference -> length of the run that ends there
    for token in found:
        runs = {place: runs.get(place - 1, 0) + 1 for place in places.get(token, ())}
        longest = max(longest, *runs.values()) if runs else longest
    if not longest:
        return 0.0
    precision, recall = longest / len(found), longest / len(gold)
    return 2 * precision * recall / (precision + recall)


def options_mean(totals: Totals) -> Mapping[str, Values]:
    """The mean of the F1 of answering at all and of the options' mean F1 and exact match, times the share read."""
    tp, read, success = totals["tp"], totals["n"] - totals["errors"], _success(totals)
    parts = {"existence": 100 * ratio(2 * tp, 2 * tp + totals["fp"] + totals["fn"])}
    parts |= {part: 100 * ratio(totals[part], read) for part in ("option_f1", "option_em")}
    return {"score": success * sum(parts.values()) / len(parts), **parts, "success": 100 * success}


def query(record: Record, output: str) -> Verdict:
    """1 - edit distance / the longer length, of the whole output and the reference. Part: anls, times 100.

    Subset: querygen, whose other half is the cosine of embeddings.
    """
    gold = record.fields["answer"]
    score = 1 - edit_distance(gold, output) / max(len(gold), len(output), 1)
    return Verdict(score, "right" if score == 1 else "wrong" if output.strip() else "unparsable", {"anls": 100 * score})


def embedded_text(output: str) -> str:
    """What of an output is embedded."""
    return _CUT_LINE.split(output.strip(), maxsplit=1)[0]


def query_mean(totals: Totals) -> Mapping[str, Values]:
    """The mean of ANLS and cosine; not a number, and ANLS alone beside it, where nothing was embedded."""
    anls, cosine, known = totals["anls"] / totals["n"], totals["cosine"] / totals["n"], totals["embedded"] > 0
    parts = {"anls": anls, "cosine": cosine} if known.any() else {"anls": anls}
    return {"score": np.where(known, (anls + cosine) / 2, np.nan), **parts}


READINGS: Mapping[str, Callable[..., Verdict]] = {
    "sns_label": label,
    "sns_path": path,
    "sns_tags": tags,
    "sns_highlights": highlights,
    "sns_relevance": relevance,
    "sns_passages": passages,
    "sns_options": options,
    "sns_query": query,
}
AGGREGATES: Mapping[str, Aggregate] = {
    "sns_micro_f1": micro_f1,
    "sns_macro_f1": macro_f1,
    "sns_passages": passages_mean,
    "sns_options": options_mean,
    "sns_query": query_mean,
}
