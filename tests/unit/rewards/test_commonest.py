"""The answer that is given most, beside what is right most."""

import pytest

from redone.rewards.labels import Commonest, commonest


def test_the_commonest_answer_stands_beside_its_share_of_the_references():
    found = commonest([("yes", "no"), ("no", "no"), ("yes", "no"), ("yes", "yes"), ("maybe", "")])
    assert found == Commonest("no", pytest.approx(3 / 5), pytest.approx(1 / 5))  # of all answers
    assert str(found) == '60 % of the answers are "no", 20 % of the references'


def test_of_answers_that_are_given_as_often_the_first_by_name_is_told():
    assert commonest([("a", "b"), ("a", "a")]).label == "a"
    assert commonest([("a", "b"), ("a", "a"), ("a", "b")]).label == "b"


def test_answers_without_a_label_are_not_alike():
    assert commonest([("a", ""), ("a", ""), ("a", "a")]) == Commonest("a", pytest.approx(1 / 3), 1.0)
    assert commonest([("a", ""), ("b", "")]) is None
    assert commonest([]) is None


@pytest.mark.parametrize(("share", "references", "alike"), [(0.66, 0.5, True), (0.64, 0.5, False), (1.0, 0.9, False)])
def test_answers_are_nearly_constant_15_points_above_the_references(share, references, alike):
    assert Commonest("no", share, references).nearly_constant is alike
