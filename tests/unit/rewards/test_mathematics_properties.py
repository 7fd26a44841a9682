"""Equivalent spellings of a value score 1, a changed value scores 0; `--values N` draws N of each kind."""

from random import Random

import pytest
from mathematical import KINDS, said

from redone.records import Record
from redone.rewards.mathematics import mathematics


def verdict(gold, answer):
    record = Record("sum/eval/0", "sum", ({"role": "user", "content": "?"},), gold, "eval", "world")
    return mathematics(record, answer)


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_is_right_in_every_spelling_and_another_value_in_none(kind, request):
    false = []
    for number in range(request.config.getoption("--values")):
        random = Random(f"{kind} {number}")
        right, wrong = KINDS[kind](random)
        gold = right(random)
        for spell, wanted in ((right, 1.0), (wrong, 0.0)):
            answer = said(random, spell)
            if verdict(gold, answer).score != wanted:
                false.append((number, gold, answer, wanted))
    assert not false, f"{len(false)} false verdicts, first {false[:10]}"


@pytest.mark.parametrize("form", ["{}", "x = {}", "x < {}", "y = {}x", "x + {}", "({}, 1)", "{}.5", r"\sqrt{{2}} + {}"])
def test_values_that_differ_in_their_last_digit_are_two_however_many_digits_they_have(form):
    for digits in range(2, 41):
        value = int("123456789" * 5) // 10 ** (45 - digits)
        gold, other = form.format(value), form.format(value + 1)
        assert (verdict(gold, gold).score, verdict(gold, other).score) == (1.0, 0.0), gold
