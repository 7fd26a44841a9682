"""A reward for mathematics: the final answer has the value of the reference, however it is written.

math-verify reads LaTeX and compares sets, intervals, matrices and relations, with its own time limits off, because they
work in the main thread only. So nothing reaches it that could run for long, and values of plain expressions are
compared here, at points: simplifying may never end, and rounding to six places takes 1e-8 for 2e-8.
"""

import re
import unicodedata
from functools import cache, lru_cache
from itertools import accumulate
from math import prod
from types import ModuleType
from typing import Any

from redone.records import Record, Verdict

LONGEST_ANSWER = 300  # characters of a final answer
MOST_DIGITS = 50  # of one number
MOST_NESTED = 8  # brackets, braces and parentheses inside one another
MOST_MEMBERS = 64  # of a list, a set or a matrix
LARGEST_EXPONENT = 3_000  # also the product of those of groups: ((x^a)^b)^c has abc
LARGEST_FACTORIAL = 3_000  # the argument
POINTS = (0.7310585786, -1.3132616875, 5.1269280110)  # where the letters of an expression stand in turn
SAME = 1e-12  # of the larger value: how far two values that are one may lie apart
DECIMAL_PLACES, DECIMAL_DIGITS = 5e-7, 1e-5  # and where a decimal is written, absolutely and of the larger value

_COMMANDS = frozenset(
    """
    frac sqrt cdot times div pm mp infty cup cap setminus emptyset varnothing left right text mathbb circ degree
    angle sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln lg exp le leq leqslant ge geq
    geqslant lt gt ne neq in approx begin end ldots dots cdots quad qquad hat bar vec dot ddot overline
    overrightarrow prime lfloor rfloor lceil rceil binom max min hbar ell odot alpha beta delta epsilon varepsilon
    zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi varphi chi psi omega Delta Theta Lambda
    Xi Pi Sigma Upsilon Phi Psi Omega mathit
    """.split()
)
_SIGNS = str.maketrans(
    {
        **{"−": "-", "–": "-", "×": r"\times ", "÷": r"\div ", "·": r"\cdot ", "⋅": r"\cdot ", "π": r"\pi ", "。": "."},
        **{"√": r"\sqrt ", "∞": r"\infty ", "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "、": ","},
        **{"±": r"\pm ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∅": r"\emptyset ", "°": r"^\circ ", "％": r"\%"},
        **{sign: f"^{{{power}}}" for power, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
        **{sign: rf"\frac{{{a}}}{{{b}}}" for sign, a, b in zip("½⅓⅔¼¾", (1, 1, 2, 1, 3), (2, 3, 3, 4, 4))},
    }
)  # fmt: skip  # before NFKC, which would turn 10² into 102
_UNITS = "cm|mm|km|dm|kg|mg|ml|mL|ft|yd|lbs?|oz|hrs?|mins?|sec|mph|[mghsLl]"
_MAGNITUDES = "hundred|thousand|million|billion|trillion|dozen"
_REWRITES = tuple(
    (re.compile(pattern), written)
    for pattern, written in (
        (r"(?<=\d),\\!(?=\d)|(?<=\d)\{,\}(?=\d{3})|(?<=\d)\\[, ](?=\d{3}(?!\d))", ""),  # thousands
        (r"(?<!\\)\\[\[\](),;:!~ ]|\\?\$|[€£¥₹~]|^\*+|\*+$|\\displaystyle", " "),
        (r"\*\*", "^"),
        (r"\\[dtc]frac", r"\\frac"),
        (r"\\[dt]binom", r"\\binom"),
        (r"\\(?:mbox|(?:text|math)(?:rm|bf|it|normal))(?![A-Za-z])", r"\\text"),
        (r"(?<![\\A-Za-z])(pi|sqrt|theta|alpha|beta|sin|cos|tan|arcsin|arccos|arctan|log|ln)(?![A-Za-z])", r"\\\1 "),
        (r"\\([gG]amma)(?![A-Za-z])|(?<![\\A-Za-z])([eE])(?=\s*_)", r"\\mathit{\1\2}"),  # or else functions, and e
        (r"\\frac\s*(\\[a-z]+|\d)\s*(\\[a-z]+|\d)", r"\\frac{\1}{\2}"),
        (r"\\frac\s*(\d)\s*\{", r"\\frac{\1}{"),
        (r"(\\frac\s*\{[^{}]*\})\s*(\d)", r"\1{\2}"),
        (r"(?<![\w.])(\d+)\s+(\d+)\s*/\s*(\d+)", r"\1\\frac{\2}{\3}"),
        (r"(?<![\w.])(\d+(?:\.\d+)?)[eE]([-+]?\d{1,3})(?!\w)", r"\1\\times 10^{\2}"),
        (r"(?<=\d)\.(?!\d)", ""),
        (r"\\\{\s*[a-z]\s*(?:\||:|\\mid)\s*([^{}]*[<>=][^{}]*|[^{}]*\\[lg]e[^{}]*)\\\}", r"\1"),  # {x | x < 3}
        (r"^\\text\s*\{\s*\(?(-?[\d.,]+)\)?\s*\}$", r"\1"),
        (r"(?<=[\w})\]%])\s*\\text\s*\{[^{}]*\}(?:\s*\^\s*\{?\d\}?)?$", ""),  # units
        (r"(?<=\d)\s+\([A-Za-z]{2}[A-Za-z .'-]*\)$", ""),
        (r"^((?:.*=)?\s*-?\s*\d{1,3})((?:,\d{3})+)(\.\d+)?\s*$", lambda found: found[0].replace(",", "")),
    )
)  # fmt: skip
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_ANSWER_IS = re.compile(r"(?:answer\s+is|答案是|答案为|答案(?=[:：]))\s*[:：]?", re.IGNORECASE)
_SENTENCE_END = re.compile(r"\n|。|\.(?=\s|$)")
_BARE = re.compile(
    rf"(.*[\d}})%])\s*(?:(?:{_UNITS})|(?<=[\d}})%])\s(?!(?:{_MAGNITUDES})\b)[A-Za-z]{{2,}}(?:[ /-][A-Za-z]+)*"
    r"|(?![十百千万亿](?!米|克|瓦))[\u3400-\u9fff]{1,6})(?:\s*\^\s*\{?[23]\}?)?"
)
_BASE = re.compile(r"(-?[0-9][0-9A-Fa-f]*)_\{?(\d{1,2})\}?")
_OPENING = re.compile(r"(?:[a-z]\s*(?:=|\\in)\s*)?(\\\{|[(\[])")
_WORD = re.compile(r"\(?\\text\s*\{\s*\(?([A-Za-z][A-Za-z .,'-]*)\)?\s*\}\)?|([A-Za-z][A-Za-z .,'-]{2,})")
_BAR = re.compile(r"[/:]|\\frac|\\div")
_SMALL = r"\s*(?:\d{1,3}|\d{0,2}\s*[A-Za-z](?:\s*[+-]\s*\d{1,2})?)\s*"
_BEYOND = (
    (re.compile(rf"\d{{{MOST_DIGITS + 1}}}"), f"a number of more than {MOST_DIGITS} digits"),
    (re.compile(r"\d[eE][-+]?\d"), "a power of ten that is too large"),
    (re.compile(r"(?<!_)\d\s+\d|(?<![_\d.])[\d.]+\s*[({]+\s*[\d.]+\s*[)}]"), "numbers side by side"),  # 2(3) reads 5
    (re.compile(r"\|\s*[_^]|\\\|"), "a norm or a substitution"),
    (re.compile(r"\\(?:begin|end)\s*(?!\{(?:[pb]|small)?matrix\})"), "an unknown environment"),
    (re.compile(r"\\end\{\w+\}\s*\^\s*(?!\{?T)"), "a power of a matrix"),
    (re.compile(rf"\\binom\s*(?!\{{{_SMALL}\}}\s*\{{{_SMALL}\}})"), "a large binomial"),
    (re.compile(r"\\sqrt\s*\[(?!\s*(?:\d{1,2}|[a-z])\s*\])"), "a large root"),
    (re.compile(r"!\s*[!^]"), "a factorial of a factorial"),
)  # fmt: skip


def mathematics(record: Record, answer: str) -> Verdict:
    """1 where the answer's final value equals the reference's, else 0.

    The final answer of either is what the last \\boxed{} holds, else what follows the last "#### ", else the last
    "answer is" (答案是), else the whole text. It may be LaTeX or plain: numbers, fractions, percentages, roots and
    functions, tuples, sets, intervals, matrices, equations and inequalities. Decimals are right to six places. "x = 5"
    is 5 where the reference names no x, a set has no order, words are compared as texts.
    Where the reference is written out (12, 3/4, 2.5e3), the answer must be too: 3*4 or 24/2 does not answer 12, or else
    every question would answer itself.
    Blind to units, to a missing % and a missing base (50% is 0.5, and also 50), and, where the reference is an
    expression, to form: (x+1)^2 answers "expand (x+1)^2". A final answer of more than 300 characters, with an operator
    that could take for ever (sums, integrals, towers of powers) or with two numbers side by side is unparsable.

    Raises ValueError naming the record where the reference cannot be read or does not equal itself.
    """
    gold, flaw = _reference(record.answer)
    if flaw:
        raise ValueError(f"{record.id}: the reference answer {record.answer!r:.200} {flaw}")
    found = latex(final(answer))
    note = f"{found[:100]} for {gold[:100]}"
    if not found:
        return Verdict(0.0, "unparsable", {"parsed": 0.0}, "no final answer")
    if found == gold or word(gold):
        right = found == gold or word(gold) in (word(found), found.strip("() ").casefold())
    else:
        readings = [text for text in dict.fromkeys((found, bare(found))) if _read(text) is not None]
        if not readings:
            return Verdict(0.0, "unparsable", {"parsed": 0.0}, risk(found) or f"cannot read {found[:100]}")
        right = any(equal(gold, text) for text in readings)
    return Verdict(float(right), "right" if right else "wrong", {"parsed": 1.0}, note)


def final(text: str) -> str:
    """The final answer as written: what the last box holds, "" where it never closes, or else as mathematics says."""
    boxes = list(_BOX.finditer(text))
    if boxes:
        return _group(text, boxes[-1].end() - 1)[1:-1]
    if "#### " in text:
        return text.rpartition("#### ")[2].strip().partition("\n")[0]
    said = list(_ANSWER_IS.finditer(text))
    return _SENTENCE_END.split(text[said[-1].end() :].strip(), maxsplit=1)[0] if said else text


def latex(text: str) -> str:
    """The text as LaTeX in one spelling: signs as commands, no dollars, no spaces for looks, no unit that is marked."""
    text = unicodedata.normalize("NFKC", text.translate(_SIGNS)).strip(" \n\t,;:*").rstrip(".")
    for pattern, written in _REWRITES:
        text = pattern.sub(written, text).strip()
    return " ".join(text.strip(" ,;:").split())


def bare(text: str) -> str:
    """The text without a trailing unit in plain words: 5 cm, 12 red apples, 3 千克. A magnitude is no unit."""
    found = _BARE.fullmatch(text)
    return found[1].strip() if found else text


def word(text: str) -> str:
    """The text where it is words, folded, else ""; two letters are a product unless they stand in \\text{}."""
    found = _WORD.fullmatch(text)
    return " ".join((found[1] or found[2]).casefold().split()).rstrip(".") if found else ""


def risk(text: str) -> str:
    """Why the LaTeX must not be read, "" where it may: what could take for ever, or is read wrongly."""
    if len(text) > LONGEST_ANSWER:
        return f"more than {LONGEST_ANSWER} characters"
    for pattern, flaw in _BEYOND:
        if pattern.search(text):
            return flaw
    unknown = [command for command in re.findall(r"\\([A-Za-z]+)", text) if command not in _COMMANDS]
    if unknown:
        return f"\\{unknown[0]}"
    depths = accumulate((letter in "([{") - (letter in ")]}") for letter in text)
    if max(depths, default=0) > MOST_NESTED or text.count("|") > MOST_NESTED:
        return f"more than {MOST_NESTED} brackets inside one another"
    if sum(text.count(separator) for separator in (",", ";", "&", r"\\", "cup")) >= MOST_MEMBERS:
        return f"more than {MOST_MEMBERS} members"
    if "matrix" in text and re.search(r"[)\]}|]\s*\^|[/{]\s*\\begin|\\end\{\w+\}\s*/", text):
        return "a matrix inside an expression"
    return _growth(text)


def _growth(text: str) -> str:
    """Why the powers or factorials of the LaTeX may be too large, "" where they are not."""
    groups, largest, after = 1, 1, -1
    for found in re.finditer(r"\s*\^\s*", text):
        exponent = _group(text, found.end()) or re.findall(r"^(?:-?\d+|\\[A-Za-z]+|.?)", text[found.end() :])[0]
        if found.start() == after or re.search(r"[\d)}\]|]\s*\^|\^.*\^|!|binom", exponent):
            return "a tower of powers"
        after = found.end() + len(exponent)
        if text[found.start() - 1] in ")}]|!":
            groups *= _product(exponent)
        else:
            largest = max(largest, _product(exponent))
    if groups * largest > LARGEST_EXPONENT:
        return f"an exponent of more than {LARGEST_EXPONENT}"
    for found in re.finditer("!", text):
        before = re.search(r"(\d+|[A-Za-z]|\([\w\s+-]*\)|\{[\w\s+-]*\})\s*$", text[: found.start()])
        if groups > 1 or not before or _product(before[1]) > LARGEST_FACTORIAL:
            return f"a factorial of more than {LARGEST_FACTORIAL}"
    return ""


def _product(text: str) -> int:
    return max(1, prod(int(digits) for digits in re.findall(r"\d+", text)))


def _group(text: str, start: int) -> str:
    """The group that opens at `start`, with its brackets; "" where none opens there or it never closes."""
    if text[start : start + 1] not in ("{", "("):
        return ""
    opening, closing = text[start], {"{": "}", "(": ")"}[text[start]]
    depth = 0
    for end in range(start, len(text)):
        depth += (text[end] == opening) - (text[end] == closing)
        if depth == 0:
            return text[start : end + 1]
    return ""


@cache
def _library() -> tuple[ModuleType, Any]:
    """math-verify, without its warning that its time limits are off, and how to read LaTeX: units are ours to drop,
    because it takes the t of 2t for one."""
    import math_verify
    import math_verify.grader
    import math_verify.parser
    from latex2sympy2_extended import NormalizationConfig

    math_verify.parser.TIMEOUT_WARNING_SHOWN = math_verify.grader.TIMEOUT_WARNING_SHOWN = True
    normalization = NormalizationConfig(malformed_operators=True, nits=True, boxed="last")
    return math_verify, (math_verify.LatexExtractionConfig(normalization_config=normalization),)


@lru_cache(maxsize=4096)
def _read(text: str) -> Any:
    """The sympy expression of the LaTeX, None where there is none or reading it is a risk."""
    from sympy import nan, zoo

    if not text or risk(text):
        return None
    library, config = _library()
    found = library.parse(rf"\boxed{{{text}}}", config, fallback_mode="no_fallback", parsing_timeout=None)
    return found[0] if found and not found[0].has(nan, zoo) else None


@lru_cache(maxsize=4096)
def _reference(answer: str) -> tuple[str, str]:
    """(the reference as LaTeX, what is wrong with it or "")."""
    gold = latex(final(answer))
    if word(gold):
        return gold, ""
    if flaw := risk(gold):
        return gold, f"cannot be compared: {flaw}"
    if _read(gold) is None:
        return gold, "cannot be read as mathematics"
    return gold, "" if equal(gold, gold) else "does not equal itself"


def equal(gold: str, found: str) -> bool:
    """Whether the two have the same value, read with and without a % that only one of them has."""
    based = [_BASE.fullmatch(text) for text in (gold, found)]
    if any(based):  # math-verify drops the base
        numerals = {(found[1] if found else text).casefold() for found, text in zip(based, (gold, found))}
        return len(numerals) == 1 and len({found[2] for found in based if found}) == 1
    openings = {opening[1] == r"\{" for text in (gold, found) if (opening := _OPENING.match(text))}
    if len(openings) == 2 and "cup" not in gold:
        return False  # to math-verify the pair (1, 2) is the set {1, 2}
    pairs = [(gold, found)]
    if gold.endswith("%") != found.endswith("%"):
        pairs.append((gold.rstrip("\\% "), found.rstrip("\\% ")))
    for left, right in pairs:
        one, other = _read(left), _read(right)
        if one is not None and other is not None and _equal(one, other, left, right):
            return True
    return False


def _equal(gold: Any, found: Any, wanted: str, written: str) -> bool:
    """Whether the expressions that were read from `wanted` and `written` are equal."""
    from sympy import Number

    if _equations(found) and not _relations(gold):  # x = 5 for 5
        found, written = _relations(found)[-1].rhs, written.rsplit("=", 1)[-1]
    elif _equations(gold) and _named(_relations(gold)[0].lhs) and not _relations(found):  # 5 for x = 5
        gold = _relations(gold)[-1].rhs
    whole = not _BAR.search(wanted) and all(number.is_Integer for number in gold.atoms(Number))
    if _plain(gold) and (not _plain(found) or (whole and _BAR.search(written))):
        return False
    same = _same(gold, found)
    if same is not None:
        return same
    if (_relations(gold) or _relations(found)) and not (_tame(gold) and _tame(found)):
        return False
    return bool(_library()[0].verify(gold, found, allow_set_relation_comp=True, timeout_seconds=None))


def _relations(expression: Any) -> tuple[Any, ...]:
    """The relations of a chain such as 1 < x < 2, in order; none where it is no relation."""
    from sympy import And
    from sympy.core.relational import Relational

    chain = getattr(expression, "_unsorted_args", expression.args) if isinstance(expression, And) else (expression,)
    return tuple(chain) if all(isinstance(link, Relational) for link in chain) else ()


def _equations(expression: Any) -> bool:
    relations = _relations(expression)
    return bool(relations) and all(relation.rel_op == "==" for relation in relations)


def _named(expression: Any) -> bool:
    """Whether it is x or f(x)."""
    from sympy.core.function import AppliedUndef

    return expression.is_Symbol or isinstance(expression, AppliedUndef)


def _members(expression: Any) -> list[Any] | None:
    """The parts of a tuple, a set, an interval or a matrix, None where it is none of them."""
    from sympy import Interval, MatrixBase, Set, Tuple

    if isinstance(expression, MatrixBase):
        return list(expression.flat())
    if isinstance(expression, Interval):
        return [expression.start, expression.end]
    return list(expression.args) if isinstance(expression, (Set, Tuple)) else None


def _plain(expression: Any) -> bool:
    """Whether every number is written out: nothing is left to compute but a percentage or a power of ten."""
    from sympy import Mul, Number, Pow, UnevaluatedExpr

    def plain(factor: Any) -> bool:
        power = isinstance(factor, Pow) and factor.base == 10 and factor.exp.is_Integer
        return isinstance(factor, Number) or power or isinstance(factor, UnevaluatedExpr)

    members = _members(expression)
    if members is not None:
        return all(_plain(member) for member in members)
    if relations := _relations(expression):
        return all(_named(side) or _plain(side) for side in (relations[0].lhs, relations[-1].rhs))
    factors = expression.args if isinstance(expression, Mul) else (expression,)
    return all(plain(factor) for factor in factors) and sum(isinstance(factor, Number) for factor in factors) <= 1


def _same(gold: Any, found: Any) -> bool | None:
    """Whether two expressions or relations have the same values at POINTS, two collections members that do; None where
    that does not decide."""
    from sympy import Expr, FiniteSet, Float, Interval, MatrixBase, Tuple, Union

    if isinstance(gold, Expr) and isinstance(found, Expr):
        decimal = bool(gold.atoms(Float) | found.atoms(Float))
        return all(_close(one, other, decimal) for one, other in zip(*_values(gold, found)))
    if _relations(gold) and _relations(found):
        links = list(zip(_relations(gold), _relations(found)))
        long = len(links) == max(len(_relations(gold)), len(_relations(found)))
        return True if long and all(_proportional(*link) for link in links) else None
    ours, theirs = _members(gold), _members(found)
    if not ours or not theirs:
        return None
    if isinstance(gold, MatrixBase) and isinstance(found, MatrixBase):
        return gold.shape == found.shape and all(_same(one, other) for one, other in zip(ours, theirs))
    for listed, other in ((gold, found), (found, gold)):
        if isinstance(listed, (FiniteSet, Tuple)) and isinstance(other, Union) and other.atoms(Interval):
            return False
    lonely = any(all(_same(one, other) is False for other in theirs) for one in ours)
    lonely = lonely or any(all(_same(one, other) is False for one in ours) for other in theirs)
    return False if lonely else None


def _proportional(gold: Any, found: Any) -> bool:
    """Whether one relation is the other times a number: 2x < 6 for x < 3, -x > -3 for it too."""
    from sympy import Expr

    if not all(isinstance(side, Expr) for side in (gold.lhs, gold.rhs, found.lhs, found.rhs)):
        return False
    ours, theirs = _values(gold.lhs - gold.rhs, found.lhs - found.rhs)
    if any(value in (None, 0) for value in (*ours, *theirs)):
        return False
    ratios = [one / other for one, other in zip(ours, theirs)]
    turned = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
    ops = gold.rel_op, found.rel_op
    fits = ops[0] == ops[1] if ops[0] in ("==", "!=") or ratios[0].real > 0 else turned.get(ops[0]) == ops[1]
    return fits and all(_close(ratios[0], ratio, decimal=False) for ratio in ratios)


def _values(*expressions: Any) -> list[list[Any]]:
    """For each expression its values (mpf or mpc) at every turn of POINTS among the letters of all, None for none."""
    from mpmath import mpmathify
    from sympy import Derivative, Float, Symbol, UnevaluatedExpr, oo
    from sympy.core.function import AppliedUndef

    def named(expression: Any) -> Any:
        """With f(x) as a letter of its own, and percentages free to be evaluated."""
        letters = {call: Symbol(str(call)) for call in expression.atoms(AppliedUndef, Derivative)}
        return expression.xreplace({**letters, **{held: held.args[0] for held in expression.atoms(UnevaluatedExpr)}})

    def evaluate(expression: Any, turn: int) -> Any:
        places = {letter: names.index(letter.name) for letter in expression.free_symbols}
        at = {letter: POINTS[(place + turn) % 3] + place // 3 for letter, place in places.items()}
        try:
            value = expression.xreplace({letter: Float(point, 30) for letter, point in at.items()})
            return mpmathify(float(value.doit()) if value.has(oo, -oo) else value.evalf(25))
        except (ArithmeticError, AttributeError, NotImplementedError, RecursionError, TypeError, ValueError):
            return None  # what sympy and mpmath raise where there is no number

    expressions = tuple(named(expression) for expression in expressions)
    names = sorted({letter.name for expression in expressions for letter in expression.free_symbols})
    return [[evaluate(expression, turn) for turn in range(3 if names else 1)] for expression in expressions]


def _close(one: Any, other: Any, decimal: bool) -> bool:
    """Whether two values are one: to 12 digits, and where a decimal is written to six places and five digits."""
    if one is None or other is None or one == other:
        return one is not None and one == other
    difference, size = abs(one - other), max(abs(one), abs(other))
    near = decimal and difference <= DECIMAL_PLACES and difference <= DECIMAL_DIGITS * size
    return bool(near or difference < SAME * size)


def _tame(expression: Any) -> bool:
    """Whether solving it must end soon: a polynomial of low degree, written as such."""
    from sympy import Function, Integer, Pow, Symbol

    degrees = [power.exp for power in expression.atoms(Pow) if power.free_symbols]
    return (
        not expression.atoms(Function)
        and all(isinstance(degree, Integer) and -1 <= degree <= 4 for degree in degrees)
        and len(expression.atoms(Symbol)) <= 3
    )
