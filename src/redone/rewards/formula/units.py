"""Units: words, and symbols in another font, behind a number. Words that carry a value are none."""

import re
from itertools import pairwise

SYMBOLS = (
    "mghsLlNJWVACF"  # what one letter in \text{} or \mathrm{} may be a unit of; every other letter is a value, K too
)
PLAIN_SYMBOLS = "mghsLl"
_SHORT = "cm|mm|km|dm|nm|kg|mg|gm|ml|mL|ft|yd|in|lbs?|oz|hrs?|mins?|secs?|mph|kph|km/h|m/s|Hz|eV|pts?|qts?"
_CARRIES = re.compile(
    r"(?i)\b(?:not|no|nor|or|never|wrong|incorrect|per\s?cent|percentage|pct|base|mod|modulo|plus|minus|over|point"
    r"|factorial|negative|below\s+zero|mil|bn|mn|crores?|lakhs?|tens|hundreds?|thousands?|(?:m|b|tr)illions?|dozens?|half|halves|thirds|fourths|fifths|sixths|sevenths|eighths"
    r"|ninths|tenths|hundredths|thousandths|[ap]\.?m|and\s+(?:an?|one|two|three|four|five|six|seven|eight|nine|ten))\b"
    r"|^\s*(?:squared|cubed)\b|[半多成折余几不非]|分之|以上|以下|左右"
)
_POWER = r"(?:\s*\^\s*(?:\{-?\d\}|-?\d))?"
_TEXT = rf"\\text\s*\{{(?:[^{{}}\d]|(?<=[A-Za-z^-])\d)*\}}{_POWER}"
_BEHIND = r"\s*(?=$|[,;)\]}&]|\\\\|\\[)\]}]|\\text\s*\{\s*,?\s*(?:and|or)\s*\})"
_MARKED = re.compile(
    rf"(?<=[\w}})\]%])\s*(?:\\mu\s*)?(?:{_TEXT}(?:[\s/*]*(?:\\cdot\s*)?{_TEXT})*|\\frac\s*\{{\s*{_TEXT}\s*\}}"
    rf"\s*\{{\s*{_TEXT}(?:\s*{_TEXT})*\s*\}}|\\Omega){_BEHIND}"
)
_CONTENT = re.compile(r"\\text\s*\{([^{}]*)\}")
_VARIABLE = re.compile(r"(?<![\\A-Za-z])[A-Za-z]$")
_PLAIN = re.compile(
    rf"(.*(?:[\d}})%]|\\pi))(?:\s*(?:{_SHORT})|\s([A-Za-z]{{2,}}\.?(?:[ /-][A-Za-z]+\.?)*|[{PLAIN_SYMBOLS}])"
    r"|\s*(?![十百千万亿](?!米|克|瓦))([\u3400-\u9fff]{1,6}))(?:\s*\^\s*\{?[23]\}?)?"
)
_LISTED = re.compile(rf"(?<=\d)\s*(?:{_SHORT})(?=\s*[,;)\]])")
_LETTERS = re.compile(rf"(.*[\d}})])\s*[{PLAIN_SYMBOLS}]")


def without_units(text: str, plain: bool) -> str:
    """The formula without the units in \\text{} behind its numbers, and without plain words behind the last.

    12 m is twelve metres where the whole was plain text, and a product in LaTeX.
    """

    def unless_it_carries(found: re.Match[str]) -> str:
        words = _CONTENT.findall(found[0])
        named = _VARIABLE.search(text[: found.start()]) and not all(re.fullmatch(_SHORT, w.strip()) for w in words)
        return found[0] if named or not all(unit(word) for word in words) else ""

    text = _LISTED.sub("", _MARKED.sub(unless_it_carries, text)).strip()
    found = _PLAIN.fullmatch(text)
    if not found:
        return text
    words = found[2] or found[3] or ""
    keeps = _CARRIES.search(words) or product(words) or (words in PLAIN_SYMBOLS and words and not plain)
    return text if keeps else found[1].strip()


def without_letter(text: str) -> str:
    """12m and 12 m as 12, which may be metres or a product: the text without one last letter that may be a unit."""
    found = _LETTERS.fullmatch(text)
    return found[1] if found else text


def unit(words: str) -> bool:
    """Whether words behind a number only say what is counted."""
    words = words.strip()
    return words in SYMBOLS if len(words) == 1 else not _CARRIES.search(words)


def product(word: str) -> bool:
    """Whether plain letters are rather a product than a word: xy, abc, in alphabetical order without e, i, o, u."""
    small = word.lower()
    ordered = len(small) < 5 and all(one < other for one, other in pairwise(small))
    return (len(word) == 2 and word.isascii()) or (len(word) > 2 and ordered and not set(small) & set("eiou"))
