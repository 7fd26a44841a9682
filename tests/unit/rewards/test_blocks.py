"""Which code of an answer counts: cases by hand (tests/cases/code.toml), run in the sandbox."""

import random
import time
import tomllib
from pathlib import Path

import pytest
from verdicts import settled

from redone.records import Record
from redone.rewards import REWARDS
from redone.rewards.blocks import LONGEST, defining, running, valued
from redone.sandbox.isolate import unavailable

CASES = tomllib.loads((Path(__file__).parents[2] / "cases" / "code.toml").read_text(encoding="utf-8"))
TESTS = {"f": "assert f(2) == 3", "g": "assert g(2) == 4", "Solution": "assert Solution == 3"}
needs_sandbox = pytest.mark.skipif(bool(why := unavailable()), reason=why)


def verdict(reward, answer, **fields):
    record = Record("code/eval/0", "code", ({"role": "user", "content": "?"},), "x", "eval", "world", fields=fields)
    return settled(REWARDS[reward](record, answer)).reason


def cases(section):
    return [pytest.param(case, id=case["what"]) for case in CASES[section]]


@needs_sandbox
@pytest.mark.parametrize("case", cases("functions"))
def test_the_functions_that_count(case):
    asks = case.get("asks", ["f"])
    tests = ["assert Solution() is None"] if asks == ["Solution"] else [TESTS[name] for name in asks]
    found = verdict("asserts", case["answer"], tests=tests, functions=asks)
    if asks == ["Solution"]:  # an object does not cross, so the class is looked at by its code alone
        assert defining(case["answer"], asks).startswith("class Solution")
    else:
        assert found == case.get("verdict", "right")
        pairs = [{"args": [2], "value": 3}]
        assert len(asks) > 1 or verdict("calls", case["answer"], function="f", cases=pairs) == found


@needs_sandbox
@pytest.mark.parametrize("case", cases("programs"))
def test_the_program_that_counts(case):
    found = verdict("program", case["answer"], cases=[{"input": "2\n", "output": "3\n"}])
    assert found == case.get("verdict", "right")


@needs_sandbox
@pytest.mark.parametrize("case", cases("expressions"))
def test_the_expression_that_counts(case):
    found = verdict("expression", case["answer"], cases=[{"vars": {"x": 2}, "value": 3}])
    assert found == case.get("verdict", "right")


def test_a_text_without_fences_is_code_as_it_stands_and_a_block_what_is_between_its_fences():
    for read in (
        lambda text: defining(text, ["f"]),
        lambda text: running(text, True),
        lambda text: valued(text, ["x"]),
    ):
        assert read("a ``` b") == "a ``` b"
        assert read("a\n```\nb(\n```\nc\n```py\nd\n```\ne") == "d\n"
        assert read("print(f(x))\r\n") == "print(f(x))\r\n"


def test_a_completion_keeps_its_indentation():
    assert defining("```python\n    return x\n```", ["f"]) == "    return x\n"
    assert defining("  ```python\n      return x\n  ```", ["f"]) == "    return x\n"


def test_a_program_that_reads_goes_before_one_that_does_not_only_where_there_is_something_to_read():
    answer = "```python\nprint(input())\n```\n```python\nprint(5)\n```"
    assert running(answer, reads=True) == "print(input())\n"
    assert running(answer, reads=False) == "print(5)\n"


def test_code_of_other_blocks_comes_in_the_order_of_the_answer_and_once():
    answer = "".join(
        f"```python\n{code}\n```\n" for code in ("import math", "a = math.pi", "b = a", "f = [a, b, math]")
    )
    assert defining(answer, ["f"]) == "import math\n\na = math.pi\n\nb = a\n\nf = [a, b, math]\n"


MONSTERS = {
    "fences alone": "```\n" * (LONGEST // 4),
    "opening fences alone": "```python\n" * (LONGEST // 10),
    "a fence of thousands": "`" * LONGEST,
    "strings that nothing closes": '```python\n"""\n' * (LONGEST // 14),
    "strings and closing fences": '"""\n```\n' * (LONGEST // 8),
    "blocks that need one another": "".join(f"```py\na{i} = a{i + 1}\n```\n" for i in range(900)),
    "brackets": "```python\n" + "[" * (LONGEST - 20) + "\n```",
    "brackets that close": "```python\n" + "[" * 9_000 + "]" * 9_000 + "\n```",
    "signs": "```python\nf = " + "-" * (LONGEST - 30) + "1\n```",
    "attributes": "```python\nf = a" + ".a" * 9_000 + "\n```",
    "digits": "```python\nf = " + "9" * 5_000 + "\n```",
    "half a surrogate pair": "```python\nf = '\ud83d'\n```",
    "a NUL": "```python\nf = '\0'\n```",
    "paragraphs": "```python\n" + "a b\n\n" * (LONGEST // 6),
    "blank lines": "```python\n" + "\n" * (LONGEST - 12) + "a b",
    "margins": "> " * 9_000 + "```python\n1\n```",
    "numbers that open lists": "1" * LONGEST + "```",
}


@pytest.mark.parametrize("name", MONSTERS)
def test_no_answer_makes_the_choice_fail_or_slow(name):
    began = time.process_time()
    for read in (
        lambda text: defining(text, ["f", "a0"]),
        lambda text: running(text, True),
        lambda text: valued(text, []),
    ):
        assert isinstance(read(MONSTERS[name]), str)
    assert time.process_time() - began < 2.5


def test_a_function_in_noise_is_found_and_noise_alone_is_none():
    """What stands around a marked block, be it prose, output, shell or JSON, does not change what counts."""
    code = "def f(x):\n    return x + 1\n"
    around = [
        "Prose.",
        "```\n3\n```",
        "```bash\nls\n```",
        '```json\n{"f": 1}\n```',
        "```python\nf(1)\n```",
        "",
        "~~~\nx y\n~~~",
    ]
    rng = random.Random(7)
    for _ in range(200):
        before, after = (rng.choices(around, k=rng.randrange(4)) for _ in "ab")
        answer = "\n".join([*before, f"```python\n{code}```", *after])
        assert defining(answer, ["f"]) == code
