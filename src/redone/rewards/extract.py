"""What rewards read out of an answer: normalised text, tokens, items, numbers, options."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal

from redone.files import depth, loads

MOST_NESTED = 50  # levels of JSON, or of tags
CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"(?=\w)[{CJK}]|[^\W{CJK}]+")
_CJK_SPACE = re.compile(rf" ?([{CJK}]) ?")
_FENCE = re.compile(r"(`{3,}|~{3,})[A-Za-z0-9_]*[ \t]*\r?\n(.*?)\r?\n?\1", re.DOTALL)
_LETTERED = re.compile(r"(?:\(([a-zA-Z])\)|([a-zA-Z])[.):、])\s*(.*)", re.DOTALL)
_CURRENCY = "[$€£¥₩₹元]"
_QUANTITY = re.compile(
    rf"(?P<sign>[-+]?)(?:(?P<currency>{_CURRENCY})\s*(?P<after>[-+]?))?"
    r"(?P<whole>[0-9]{1,3}(?:,[0-9]{3}){1,9}(?:\.[0-9]{1,30})?|[0-9]{1,30}(?:\.[0-9]{1,30})?|\.[0-9]{1,30})"
    r"(?:\s*/\s*(?P<below>[0-9]{1,30}))?(?P<percent>\s*%)?"
    rf"(?:\s*(?P<unit>{_CURRENCY}|°[cf]?|[^\W\d_]{{1,30}}))?"
)
_YES = frozenset("yes y true correct 是 是的 对 对的 正确".split())
_NO = frozenset("no n false incorrect 否 不是 不 不对 错 错误".split())
_LEVEL = re.compile(
    r"(?:(?:level|lv|grade|rating|score|等级|级别)\s*[.:]?\s*|第\s*)?([0-9]{1,3})\s*(?:级|档|星|分|stars?)?"
)
_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}  # , to ，
_LIST_SIGNS = {",": "、﹐﹑､،", ";": "﹔؛"}
_PERCENT = re.compile(r"\s*(?:per ?cent|pct)$")
_MIXED = re.compile(r"([-+]?)([0-9]{1,30})\s+([0-9]{1,30}\s*/\s*[0-9]{1,30})")
_LARGEST = (2**53 - 1) * 2**971  # the largest double
_MAGNITUDES = {"dozen", "hundred", "thousand", "million", "billion", "trillion", "k", "bn", *"十百千万亿萬億"}


def fold(text: str, case: bool = False, width: bool = False) -> str:
    """NFKC (NFC with `width`), casefolded unless `case`, each run of whitespace one space, stripped."""
    form: Literal["NFC", "NFKC"] = "NFC" if width else "NFKC"
    text = unicodedata.normalize(form, text)
    return " ".join((text if case else unicodedata.normalize(form, text.casefold())).split())


def normalise(text: str, case: bool = False, width: bool = False, punctuation: bool = True) -> str:
    """Folded text without one trailing full stop; without `punctuation` every such sign is a space, and none stands
    beside a Chinese or Japanese character."""
    text = fold(text, case, width)
    if not punctuation:
        text = "".join(" " if unicodedata.category(letter).startswith("P") else letter for letter in text)
        return _CJK_SPACE.sub(r"\1", " ".join(text.split()))
    return text[:-1].rstrip() if text.endswith((".", "。", "．")) else text


def tokens(text: str) -> list[str]:
    """Words of the text in order, punctuation left out; a Chinese or Japanese character is a word of its own."""
    return _WORD.findall(text)


def items(text: str, separator: str = ",", case: bool = False, reference: str = "", **rules: bool) -> list[str]:
    """The normalised items between separators, empty ones left out.

    A separator may be written full-width, with no space around it, and a comma or semicolon as the list sign of Chinese
    (、) or Arabic, unless the reference has that sign inside its items: beside the separator itself.
    """
    width = rules.get("width", False)
    signs, plain = _separators(separator, reference, width)
    parts = signs.split(text) if signs else [text]
    pieces = (piece for part in parts for piece in plain.split(_narrow(part, width)))
    return [item for piece in pieces if (item := normalise(piece, case, **rules))]


@lru_cache(maxsize=4096)
def _separators(separator: str, reference: str, width: bool) -> tuple[re.Pattern[str] | None, re.Pattern[str]]:
    """(the signs that stand for the separator, if there are any; the separator itself)."""
    narrow = unicodedata.normalize("NFKC", separator)
    signs = narrow.strip().translate(_WIDE) + _LIST_SIGNS.get(narrow.strip(), "")
    if len(re.split(f"{re.escape(separator)}|{re.escape(narrow)}", _narrow(reference, width))) > 1:
        signs = "".join(sign for sign in signs if sign not in reference)
    listed = re.compile(f"[{re.escape(signs)}]") if len(narrow.strip()) == 1 and signs else None
    return listed, re.compile("|".join(map(re.escape, {separator, narrow, narrow.translate(_WIDE)})))


def _narrow(text: str, width: bool) -> str:
    return text if width else unicodedata.normalize("NFKC", text)


def number(text: str) -> tuple[Fraction, str] | None:
    """(value, unit) where the whole text is one number, else None.

    A currency sign may stand before it, a currency sign or one word after it: that is the unit, "" where there is none,
    and 元 is ¥. 50% and 50 percent are 1/2, 1 1/2 is 3/2, -$5 is $-5. Words of magnitude (5 million) are refused, and
    so are superscripts and vulgar fractions, because NFKC turns 10² into 102 and 1¾ into 13/4.
    """
    if any(unicodedata.category(letter) == "No" for letter in text):
        return None
    text = _PERCENT.sub("%", normalise(text).replace("\u2212", "-"))
    if mixed := _MIXED.fullmatch(text):
        part = number(mixed[3])
        if part is None or part[0] >= 1:
            return None
        value = int(mixed[2]) + part[0]
        return (-value if mixed[1] == "-" else value), ""
    found = _QUANTITY.fullmatch(text)
    if found is None or found["unit"] in _MAGNITUDES or (found["sign"] and found["after"]):
        return None
    value, below = Fraction(found["whole"].replace(",", "")), int(found["below"] or 1)
    if below == 0:
        return None
    value /= below * (100 if found["percent"] else 1)
    unit = found["currency"] or found["unit"] or ""
    return (-value if "-" in (found["sign"], found["after"]) else value), unit.replace("元", "¥")


def option(text: str, candidates: Sequence[str], case: bool = False, **rules: bool) -> int | None:
    """The index of the option that the whole text names, None where it names none or its letter and text disagree.

    The text is an option's text, its letter (A is the first), or both: "B. text", "(B) text". An option's text goes
    before a letter, so that options which are single letters mean themselves.
    """
    options = [normalise(candidate, case, **rules) for candidate in candidates]
    if (named := normalise(text, case, **rules)) in options:
        return options.index(named)
    text = fold(text, case)
    if len(text) == 1:
        text += ")"
    found = _LETTERED.fullmatch(text)
    if found is None:
        return None
    index = ord((found[1] or found[2]).lower()) - ord("a")
    if index >= len(options):
        return None
    named = normalise(found[3], case, **rules)  # once, as the options are: it takes one full stop away
    return index if not named or named == options[index] else None


def agreement(text: str) -> bool | None:
    """Whether the whole text says yes or no, in English or Chinese; None where it says neither."""
    text = normalise(text)
    return True if text in _YES else False if text in _NO else None


def level(text: str) -> int | None:
    """The level that the whole text names: 2, level 2, 2级, 第2档, 2 stars; None where it names none."""
    found = _LEVEL.fullmatch(normalise(text))
    return int(found[1]) if found else None


def unfence(text: str) -> str:
    """The text without a code fence or backticks around the whole of it."""
    text = text.strip()
    if found := _FENCE.fullmatch(text):
        return found[2].strip()
    if len(text) > 2 and text[0] == text[-1] == "`" and "`" not in text[1:-1]:
        return text[1:-1].strip()
    return text


def json_of(text: str) -> Any:
    """The JSON value of an answer, by files.loads. Raises ValueError, which says why, where it is none; also for more
    than MOST_NESTED levels, and for a whole number beyond a double."""
    value = loads(text)
    if depth(value) > MOST_NESTED:
        raise ValueError("it nests too deep")
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, int) and abs(one) > _LARGEST:
            raise ValueError("a number beyond a double")
        left += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
    return value


def extracted(text: str, steps: Sequence[Mapping[str, Any]]) -> str:
    """What the steps, one after another, leave of the text. A step is one of

    {first = PATTERN} or {last = PATTERN}: a match of the regular expression, its first group that is not empty where it
    has groups; "" or the step's `missing` where nothing matches, or nothing but space.
    {before = [TEXT, ...]}: what stands before the first of these texts.
    {after = TEXT}: what stands after the last such text, all where there is none.

    Each step's result is stripped. Raises ValueError where a step is none of these.
    """
    for step in steps:
        kind = next(iter(step), "")
        if kind not in STEPS or step.keys() - {kind, "missing"}:
            raise ValueError(f"extract: {dict(step)} is not one of {', '.join(STEPS)}")
        text = STEPS[kind](text, step[kind], step.get("missing", "")).strip()
    return text


def _match(text: str, pattern: str, missing: str, which: int) -> str:
    """As re.findall: of a pattern with groups, a match is its groups."""
    found = re.findall(pattern, text)
    groups = found[which] if found else ""
    return (groups if isinstance(groups, str) else next(filter(None, groups), "")).strip() or missing


def _before(text: str, marks: Sequence[str], missing: str) -> str:
    places = [place for mark in marks if (place := text.find(mark)) >= 0]
    return text[: min(places)] if places else text


STEPS: Mapping[str, Callable[[str, Any, str], str]] = {
    "first": lambda text, pattern, missing: _match(text, pattern, missing, 0),
    "last": lambda text, pattern, missing: _match(text, pattern, missing, -1),
    "before": _before,
    "after": lambda text, mark, missing: text.rpartition(mark)[2],
}
