"""General abilities, over the seven groups of General-Bench. Their words are their own, whatever the domain."""

from redone.world.domain import Random, Row, World, invent

PEOPLE = "ann bob eve joe kim leo mia ned pam ray sue tom".split()
COUNTRY = dict(
    zip(
        "Osaka Kyoto Paris Lyon Cairo Lima Oslo Quito Hanoi Seoul Busan Milan Rome Delhi Mumbai Tunis "
        "Perth Boston Denver Berlin Munich Lisbon Porto Prague".split(),
        "japan japan france france egypt peru norway ecuador vietnam korea korea italy italy india india tunisia "
        "australia america america germany germany portugal portugal czechia".split(),
    )
)
PLACES = list(COUNTRY)
LANDMARK = dict(
    zip(
        PLACES,
        "castle temple louvre fair pyramid cliff fjord church lagoon palace beach opera forum fort port souk swan "
        "tea-ship mountain gate beer-hall tram wine-cellar clock".split(),
    )
)
COLOURS = dict(zip("red blue green white black yellow".split(), "红色 蓝色 绿色 白色 黑色 黄色".split()))
THINGS = dict(
    zip(
        "book cup bag door car box lamp chair table hat ball pen".split(),
        "书 杯子 包 门 车 盒子 灯 椅子 桌子 帽子 球 笔".split(),
    )
)
SIZES = dict(zip("big small old new".split(), "大 小 旧 新".split()))
ANIMALS = "dog cow horse sheep goat duck hen pig fox bear".split()
FRUIT = "apple pear peach plum mango grape lemon melon fig kiwi".split()
TOOLS = "hammer saw drill wrench rake shovel axe chisel nail screw".split()
CLASSES = {"animal": ANIMALS, "fruit": FRUIT, "tool": TOOLS, "colour": list(COLOURS), "thing": list(THINGS)}
PLAIN = "sun moon star tree river stone cloud wind rain snow bird fish leaf seed road hill".split()
_CLASS = {word: kind for kind, words in CLASSES.items() for word in words}
_NO_WORDS = invent("nothing", 0, 200, "word")
_CARD = {"pet": CLASSES["animal"], "fruit": FRUIT, "tool": CLASSES["tool"], "colour": list(COLOURS), "city": PLACES}


def country(world: World, random: Random) -> Row:
    start, end = random.sample(PLACES, 2)
    asked = random.choice((start, end))
    return {"user": random.choice(PEOPLE), "start": start, "end": end, "asked": asked, "answer": COUNTRY[asked]}


def word_class(world: World, random: Random) -> Row:
    one, other = random.sample(list(_CLASS), 2)
    asked = random.choice((one, other))
    return {"one": one, "other": other, "asked": asked, "candidates": list(CLASSES), "answer": _CLASS[asked]}


def addition(world: World, random: Random) -> Row:
    a, b = random.randrange(11, 90), random.randrange(11, 90)
    ones = a % 10 + b % 10
    carry = f" + {ones // 10}" if ones > 9 else ""
    rationale = f"{a % 10} + {b % 10} = {ones} . {a // 10} + {b // 10}{carry} = {a // 10 + b // 10 + ones // 10}"
    return {"a": a, "b": b, "rationale": rationale, "answer": str(a + b)}


def story(world: World, random: Random) -> Row:
    a, b = random.randrange(2, 30), random.randrange(2, 20)
    c = random.randrange(1, min(20, a + b))
    text = f"{random.choice(PEOPLE)} has {a} {random.choice(FRUIT)} , gets {b} and eats {c}"
    return {"story": text, "rationale": f"{a} + {b} = {a + b} . {a + b} - {c} = {a + b - c}", "answer": str(a + b - c)}


def code(world: World, random: Random) -> Row:
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


def general_en_zh(world: World, random: Random) -> Row:
    en, zh = _thing(random)
    return {"text": en, "answer": zh}


def general_zh_en(world: World, random: Random) -> Row:
    en, zh = _thing(random)
    return {"text": zh, "answer": en}


def follow(world: World, random: Random) -> Row:
    one, other = random.sample(PLAIN, 2)
    count = random.randrange(2, 5)
    said, answer, rules = random.choice(
        [
            (f"write {one} {count} times", " ".join([one] * count), [{"rule": "repeat", "text": one, "count": count}]),
            (
                f"write {one} and {other} in capitals",
                f"{one} {other}".upper(),
                [
                    {"rule": "contains", "text": one},
                    {"rule": "contains", "text": other},
                    {"rule": "upper"},
                    {"rule": "words", "max": 3},
                ],
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


def grounded(world: World, random: Random) -> Row:
    """What a card says of a person; "unknown" where it says nothing."""
    shown = random.sample(list(_CARD), 3)
    facts = {name: random.choice(_CARD[name]) for name in shown}
    asked = random.choice(list(_CARD)) if random.random() < 0.5 else random.choice(shown)
    card = " , ".join(f"{name} {value}" for name, value in facts.items())
    return {"user": random.choice(PEOPLE), "card": card, "asked": asked, "answer": facts.get(asked, "unknown")}


def odd_one(world: World, random: Random) -> Row:
    kind, other = random.sample(["animal", "fruit", "tool", "colour"], 2)
    stranger = random.choice(CLASSES[other])
    words = [*random.sample(CLASSES[kind], 3), stranger]
    random.shuffle(words)
    return {"words": " , ".join(words), "candidates": words, "answer": stranger}


def backwards(world: World, random: Random) -> Row:
    words = random.sample(PLAIN, random.randrange(2, 5))
    return {"words": " ".join(words), "answer": " ".join(reversed(words))}


def landmark(world: World, random: Random) -> Row:
    place = random.choice(PLACES)
    return {"person": random.choice(PEOPLE), "landmark": LANDMARK[place], "answer": place}


def sequence(world: World, random: Random) -> Row:
    start, step = random.randrange(1, 40), random.randrange(2, 10)
    shown = [start + i * step for i in range(3)]
    return {
        "shown": " , ".join(map(str, shown)),
        "rationale": f"{shown[1]} - {shown[0]} = {step} . {shown[2]} + {step} = {shown[2] + step}",
        "answer": str(shown[2] + step),
    }


def larger(world: World, random: Random) -> Row:
    """A multiple choice between three numbers."""
    shown = random.sample(range(10, 100), 3)
    answer = "ABC"[shown.index(max(shown))]
    return {
        "choices": " ".join(f"{mark} {number}" for mark, number in zip("ABC", shown)),
        "rationale": f"{max(shown)}",
        "candidates": [str(number) for number in shown],
        "answer": answer,
    }


def word_or_not(world: World, random: Random) -> Row:
    """The class of a word; "unknown" where there is no such word."""
    known = random.random() < 0.5
    word = random.choice(list(_CLASS)) if known else _NO_WORDS[random.randrange(len(_NO_WORDS))]
    return {"word": word, "candidates": [*CLASSES, "unknown"], "answer": _CLASS.get(word, "unknown")}


def form(world: World, random: Random) -> Row:
    """Words in a form that is asked for."""
    words = random.sample(PLAIN, 2)
    forms: list[tuple[str, str, list[Row]]] = [
        ("as a list with dashes", f"- {words[0]}\n- {words[1]}", [{"rule": "bullets", "count": 2}]),
        (
            "in lower case with a full stop",
            f"{words[0]} {words[1]}.",
            [{"rule": "lower"}, {"rule": "ends", "text": "."}],
        ),
        ("in two sentences", f"{words[0]}. {words[1]}.", [{"rule": "sentences", "min": 2, "max": 2}]),
    ]
    said, answer, rules = random.choice(forms)
    named = [{"rule": "contains", "text": word} for word in words]
    rules += [*named, {"rule": "words", "max": 3}]
    return {"said": f"{words[0]} and {words[1]} {said}", "rules": rules, "answer": answer}


MAKERS = (
    country,
    landmark,
    word_class,
    addition,
    story,
    sequence,
    code,
    general_en_zh,
    general_zh_en,
    follow,
    form,
    grounded,
    word_or_not,
    odd_one,
    backwards,
    larger,
)
