"""What a judge is asked of an answer, and what its replies come to."""

import pytest

from redone.records import Record
from redone.rewards.judged import graded, preferred
from redone.rewards.outside import Pending

RECORD = Record("style/eval/0", "style", ({"role": "user", "content": "Say hello"},), "Hello there", "eval", "a:1")


def test_an_answer_has_the_grade_that_the_judge_gives_it_by_the_rubric():
    found = graded(RECORD, "Hi", rubric="Is it kind?")
    assert isinstance(found, Pending)
    [question] = found.requests
    for part in ("Is it kind?", "Say hello", "Answer:\nHi"):
        assert part in question.text
    whole = found.verdict([{"why": "warm", "grade": 10}])
    assert (whole.score, whole.reason, whole.note) == (1.0, "right", "warm")
    half = found.verdict([{"why": "curt", "grade": 5}])
    assert (half.score, half.reason) == (0.5, "wrong")


@pytest.mark.parametrize(
    ("first", "swapped", "score"), [("A", "B", 1.0), ("B", "A", 0.0), ("A", "A", 0.5), ("neither", "neither", 0.5)]
)
def test_an_answer_is_better_where_the_judge_says_so_in_both_orders(first, swapped, score):
    found = preferred(RECORD, "Hi", rubric="Is it kind?")
    assert isinstance(found, Pending)
    one, two = (question.text for question in found.requests)
    assert "Answer A:\nHi\n\nAnswer B:\nHello there" in one
    assert "Answer A:\nHello there\n\nAnswer B:\nHi" in two
    verdict = found.verdict([{"why": "a", "better": first}, {"why": "b", "better": swapped}])
    assert (verdict.score, verdict.reason) == (score, "right" if score == 1.0 else "wrong")


@pytest.mark.parametrize("reward", [graded, preferred])
def test_nobody_is_asked_about_an_empty_answer(reward):
    verdict = reward(RECORD, " \n", rubric="Is it kind?")
    assert (verdict.score, verdict.reason, verdict.parts) == (0.0, "unparsable", {"parsed": 0.0})
