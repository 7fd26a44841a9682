"""What is read out of a text: numbers with their units, names, negations."""

import pytest

from redone.facts.amounts import quantities
from redone.facts.lexicon import NAMES, NO_NAME
from redone.facts.names import find_names, known, lex, lexicon, plain
from redone.facts.negations import claims
from redone.facts.quantity import han_number, number_words, same


def read(text):
    """(kind, value, system) of the first reading of each number in the text."""
    return [(q.readings[0][0], round(q.readings[0][1], 6), q.readings[0][2]) for q in quantities(plain(text))]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("17", [("count", 17, "")]),
        ("1,234.5", [("count", 1234.5, "")]),
        ("seventeen", [("count", 17, "")]),
        ("two thousand three hundred and five", [("count", 2305, "")]),
        ("twenty-five", [("count", 25, "")]),
        ("half a dozen", [("count", 6, "")]),
        ("5k", [("count", 5000, "")]),
        ("3.5万", [("count", 35000, "")]),
        ("１２ 个", [("count", 12, "")]),  # full width
        ("一百二十块", [("CNY", 120, "money")]),
        ("$1,500", [("USD", 1500, "money")]),
        ("30 bucks", [("USD", 30, "money")]),
        ("€20", [("EUR", 20, "money")]),
        ("¥500", [("CNY", 500, "money")]),
        ("500円", [("JPY", 500, "money")]),
        ("8折", [("off", 0.2, "percent")]),
        ("85折", [("off", 0.15, "percent")]),
        ("20% off", [("off", 0.2, "percent")]),
        ("半价", [("off", 0.5, "percent")]),
        ("30%", [("share", 0.3, "percent")]),
        ("百分之三十", [("share", 0.3, "percent")]),
        ("三分之二", [("share", 0.666667, "fraction")]),
        ("two thirds", [("share", 0.666667, "fraction")]),
        ("4 out of 5", [("share", 0.8, "fraction")]),
        ("10 km", [("length", 10000, "metric")]),
        ("3 miles", [("length", 4828.032, "imperial")]),
        ("一米八", [("length", 1.8, "metric")]),
        ("5斤", [("mass", 2.5, "metric")]),
        ("2斤半", [("mass", 1.25, "metric")]),
        ("90 minutes", [("time", 5400, "clock")]),
        ("an hour and a half", [("time", 5400, "clock")]),
        ("1小时30分钟", [("time", 5400, "clock")]),
        ("两个半小时", [("time", 9000, "clock")]),
        ("1½ hours", [("time", 5400, "clock")]),
        ("minus 5 °C", [("degree", -5, "C")]),
        ("零下5度", [("degree", -5, "C")]),
        ("3-5 days", [("time", 259200, "clock"), ("time", 432000, "clock")]),
        ("$5-10", [("USD", 5, "money"), ("USD", 10, "money")]),
        ("8:30 pm", [("clock", 510, "pm")]),
        ("20:30", [("clock", 510, "pm")]),
        ("晚上八点半", [("clock", 510, "pm")]),
        ("half past eight", [("clock", 510, "")]),
        ("quarter to nine", [("clock", 525, "")]),
        ("noon", [("clock", 0, "pm")]),
        ("March 5", [("date", 305, "")]),
        ("5th of March", [("date", 305, "")]),
        ("2024-03-05", [("date", 305, ""), ("count", 2024, "")]),
        ("三月五日", [("date", 305, "")]),
        ("2024年", [("count", 2024, "")]),
        ("周末", [("weekday", 5, ""), ("weekday", 6, "")]),
        ("Mon-Wed", [("weekday", 0, ""), ("weekday", 1, ""), ("weekday", 2, "")]),
        ("二楼", [("count", 2, "")]),
        ("第三次", [("count", 3, "")]),
        ("千万别去，十分好吃，万一下雨，三三两两", []),  # no numbers, whatever they look like
        ("三文鱼和五花肉", []),
        ("1. eggs\n2. milk", []),  # a list's own numbers
        ("1️⃣ 鸡蛋 ② 牛奶", []),
    ],
)
def test_numbers_are_read_with_their_units(text, numbers):
    assert read(text) == numbers


@pytest.mark.parametrize(
    ("source", "found", "agree"),
    [
        ("17", "seventeen", True),
        ("17", "18", False),
        ("10 km", "6.2 miles", True),
        ("10 km", "10 miles", False),
        ("1.5 hours", "90 minutes", True),
        ("2 days", "50 hours", False),
        ("30°C", "86°F", True),
        ("30°C", "80°F", False),
        ("1,980 yen", "about 2,000 yen", True),
        ("1,980 yen", "2,000 yen", False),  # not said to be rounded
        ("1,980 yen", "over 2,000 yen", False),
        ("1,980 yen", "under 2,000 yen", True),
        ("at least 3", "at most 3", False),
        ("5 pounds", "£5", True),
        ("5 pounds", "2.3 kg", True),
        ("¥500", "500 yen", True),
        ("$30", "30", True),  # the unit is left to the reader
        ("30 cups", "30 days", False),
        ("9", "9:00", True),
        ("9 am", "9 pm", False),
        ("80%", "four in five", True),
        ("a third", "33%", True),
    ],
)
def test_two_numbers_are_the_same_amount_or_not(source, found, agree):
    [one], [other] = quantities(plain(source)), quantities(plain(found))
    assert same(one, other) is agree


def test_numbers_in_words_by_hand():
    assert number_words("two thousand three".split()) == [2003]
    assert number_words("one two twenty".split()) == [1, 2, 20]
    assert number_words("three hundred thousand".split()) == [300_000]
    wanted = {
        "十五": 15,
        "二百零三": 203,
        "一百二": 120,
        "两千五": 2500,
        "三万五千": 35000,
        "二零二四": 2024,
        "三点五": 3.5,
    }
    assert {written: han_number(written) for written in wanted} == wanted
    assert han_number("三五十") is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("We met Ana Ruiz at Cafe Lumiere.", ["Ana Ruiz", "Cafe Lumiere"]),
        ("Avoid the crowds. Visit early!", []),
        ("Try the PS5 or an iPhone 15 Pro today", ["PS5", "iPhone 15 Pro"]),
        ("This is SO good, OMG", []),
        ("10 Hidden Gems To See This Summer In Porto", ["Porto"]),
        ("see you in osaka, #foodie #KomorebiTea", ["osaka", "#KomorebiTea"]),
        ("china cups from China", ["China"]),
        ("用大理石做的桌子", []),
        ("去大理看《长夜》，顺便买了个AirPods", ["大理", "长夜", "AirPods"]),
        ("周末去灵隐寺和朝阳公园", ["灵隐寺", "朝阳公园"]),
        ("楼下的超市和夜市", []),
        ("500ml的水，OK吗？VIP才有wifi", []),
    ],
)
def test_names_are_found_by_their_shape(text, names):
    text = plain(text)
    tokens = lex(text)
    groups = known(tokens, [lexicon((*NAMES, *NO_NAME))])
    assert [name.text for name in find_names(text, tokens, groups)] == names


@pytest.mark.parametrize(
    ("text", "heads"),
    [
        ("It does not really work on Mondays", ["work"]),
        ("No parking, and never any noise", ["park", "nois"]),
        ("Laptops are not allowed in the cafe", ["allow"]),
        ("Gluten-free bread", ["gluten"]),
        ("Not only good: don't miss it, no doubt", []),
        ("It's not uncommon", []),
        ("不好吃，没有停车位", ["好吃", "停车"]),
        ("现金不收", ["收"]),
        ("不错，不仅便宜，千万别错过，特别好", []),
        ("没有人不喜欢", []),
    ],
)
def test_negations_are_found_with_the_word_that_they_deny(text, heads):
    text = plain(text)
    assert [negation.head for negation in claims(text, lex(text)).denied] == heads
