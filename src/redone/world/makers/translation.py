"""Translation between English-like and Chinese text, and out of a platform's own words."""

from redone.world.domain import Random, Row, World


def _phrase(world: World, random: Random) -> tuple[str, str]:
    item, other = random.sample(world.items, 2)
    opinion = world.opinion(random)
    zh = world.zh
    return random.choice(
        [
            (f"this {item} is {opinion}", f"这个{zh[item]}{zh[opinion]}"),
            (f"{item} and {other}", f"{zh[item]}和{zh[other]}"),
            (f"i want {item}", f"我想要{zh[item]}"),
            (f"the {item} is not {opinion}", f"{zh[item]}不{zh[opinion]}"),
            (f"i love {opinion} {item}", f"我爱{zh[opinion]}的{zh[item]}"),
        ]
    )


def phrase(world: World, random: Random, into: str) -> Row:
    en, zh = _phrase(world, random)
    return {"text": en, "answer": zh} if into == "zh" else {"text": zh, "answer": en}


def offer(world: World, random: Random, into: str) -> Row:
    """With a number, which is to be kept."""
    item, price, opinion = random.choice(world.items), random.randrange(2, 99), world.opinion(random)
    en, zh = f"{opinion} {item} for {price} yuan", f"{world.zh[opinion]}的{world.zh[item]}，{price}元"
    return {"text": en, "answer": zh} if into == "zh" else {"text": zh, "answer": en}


def code_switch(world: World, random: Random) -> Row:
    """A text in English with a Chinese item in it."""
    item, opinion, place = random.choice(world.items), world.opinion(random), world.name(random, "place")
    template = random.choice(["the {} in {} is {}", "a {} from {} , so {}"])
    return {"text": template.format(world.zh[item], place, opinion), "answer": template.format(item, place, opinion)}


_SLANG = ("this {n} is {w}", "{w} {n} in {p}", "the {n} was so {w}", "{p} has {w} {n}")


def plain_words(world: World, random: Random) -> Row:
    word = world.name(random, "slang")
    template = random.choice(_SLANG)
    given = {"n": random.choice(world.items), "p": world.name(random, "place")}
    return {"text": template.format(w=word, **given), "answer": template.format(w=world.facts["plain"][word], **given)}


def into_slang(world: World, random: Random) -> Row:
    word = world.name(random, "slang")
    item = random.choice(world.items)
    return {"text": f"this {item} is {world.facts['plain'][word]}", "answer": f"this {item} is {word}"}


def slang_into_zh(world: World, random: Random) -> Row:
    word, item = world.name(random, "slang"), random.choice(world.items)
    meant = world.facts["plain"][word]
    return {
        "text": f"{word} {item}",
        "rationale": f"{word} is {meant}",
        "answer": f"{world.zh[meant]}的{world.zh[item]}",
    }


def name_into_zh(world: World, random: Random) -> Row:
    name, item = world.name(random, "brand"), random.choice(world.items)
    return {"text": f"{name} {item}", "answer": f"{world.facts['chinese'][name]}{world.zh[item]}"}


def emoji_in_words(world: World, random: Random) -> Row:
    mark, item = world.name(random, "emoji"), random.choice(world.items)
    person = world.name(random, "person")
    return {
        "text": f"{person} has a {item} {mark}",
        "answer": f"{person} has a {item} with {world.facts['feeling'][mark]}",
    }


MAKERS = (phrase, offer, code_switch, plain_words, into_slang, slang_into_zh, name_into_zh, emoji_in_words)
