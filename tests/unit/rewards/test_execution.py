import ast
import builtins
import random
import re

import pytest

from redone.records import Record
from redone.rewards.execution import Refused, evaluate, expression

CASES = [{"vars": {"x": x, "y": y}, "value": max(x, y)} for x, y in ((1, 2), (5, 3), (-4, -4))]


def record(cases=CASES):
    message = {"role": "user", "content": "the larger of x and y"}
    return Record("code/eval/0", "code", (message,), "max(x, y)", "eval", "world", fields={"cases": cases})


def value(source, **names):
    return evaluate(ast.parse(source, mode="eval").body, names)


@pytest.mark.parametrize(
    "answer",
    [
        "max(x, y)", "x if x > y else y", "sorted([x, y])[-1]", "`max(x, y)`", "```python\nmax(x, y)\n```",
        " max(y,\n x)  # !",
    ],
)  # fmt: skip
def test_any_expression_of_the_wanted_values_scores_one(answer):
    assert expression(record(), answer).score == 1


@pytest.mark.parametrize(
    "answer, share",
    [
        ("x", 2 / 3), ("y", 2 / 3), ("2", 1 / 3), ("min(x, y)", 1 / 3), ("x + y", 0), ("str(max(x, y))", 0),
        ("[max(x, y)]", 0),
    ],
)  # fmt: skip
def test_values_that_are_right_in_some_cases_score_their_share_only_where_asked(answer, share):
    assert expression(record(), answer).score == 0
    assert expression(record(), answer, fraction=True).score == pytest.approx(share)


@pytest.mark.parametrize(
    "wanted, answer",
    [
        (1, "x == x"),
        (True, "x // x"),
        (0, "x != x"),
        ([1], "[True]"),
        ([[True]], "[[1]]"),
        ([1, 2], "[1]"),
        ([], "[x]"),
        ("1", "1"),
        (1, "[1]"),
    ],
)
def test_true_is_not_one_nor_any_type_another(wanted, answer):
    assert expression(record([{"vars": {"x": 3}, "value": wanted}]), answer).score == 0


@pytest.mark.parametrize(
    "answer",
    [
        "", "  ", "max(x, y", "x y", "x = 1", "import os", "x\ny", "\0", "\ud800", "-" * 400, "(" * 300,
        "**max(x, y)**",
    ],
)  # fmt: skip
def test_what_is_no_expression_is_unparsable(answer):
    verdict = expression(record(), answer)
    assert (verdict.score, verdict.reason) == (0, "unparsable")


@pytest.mark.parametrize(
    "answer", ["x // 0", "[x][5]", "x + 'a'", "int('a')", "z", "max([])", "'a'[::0]", "5[0]", "len(x)"]
)
def test_an_expression_that_fails_is_wrong_and_says_why(answer):
    verdict = expression(record(), answer)
    assert (verdict.score, verdict.reason) == (0, "wrong")
    assert verdict.note


@pytest.mark.parametrize(
    "source",
    [
        "9**9**9", "'a'*10**9", "1 << 50", "1 / 2", "x @ x", "~x", "+x", "x is x", "1.5", "1j", "b'a'", "None", "...",
        "f'{x}'", "().__class__", "().__class__.__bases__[0].__subclasses__()", "x.real", "'a'.join('b')",
        "'%9d' % x", "'a' - 'b'", "[i for i in [1]]", "[[j for j in [i]] for i in [1]]", "sum(i for i in [1])",
        "{i: i for i in [1]}", "(lambda: 1)()", "(1, 2)", "{1}", "{1: 2}", "(y := 3)", "(yield)", "max(*[1, 2])",
        "[*[1]]", "sorted([1], reverse=True)", "x[1, 2]", "len", "len()", "sum([1], 5)", "int('11', 2)", "eval('1')",
        "open('a')",
        "__import__('os')", "__builtins__", "range(9)",
    ],
)  # fmt: skip
def test_what_the_language_lacks_is_refused(source):
    with pytest.raises(Refused):
        value(source, x=3)


@pytest.mark.parametrize(
    "within, beyond, bound",
    [
        ("+".join(["x"] * 50), "+".join(["x"] * 51), "100 nodes"),  # 50 names and 49 sums, 51 and 50
        ("'a' * 900 == 'a' * 900", "'a' * 900 == 'a' * 900 == 'a' * 900", "2000 steps"),
        ("999999999999", "999999999999 + x", "an integer"),
        ("-999999 * 1000000", "-1000000 * 1000000", "an integer"),
        ("int('9' * 12)", "int('9' * 999)", "an integer"),
        ("'a' * 1000", "'a' * 1001", "1000 elements"),
        ("'a' * 1000", "999999999999 * 'a'", "1000 elements"),
        ("[0] * 1000", "[0] * 1001", "1000 elements"),
        ("'a' * 500 + 'b' * 500", "'a' * 500 + 'b' * 501", "1000 elements"),
        ("[['ab'] * 50] * 10", "[['ab'] * 50] * 11", "1000 elements"),
        ("[[]] * 1000", "[[]] * 1001", "1000 elements"),
    ],
)
def test_each_bound_holds_at_its_number_and_no_further(within, beyond, bound):
    value(within, x=1)
    with pytest.raises(Refused, match=bound):
        value(beyond, x=1)


def test_an_answer_of_more_than_500_characters_is_not_parsed():
    assert expression(record(), "max(x, y)".ljust(490) + "#" * 10).score == 1
    assert expression(record(), "max(x, y) #" + "#" * 490).score == 0


def test_the_deepest_answer_stays_far_from_the_limit_of_recursion():
    def below(frames):
        return below(frames - 1) if frames else expression(record(), "[" * 99 + "x" + "]" * 99)

    assert below(400).reason == "wrong"


def test_the_answer_never_reaches_pythons_eval(monkeypatch):
    def reached(*args, **kwargs):
        raise AssertionError("the answer was run")

    compile_ = builtins.compile

    def parse_only(source, filename, mode, flags=0, *args, **kwargs):
        assert flags & ast.PyCF_ONLY_AST
        return compile_(source, filename, mode, flags, *args, **kwargs)

    with monkeypatch.context() as patched:
        for name in ("eval", "exec", "open", "input"):
            patched.setattr(builtins, name, reached)
        patched.setattr(builtins, "compile", parse_only)
        scores = [
            expression(record(), answer).score
            for answer in ("max(x, y)", "eval('max(x, y)')", "exec('x')", "open('a')", "input()")
        ]
    assert scores == [1, 0, 0, 0, 0]


GRAMMAR = {  # what an i(nteger), b(oolean), s(tring) or l(ist of integers) may be; the first two hold no other
    "i": "x|7|0|y|i + i|i - i|i * i|i // i|i % i|-i|len(s)|len(l)|max(i, i)|min(l)|abs(i)|sum(l)|int(str(i))|l[i]"
    "|i if b else i|b and i",
    "b": "True|False|i < i|i <= i < i|i == i|i != i|i >= i > i|not b|b and b|b or b|i in l|s in s|s not in s|l == l",
    "s": "'a'|t|s + s|s * 2|s[i]|s[i:i]|s[::-1]|str(i)|max(s, s)|s or s",
    "l": "[]|k|[i, i]|l + l|l * 2|sorted(l)|l[i:]|l[:i:-1]|l if b else l",
}


def test_the_interpreter_agrees_with_python_on_random_expressions():
    draw = random.Random(0)
    names = {"x": 3, "y": -2, "t": "tea", "k": [4, 1, 2]}

    def grow(kind, depth):
        forms = GRAMMAR[kind].split("|")
        form = draw.choice(forms if depth else forms[:2])
        return "(" + re.sub(r"\b[ibsl]\b", lambda part: grow(part[0], depth - 1), form) + ")"

    def outcome(run):
        try:
            return repr(run())
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            return type(error)

    outcomes = []
    for _ in range(1000):
        source = grow(draw.choice("ibsl"), 3)
        expected = outcome(lambda source=source: eval(source, {}, dict(names)))  # of our own making, in this test alone
        assert outcome(lambda source=source: value(source, **names)) == expected, source
        outcomes.append(expected)
    assert sum(isinstance(one, str) for one in outcomes) > 700


@pytest.mark.parametrize("source, wanted", [("reversed('abc')", ["c", "b", "a"]), ("reversed([1, 2])", [2, 1])])
def test_reversed_is_a_list(source, wanted):
    assert value(source) == wanted


@pytest.mark.parametrize(
    "cases",
    [
        None, [], "x", [{}], [{"vars": {}}], [{"vars": [], "value": 1}], [{"vars": {}, "value": 1.5}],
        [{"vars": {}, "value": None}], [{"vars": {"x": {"a": 1}}, "value": 1}], [{"vars": {"x": [[0.5]]}, "value": 1}],
    ],
)  # fmt: skip
def test_malformed_cases_are_refused_by_name(cases):
    with pytest.raises(ValueError, match="code/eval/0"):
        expression(record(cases), "x")
