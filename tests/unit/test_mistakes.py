"""Mistakes that do not follow from one another are said together, each once."""

import pytest

from redone.mistakes import gathered, refuse


def refused(*said):
    causes = []
    for one in said:
        with gathered(causes):
            raise ValueError(one)
    with pytest.raises(ValueError) as error:
        refuse(causes)
    return error.value


def test_one_cause_stands_as_it_is_and_several_are_counted():
    assert str(refused("a", "a")) == "a"
    assert str(refused("a", "b")) == "2 things are wrong:\n- a\n- b"
    assert refuse([]) is None


def test_several_within_several_are_one_list():
    causes = ["b"]
    with gathered(causes):
        raise refused("a", "b")
    assert causes == ["b", "a"]
