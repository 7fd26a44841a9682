import json
from fractions import Fraction

import pytest

from redone.rewards import extract


@pytest.mark.parametrize(
    "text, case, expected",
    [
        ("  Yes,\n  we\tdo.  ", False, "yes, we do"),
        ("Yes", True, "Yes"),
        ("ＡＢＣ　１", False, "abc 1"),  # full width
        ("好。", False, "好"),
        ("wait..", False, "wait."),  # one full stop, not all
        ("STRASSE", False, "strasse"),
        ("straße", False, "strasse"),
        ("cafe\u0301", False, "caf\u00e9"),  # composed
        ("y\u200bes", False, "y\u200bes"),  # an invisible letter is a letter
        ("уes", False, "уes"),  # a Cyrillic у stays one
        ("", False, ""),
    ],
)
def test_normalised_text_forgets_width_case_spacing_and_one_full_stop(text, case, expected):
    assert extract.normalise(text, case) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("it's 12 o'clock, now!", ["it", "s", "12", "o", "clock", "now"]),
        ("我爱 cats和犬", ["我", "爱", "cats", "和", "犬"]),
        ("コーヒー・茶", ["コ", "ー", "ヒ", "ー", "茶"]),  # the middle dot is punctuation
        ("𠮷野", ["𠮷", "野"]),  # beyond the basic plane
        ("—…!?", []),
    ],
)
def test_tokens_are_words_and_single_chinese_or_japanese_characters(text, expected):
    assert extract.tokens(text) == expected


@pytest.mark.parametrize(
    "text, separator, expected",
    [
        ("Tea, milk ,, COFFEE.", ",", ["tea", "milk", "coffee"]),
        ("茶，奶,水", ",", ["茶", "奶", "水"]),
        ("a；b;c", ";", ["a", "b", "c"]),
        ("a\nb c\n\n", "\n", ["a", "b c"]),
        (" , ", ",", []),
    ],
)
def test_items_are_what_stands_between_separators(text, separator, expected):
    assert extract.items(text, separator) == expected


@pytest.mark.parametrize(
    "text, value, unit",
    [
        ("12", 12, ""),
        ("12.0.", 12, ""),
        ("-1,234.5", Fraction(-2469, 2), ""),
        ("\u22127", -7, ""),
        (".5", Fraction(1, 2), ""),
        ("3 / 4", Fraction(3, 4), ""),
        ("50%", Fraction(1, 2), ""),
        ("１２ km", 12, "km"),
        ("$5", 5, "$"),
        ("5 元", 5, "¥"),
        ("￥5", 5, "¥"),
        ("20℃", 20, "°c"),
        ("0.1", Fraction(1, 10), ""),
    ],
)
def test_a_number_is_read_exactly_with_its_unit(text, value, unit):
    assert extract.number(text) == (value, unit)


@pytest.mark.parametrize(
    "text",
    [
        "", "twelve", "12 13", "12 or 13", "the answer is 12", "1,23", "1e3", "1/0", "10²", "1¾", "٣", "12/", "--1",
        "5 million", "1.2万", "12 km h", "**12**", "0x10", "9" * 31, "1" * 100_000,
    ],
)  # fmt: skip
def test_what_is_not_one_number_is_none(text):
    assert extract.number(text) is None


@pytest.mark.parametrize(
    "text, expected",
    [
        ("B", 1),
        ("b.", 1),
        ("(B)", 1),
        ("（Ｂ）", 1),
        ("B: Green Tea", 1),
        ("green tea", 1),
        ("B) green", None),  # letter and text disagree
        ("A. green tea", None),
        ("A B", None),
        ("A, B", None),
        ("A) (B)", None),
        ("D", None),
        ("В", None),  # Cyrillic
        ("green", None),
        ("", None),
        ("bread", None),
    ],
)
def test_an_option_is_named_by_its_letter_its_text_or_both(text, expected):
    assert extract.option(text, ["milk", "green tea", "water"]) == expected


def test_options_that_are_letters_mean_themselves():
    assert extract.option("A", ["B", "A"]) == 1


@pytest.mark.parametrize(
    "text, expected",
    [
        ("```python\nx + 1\n```", "x + 1"),
        ("```\n{}\n```  ", "{}"),
        ("`x`", "x"),
        ("`x` or `y`", "`x` or `y`"),
        ("so:\n```\nx\n```", "so:\n```\nx\n```"),
        ("``", "``"),
    ],
)
def test_a_fence_is_taken_off_only_around_the_whole_text(text, expected):
    assert extract.unfence(text) == expected


@pytest.mark.parametrize(
    "text, steps, expected",
    [
        ("A, then B", [{"first": "[A-Z]"}], "A"),
        ("A, then B", [{"last": "[A-Z]"}], "B"),
        ("it is 7 or 8", [{"last": r"is (\d)|or (\d)"}], "8"),  # the group that matched
        ("none here", [{"first": r"\d"}], ""),
        ("none here", [{"last": r"\d", "missing": "no answer"}], "no answer"),
        ("answer: ", [{"first": r"answer: (\w*)", "missing": "?"}], "?"),  # a group that matches an empty text
        ("answer:  ", [{"first": r"answer:(\s*)", "missing": "?"}], "?"),  # or space alone
        ("so", [{"first": r"(\d*)|(x*)", "missing": "?"}], "?"),  # all of several
        ("so", [{"first": r"\d*", "missing": "?"}], "?"),  # the whole match
        ("answer: ", [{"first": r"answer: (\w*)"}], ""),
        ("yes. Or no; well", [{"before": [";", "."]}], "yes"),  # the first of them in the text
        ("yes", [{"before": [";", "."]}], "yes"),
        ("so: a: b", [{"after": ":"}], "b"),
        ("b", [{"after": ":"}], "b"),
        ("Answer: 12 (of 30)", [{"after": "Answer:"}, {"before": ["("]}, {"first": r"\d+"}], "12"),
        ("  as it is ", [], "  as it is "),
    ],
)
def test_steps_leave_of_a_text_what_each_leaves_of_the_one_before(text, steps, expected):
    assert extract.extracted(text, steps) == expected


@pytest.mark.parametrize("step", [{}, {"middle": "x"}, {"first": "x", "missed": "y"}])
def test_a_step_that_is_none_is_refused_with_those_that_are(step):
    with pytest.raises(ValueError, match="is not one of first, last, before, after"):
        extract.extracted("x", [step])


@pytest.mark.parametrize(
    "text, flaw",
    [
        ("[" * 51 + "]" * 51, "nests too deep"),
        (f'{{"a": [1, {{"b": {2**1024}}}]}}', "beyond a double"),
        (str(-(2**1024)), "beyond a double"),
    ],
)
def test_json_that_would_stop_a_comparison_is_refused(text, flaw):
    with pytest.raises(ValueError, match=flaw):
        extract.json_of(text)


@pytest.mark.parametrize("text", ["[" * 50 + "]" * 50, str((2**53 - 1) * 2**971), '{"a": [1, "b", null, true, 1.5]}'])
def test_json_within_the_bounds_is_read(text):
    assert extract.json_of(text) == json.loads(text)


@pytest.mark.parametrize(
    "text, value", [("1 1/2", Fraction(3, 2)), ("-2 3 / 4", Fraction(-11, 4)), ("1 3/2", None), ("1 1/0", None)]
)
def test_a_mixed_number_is_the_sum_of_a_whole_one_and_less_than_one(text, value):
    assert extract.number(text) == (None if value is None else (value, ""))


def test_without_punctuation_signs_are_spaces_and_none_stands_beside_a_chinese_character():
    assert extract.normalise("Well-known: yes!", punctuation=False) == "well known yes"
    assert extract.normalise("好，ok。好", punctuation=False) == "好ok好"
