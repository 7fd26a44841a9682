"""What can be run in the sandbox, as data."""

import ast
import builtins
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Programs:
    """A whole program, run once for each case: what it reads and what it must print.

    Outputs are equal when their lines are, the white space at the end of each and of the whole aside. A program that
    does not end with exit code 0 fails the case whatever it printed.
    """

    code: str
    cases: tuple[tuple[str, str], ...]  # (standard input, wanted standard output)


@dataclass(frozen=True, slots=True)
class Asserts:
    """Functions, and tests that call them: statements, each a case that passes when it raises nothing.

    Setup and tests run in a process of their own, where the named functions stand for those of the code: arguments and
    results cross as plain values (see `values`), so a result of another type fails the case that wanted it.
    """

    code: str
    tests: tuple[str, ...]
    functions: tuple[str, ...]  # the code's, that the tests call
    setup: str = ""


@dataclass(frozen=True, slots=True)
class Pairs:
    """A function and what it must give: a case for each (arguments, value), compared by `roles.same`."""

    code: str
    function: str
    pairs: tuple[tuple[tuple[Any, ...], Any], ...]


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression and its value under given names: a case for each ({name: value}, value), by `roles.same`."""

    code: str
    cases: tuple[tuple[Mapping[str, Any], Any], ...]


Job = Programs | Asserts | Pairs | Expression


def called(tests: Iterable[str], setup: str = "") -> tuple[str, ...]:
    """The functions that the tests want from the code: names they call that are neither built in nor made by the setup.

    Where there are none, the built-in names they call: one problem of MBPP asks for a `sum` of its own. Empty where a
    text does not parse.
    """
    try:
        trees = [ast.parse(test) for test in tests]
        made = {
            name
            for node in ast.walk(ast.parse(setup))
            for name in (
                [alias.asname or alias.name.split(".")[0] for alias in node.names]
                if isinstance(node, (ast.Import, ast.ImportFrom))
                else [node.name]
                if isinstance(node, (ast.FunctionDef, ast.ClassDef))
                else [node.id]
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
                else []
            )
        }
    except (SyntaxError, ValueError):
        return ()
    calls = [node.func.id for tree in trees for node in ast.walk(tree) if _calls_a_name(node)]  # type: ignore[attr-defined]
    names = dict.fromkeys(name for name in calls if name not in made)
    return tuple(name for name in names if not hasattr(builtins, name)) or tuple(names)


def _calls_a_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
