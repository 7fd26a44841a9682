"""A formula in one spelling of LaTeX, without its unit: what stands for a value stays, in words or in another font too.

Both sides of a comparison go through here, so that a reference loses its unit exactly as an answer does.
"""

import re
import unicodedata
from decimal import Decimal
from fractions import Fraction
from math import prod

from redone.rewards.formula.units import SYMBOLS, unit, without_units

_SIGNS = str.maketrans(
    {
        **{"−": "-", "–": "-", "×": r"\times ", "÷": r"\div ", "·": r"\cdot ", "⋅": r"\cdot ", "π": r"\pi ", "。": "."},
        **{"√": r"\sqrt ", "∞": r"\infty ", "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "、": ","},
        **{"±": r"\pm ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∅": r"\emptyset ", "°": r"^\circ ", "％": r"\%"},
        **{sign: f"^{{{power}}}" for power, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
        **{sign: rf"\frac{{{a}}}{{{b}}}" for sign, a, b in zip("½⅓⅔¼¾", (1, 1, 2, 1, 3), (2, 3, 3, 4, 4))},
    }
)  # fmt: skip  # before NFKC, which would turn 10² into 102
_THOUSANDS = re.compile(r"(?<=\d)(?:\\[,;:! ]|[~'’\u00a0\u2009\u202f]|\s*\{\s*,\s*\}\s*|\s*,\s*\\!\s*)(?=\d{3}(?!\d))")
_FUNCTIONS = "arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|log|ln|lg|exp|max|min"
_GREAT = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}
_GREAT |= {"十": 10, "百": 10**2, "千": 10**3, "万": 10**4, "亿": 10**8}
_DECIMAL = r"(?<![\w.,])(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,15}(?:\.\d{1,10})?)"
_GREATS = r"((?:(?:hundred|thousand|million|billion|trillion|dozen)s?(?![A-Za-z])\s*)+)"
_PERCENT = r"(?:per\s?cent|percentage|pct)(?![A-Za-z])\.?"
_BEFORE = r"\s*(?:\^\s*\{?\d\}?)?\s*[({]?\s*"
_CIRCLE = r"\s*\^\s*(?:\\circ|\{\s*\\circ\s*\})"
_ARRAY = r"\\left\s*[(\[]\s*\\begin\{array\}\s*\{[^{}]*\}(.*)\\end\{array\}\s*\\right\s*[)\]]"
_LETTER = rf"\\text(?:rm|bf|it|normal)?\s*\{{\s*([^\W\d_{SYMBOLS}])\s*\}}"


def _scaled(found: re.Match[str]) -> str:
    """2.5 million as 2500000, before what else stands in its \\text{}."""
    words = re.findall(r"[a-z]+|[十百千万亿]", found[2].lower())
    value = Decimal(found[1].replace(",", "")) * prod(_GREAT.get(word, 0) or _GREAT[word[:-1]] for word in words)
    rest = found[3].strip() if found.re.groups > 2 else ""
    return f"{value.normalize():f}" + (rf"\text{{ {rest}}}" if rest else " ")


def _repeating(found: re.Match[str]) -> str:
    """0.1\\overline{6} as \\frac{1}{6}."""
    whole, start, again = found[1] or "0", found[2], found[3]
    below = 10 ** len(start) * (10 ** len(again) - 1)
    value = Fraction(int(whole + start + again) - int(whole + start), below)
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def _both(found: re.Match[str]) -> str:
    """A \\pm inside a fraction as two values: math-verify reads one that stands outside."""
    name, before, after = found[1] or "", found[2], found[3]
    if before.count("{") == before.count("}"):
        return found[0]
    return f"{name}{before}+{after}, {name}{before}-{after}"


_REWRITES = tuple(
    (re.compile(pattern), written)
    for pattern, written in (
        (r"(?<!\\)\\[\[\](),;:!~ ]|\\?\$|[€£¥₹~]|^\*+|\*+$|\\displaystyle|\\q?quad", " "),
        (r"^(\s*-?\s*)(?:Rs\.?|USD|US|EUR|GBP)\s*(?=\d)", r"\1"),
        (r"\*\*", "^"),
        (r"!=", r"\\ne "),
        (r"<=", r"\\le "),
        (r">=", r"\\ge "),
        (_ARRAY, r"\\begin{pmatrix}\1\\end{pmatrix}"),
        (r"\\\\\s*(?=\\end)", ""),
        (r"(\\sqrt\s*\[[^\[\]]*\])\s*(\w)", r"\1{\2}"),
        (r"\\(?:text)?color\s*\{[a-z]+\}|\\(?:bf|rm|it)(?![A-Za-z])", " "),
        (r"\\underline\s*\{([^{}]*)\}", r"\1"),
        (r"\\langle(?![A-Za-z])", "("),
        (r"\\rangle(?![A-Za-z])", ")"),
        (r"\\(?:[dtc]|nice|s)frac", r"\\frac"),
        (r"\{([^{}]*)\\over(?![A-Za-z])([^{}]*)\}", r"\\frac{\1}{\2}"),
        (r"\\[dt]binom", r"\\binom"),
        (r"\\varnothing|^\\\{\s*\\\}$|^\{\s*\}$", r"\\emptyset "),
        (r"\\degrees?(?![A-Za-z])", r"^\\circ "),
        (rf"\\(?:operatorname\*?|mathrm|text|textrm)\s*\{{\s*({_FUNCTIONS})\s*\}}", r"\\\1 "),
        (r"\\(?:math(?:bf|it|sf)|boldsymbol|bm)\s*\{\s*([A-Za-z]|[-+\d.,]+)\s*\}", r" \1"),
        (rf"\\mathrm\s*\{{\s*([^\W\d_{SYMBOLS}])\s*\}}", r" \1"),
        (rf"(?<=[^(]){_LETTER}|{_LETTER}(?=[^)])", r" \1\2"),  # \text{(A)} stays a word
        (r"\\(?:mbox|(?:text|math)(?:rm|bf|it|sf|normal))(?![A-Za-z])", r"\\text"),
        (rf"(?<![\\A-Za-z])(pi|sqrt|theta|alpha|beta|{_FUNCTIONS})(?![A-Za-z])", r"\\\1 "),
        (r"\\([gG]amma)(?![A-Za-z])|(?<![\\A-Za-z])([eE])(?=\s*_)", r"\\mathit{\1\2}"),  # or else functions, and e
        (r"\\frac\s*(\\[a-z]+|\d)\s*(\\[a-z]+|\d)", r"\\frac{\1}{\2}"),
        (r"\\frac\s*(\d)\s*\{", r"\\frac{\1}{"),
        (r"(\\frac\s*\{[^{}]*\})\s*(\d)", r"\1{\2}"),
        (r"(?<![\w.])(\d+)\s+(\d+)\s*/\s*(\d+)", r"\1\\frac{\2}{\3}"),
        (r"(?<![\w.])(\d+(?:\.\d+)?)[eE]([-+]?\d{1,3})(?!\w)", r"\1\\times 10^{\2}"),
        (r"(?<!\d)(\d{0,9})\.(\d{0,9})\\(?:overline|bar|dot)\s*\{?(\d{1,9})\}?", _repeating),
        (r"(?<=\d)\.(?!\d)", ""),
        (r"\\\{\s*[a-z]\s*(?:\||:|\\mid)\s*([^{}]*[<>=][^{}]*|[^{}]*\\[lg]e[^{}]*)\\\}", r"\1"),  # {x | x < 3}
        (r"^\\text\s*\{\s*([ie]|(?:[-+\d.,(){}\s/]|\\[a-z]+)+)\s*\}$", r"\1"),
        (r"\\text\s*\{([^{}]*[^{},\s][^{}]*?)\b(and|or)\s*\}", r"\\text{\1}\\text{ \2 }"),
        (r"^\\text\s*\{\s*(-?\d[\d.,]*\s+[A-Za-z][A-Za-z .]*)\}$", r"\1"),
        (r"^([a-z]\s*=)?([^,;]*)\\pm((?!.*\\pm)[^,;]*)$", _both),
        # words that are values
        (rf"(?i){_DECIMAL}\s*\\text\s*\{{\s*{_GREATS}([^{{}}]*)\}}", _scaled),
        (rf"(?i){_DECIMAL}\s*{_GREATS}", _scaled),
        (rf"{_DECIMAL}\s*((?:[十百万亿]|千(?![克米瓦]))+)", _scaled),
        (r"百分之\s*(\d+(?:\.\d+)?)", r"\1\\%"),
        (rf"(?i)(?<=[\d}})])\s*\\text\s*\{{\s*(?:{_PERCENT}|\\?%)([^{{}}]*)\}}", r"\\%\\text{\1}"),
        (rf"(?i)(?<=[\d}})])\s*{_PERCENT}", r"\\%"),
        # degrees: in a function they are a value, elsewhere a unit
        (rf"(\\(?:{_FUNCTIONS}){_BEFORE})(-?\d+(?:\.\d+)?){_CIRCLE}", r"\1(\\frac{\2\\pi}{180})"),
        (rf"(?<=[\w)}}]){_CIRCLE}(?:\s*[CF](?![A-Za-z]))?", ""),
    )
)  # fmt: skip
_PLAIN = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")  # most answers are
_EDGES = " \n\t,;:*"
_STOP = re.compile(r"(?<!\.)\.$")
_COUNTED = re.compile(r"(?<=\d)\s+\(([A-Za-z]{2}[A-Za-z .'-]*)\)$")  # 12 (apples)
_LONE = re.compile(r"(?<=[^\s,;({\[])\s*\\text\s*\{\s*([A-Za-z])\s*\}")
_GROUPED = re.compile(r"((?:.*=)?\s*-?\s*\d{1,3})((?:,\d{3})+|(?: \d{3})+)(\.\d+)?\s*(?:\\?%)?")
_OR = re.compile(r"\s*(?:\\text\s*\{\s*or\s*\}|\\lor(?![a-z])|\\vee(?![a-z])|(?<=[\d} ])or(?=[ \\]))\s*")
_SIDE = re.compile(r"([a-z])\s*(<|>|\\leq?(?:slant)?(?![a-z])|\\geq?(?:slant)?(?![a-z]))\s*([^<>=,;()\[\]]*[\d}])")
_WORD = re.compile(r"\(?\\text\s*\{\s*\(?([A-Za-z][A-Za-z .,'-]*)\)?\s*\}\)?|([A-Za-z][A-Za-z .,'-]{2,})")
_TIME = re.compile(
    r"(?i)(?:\\text\s*\{)?\s*(\d{1,2}(?::\d\d){0,2})\s*(?:\\text\s*\{)?\s*([ap])\.?\s?m\.?\s*\}?|(?:\\text\s*\{)?(\d{1,2}:0\d)\s*\}?"
)


def latex(text: str) -> str:
    """The text in one spelling: signs as commands, no dollars, no spaces for looks, thousands closed up, no unit."""
    if _PLAIN.fullmatch(text):
        return text
    plain = not re.search(r"[$\\]", text)
    text = _THOUSANDS.sub("", text.translate(_SIGNS))
    text = unicodedata.normalize("NFKC", text).strip(_EDGES)
    while text.endswith("\\"):  # of a space for looks
        text = text[:-1].strip(_EDGES)
    text = _STOP.sub("", text)
    for pattern, written in _REWRITES:
        text = pattern.sub(written, text).strip()
    text = " ".join(_STOP.sub("", text.strip(" ,;:")).split())
    if word(text):
        return text
    text = without_units(_COUNTED.sub(lambda found: "" if unit(found[1]) else found[0], text), plain).strip(" ,;:")
    text = _either(_LONE.sub(r" \1", text))
    return re.sub("[, ]", "", text) if _GROUPED.fullmatch(text) else text


def _either(text: str) -> str:
    """x < 2 or x > 3 as the union of the intervals."""
    sides = [_SIDE.fullmatch(side) for side in _OR.split(text)]
    if len(sides) < 2 or len({side and side[1] for side in sides}) > 1 or None in sides:
        return text
    intervals = []
    for _, relation, bound in (side.groups() for side in sides if side):
        closed = relation not in "<>"
        below = relation[0] == "<" or relation.startswith(r"\l")
        intervals.append(rf"(-\infty,{bound}{')]'[closed]}" if below else rf"{'(['[closed]}{bound},\infty)")
    return r"\cup ".join(intervals)


def word(text: str) -> str:
    """The text where it is words or a time of day, folded, else ""; two letters are a product unless in \\text{}."""
    if time := _TIME.fullmatch(text):
        return time[3] or f"{time[1]} {time[2].lower()}m"
    found = _WORD.fullmatch(text)
    return " ".join((found[1] or found[2]).casefold().split()).rstrip(".") if found else ""
