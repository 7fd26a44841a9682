import pytest

from redone.report.numbers import Change, Score, count, num, read_change, signed


def test_numbers_are_rounded_and_nothing_is_a_dash():
    assert [num(None), num(1234.56), num(0.5, 2)] == ["–", "1,234.6", "0.50"]
    assert [signed(None), signed(-1.25, 1), signed(2.0)] == ["–", "−1.2", "+2.0"]


def test_what_rounds_to_nothing_has_no_minus():
    assert signed(-0.04) == "+0.0"


def test_a_count_has_its_noun():
    assert [count(1, "task"), count(0, "task"), count(1200, "task")] == ["1 task", "0 tasks", "1,200 tasks"]


def test_a_score_is_shown_with_the_interval_that_it_has():
    assert [str(Score(50.0, (40.0, 61.04))), str(Score(50.0)), str(Score(None))] == ["50.0 [40.0, 61.0]", "50.0", "–"]
    assert list(Score(50.0, (40.0, 61.0)).span) == [40.0, 61.0]
    assert list(Score(50.0).span) == [50.0, 50.0]


@pytest.mark.parametrize(
    ("difference", "clear", "verdict"),
    [(2.0, True, "rose"), (-2.0, True, "fell"), (2.0, False, "unclear"), (-2.0, False, "unclear")],
)
def test_a_change_rises_or_falls_only_where_it_is_clear(difference: float, clear: bool, verdict: str):
    assert Change(difference, (0.0, 0.0), clear).verdict == verdict


def test_a_change_that_is_not_clear_is_marked():
    assert str(Change(-2.0, (-3.0, 1.0), False)) == "−2.0 [−3.0, +1.0] ?"
    assert Change(-2.0, (-3.0, -1.0), True).brief == "−2.0"
    assert Change(-2.0, (-3.0, 1.0), False).brief == "−2.0 ?"


def test_a_change_says_its_size_and_its_interval():
    assert Change(-2.0, (-3.0, -1.0), True).size == "2.0 points (−3.0 to −1.0)"
    assert Change(2.0, None, False).size == "2.0 points"


def test_no_difference_is_no_change():
    assert read_change(None) is None
    assert read_change({"difference": None, "interval": None, "changed": 0, "clear": False}) is None
    found = {"difference": 2.0, "interval": [1.0, 3.0], "changed": 9, "clear": True}
    assert read_change(found) == Change(2.0, [1.0, 3.0], True)
