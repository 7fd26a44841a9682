import pytest

from redone.data.convert import check_rules, converted, filled_at


def made(row, **rules):
    return converted(row, rules, "here")


def test_a_list_is_joined_with_spaces_or_with_what_the_rule_says():
    row = {"words": ["so", "good"], "tags": ["tea", "cake"]}
    assert made(row, text={"join": "words"}, tagged={"join": ["tags", " ; #"]}) == {
        **row,
        "text": "so good",
        "tagged": "tea ; #cake",
    }


def test_entities_of_chinese_characters_are_written_without_spaces():
    row = {"tokens": list("王明在北京"), "tags": ["B-PER", "I-PER", "O", "B-LOC", "I-LOC"]}
    assert made(row, found={"bio": ["tokens", "tags", ""]})["found"] == "PER: 王明 ; LOC: 北京"
    assert made(row, found={"bio": ["tokens", "tags"]})["found"] == "PER: 王 明 ; LOC: 北 京"


def test_what_a_pattern_matches_is_replaced():
    rule = {"sub": ["post", "(?<=[\u3000-\uffef]) (?=[\u3000-\uffef])", ""]}
    assert made({"post": "我 很 喜欢 new york 的 天气"}, text=rule)["text"] == "我很喜欢 new york 的天气"


def test_a_long_text_is_cut_after_so_many_characters_and_a_short_one_stays():
    row = {"post": "one two three"}
    assert made(row, short={"cut": ["post", 8]}, whole={"cut": ["post", 13]}) == {
        **row,
        "short": "one two",
        "whole": "one two three",
    }


def test_an_item_of_a_list_is_counted_from_either_end():
    row = {"turns": ["hi", "hello", "bye"]}
    assert made(row, first={"at": ["turns", 0]}, last={"at": ["turns", -1]}) == {
        **row,
        "first": "hi",
        "last": "bye",
    }


def test_the_order_of_a_shuffled_list_depends_on_the_texts_alone_and_favours_no_field():
    rule = {"shuffled": ["good", "bad"]}
    swapped = {"shuffled": ["bad", "good"]}
    rows = [{"good": f"yes {i}", "bad": f"no {i}"} for i in range(400)]
    found = [made(row, pair=rule)["pair"] for row in rows]
    assert all(sorted(pair) == sorted(row.values()) for pair, row in zip(found, rows))
    assert found == [made(row, pair=swapped)["pair"] for row in rows]
    first = sum(pair[0] == row["good"] for pair, row in zip(found, rows))
    assert 160 < first < 240  # four standard deviations around one half


def test_the_place_of_a_value_becomes_its_letter_by_a_second_rule():
    row = {"pair": ["tea", "cake"], "answer": "cake"}
    assert made(row, letter=[{"place": ["pair", "answer"]}, {"letter": "letter"}])["letter"] == "B"


def test_two_fields_are_equal_or_not():
    row = {"one": "joy", "two": "joy", "three": "anger"}
    assert made(row, same={"equal": ["one", "two"]})["same"] == "yes"
    assert made(row, same={"equal": ["one", "three"]})["same"] == "no"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"at": ["turns", 2]}, "cannot make field x"),
        ({"place": ["turns", "other"]}, "cannot make field x"),
        ({"cut": ["nothing", 3]}, "no field 'nothing'"),
        ([{"at": ["turns", 0]}, {"map": {"hi": "ho"}}, {"join": "x"}], "x is 'ho', not a list"),
    ],
)
def test_a_rule_that_cannot_be_followed_names_place_and_field(rule, said):
    with pytest.raises(ValueError, match=said) as error:
        made({"turns": ["hi"], "other": "bye"}, x=rule)
    assert str(error.value).startswith("here: ")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({}, "no field text"),
        ({"text": None}, "no field text"),
        ({"text": ["a", "b"]}, r"field text is \['a', 'b'\], no text; see convert"),
        ({"text": float("nan")}, "field text is nan, no number; see convert"),
    ],
)
def test_a_template_says_what_it_cannot_be_filled_with(row, why):
    with pytest.raises(ValueError, match=rf"^rows\.jsonl:3: {why}$"):
        filled_at("Topic of {text}?", row, "rows.jsonl:3")
    assert filled_at("{text} {text}", {"text": 0}, "here") == "0 0"


def test_a_rule_in_a_list_must_be_known_too():
    with pytest.raises(ValueError, match=r"convert\.x must be one of join"):
        check_rules({"x": [{"join": "words"}, {"glue": "words"}]}, "here")


@pytest.mark.parametrize("rule", [{"fill": "{x}"}, {"text": "x"}, {"json": "x"}])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_makes_no_text(rule, value):
    """A table of the hub may hold it, JSON cannot."""
    with pytest.raises(ValueError, match=r"^here: cannot make field label: "):
        made({"x": value}, label=rule)
    assert made({"x": 0.5}, label=rule)["label"] == "0.5"
