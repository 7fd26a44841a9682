"""Rewards for what the answer does when it is run: one expression, a program, or functions that tests call.

They say what is to be run, as a job for the sandbox, and what its outcome is worth; nothing is run here.
"""

import ast
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from redone.records import Record, Verdict
from redone.rewards.blocks import LONGEST, defining, running, valued
from redone.rewards.extract import unfence
from redone.rewards.outside import Found, Pending
from redone.sandbox.jobs import Asserts, Expression, Job, Pairs, Programs, called
from redone.sandbox.pool import Outcome


def expression(record: Record, answer: str, *, fraction: bool = False) -> Found:
    """1 where the answer, one Python expression, has the wanted value in every case, else 0; with `fraction` the share.

    record.fields["cases"] is a list of {"vars": {name: value}, "value": wanted}. True is not 1 here. Where the answer
    has fenced blocks, `blocks.valued` chooses one; backticks around the whole answer are taken off.
    Blind to what the cases do not cover: an expression that lists their answers passes. With `fraction` a constant
    earns the share of the cases that happen to have it.

    Raises ValueError naming the record where the cases are malformed, and so do the other rewards here.
    """
    cases = _listed(record, "cases", {"vars": dict, "value": object})
    code = unfence(valued(answer, {name for case in cases for name in case["vars"]}))
    return _run(code, lambda code: Expression(code, tuple((c["vars"], c["value"]) for c in cases)), fraction)


def program(record: Record, answer: str, *, fraction: bool = False) -> Found:
    """1 where the answer, a Python program, prints what is wanted in every case, else 0; with `fraction` the share.

    record.fields["cases"] is a list of {"input": standard input, "output": wanted standard output}. White space at the
    ends of lines does not count, the exit code does. `blocks.running` says which code of the answer is the program.
    Blind to what the cases do not cover.
    """
    cases = _listed(record, "cases", {"input": str, "output": str})
    code = running(answer, all(case["input"].strip() for case in cases))
    return _run(code, lambda code: Programs(code, tuple((c["input"], c["output"]) for c in cases)), fraction)


def calls(record: Record, answer: str, *, fraction: bool = False) -> Found:
    """1 where the answer's function gives the wanted value for every case's arguments, else 0; with `fraction` the
    share.

    record.fields: "function", its name, and "cases", a list of {"args": [...], "value": wanted}. True is not 1 here.
    `blocks.defining` says which code of the answer counts.
    Blind to what the cases do not cover.
    """
    name = _text(record, "function")
    cases = _listed(record, "cases", {"args": list, "value": object})
    pairs = tuple((tuple(case["args"]), case["value"]) for case in cases)
    return _run(defining(answer, [name]), lambda code: Pairs(code, name, pairs), fraction)


def asserts(record: Record, answer: str, *, fraction: bool = False) -> Found:
    """1 where the answer's functions pass every test, else 0; with `fraction` the share.

    record.fields: "tests", a list of statements that raise where something is wrong, as in MBPP, and where they need
    it "setup", what comes before them, such as HumanEval's `check`, and "functions", the names that they want of the
    answer (those they call, if not given). Setup and tests run in a process of their own, to which the answer's
    functions give nothing but plain values. `blocks.defining` says which code of the answer counts.
    Blind to what the tests do not cover.
    """
    tests = record.fields.get("tests")
    if not isinstance(tests, (list, tuple)) or not tests or not all(isinstance(test, str) for test in tests):
        raise ValueError(f"{record.id}: fields.tests is not a list of statements")
    setup = _text(record, "setup") if "setup" in record.fields else ""
    names = record.fields.get("functions") or called(tests, setup)
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{record.id}: fields.tests call no function of the answer, or are not Python")
    return _run(defining(answer, names), lambda code: Asserts(code, tuple(tests), tuple(names), setup), fraction)


def _run(code: str, job: Callable[[str], Job], fraction: bool) -> Found:
    if not code.strip():
        return Verdict(0.0, "unparsable", {"parsed": 0.0}, "empty")
    if len(code) > LONGEST:
        return Verdict(0.0, "wrong", {"parsed": 1.0}, f"more than {LONGEST} characters")
    made = job(code)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes and literals
            ast.parse(code.strip(), mode="eval" if isinstance(made, Expression) else "exec")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        return Verdict(0.0, "unparsable", {"parsed": 0.0}, f"not Python: {error}")
    return Pending((made,), lambda outcomes: _verdict(fraction, *outcomes))


def _verdict(fraction: bool, outcome: Outcome) -> Verdict:
    hits, cases = sum(outcome.passed), len(outcome.passed)
    parts = {"parsed": 1.0, "hits": float(hits), "cases": float(cases)}
    if outcome.error == "test":
        return Verdict(0.0, "error", parts, f"the test's own side is broken: {outcome.note}")
    right = hits == cases and outcome.error is None
    note = outcome.note if outcome.error is None else f"{outcome.error}: {outcome.note}"
    return Verdict(hits / cases if fraction else float(right), "right" if right else "wrong", parts, note)


def _listed(record: Record, name: str, wanted: Mapping[str, type]) -> Sequence[Mapping[str, Any]]:
    cases = record.fields.get(name)
    if (
        not isinstance(cases, (list, tuple))
        or not cases
        or not all(
            isinstance(case, Mapping)
            and case.keys() == wanted.keys()
            and all(isinstance(case[key], kind) for key, kind in wanted.items())
            for case in cases
        )
    ):
        keys = ", ".join(f'"{key}"' for key in wanted)
        raise ValueError(f"{record.id}: fields.{name} is not a list of {{{keys}}}")
    return cases


def _text(record: Record, name: str) -> str:
    text = record.fields.get(name)
    if not isinstance(text, str):
        raise ValueError(f"{record.id}: fields.{name} is not a text")
    return text
