"""Which of a few labels a text names first: an answer's content, whatever its form.

The rule. A text is read word by word, without case and signs (a Chinese or Japanese character is a word), and the first
place at which a label stands whole names it; of several that begin there the longest. A letter names its option, or the
label that it is, where it stands alone as a capital, in parentheses, or at the head of the answer before a sign
("b) ..."). "A" and "I" before another word are an article and a pronoun, but for an "A" in the middle of a sentence,
and for what stands behind "answer", "option", "choice" or "letter". Blind to negation ("not positive") and to a text
that goes through the labels before it chooses.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from redone.rewards.extract import CJK, normalise

_WORD = re.compile(rf"(?=\w)[{CJK}]|[^\W_{CJK}]+")
_JOINED = "'’-_/&+"  # beside a letter: it is part of a word, such as don't or A/B
_ASKED = re.compile(r"\b(?:answer|option|choice|letter)(?: is)?[\s:：\"'“*(]*$", re.IGNORECASE)
_INSIDE = re.compile(r"[a-z,，][ \t]+$")  # of a sentence
_BEFORE_WORD = re.compile(r"[ \t]+[A-Za-z0-9]")
_HEAD = re.compile(r"[\s\"'“`*#(\[]*")
_SIGN = re.compile(r"[\s\"'”`*)\]]*(?:$|[.,:;)、。，：])")


@dataclass(frozen=True)
class Names:
    """What labels are called. alone: words that count only where no Chinese or Japanese character touches them."""

    words: Mapping[tuple[str, ...], str]  # words -> label
    letters: Mapping[str, str] = field(default_factory=dict)  # capital -> label
    alone: frozenset[tuple[str, ...]] = frozenset()
    case: bool = False
    width: bool = False


def names_of(labels: Sequence[str], lettered: bool = False, **rules: bool) -> Names | None:
    """The labels by their own texts, and with `lettered` by their places' letters, unless one is a letter itself; None
    where two cannot be told apart by their words, or one has none. rules: as `extract.normalise` has them."""
    case, width = rules.get("case", False), rules.get("width", False)
    own = {label: _folded(label, case, width) for label in dict.fromkeys(normalise(one, **rules) for one in labels)}
    if not all(own.values()):
        return None
    letters = {words[0].upper(): label for label, words in own.items() if len(words) == 1 and _letter(words[0])}
    words = {words: label for label, words in own.items() if not (len(words) == 1 and _letter(words[0]))}
    if len(letters) + len(words) < len(own):
        return None
    if lettered and not letters:
        letters = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", own))
    return Names(words, letters, case=case, width=width)


def _agreement() -> Names:
    yes = "yes, true, correct, 是, 是的, 对, 对的, 正确"
    no = "no, false, incorrect, not true, not correct, 否, 不是, 不, 不对, 不正确, 错, 错误"
    words = {_folded(name): label for label, names in (("yes", yes), ("no", no)) for name in names.split(", ")}
    return Names(words, alone=frozenset(name for name in words if re.match(f"[{CJK}]", name[0])))


def first_named(text: str, names: Names) -> str | None:
    """The label that the text names first, or None."""
    text = _form(text, names.width)
    found = list(_WORD.finditer(text))
    words = [_cased(match[0], names.case) for match in found]
    by_length = sorted(names.words, key=len, reverse=True)
    beginning = {name[0]: [other for other in by_length if other[0] == name[0]] for name in by_length}
    for i, match in enumerate(found):
        for name in beginning.get(words[i], ()):
            whole = tuple(words[i : i + len(name)]) == name
            if whole and not (name in names.alone and _touched(text, match.start(), found[i + len(name) - 1])):
                return names.words[name]
        capital = match[0].upper()
        if capital in names.letters and _is_named(text, match):
            return names.letters[capital]
    return None


def _is_named(text: str, match: re.Match[str]) -> bool:
    """Whether a single letter names an option, by the rule above."""
    before, after = text[: match.start()], text[match.end() :]
    if before[-1:] in set(_JOINED) | {"."} or after[:1] in set(_JOINED) or re.match(r"\.\w", after):
        return False
    if before.endswith("(") and after.startswith(")"):
        return True
    if _HEAD.fullmatch(before) and _SIGN.match(after):
        return True
    if not match[0].isupper():
        return False
    if match[0] not in "AI" or not _BEFORE_WORD.match(after) or _ASKED.search(before[-40:]):
        return True
    return match[0] == "A" and _INSIDE.search(before[-10:]) is not None


def _touched(text: str, start: int, last: re.Match[str]) -> bool:
    beside = text[start - 1 : start] + text[last.end() : last.end() + 1]
    return re.search(f"[{CJK}]", beside) is not None


def _letter(word: str) -> bool:
    return len(word) == 1 and word.isascii() and word.isalpha()


def _folded(text: str, case: bool = False, width: bool = False) -> tuple[str, ...]:
    return tuple(_cased(match[0], case) for match in _WORD.finditer(_form(text, width)))


def _cased(word: str, case: bool) -> str:
    return word if case else word.casefold()


def _form(text: str, width: bool) -> str:
    return unicodedata.normalize("NFC" if width else "NFKC", text)


AGREEMENT = _agreement()
