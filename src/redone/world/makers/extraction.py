"""Information extraction: what is said in a text."""

import json

from redone.world.domain import Random, Row, World


def tag_single(world: World, random: Random) -> Row:
    topics = world.some_topics(random, 4)
    answer = random.choice(topics)
    tags = [f"#{topic}" for topic in topics]
    text = world.post(random, random.sample(world.words[answer], 2))
    return {"text": text, "candidates": tags, "choices": " ".join(tags), "answer": f"#{answer}"}


def tag_multi(world: World, random: Random) -> Row:
    topics = world.some_topics(random, 5)
    chosen = sorted(random.sample(range(5), random.choice((1, 1, 2))))
    words = [world.word(random, topics[i]) for i in chosen]
    tags = [f"#{topic}" for topic in topics]
    return {
        "text": world.post(random, words),
        "rationale": " , ".join(f"{word} is {topics[i]}" for word, i in zip(words, chosen)),
        "candidates": tags,
        "choices": " , ".join(tags),
        "answer": " , ".join(tags[i] for i in chosen),
    }


def _named(world: World, random: Random, share: float) -> tuple[str, list[tuple[str, str]]]:
    """A text and the (kind, name) pairs in it, in order."""
    found, said = [], []
    for kind in random.sample(["place", "shop", "person"], 3):
        if random.random() < share:
            name = world.name(random, kind)
            found.append((kind, name))
            item = random.choice(world.items)
            said.append({"place": f"in {name}", "shop": f"{item} from {name}", "person": f"thanks {name}"}[kind])
    return f"{random.choice(world.good)} {random.choice(world.items)} " + " , ".join(said or ["alone again"]), found


def name_of(world: World, random: Random) -> Row:
    text, found = _named(world, random, 0.75)
    asked = random.choice(["place", "shop", "person"])
    return {"text": text, "kind": asked, "answer": dict(found).get(asked, "none")}


def names_listed(world: World, random: Random) -> Row:
    text, found = _named(world, random, 0.75)
    return {"text": text, "answer": " , ".join(name for _, name in found) or "none"}


def items_about(world: World, random: Random) -> Row:
    topic = world.some_topic(random)
    inside = random.sample(world.words[topic], random.choice((0, 1, 1, 2)))
    others = random.sample([word for word in world.items if world.topic[word] != topic], 4 - len(inside))
    shown = random.sample(inside + others, 4)
    return {
        "text": f"is {shown[0]} {random.choice(world.good)} or {shown[1]} ? {shown[2]} with {shown[3]}",
        "candidates": shown,
        "topic": topic,
        "rationale": " , ".join(f"{word} is {world.topic[word]}" for word in shown),
        "answer": " , ".join(word for word in shown if word in inside) or "none",
    }


def _offers(world: World, random: Random, count: int) -> tuple[list[str], list[int], str]:
    items = random.sample(world.items, count)
    prices = random.sample(range(2, 99), count)
    return items, prices, " , ".join(f"{item} {price} yuan" for item, price in zip(items, prices))


def price_of(world: World, random: Random) -> Row:
    items, prices, text = _offers(world, random, 3)
    asked = random.randrange(3)
    return {"text": f"{text} . {world.say(random, 'closer')}", "item": items[asked], "answer": str(prices[asked])}


def item_at_price(world: World, random: Random) -> Row:
    items, prices, text = _offers(world, random, 3)
    asked = random.randrange(3)
    return {"text": text, "price": prices[asked], "candidates": items, "answer": items[asked]}


def cheapest(world: World, random: Random) -> Row:
    items, prices, text = _offers(world, random, 3)
    least = min(prices)
    rationale = " , ".join(str(price) for price in prices) + f" : {least}"
    return {"text": text, "candidates": items, "rationale": rationale, "answer": items[prices.index(least)]}


def total(world: World, random: Random) -> Row:
    items = random.sample(world.items, 2)
    a, b = random.randrange(11, 60), random.randrange(11, 40)
    return {
        "text": f"{items[0]} {a} yuan , {items[1]} {b} yuan . {world.say(random, 'closer')}",
        "rationale": f"{a} + {b} = {a + b}",
        "answer": str(a + b),
    }


def sorted_by_price(world: World, random: Random) -> Row:
    items, prices, text = _offers(world, random, 3)
    order = sorted(range(3), key=prices.__getitem__)
    return {
        "text": text,
        "candidates": items,
        "rationale": " , ".join(str(prices[i]) for i in order),
        "answer": " , ".join(items[i] for i in order),
    }


def _opinions(world: World, random: Random) -> tuple[list[str], list[str], str]:
    items, said = random.sample(world.items, 2), [world.opinion(random), world.opinion(random)]
    joint = random.choice(["but", ",", "and"])
    return items, said, f"the {items[0]} is {said[0]} {joint} the {items[1]} is {said[1]}"


def opinion_of(world: World, random: Random) -> Row:
    items, said, text = _opinions(world, random)
    asked = random.randrange(2)
    return {"text": f"{world.say(random, 'opener')} it . {text}", "item": items[asked], "answer": said[asked]}


def as_json(world: World, random: Random) -> Row:
    shop, place, item = world.name(random, "shop"), world.name(random, "place"), random.choice(world.items)
    answer = json.dumps({"shop": shop, "place": place})
    rules = [{"rule": "json_keys", "keys": ["shop", "place"]}]
    rules += [{"rule": "contains", "text": f'"{key}": "{name}"'} for key, name in (("shop", shop), ("place", place))]
    text = random.choice([f"my {shop} {item} in {place}", f"in {place} a {item} from {shop}"])
    return {"text": f"{text} . {world.say(random, 'closer')}", "rules": rules, "answer": answer}


def count_about(world: World, random: Random) -> Row:
    topic, other = world.some_topics(random, 2)
    count = random.randrange(0, 4)
    words = random.sample(world.words[topic], count) + random.sample(world.words[other], 4 - count)
    random.shuffle(words)
    return {
        "text": " , ".join(words),
        "topic": topic,
        "rationale": " , ".join(world.topic[word] for word in words),
        "answer": str(count),
    }


MAKERS = (
    tag_single,
    tag_multi,
    name_of,
    names_listed,
    items_about,
    price_of,
    item_at_price,
    cheapest,
    total,
    sorted_by_price,
    opinion_of,
    as_json,
    count_about,
)
