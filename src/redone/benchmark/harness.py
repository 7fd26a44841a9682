"""Readings that no pattern of a benchmark's file could hold: which letter an answer chooses, and contest problems."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from redone.records import Record, Verdict
from redone.rewards.blocks import defining, running
from redone.rewards.outside import Found
from redone.rewards.program import program

_NARROW = str.maketrans({wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {0x3000: " "})
_OPENING = r"[\s*_`\"'“‘「【\[({$\\]*"  # what may stand between "is" and the letter
_ENDS = r"(?![A-Za-z0-9_'’])"


def choice(record: Record, output: str, *, letters: str = "ABCD", reference: str = "") -> Verdict:
    """1 where the letter that the output chooses (see `chosen`) is the reference, else 0. reference: the field that
    holds it, where that is not the whole of the record's answer."""
    found = chosen(output, letters)
    right = found == (record.fields[reference] if reference else record.answer)
    parts = {"parsed": float(bool(found))}
    return Verdict(float(right), "right" if right else "wrong" if found else "unparsable", parts, found)


def chosen(output: str, letters: str = "ABCD") -> str:
    """The letter that an answer in English or Chinese chooses, "" where it chooses none. The first of these decides:

    1. the whole is one letter, of either case, with or without brackets and full stop;
    2. the last \\boxed{};
    3. the first "answer is C", "Answer: (C)", "答案是C", "答案：C", "【答案】C";
    4. the first "选C", "故选C", "choose C", "C is correct";
    5. the first capital letter that stands alone, the words "A" and "I" left out.

    Full-width letters count, a letter inside a word does not, and neither does "not C" or "不选C" in 3 and 4.
    A list of all letters chooses its first, as in OpenCompass (first_option_postprocess), whose rule this is, simpler.
    """
    text = output.translate(_NARROW)
    whole, boxed, *others = _patterns(letters)
    if found := whole.fullmatch(text):
        return found[1].upper()
    if boxes := boxed.findall(text):
        return boxes[-1]
    for pattern in others:
        if found := pattern.search(text):
            return next(group for group in found.groups() if group)
    return ""


@cache
def _patterns(letters: str) -> tuple[re.Pattern[str], ...]:
    letter = f"([{letters}])"
    return tuple(
        re.compile(pattern)
        for pattern in (
            rf"[\W_]*([{letters}{letters.lower()}])[\W_]*",
            rf"\\boxed\s*\{{\s*(?:\\(?:text|mathrm|textbf|mathbf)\s*\{{)?{_OPENING}{letter}{_ENDS}",
            rf"(?i:\banswers?\b)[^\n.;?!,A-Z]{{0,60}}?(?:\b(?:is|be|option|choice)\b|[:=]){_OPENING}"
            rf"(?:(?:option|choice){_OPENING})?{letter}{_ENDS}"
            rf"|答案[^\n。,;A-Za-z不非]{{0,10}}?{letter}{_ENDS}",
            rf"(?<![不没勿别])选(?:择|择的是|项是|项为|的是)?:?{_OPENING}{letter}{_ENDS}"
            rf"|(?i:\b(?:choose|select|pick))(?i: option| choice)?{_OPENING}{letter}{_ENDS}"
            rf"|(?<![\w'’]){letter}\)?[*_]* is (?:the )?(?:correct|right|best|answer)",
            rf"(?<![A-Za-z0-9_'’]){letter}{_ENDS}(?!(?<=[AI]) [a-z])",
        )
    )


_IMPORTS = "from typing import *\nfrom collections import *\nfrom math import *\nimport collections, heapq, math, re\n"
_CALL = """
import json as _json, sys as _sys
print(_json.dumps(Solution().{name}(*map(_json.loads, _sys.stdin.read().splitlines()))))
"""


def contest(record: Record, output: str) -> Found:
    """`program` on the public tests of a problem of LiveCodeBench, all of which it must pass.

    record.fields: "public_test_cases", a JSON text of {"input", "output", "testtype"}, and "metadata", one of
    {"func_name"}. Where that is given, the answer is a class Solution whose method gets a JSON value from each line of
    the input, and its result is compared as JSON; else it is a program that reads the input and prints the output.
    Departs from the published check: that also runs the private tests, which are pickled and thus never read here, and
    compares numbers by value, not as they are written.

    Raises ValueError naming the record where the tests are malformed.
    """
    name, cases = _cases(record)
    code = defining(output, ["Solution"]) if name else running(output, all(case["input"].strip() for case in cases))
    if name and code.strip():
        code = f"{_IMPORTS}\n{code}\n{_CALL.format(name=name)}"
    return program(replace(record, fields={"cases": cases}), code)


def _cases(record: Record) -> tuple[str, list[Mapping[str, Any]]]:
    try:
        name = json.loads(record.fields.get("metadata") or "{}").get("func_name") or ""
        tests = json.loads(record.fields["public_test_cases"])
        outputs = [json.dumps(json.loads(test["output"])) if name else test["output"] for test in tests]
        cases: list[Mapping[str, Any]] = [
            {"input": test["input"], "output": output} for test, output in zip(tests, outputs)
        ]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{record.id}: fields.public_test_cases and metadata are no tests ({error!r})") from None
    if name and not name.isidentifier():
        raise ValueError(f"{record.id}: metadata.func_name is {name!r}, no name")
    return name, cases
