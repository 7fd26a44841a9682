"""Generators of the general tasks' rows, over the seven groups of General-Bench. Fields are those of tasks.toml."""

import random
from collections.abc import Callable
from typing import Any

from redone.world.lexicon import CLASSES, COLOURS, COUNTRY, FRUIT, PLACES, PLAIN, SIZES, THINGS, USERS

Row = dict[str, Any]
Random = random.Random

_CLASS = {word: kind for kind, words in CLASSES.items() for word in words}
_CARD = {"pet": CLASSES["animal"], "fruit": FRUIT, "tool": CLASSES["tool"], "colour": list(COLOURS), "city": PLACES}


def country(random: Random) -> Row:
    start, end = random.sample(PLACES, 2)
    asked = random.choice((start, end))
    return {"user": random.choice(USERS), "start": start, "end": end, "asked": asked, "answer": COUNTRY[asked]}


def word_class(random: Random) -> Row:
    one, other = random.sample(list(_CLASS), 2)
    asked = random.choice((one, other))
    return {"one": one, "other": other, "asked": asked, "candidates": list(CLASSES), "answer": _CLASS[asked]}


def addition(random: Random) -> Row:
    a, b = random.randrange(11, 90), random.randrange(11, 90)
    ones = a % 10 + b % 10
    carry = f" + {ones // 10}" if ones > 9 else ""
    rationale = f"{a % 10} + {b % 10} = {ones} . {a // 10} + {b // 10}{carry} = {a // 10 + b // 10 + ones // 10}"
    return {"a": a, "b": b, "rationale": rationale, "answer": str(a + b)}


def story(random: Random) -> Row:
    a, b = random.randrange(2, 30), random.randrange(2, 20)
    c = random.randrange(1, min(20, a + b))
    text = f"{random.choice(USERS)} has {a} {random.choice(FRUIT)} , gets {b} and eats {c}"
    return {"story": text, "rationale": f"{a} + {b} = {a + b} . {a + b} - {c} = {a + b - c}", "answer": str(a + b - c)}


def code(random: Random) -> Row:
    """An expression over the integers x and y and the list xs, with three cases that tell it from its neighbours."""
    n, m = random.randrange(2, 40), random.randrange(2, 10)
    said, source, value = random.choice(
        [
            (f"x times {m} plus {n}", f"x * {m} + {n}", lambda x, y, xs: x * m + n),
            (f"x plus y times {m} minus {n}", f"x + y * {m} - {n}", lambda x, y, xs: x + y * m - n),
            (f"the larger of x and {n} , times {m}", f"max(x, {n}) * {m}", lambda x, y, xs: max(x, n) * m),
            (f"the smaller of y and {n} , plus {m}", f"min(y, {n}) + {m}", lambda x, y, xs: min(y, n) + m),
            (f"the length of xs times {m} plus {n}", f"len(xs) * {m} + {n}", lambda x, y, xs: len(xs) * m + n),
            (f"the sum of xs times {m} minus {n}", f"sum(xs) * {m} - {n}", lambda x, y, xs: sum(xs) * m - n),
            (f"the last of xs times {m} plus {n}", f"xs[-1] * {m} + {n}", lambda x, y, xs: xs[-1] * m + n),
            (f"the rest of x by {m} plus {n}", f"x % {m} + {n}", lambda x, y, xs: x % m + n),
        ]
    )
    cases = []
    for i in range(3):
        names = {"x": random.randrange(30), "y": random.randrange(30), "xs": random.sample(range(30), 3 + i)}
        cases.append({"vars": names, "value": value(**names)})
    return {"said": said, "cases": cases, "answer": source}


def _thing(random: Random) -> tuple[str, str]:
    (thing, thing_zh), (colour, colour_zh) = random.choice(list(THINGS.items())), random.choice(list(COLOURS.items()))
    (other, other_zh), (size, size_zh) = random.choice(list(THINGS.items())), random.choice(list(SIZES.items()))
    return random.choice(
        [
            (f"the {size} {thing} is {colour}", f"{size_zh}{thing_zh}是{colour_zh}"),
            (f"a {colour} {thing} and a {size} {other}", f"{colour_zh}{thing_zh}和{size_zh}{other_zh}"),
        ]
    )


def general_en_zh(random: Random) -> Row:
    en, zh = _thing(random)
    return {"text": en, "answer": zh}


def general_zh_en(random: Random) -> Row:
    en, zh = _thing(random)
    return {"text": zh, "answer": en}


def follow(random: Random) -> Row:
    one, other = random.sample(PLAIN, 2)
    count = random.randrange(2, 5)
    said, answer, rules = random.choice(
        [
            (f"write {one} {count} times", " ".join([one] * count), [{"rule": "repeat", "text": one, "count": count}]),
            (
                f"write {one} and {other} in capitals",
                f"{one} {other}".upper(),
                [{"rule": "contains", "text": one}, {"rule": "contains", "text": other}, {"rule": "upper"}],
            ),
            (
                f"start with {one} , end with {other} , three words",
                f"{one} and {other}",
                [
                    {"rule": "starts", "text": one},
                    {"rule": "ends", "text": other},
                    {"rule": "words", "min": 3, "max": 3},
                ],
            ),
            (
                f"json with {one} and {other}",
                f'{{"{one}": 1, "{other}": 1}}',
                [{"rule": "json_keys", "keys": [one, other]}],
            ),
        ]
    )
    return {"said": said, "rules": rules, "answer": answer}


def grounded(random: Random) -> Row:
    """What a card says of a person; "unknown" where it says nothing."""
    shown = random.sample(list(_CARD), 3)
    facts = {name: random.choice(_CARD[name]) for name in shown}
    asked = random.choice(list(_CARD)) if random.random() < 0.5 else random.choice(shown)
    card = " , ".join(f"{name} {value}" for name, value in facts.items())
    return {"user": random.choice(USERS), "card": card, "asked": asked, "answer": facts.get(asked, "unknown")}


def odd_one(random: Random) -> Row:
    kind, other = random.sample(["animal", "fruit", "tool", "colour"], 2)
    stranger = random.choice(CLASSES[other])
    words = [*random.sample(CLASSES[kind], 3), stranger]
    random.shuffle(words)
    return {"words": " , ".join(words), "candidates": words, "answer": stranger}


def backwards(random: Random) -> Row:
    words = random.sample(PLAIN, random.randrange(2, 5))
    return {"words": " ".join(words), "answer": " ".join(reversed(words))}


GENERATORS: dict[str, Callable[[Random], Row]] = {
    "country": country,
    "word_class": word_class,
    "addition": addition,
    "story": story,
    "code": code,
    "general_en_zh": general_en_zh,
    "general_zh_en": general_zh_en,
    "follow": follow,
    "grounded": grounded,
    "odd_one": odd_one,
    "backwards": backwards,
}
