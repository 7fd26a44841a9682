import pytest

from redone.records import Record
from redone.rewards.exact import exact


def record(answer, **fields):
    return Record("tea/eval/0", "tea", ({"role": "user", "content": "?"},), answer, "eval", "world", fields=fields)


DRINKS = ("milk", "green tea", "water")


@pytest.mark.parametrize(
    "kind, gold, answer",
    [
        ("text", "Green Tea", "green  tea."),
        ("choice", "B", "green tea"),
        ("choice", "green tea", "(b)"),
        ("number", "12", "12.0"),
        ("number", "0.75", "3/4"),
        ("number", "12", "12 km"),  # only one of them names a unit
        ("number", "¥12", "12 元"),
        ("set", "tea, milk", "milk，tea"),
        ("set", "tea, milk", "milk, tea, milk"),
        ("list", "tea, milk", "Tea,milk"),
    ],
)
def test_the_same_answer_in_another_form_scores_one(kind, gold, answer):
    assert exact(record(gold, candidates=DRINKS), answer, kind=kind).score == 1


@pytest.mark.parametrize(
    "kind, gold, answer, reason",
    [
        ("text", "green tea", "green", "wrong"),
        ("text", "green tea", "green tea!", "wrong"),
        ("text", "green tea", "not green tea", "wrong"),
        ("text", "green tea", ".", "unparsable"),
        ("choice", "B", "A", "wrong"),
        ("choice", "B", "milk", "wrong"),
        ("choice", "B", "B or C", "unparsable"),
        ("choice", "B", "A. green tea", "unparsable"),
        ("number", "12", "12.01", "wrong"),
        ("number", "12", "-12", "wrong"),
        ("number", "50%", "50", "wrong"),
        ("number", "$5", "€5", "wrong"),
        ("number", "12 km", "12 miles", "wrong"),
        ("number", "5", "5 million", "unparsable"),
        ("number", "12", "12, 13", "unparsable"),
        ("set", "tea, milk", "tea", "wrong"),
        ("set", "tea, milk", "tea, milk, water", "wrong"),
        ("set", "tea, milk", ",,", "unparsable"),
        ("list", "tea, milk", "milk, tea", "wrong"),
        ("list", "tea, milk", "tea, milk, milk", "wrong"),
    ],
)
def test_a_near_miss_scores_nothing(kind, gold, answer, reason):
    verdict = exact(record(gold, candidates=DRINKS), answer, kind=kind)
    assert (verdict.score, verdict.reason, verdict.parts["parsed"]) == (0, reason, reason == "wrong")


def test_case_counts_where_the_task_says_so():
    assert exact(record("Apple"), "apple").score == 1
    assert exact(record("Apple"), "apple", case=True).score == 0
    assert exact(record("Apple, Fig"), "Fig, Apple", kind="set", case=True).score == 1
    assert exact(record("tea", candidates=["Tea", "tea"]), "Tea", kind="choice", case=True).score == 0


@pytest.mark.parametrize(
    "kind, gold, candidates",
    [
        ("text", " . ", None),
        ("set", ",", None),
        ("number", "a dozen", None),
        ("choice", "B", None),
        ("choice", "B", "milk"),
        ("choice", "B", ["milk", ""]),
        ("choice", "B", ["milk", 3]),
        ("choice", "A", ["milk", "MILK."]),  # the same twice
        ("choice", "beer", DRINKS),
        ("choice", "D", DRINKS),
    ],
)
def test_a_reference_that_is_not_of_its_kind_is_refused_by_name(kind, gold, candidates):
    with pytest.raises(ValueError, match="tea/eval/0"):
        exact(record(gold, candidates=candidates), "x", kind=kind)


@pytest.mark.parametrize(
    "kind, gold, answer, said",
    [
        ("text", "Green Tea", "  MILK.", "milk"),
        ("text", "milk", "milk " * 21, ""),  # 104 characters are no label
        ("text", "milk", "", ""),
        ("choice", "B", "water", "C"),
        ("choice", "green tea", "(b)", "B"),
        ("choice", "B", "coffee", ""),
        ("yes or no", "yes", "False", "no"),
        ("yes or no", "no", "对", "yes"),
        ("yes or no", "no", "perhaps", ""),
        ("level", "2", "第3档", "3"),
        ("number", "12", "12", ""),
        ("set", "tea", "tea", ""),
    ],
)
def test_what_was_said_is_told_as_a_label(kind, gold, answer, said):
    assert exact(record(gold, candidates=DRINKS), answer, kind=kind).said == said
