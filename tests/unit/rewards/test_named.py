"""Which label a text names first: whole words, longest first, letters that are no articles."""

import pytest

from redone.rewards.named import AGREEMENT, first_named, names_of

MOODS = names_of(["positive", "negative", "very positive", "not sure"])
OPTIONS = names_of(["a walk in the park", "skin care", "travel", "food and drink"], lettered=True)
LETTERS = names_of(["A", "B", "C", "D"])
NINE = names_of(list("ABCDEFGHI"))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("negative", "negative"),
        ("Negative.", "negative"),
        ("**NEGATIVE**", "negative"),
        ("The post is negative, I would say.", "negative"),
        ("_negative_", "negative"),
        ("Very  positive!", "very positive"),
        ("very-positive", "very positive"),
        ("It is very, very positive", "very positive"),
        ("positive rather than negative", "positive"),
        ("It is not sure", "not sure"),
        ("positively glowing", None),  # whole words
        ("nonnegative", None),
        ("ｎｅｇａｔｉｖｅ", "negative"),
        ("", None),
        ("neutral", None),
        ("not positive", "positive"),  # blind to negation
    ],
)
def test_the_first_label_that_stands_whole_is_named_and_of_two_the_longest(text, label):
    assert first_named(text, MOODS) == label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("B", "skin care"),
        ("b", "skin care"),
        ("(b)", "skin care"),
        ("b) because of the cream", "skin care"),
        ("I would choose (c).", "travel"),
        ("The answer is D", "food and drink"),
        ("The answer is A because it is outdoors", "a walk in the park"),
        ("Answer: A", "a walk in the park"),
        ("Option A fits.", "a walk in the park"),
        ("A.", "a walk in the park"),
        ("A", "a walk in the park"),
        ("A\nIt is outdoors", "a walk in the park"),
        ("So A fits best", "a walk in the park"),
        ("选A。", "a walk in the park"),
        ("A good fit would be travel", "travel"),  # an article
        ("It is a pity. A bus means C", "travel"),
        ("vitamin-A cream is skin care", "skin care"),
        ("Don't know", None),
        ("I don't know", None),
        ("U.S.A", None),
        ("A/B", None),
        ("E", None),  # there is no such option
        ("a walk in the park", "a walk in the park"),
        ("A walk in the park", "a walk in the park"),
        ("Travel, not food and drink", "travel"),
        ("d'accord", None),
    ],
)
def test_options_are_named_by_text_or_letter_and_an_article_is_no_letter(text, label):
    assert first_named(text, OPTIONS) == label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I think it is C", "c"),
        ("I", "i"),
        ("I.", "i"),
        ("The answer is I", "i"),
        ("A friend wrote B", "b"),
        ("a friend wrote nothing", None),
    ],
)
def test_labels_that_are_letters_themselves_are_no_pronouns_and_no_articles(text, label):
    assert first_named(text, NINE) == label


def test_options_that_are_letters_mean_themselves():
    swapped = names_of(["B", "A", "D", "C"], lettered=True)
    assert first_named("B", swapped) == "b"
    assert first_named("The answer is C.", LETTERS) == "c"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("美妆", "美妆"),
        ("答案是美妆护肤。", "美妆护肤"),  # the longer label
        ("这篇笔记属于旅行，不是美妆", "旅行"),
        ("旅 行", "旅行"),
        ("旅游", None),
    ],
)
def test_labels_without_spaces_between_words_are_found_within_a_sentence(text, label):
    assert first_named(text, names_of(["美妆", "美妆护肤", "旅行"])) == label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Yes, it does.", "yes"),
        ("I'd say no", "no"),
        ("That is not true", "no"),
        ("是的，相关", "yes"),
        ("这是一条笔记", None),  # a copula, no answer
        ("不对。", "no"),
        ("对于这条笔记", None),
        ("不正确，因为", "no"),
        ("yesterday", None),
        ("know", None),
    ],
)
def test_yes_and_no_are_words_and_in_chinese_stand_alone(text, label):
    assert first_named(text, AGREEMENT) == label


def test_labels_that_words_cannot_tell_apart_have_no_names():
    assert names_of(["1", "-1", "0"]) is None
    assert names_of([":)", ":("]) is None
    assert names_of(["tea", "🙂"]) is None
    assert names_of(["Tea", "tea."]) is not None  # one label to the reward too


def test_case_counts_where_the_reward_counts_it():
    names = names_of(["polish", "Polish"], case=True)
    assert first_named("Polish", names) == "Polish"
    assert first_named("polish", names) == "polish"
    assert names_of(["polish", "Polish"]) is not None  # one label
