"""What runs in the sandbox, as rewards. The sandbox itself has its own tests."""

import pytest
from verdicts import settled

from redone import rewards
from redone.records import Record
from redone.sandbox.isolate import unavailable

pytestmark = pytest.mark.skipif(bool(why := unavailable()), reason=why)


def expression(record, answer, **options):
    return settled(rewards.expression(record, answer, **options))


def program(record, answer, **options):
    return settled(rewards.program(record, answer, **options))


def calls(record, answer, **options):
    return settled(rewards.calls(record, answer, **options))


def asserts(record, answer, **options):
    return settled(rewards.asserts(record, answer, **options))


CASES = [{"vars": {"x": x, "y": y}, "value": max(x, y)} for x, y in ((1, 2), (5, 3), (-4, -4))]
LARGER = "def larger(x, y):\n    return x if x > y else y\n"
PAIRS = [{"args": [x, y], "value": max(x, y)} for x, y in ((1, 2), (5, 3), (-4, -4))]
TESTS = ["assert larger(1, 2) == 2", "assert larger(5, 3) == 5", "assert larger(-4, -4) == -4"]
ECHO = [{"input": "tea\n", "output": "TEA"}, {"input": "a b\n", "output": "A B\n"}]


def record(**fields):
    message = {"role": "user", "content": "the larger of x and y"}
    return Record("code/eval/0", "code", (message,), "max(x, y)", "eval", "world", fields=fields)


@pytest.mark.parametrize(
    "answer",
    [
        "max(x, y)", "x if x > y else y", "sorted([x, y])[-1]", "`max(x, y)`", "```python\nmax(x, y)\n```",
        " max(y,\n x)  # !", "max([i for i in (x, y)])",
    ],
)  # fmt: skip
def test_any_expression_of_the_wanted_values_scores_one(answer):
    verdict = expression(record(cases=CASES), answer)
    assert (verdict.score, verdict.reason) == (1, "right")
    assert verdict.parts == {"parsed": 1, "hits": 3, "cases": 3}


@pytest.mark.parametrize(("answer", "share"), [("x", 2 / 3), ("2", 1 / 3), ("x + y", 0), ("str(max(x, y))", 0)])
def test_values_that_are_right_in_some_cases_score_their_share_only_where_asked(answer, share):
    assert expression(record(cases=CASES), answer).score == 0
    assert expression(record(cases=CASES), answer, fraction=True).score == pytest.approx(share)


@pytest.mark.parametrize(
    ("wanted", "answer"), [(1, "x == x"), (True, "x // x"), ([1], "[True]"), ([1, 2], "[1]"), ("1", "1"), (1, "[1]")]
)
def test_true_is_not_one_nor_any_type_another(wanted, answer):
    assert expression(record(cases=[{"vars": {"x": 3}, "value": wanted}]), answer).score == 0


@pytest.mark.parametrize("reward", [expression, calls])
@pytest.mark.parametrize("answer", ["", "  ", "max(x, y", "x y", "\0", "\ud800", "(" * 300, "**max(x, y)**"])
def test_what_is_no_python_is_unparsable(reward, answer):
    verdict = reward(record(cases=CASES if reward is expression else PAIRS, function="larger"), answer)
    assert (verdict.score, verdict.reason) == (0, "unparsable")


def test_statements_are_no_expression():
    assert expression(record(cases=CASES), "x = 1").reason == "unparsable"


ENDLESS = pytest.param("9**9**9", marks=pytest.mark.slow)  # until the CPU time is spent


@pytest.mark.parametrize("answer", ["x // 0", "z", "open('/etc/passwd')", "__import__('os').kill(-1, 9)", ENDLESS])
def test_an_expression_that_fails_is_wrong_and_says_why(answer):
    verdict = expression(record(cases=CASES), answer)
    assert (verdict.score, verdict.reason) == (0, "wrong")
    assert verdict.note


@pytest.mark.parametrize(
    ("reward", "fields", "right", "partly"),
    [
        (calls, {"function": "larger", "cases": PAIRS}, LARGER, "def larger(x, y):\n    return x"),
        (asserts, {"tests": TESTS}, LARGER, "def larger(x, y):\n    return x"),
        (program, {"cases": ECHO}, "print(input().upper())", "print('TEA')"),
    ],
)
def test_code_scores_one_where_every_case_passes(reward, fields, right, partly):
    given = record(**fields)
    assert reward(given, right).score == 1
    assert (
        reward(given, f"Here it is:\n```python\nx = (\n```\nor rather\n```python\n{right}\n```\nIt works.").score == 1
    )
    assert reward(given, partly).score == 0
    assert 0 < reward(given, partly, fraction=True).score < 1


def test_setup_defines_what_the_tests_need():
    setup = "def check(candidate):\n    assert candidate(helper(), 2) == 2\n\ndef helper():\n    return 1\n"
    assert asserts(record(tests=["assert larger(helper(), 2) == 2"], setup=setup), LARGER).score == 1
    given = record(tests=["check(larger)"], setup=setup)
    with pytest.raises(ValueError, match="code/eval/0"):
        asserts(given, LARGER)  # the tests call no function of the answer: it must be named
    given = record(tests=["check(larger)"], setup=setup, functions=["larger"])
    assert asserts(given, LARGER).score == 1


@pytest.mark.parametrize(
    "answer",
    [
        "import sys\nsys.exit(0)",
        "class Any:\n    def __eq__(self, other):\n        return True\ndef larger(x, y):\n    return Any()",
        "import builtins\nbuiltins.AssertionError = None\ndef larger(x, y):\n    return None",
    ],
)
def test_no_answer_passes_tests_it_does_not_pass(answer):
    assert asserts(record(tests=TESTS), answer).score == 0


def test_tests_that_are_broken_themselves_are_an_error_and_no_score():
    verdict = asserts(record(tests=["assert larger(1, 2) == missing"], setup="1 / 0"), LARGER)
    assert verdict.reason == "error"


@pytest.mark.parametrize("cases", [None, [], "x", [{}], [{"vars": {}}], [{"vars": [], "value": 1}], [{"args": []}]])
@pytest.mark.parametrize("reward", [expression, calls, program])
def test_malformed_cases_are_refused_by_name(reward, cases):
    with pytest.raises(ValueError, match="code/eval/0"):
        reward(record(cases=cases, function="f"), "x")


@pytest.mark.parametrize("tests", [None, [], "assert True", [1], ["assert 1 == 1"], ["not python"]])
def test_malformed_tests_are_refused_by_name(tests):
    with pytest.raises(ValueError, match="code/eval/0"):
        asserts(record(tests=tests), LARGER)
