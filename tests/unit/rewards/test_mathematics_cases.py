"""The hand-made cases of tests/cases/mathematics.toml, and other spellings of a reference."""

import tomllib
from pathlib import Path

import pytest

from redone.records import Record
from redone.rewards.formula.form import members
from redone.rewards.mathematics import mathematics, spellings

KINDS = tomllib.loads((Path(__file__).parents[2] / "cases/mathematics.toml").read_text(encoding="utf-8"))
PAIRS = [
    pytest.param(gold, answer, expected, id=f"{kind}: {gold} by {answer}")
    for kind, table in KINDS.items()
    for expected, pairs in ((1, table["right"]), (0, table["wrong"]))
    for gold, answer in pairs
]


def score(gold, answer):
    return mathematics(
        Record("sum/eval/0", "sum", ({"role": "user", "content": "?"},), gold, "eval", "world"), answer
    ).score


@pytest.mark.parametrize(("gold", "answer", "expected"), PAIRS)
def test_a_right_answer_scores_one_and_a_wrong_one_nothing(gold, answer, expected):
    assert score(gold, answer) == expected


def test_every_kind_has_a_source_and_cases_of_both_sides():
    assert all(table["source"] and table["right"] and table["wrong"] for table in KINDS.values())
    assert len(PAIRS) >= 250


SPELT = {  # reference -> some of its other spellings
    "12 apples": {"12", r"12\text{ apples}", r"\boxed{12 apples}", "The answer is 12.", "Answer: 12", "$12$"},
    "1234567": {"1,234,567", r"1\,234\,567", "**1234567**", r"So it is \boxed{1,234,567}.", "x = 1234567"},
    "-1/2": {r"-\frac{1}{2}", r"\boxed{$-1/2$}"},
    r"\frac{3}{4}": {"3/4", r"\dfrac{3}{4}", "**Final Answer:** \\frac{3}{4}"},
    "50\\%": {"50%", "50 percent", r"50\text{ percent}"},
    r"10\text{ million}": {"10000000", "10,000,000"},
    r"\text{even}": {r"\(\text{even}\)", r"#### \text{even}"},
    "(1,2)": {"$(1,2)$", "The answer is (1,2)."},
}


@pytest.mark.parametrize("gold", SPELT)
def test_other_spellings_of_a_reference_are_made_and_score_one(gold):
    made = spellings(gold)
    boxes = {text.removeprefix("So it is ").removesuffix(".") for text in made}
    assert SPELT[gold] <= {*made, *boxes}
    assert [text for text in made if score(gold, text) != 1] == []


@pytest.mark.parametrize("gold", ["", "  ", "1\n2"])
def test_of_no_formula_in_a_line_there_is_no_other_spelling(gold):
    assert spellings(gold) == [gold]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(1,2)", ["1", "2"]),
        (r"\{1,(2,3)\}", ["1", "(2,3)"]),
        ("(1,2", ["(1,2"]),  # a bracket that is never closed holds all
        ("(1)+(2,3)", ["(1)+(2,3)"]),  # brackets that are not around the whole
        ("1,2;3", ["1", "2", "3"]),
    ],
)
def test_members_are_what_stands_between_signs_outside_of_brackets(text, expected):
    assert members(text) == expected


@pytest.mark.parametrize(("gold", "never"), [("(1,2)", "12"), ("1234", "1.234"), ("x=5", "$x$"), ("5. Or 6", "5")])
def test_no_spelling_says_something_else(gold, never):
    assert never not in spellings(gold)
