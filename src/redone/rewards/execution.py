"""A reward that runs one expression, in an interpreter of our own: the answer never reaches Python's.

What it can do is what the tables below name. There are no attributes, no assignments, no loops and no calls but of
FUNCTIONS, and characters, nodes, steps, integers and sequences are bounded, so that an answer costs milliseconds.
"""

import ast
import operator
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from redone.records import Record, Verdict
from redone.rewards.extract import unfence

LONGEST = 500  # characters of an answer
MOST_NODES = 100  # also how deep they nest, far from Python's own limit of recursion
MOST_STEPS = 2_000  # one for each node visited and for each element of a sequence that an operation touches
LARGEST = 10**12  # integers stay below it in magnitude
MOST_ELEMENTS = 1_000  # of a string or a list, what lists inside it hold included


class Refused(Exception):
    """The expression uses what the interpreter does not have, or passes a bound."""


def expression(record: Record, answer: str, *, fraction: bool = False) -> Verdict:
    """1 where the answer, one Python expression, has the wanted value in every case, else 0; with `fraction` the share.

    record.fields["cases"] is a list of {"vars": {name: value}, "value": wanted}. True is not 1 here. A code fence
    around the whole answer is taken off.
    Blind to what the cases do not cover: an expression that lists their answers passes. With `fraction` a constant
    earns the share of the cases that happen to have it.

    Raises ValueError naming the record where the cases are malformed.
    """
    cases = _cases(record)
    source = unfence(answer)
    if not source:
        return Verdict(0.0, "unparsable", {"parsed": 0.0}, "empty")
    if len(source) > LONGEST:
        return Verdict(0.0, "wrong", {"parsed": 1.0}, f"more than {LONGEST} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes and literals
            tree = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        return Verdict(0.0, "unparsable", {"parsed": 0.0}, f"not an expression: {error}")
    right, note = 0, ""
    for case in cases:
        try:
            value = evaluate(tree, case["vars"])
        except (Refused, ArithmeticError, LookupError, TypeError, ValueError) as error:
            note = note or f"{type(error).__name__}: {error}"
            continue
        if _same(value, case["value"]):
            right += 1
        else:
            note = note or f"{value!r:.80} where {case['value']!r:.80} is wanted"
    passed = right == len(cases)
    return Verdict(
        right / len(cases) if fraction else float(passed),
        "right" if passed else "wrong",
        {"parsed": 1.0, "hits": float(right), "cases": float(len(cases))},
        note,
    )


def evaluate(tree: ast.expr, names: Mapping[str, Any]) -> Any:
    """The value of a parsed expression. Raises Refused, or what the operation itself raises on its operands."""
    if sum(isinstance(node, ast.expr) for node in ast.walk(tree)) > MOST_NODES:
        raise Refused(f"more than {MOST_NODES} nodes")
    return _Interpreter(names).value(tree)


def _times(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        return left * right
    sequence, count = (right, left) if isinstance(left, int) else (left, right)
    if isinstance(sequence, (str, list)) and isinstance(count, int) and _size(sequence) * count > MOST_ELEMENTS:
        raise Refused(f"a sequence of more than {MOST_ELEMENTS} elements")
    return sequence * count


def _integers(function: Callable[[int, int], int]) -> Callable[[Any, Any], int]:
    """The function on integers alone: `%` on a string would format it to any width."""

    def apply(left: Any, right: Any) -> int:
        if not (isinstance(left, int) and isinstance(right, int)):
            raise Refused("an integer operation on something else")
        return function(left, right)

    return apply


BINARY: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: _integers(operator.sub),
    ast.Mult: _times,
    ast.FloorDiv: _integers(operator.floordiv),
    ast.Mod: _integers(operator.mod),
}
COMPARE: Mapping[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
FUNCTIONS: Mapping[str, tuple[Callable[..., Any], int]] = {  # name -> (function, most arguments)
    "len": (len, 1),
    "max": (max, MOST_NODES),
    "min": (min, MOST_NODES),
    "sum": (sum, 1),
    "abs": (abs, 1),
    "sorted": (sorted, 1),
    "reversed": (lambda sequence: list(reversed(sequence)), 1),
    "str": (str, 1),
    "int": (int, 1),
}


def _size(value: Any) -> int:
    """Characters of a string, elements of a list with those of the lists and strings in it, 1 for a number."""
    if isinstance(value, str):
        return len(value)
    if not isinstance(value, list):
        return 1
    total = 0
    for element in value:
        total += max(1, _size(element))
        if total > MOST_ELEMENTS:
            break
    return total


class _Interpreter:
    def __init__(self, names: Mapping[str, Any]):
        self.names = names
        self.steps = 0

    def spend(self, steps: int) -> None:
        self.steps += steps
        if self.steps > MOST_STEPS:
            raise Refused(f"more than {MOST_STEPS} steps")

    def bounded(self, value: Any) -> Any:
        if isinstance(value, int) and abs(value) >= LARGEST:
            raise Refused(f"an integer of {LARGEST} or more")
        if isinstance(value, (str, list)) and _size(value) > MOST_ELEMENTS:
            raise Refused(f"a sequence of more than {MOST_ELEMENTS} elements")
        return value

    def value(self, node: ast.expr) -> Any:
        self.spend(1)
        visit = VISIT.get(type(node))
        if visit is None:
            raise Refused(f"{type(node).__name__} is not part of the language")
        return self.bounded(visit(self, node))

    def touched(self, node: ast.expr) -> Any:
        """The value of an operand, with a step for each of its elements."""
        value = self.value(node)
        if isinstance(value, (str, list)):
            self.spend(_size(value))
        return value

    def constant(self, node: ast.Constant) -> Any:
        if not isinstance(node.value, (bool, int, str)):
            raise Refused(f"a literal of type {type(node.value).__name__}")
        return node.value

    def name(self, node: ast.Name) -> Any:
        if node.id not in self.names:
            raise Refused(f"unknown name {node.id}")
        return self.names[node.id]

    def list(self, node: ast.List) -> Any:
        return [self.touched(element) for element in node.elts]

    def unary(self, node: ast.UnaryOp) -> Any:
        value = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            return not value
        if isinstance(node.op, ast.USub):
            return -value
        raise Refused(f"{type(node.op).__name__} is not part of the language")

    def binary(self, node: ast.BinOp) -> Any:
        apply = BINARY.get(type(node.op))
        if apply is None:
            raise Refused(f"{type(node.op).__name__} is not part of the language")
        return apply(self.touched(node.left), self.touched(node.right))

    def boolean(self, node: ast.BoolOp) -> Any:
        stop = isinstance(node.op, ast.Or)
        value = None
        for operand in node.values:
            value = self.value(operand)
            if bool(value) is stop:
                break
        return value

    def compare(self, node: ast.Compare) -> bool:
        left = self.touched(node.left)
        for kind, operand in zip(node.ops, node.comparators, strict=True):
            apply = COMPARE.get(type(kind))
            if apply is None:
                raise Refused(f"{type(kind).__name__} is not part of the language")
            right = self.touched(operand)
            if not apply(left, right):
                return False
            left = right
        return True

    def condition(self, node: ast.IfExp) -> Any:
        return self.value(node.body if self.value(node.test) else node.orelse)

    def call(self, node: ast.Call) -> Any:
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
            raise Refused("a call of something other than " + ", ".join(FUNCTIONS))
        function, most = FUNCTIONS[node.func.id]
        if node.keywords or not 1 <= len(node.args) <= most:
            raise Refused(f"arguments that {node.func.id} does not take here")
        return function(*[self.touched(argument) for argument in node.args])

    def subscript(self, node: ast.Subscript) -> Any:
        sequence = self.touched(node.value)
        if isinstance(node.slice, ast.Slice):
            parts = (node.slice.lower, node.slice.upper, node.slice.step)
            return sequence[slice(*(None if part is None else self.value(part) for part in parts))]
        return sequence[self.value(node.slice)]


VISIT: Mapping[type, Callable[[_Interpreter, Any], Any]] = {
    ast.Constant: _Interpreter.constant,
    ast.Name: _Interpreter.name,
    ast.List: _Interpreter.list,
    ast.UnaryOp: _Interpreter.unary,
    ast.BinOp: _Interpreter.binary,
    ast.BoolOp: _Interpreter.boolean,
    ast.Compare: _Interpreter.compare,
    ast.IfExp: _Interpreter.condition,
    ast.Call: _Interpreter.call,
    ast.Subscript: _Interpreter.subscript,
}


def _same(value: Any, wanted: Any) -> bool:
    """Whether the two are equal with equal types, element by element."""
    if isinstance(value, list) and isinstance(wanted, list):
        return len(value) == len(wanted) and all(_same(one, other) for one, other in zip(value, wanted, strict=True))
    return type(value) is type(wanted) and value == wanted


def _cases(record: Record) -> list[Mapping[str, Any]]:
    cases = record.fields.get("cases")
    if not isinstance(cases, (list, tuple)) or not cases:
        raise ValueError(f"{record.id}: fields.cases is not a list of cases")
    for case in cases:
        if not (isinstance(case, Mapping) and isinstance(case.get("vars"), Mapping) and "value" in case):
            raise ValueError(f"{record.id}: the case {case!r:.80} is not of the form {{vars: {{...}}, value: ...}}")
        for value in [*case["vars"].values(), case["value"]]:
            if not _plain(value):
                raise ValueError(f"{record.id}: the case value {value!r:.80} is not an integer, a string or a list")
    return list(cases)


def _plain(value: Any) -> bool:
    return isinstance(value, (bool, int, str)) or (
        isinstance(value, list) and all(_plain(element) for element in value)
    )
