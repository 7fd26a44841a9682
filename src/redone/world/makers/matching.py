"""Semantic matching: whether, and how well, two texts fit."""

from redone.world.domain import Random, Row, World, yes_no
from redone.world.makers.understanding import title_of

_LETTERS = "ABC"


def same_topic(world: World, random: Random, zh: bool = False) -> Row:
    topic = world.some_topic(random)
    same = random.random() < 0.5
    query = world.word(random, topic)
    word = random.choice([w for w in world.words[topic if same else world.other(random, topic)] if w != query])
    text = world.post_zh(random, [word]) if zh else world.post(random, [word])
    return {"query": f"{random.choice(world.good)} {query}", "text": text, "answer": yes_no(same)}


def _at_level(world: World, random: Random, query: str, level: int) -> str:
    """An item: 3 the same, 2 of its topic, 1 of its branch, 0 of another branch."""
    topic, branch = world.topic[query], world.branch(query)
    pools = {
        3: [query],
        2: [w for w in world.words[topic] if w != query],
        1: [w for w in world.items if world.branch(w) == branch and world.topic[w] != topic],
        0: [w for w in world.items if world.branch(w) != branch],
    }
    return random.choice(pools[level])


def level(world: World, random: Random) -> Row:
    fit = random.randrange(4)
    query = random.choice(world.items)
    word = _at_level(world, random, query, fit)
    return {
        "query": f"{random.choice(world.good)} {query}",
        "text": f"{world.say(random, 'opener')} {word} . {world.say(random, 'closer')}",
        "rationale": " . ".join(f"{w} is {world.topic[w]} {world.branch(w)}" for w in (query, word)),
        "answer": str(fit),
    }


def best_of_three(world: World, random: Random) -> Row:
    topics = world.some_topics(random, 3)
    right = random.randrange(3)
    query = world.word(random, topics[right])
    words = [random.choice([w for w in world.words[topic] if w != query]) for topic in topics]
    options = [f"{world.say(random, 'opener')} {word}" for word in words]
    return {
        "query": f"{random.choice(world.good)} {query}",
        "choices": " ".join(f"{mark} {option}" for mark, option in zip(_LETTERS, options)),
        "candidates": options,
        "answer": _LETTERS[right],
    }


def rank_by_fit(world: World, random: Random) -> Row:
    query = random.choice(world.items)
    fits = random.sample([3, 2, 0], 3)
    words = [_at_level(world, random, query, fit) for fit in fits]
    order = sorted(range(3), key=lambda i: -fits[i])
    return {
        "query": query,
        "choices": " , ".join(f"{mark} {word}" for mark, word in zip(_LETTERS, words)),
        "rationale": " , ".join(f"{word} is {world.topic[word]}" for word in [query, *words]),
        "answer": " , ".join(_LETTERS[i] for i in order),
    }


def same_statement(world: World, random: Random) -> Row:
    """The same three things in another order, or one of them exchanged."""
    parts = [random.choice(world.items), world.name(random, "place"), random.choice(world.names["person"])]
    same = random.random() < 0.5
    other = list(parts)
    if not same:
        i = random.randrange(3)
        pool = [world.items, world.names["place"], world.names["person"]][i]
        other[i] = random.choice([x for x in pool if x != parts[i]])
    item, place, person = parts
    item2, place2, person2 = other
    return {
        "one": f"{person} found a {item} in {place}",
        "other": f"in {place2} there was a {item2} , says {person2}",
        "answer": yes_no(same),
    }


def titled(world: World, random: Random) -> Row:
    """A text under its title, or under one with a word exchanged."""
    made = title_of(world, random)
    words = made["answer"].split()
    fits = random.random() < 0.5
    if not fits:
        at, pool = random.choice([(0, world.good + world.bad), (1, world.items), (3, world.names["place"])])
        words[at] = random.choice([word for word in pool if word != words[at]])
    return {"title": " ".join(words), "text": made["text"], "answer": yes_no(fits)}


def within_budget(world: World, random: Random) -> Row:
    items = random.sample(world.items, 2)
    prices = random.sample(range(2, 99), 2)
    asked = random.randrange(2)
    bound = random.choice([b for b in range(10, 100, 10) if b != prices[asked]])
    text = " , ".join(f"{item} {price} yuan" for item, price in zip(items, prices))
    fits = prices[asked] < bound
    return {
        "query": f"{items[asked]} under {bound}",
        "text": text,
        "rationale": f"{items[asked]} {prices[asked]} , {bound}",
        "answer": yes_no(fits),
    }


def stated(world: World, random: Random) -> Row:
    items, places = random.sample(world.items, 2), random.sample(world.names["place"], 2)
    true = random.random() < 0.5
    first = random.randrange(2)
    place = places[first if true else 1 - first]
    text = f"{items[0]} in {places[0]} and {items[1]} in {places[1]}"
    return {
        "text": f"{world.say(random, 'opener')} {text}",
        "claim": f"{items[first]} in {place}",
        "answer": yes_no(true),
    }


def odd_topic(world: World, random: Random) -> Row:
    topic, other = world.some_topics(random, 2)
    stranger = world.word(random, other)
    words = [*random.sample(world.words[topic], 3), stranger]
    random.shuffle(words)
    return {
        "words": " , ".join(words),
        "candidates": words,
        "rationale": " , ".join(world.topic[word] for word in words),
        "answer": stranger,
    }


def fact_fits(world: World, random: Random, of: str, fact: str) -> Row:
    """Whether a name's fact is the one asked for: half of the time it is."""
    name = world.name(random, of)
    values = sorted(set(world.facts[fact].values()))
    fits = random.random() < 0.5
    asked = world.facts[fact][name] if fits else random.choice([v for v in values if v != world.facts[fact][name]])
    item = random.choice(world.items)
    return {
        "query": f"{asked} {item}",
        "text": f"{world.say(random, 'opener')} {name} {item} . {world.say(random, 'closer')}",
        "rationale": f"{name} is {world.facts[fact][name]}",
        "answer": yes_no(fits),
    }


def same_fact(world: World, random: Random, of: str, fact: str) -> Row:
    known = world.facts[fact]
    one = world.name(random, of)
    same = random.random() < 0.5
    other = random.choice([n for n in world.names[of] if n != one and (known[n] == known[one]) == same])
    return {
        "one": f"{one} {random.choice(world.items)}",
        "other": f"{other} {random.choice(world.items)}",
        "rationale": f"{one} is {known[one]} , {other} is {known[other]}",
        "answer": yes_no(same),
    }


def answers_question(world: World, random: Random) -> Row:
    item, other = random.sample(world.items, 2)
    kinds = {
        "where": (f"where is the {item} ?", f"the {other} is in {world.name(random, 'place')}", f"the {item} is in "
                  f"{world.name(random, 'place')}"),
        "price": (f"how much is the {item} ?", f"the {other} is {random.randrange(2, 99)} yuan", f"the {item} is "
                  f"{random.randrange(2, 99)} yuan"),
        "who": (f"who has the {item} ?", f"{world.name(random, 'person')} has the {other}",
                f"{world.name(random, 'person')} has the {item}"),
    }  # fmt: skip
    kind = random.choice(list(kinds))
    question, elsewhere, right = kinds[kind]
    fits = random.random() < 0.5
    wrong = random.choice([elsewhere, *(kinds[k][2] for k in kinds if k != kind)])
    return {"question": question, "text": right if fits else wrong, "answer": yes_no(fits)}


MAKERS = (
    same_topic,
    level,
    best_of_three,
    rank_by_fit,
    same_statement,
    titled,
    within_budget,
    stated,
    odd_topic,
    fact_fits,
    same_fact,
    answers_question,
)
