"""Where Python source can be changed by a little, and to what: the mutants from which `drawn.py` draws.

A place is a comparison, an operator of arithmetic, `and`, `or`, `not`, a sign, a number, True or False, a condition,
what is returned, `min`, `max`, `any`, `all`, `break`, `continue`, or a statement that can be left out. No place is in
an assertion, which no input may reach, in an annotation, a decorator or a text.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

_OTHER = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
_SKIPPED = ("annotation", "returns", "decorator_list")


@dataclass(frozen=True)
class Place:
    lines: tuple[int, int]  # first and last of the statement, or of its head
    inside: bool  # of a function; what is not runs when the module is imported
    changes: tuple[tuple[int, int, bytes], ...]  # from, to (bytes of the source), and what then stands there


def places(source: str) -> list[Place]:
    """In the order in which they stand in the source."""
    starts, at = [0], 0
    for line in source.encode().splitlines(keepends=True):
        at += len(line)
        starts.append(at)
    return [
        Place(lines, inside, tuple((starts[a.lineno - 1] + a.col_offset, _end(a, starts), b.encode()) for a, b in new))
        for node, lines, inside in _walk(ast.parse(source), (1, 1), False)
        for new in _changes(node)
    ]


def changed(source: str, change: tuple[int, int, bytes]) -> str:
    start, end, new = change
    whole = source.encode()
    return (whole[:start] + new + whole[end:]).decode()


def _end(node: ast.expr | ast.stmt, starts: list[int]) -> int:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return starts[node.end_lineno - 1] + node.end_col_offset


def _walk(node: ast.AST, lines: tuple[int, int], inside: bool) -> Iterator[tuple[ast.AST, tuple[int, int], bool]]:
    """Every node, with the lines of its statement and whether a function is around it."""
    if isinstance(node, ast.Assert | ast.JoinedStr):
        return
    if isinstance(node, ast.stmt):
        body = getattr(node, "body", None)
        lines = (node.lineno, max(node.lineno, body[0].lineno - 1) if body else node.end_lineno or node.lineno)
    yield node, lines, inside
    for name, value in ast.iter_fields(node):
        within = inside or (name == "body" and isinstance(node, ast.FunctionDef))
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and name not in _SKIPPED:
                yield from _walk(child, lines, within)


def _changes(node: ast.AST) -> Iterator[list[tuple[ast.expr | ast.stmt, str]]]:
    """For each place that is this node, the alternatives: what is replaced, and by what."""
    match node:
        case ast.Compare():
            for i, op in enumerate(node.ops):
                ops = [*node.ops[:i], _OTHER[type(op)](), *node.ops[i + 1 :]]
                yield [_as(node, ops=ops)]
        case ast.BinOp() | ast.BoolOp() | ast.AugAssign() if type(node.op) in _OTHER:
            yield [_as(node, op=_OTHER[type(node.op)]())]
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield [(node, f"({ast.unparse(node.operand)})")]
        case ast.Constant(value=bool()):
            yield [_as(node, value=not node.value)]
        case ast.Constant(value=int() | float() as number):
            yield [_as(node, value=number + 1), _as(node, value=number - 1)]
        case ast.Call(func=ast.Name(id=name) as function) if name in _NAMES:
            yield [(function, _NAMES[name])]
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield [(node, "return None")]
        case ast.Break():
            yield [(node, "continue")]
        case ast.Continue():
            yield [(node, "break")]
        case ast.If() | ast.While() | ast.IfExp():
            yield from _negated(node.test)
        case ast.comprehension():
            for condition in node.ifs:
                yield from _negated(condition)
    if _can_go(node):
        assert isinstance(node, ast.stmt)
        yield [(node, "pass")]


def _negated(test: ast.expr) -> Iterator[list[tuple[ast.expr | ast.stmt, str]]]:
    """Where no other change of the condition says the same."""
    same = isinstance(test, ast.Compare) and not isinstance(test.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE)
    if not same and not (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)):
        yield [(test, f"(not ({ast.unparse(test)}))")]


def _can_go(node: ast.AST) -> bool:
    """Whether the statement does something without which the rest can still be run."""
    match node:
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise() | ast.Delete():
            return True
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            return True
    return False


def _as(node: ast.expr | ast.stmt, **changes: object) -> tuple[ast.expr | ast.stmt, str]:
    new = copy.copy(node)
    for name, value in changes.items():
        setattr(new, name, value)
    text = ast.unparse(new)
    return node, text if isinstance(node, ast.stmt) else f"({text})"
