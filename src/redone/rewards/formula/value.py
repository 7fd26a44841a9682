"""Whether two formulas have one value: math-verify reads them, and plain values are compared at points."""

import re
from functools import cache, lru_cache
from types import ModuleType
from typing import Any

from redone.rewards.formula.bounds import risk
from redone.rewards.formula.form import assigned, left_over, members

POINTS = (0.7310585786, -1.3132616875, 5.1269280110)  # where the letters of an expression stand in turn
FAR = (1234.5678901, -1234.5678901)  # and of one that bends, as |x - 100| does
DIGITS = 130  # that values are computed with: x - a and x - b are one to twice the digits of a and b
SAME = 1e-110  # of the larger value: how far two values that are one may lie apart
DECIMAL_PLACES, DECIMAL_DIGITS = 5e-7, 1e-5  # or, where a decimal is written, absolutely and of the larger value


_BASE = re.compile(r"(-?[0-9][0-9A-Fa-f]*)_\{?(\d{1,2})\}?")
_OPENING = re.compile(r"(?:[a-z]\s*(?:=|\\in)\s*)?(\\\{|[(\[])")


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
def read(text: str) -> Any:
    """The sympy expression of the LaTeX, None where there is none or reading it is a risk."""
    from sympy import Integer, nan, zoo

    if not text or risk(text):
        return None
    if re.fullmatch(r"-?[0-9]+", text):
        return Integer(int(text))  # as it would be read, a hundred times faster
    library, config = _library()
    found = library.parse(rf"\boxed{{{text}}}", config, fallback_mode="no_fallback", parsing_timeout=None)
    return found[0] if found and not found[0].has(nan, zoo) else None


def equal(gold: str, found: str) -> bool:
    """Whether the two have the same value, read with and without a % that only one of them has."""
    based = [_BASE.fullmatch(text) for text in (gold, found)]
    if any(based):  # math-verify drops the base
        numerals = {(found[1] if found else text).casefold() for found, text in zip(based, (gold, found))}
        return len(numerals) == 1 and len({found[2] for found in based if found}) == 1
    openings = {opening[1] == r"\{" for text in (gold, found) if (opening := _OPENING.match(text))}
    if len(openings) == 2 and "cup" not in gold:
        return False  # to math-verify the pair (1, 2) is the set {1, 2}
    ours, theirs = assigned(gold), assigned(found)
    if ours and theirs:
        return ours.keys() == theirs.keys() and all(equal(ours[name], theirs[name]) for name in ours)
    named, plain = (ours, found) if ours else (theirs, gold)
    if named and "=" not in plain and len(members(plain)) == len(named):
        sides = zip(named.values(), members(plain)) if ours else zip(members(plain), named.values())
        return all(equal(one, other) for one, other in sides)
    pairs = [(gold, found)]
    if gold.endswith("%") != found.endswith("%"):
        pairs.append((gold.rstrip("\\% "), found.rstrip("\\% ")))
    for left, right in pairs:
        one, other = read(left), read(right)
        if one is not None and other is not None and _equal(one, other, left, right):
            return True
    return False


def _equal(gold: Any, found: Any, wanted: str, written: str) -> bool:
    """Whether the expressions that were read from `wanted` and `written` are equal."""
    if _equations(found) and not _relations(gold):  # x = 5 for 5
        found, written = _relations(found)[-1].rhs, written.rsplit("=", 1)[-1]
    elif _equations(gold) and _named(_relations(gold)[0].lhs) and not _relations(found):  # 5 for x = 5
        gold, wanted = _relations(gold)[-1].rhs, wanted.rsplit("=", 1)[-1]
    if left_over(wanted, written):
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
    if _ends(gold) == _ends(found) and all(_same(one, other) for one, other in zip(ours, theirs)):
        return True
    pairs = [[_same(one, other) for other in theirs] for one in ours]
    if any(all(same is False for same in row) for row in [*pairs, *zip(*pairs)]):
        return False  # a member that no other is
    if isinstance(gold, FiniteSet) and isinstance(found, FiniteSet):
        return True if all(any(row) for row in [*pairs, *zip(*pairs)]) else None
    return None


def _ends(expression: Any) -> Any:
    """What else than its members a collection in order is: which ends of an interval are open, a tuple's length."""
    from sympy import Interval, Tuple

    if isinstance(expression, Interval):
        return expression.left_open, expression.right_open
    return len(expression) if isinstance(expression, Tuple) else expression


def _proportional(gold: Any, found: Any) -> bool:
    """Whether one relation is the other times a number: 2x < 6 for x < 3, -x > -3 for it too."""
    from mpmath import workdps
    from sympy import Expr

    sides = (gold.lhs, gold.rhs, found.lhs, found.rhs)
    if not all(isinstance(side, Expr) for side in sides):
        return False
    ours, theirs = _values(gold.lhs - gold.rhs, found.lhs - found.rhs)
    if any(value in (None, 0) for value in (*ours, *theirs)):
        return False
    with workdps(DIGITS):
        ratios = [one / other for one, other in zip(ours, theirs)]
    turned = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
    ops = gold.rel_op, found.rel_op
    fits = ops[0] == ops[1] if ops[0] in ("==", "!=") or ratios[0].real > 0 else turned.get(ops[0]) == ops[1]
    return fits and all(_close(ratios[0], ratio, decimal=False) for ratio in ratios)


def _values(*expressions: Any) -> list[list[Any]]:
    """For each expression its values (mpf or mpc) at every turn of POINTS among the letters of all, None for none;
    where one bends also at FAR."""
    from mpmath import mpmathify, workdps
    from sympy import Abs, Derivative, Float, I, Max, Min, Rational, Symbol, UnevaluatedExpr, ceiling, floor, oo
    from sympy.core.function import AppliedUndef

    def named(expression: Any) -> Any:
        """With f(x) as a letter of its own, i as the number, decimals exact and percentages free to be evaluated."""
        expression = expression.xreplace({decimal: Rational(str(decimal)) for decimal in expression.atoms(Float)})
        letters = {call: Symbol(str(call)) for call in expression.atoms(AppliedUndef, Derivative)}
        letters |= {letter: I for letter in expression.free_symbols if letter.name == "i"}
        return expression.xreplace({**letters, **{held: held.args[0] for held in expression.atoms(UnevaluatedExpr)}})

    def evaluate(expression: Any, turn: int) -> Any:
        places = {letter: names.index(letter.name) for letter in expression.free_symbols}
        if turn < 3:
            at = {letter: POINTS[(place + turn) % 3] + place // 3 for letter, place in places.items()}
        else:
            at = {letter: FAR[turn - 3] * (place + 1) for letter, place in places.items()}
        try:
            value = expression.xreplace({letter: Float(point, DIGITS) for letter, point in at.items()})
            with workdps(DIGITS):
                return mpmathify(float(value.doit()) if value.has(oo, -oo) else value.evalf(DIGITS))
        except (ArithmeticError, AttributeError, NotImplementedError, RecursionError, TypeError, ValueError):
            return None  # what sympy and mpmath raise where there is no number

    expressions = tuple(named(expression) for expression in expressions)
    names = sorted({letter.name for expression in expressions for letter in expression.free_symbols})
    bends = any(expression.has(Abs, Max, Min, ceiling, floor) for expression in expressions)
    turns = (5 if bends else 3) if names else 1
    return [[evaluate(expression, turn) for turn in range(turns)] for expression in expressions]


def _close(one: Any, other: Any, decimal: bool) -> bool:
    """Whether two values are one: to 110 digits, and where a decimal is written to six places and five digits."""
    from mpmath import workdps

    if one is None or other is None or one == other:
        return one is not None and one == other
    with workdps(DIGITS):
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
