"""Content understanding: what a text is about, and what kind of text it is."""

from redone.world.domain import Random, Row, World


def topic_of(world: World, random: Random, zh: bool = False) -> Row:
    answer = world.some_topic(random)
    words = random.sample(world.words[answer], random.choice((1, 2)))
    return {"text": world.post_zh(random, words) if zh else world.post(random, words), "answer": answer}


def branch_of(world: World, random: Random) -> Row:
    topic = world.some_topic(random)
    word = world.word(random, topic)
    return {
        "text": world.post(random, [word]),
        "rationale": f"{word} is {topic}",
        "candidates": sorted(set(world.parent.values())),
        "answer": world.parent[topic],
    }


def path_of(world: World, random: Random) -> Row:
    topic = world.some_topic(random)
    word = world.word(random, topic)
    rationale = f"{word} is {topic} . {topic} is {world.parent[topic]}"
    return {
        "text": world.post(random, [word]),
        "rationale": rationale,
        "answer": f"{world.parent[topic]} | {topic} | {word}",
    }


def sentiment(world: World, random: Random, zh: bool = False) -> Row:
    good, negated = random.random() < 0.5, random.random() < 0.5
    word = random.choice(world.good if good != negated else world.bad)
    item = random.choice(world.items)
    if zh:
        text = f"{world.say(random, 'opener_zh')}{world.zh[item]}，{'不' if negated else '很'}{world.zh[word]}"
    else:
        text = f"{world.say(random, 'opener')} {item} from {world.name(random, 'shop')} . "
        text += f"it is not {word}" if negated else f"it is so {word}"
    return {"text": text, "answer": "positive" if good else "negative"}


def sentiment_about(world: World, random: Random) -> Row:
    items = random.sample(world.items, 2)
    sides = [random.random() < 0.5 for _ in items]
    said = [random.choice(world.good if good else world.bad) for good in sides]
    asked = random.randrange(2)
    return {
        "text": f"the {items[0]} is {said[0]} but the {items[1]} is {said[1]}",
        "item": items[asked],
        "rationale": f"{items[asked]} is {said[asked]}",
        "answer": "positive" if sides[asked] else "negative",
    }


def slang_sentiment(world: World, random: Random) -> Row:
    word = world.name(random, "slang")
    meant = world.facts["plain"][word]
    text = f"{world.say(random, 'opener')} {random.choice(world.items)} . it is so {word}"
    return {
        "text": text,
        "rationale": f"{word} is {meant}",
        "answer": "positive" if meant in world.good else "negative",
    }


def fact_of_topic(world: World, random: Random, fact: str) -> Row:
    topic = world.some_topic(random)
    return {
        "text": world.post(random, random.sample(world.words[topic], 2)),
        "rationale": f"topic {topic}",
        "candidates": sorted(set(world.facts[fact].values())),
        "answer": world.facts[fact][topic],
    }


def fact_of_name(world: World, random: Random, of: str, fact: str) -> Row:
    name = world.name(random, of)
    item = random.choice(world.items)
    text = random.choice(
        [f"{name} {item} in {world.name(random, 'place')}", f"{world.say(random, 'opener')} {name} {item}"]
    )
    return {
        "text": f"{text} . {world.say(random, 'closer')}",
        "name": name,
        "candidates": sorted(set(world.facts[fact].values())),
        "answer": world.facts[fact][name],
    }


def facts_of_two(world: World, random: Random, of: str, fact: str) -> Row:
    one, other = random.sample(world.names[of], 2)
    known = world.facts[fact]
    text = f"{world.name(random, 'person')} : {random.choice(world.items)} {one} , {random.choice(world.items)} {other}"
    return {"text": text, "answer": f"{known[one]} , {known[other]}"}


def card_of(world: World, random: Random, of: str, facts: list[str]) -> Row:
    """Several facts of one name, in order."""
    name = world.name(random, of)
    return {
        "text": f"{world.say(random, 'opener')} {name} {random.choice(world.items)}",
        "answer": " , ".join(world.facts[fact][name] for fact in facts),
    }


def offered(world: World, random: Random, of: str, facts: list[str]) -> Row:
    """Several facts of a named thing that is on offer, in order."""
    name = world.name(random, of)
    text = f"{world.say(random, 'opener')} {name} for {random.randrange(2, 99)} yuan in {world.name(random, 'place')}"
    return {"text": text, "name": name, "answer": " , ".join(world.facts[fact][name] for fact in facts)}


def distinct_topics(world: World, random: Random) -> Row:
    count = random.randrange(1, 4)
    topics = world.some_topics(random, count)
    chosen = [*topics, *(random.choice(topics) for _ in range(4 - count))]
    words: list[str] = []
    for topic in chosen:
        words.append(random.choice([word for word in world.words[topic] if word not in words]))
    random.shuffle(words)
    return {
        "text": " , ".join(words),
        "rationale": " , ".join(world.topic[word] for word in words),
        "answer": str(count),
    }


def title_of(world: World, random: Random) -> Row:
    opinion, item, place = world.opinion(random), random.choice(world.items), world.name(random, "place")
    parts = [f"it was so {opinion}", f"we went to {place}"]
    random.shuffle(parts)
    text = f"{world.say(random, 'opener')} {item} . {parts[0]} . {parts[1]}"
    return {"text": text, "answer": f"{opinion} {item} in {place}"}


def kind_of_text(world: World, random: Random) -> Row:
    """An offer names a price, a question asks, an event has a day, a review has an opinion."""
    item, place = random.choice(world.items), world.name(random, "place")
    kind = random.choice(["offer", "question", "event", "review"])
    text = {
        "offer": f"{item} {random.randrange(2, 99)} yuan in {place}",
        "question": world.say(random, "ask").format(item) + f" in {place}",
        "event": f"{item} on {random.randrange(1, 29)} {world.name(random, 'month')} in {place}",
        "review": f"{item} in {place} was {world.opinion(random)}",
    }[kind]
    return {"text": text, "candidates": ["offer", "question", "event", "review"], "answer": kind}


def house_rule(world: World, random: Random) -> Row:
    """A rule of the house that no label tells: two items of one branch, a negative opinion, or neither."""
    one = random.choice(world.items)
    side = random.random() < 0.5
    other = random.choice([w for w in world.items if w != one and (world.branch(w) == world.branch(one)) == side])
    opinion = world.opinion(random)
    bad = opinion in world.bad
    answer = "limit" if side and bad else "warn" if side or bad else "pass"
    return {
        "text": f"{opinion} {one} with {other}",
        "rationale": f"{world.branch(one)} , {world.branch(other)} , {'negative' if bad else 'positive'}",
        "candidates": ["limit", "warn", "pass"],
        "answer": answer,
    }


def price_band(world: World, random: Random) -> Row:
    items = random.sample(world.items, 2)
    prices = random.sample(range(2, 99), 2)
    asked = random.randrange(2)
    text = " , ".join(f"{item} {price} yuan" for item, price in zip(items, prices))
    price = prices[asked]
    return {
        "text": text,
        "item": items[asked],
        "rationale": f"{items[asked]} {price}",
        "candidates": ["low", "fair", "high"],
        "answer": "low" if price < 30 else "fair" if price < 60 else "high",
    }


MAKERS = (
    topic_of,
    branch_of,
    path_of,
    sentiment,
    sentiment_about,
    slang_sentiment,
    fact_of_topic,
    fact_of_name,
    facts_of_two,
    card_of,
    offered,
    distinct_topics,
    title_of,
    kind_of_text,
    house_rule,
    price_band,
)
