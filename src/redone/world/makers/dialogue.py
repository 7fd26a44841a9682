"""Dialogue: who speaks, what is wanted, what to answer."""

from redone.world.domain import Random, Row, World


def which_reply(world: World, random: Random) -> Row:
    intents = list(world.replies)
    wanted = random.choice(intents)
    shown = random.sample(intents, 3)
    options = [random.choice(world.replies[intent]["reply"]) for intent in shown]
    return {
        "message": f"{world.name(random, 'person')} : {random.choice(world.replies[wanted]['said'])}",
        "candidates": options,
        "choices": " ".join(f"{mark} {option}" for mark, option in zip("ABC", options)),
        "answer": "ABC"[shown.index(wanted)],
    }


def intent_of(world: World, random: Random) -> Row:
    wanted = random.choice(list(world.replies))
    said = random.choice(world.replies[wanted]["said"])
    text = random.choice([f"{said} . {world.say(random, 'closer')}", f"{random.choice(world.items)} . {said}"])
    return {"message": f"{world.name(random, 'person')} : {text}", "candidates": list(world.replies), "answer": wanted}


def who_spoke(world: World, random: Random) -> Row:
    people, words = world.people(random, 3), random.sample(world.items, 3)
    said = random.sample(world.texts["mention"], 3)
    asked = random.randrange(3)
    chat = " . ".join(f"{person} : {text.format(word)}" for person, text, word in zip(people, said, words))
    return {"chat": chat, "item": words[asked], "candidates": people, "answer": people[asked]}


def persona(world: World, random: Random, unknown: bool = False) -> Row:
    """What a card says of somebody; with `unknown`, "not said" where it says nothing."""
    branches = random.sample(sorted(set(world.parent.values())), 4)
    facts = {"home": world.name(random, "place")}
    for branch in branches:
        facts[branch] = random.choice([word for word in world.items if world.branch(word) == branch])
    shown = random.sample(list(facts), 3)
    asked = random.choice(list(facts)) if unknown else random.choice(shown)
    return {
        "card": f"{world.name(random, 'person')} : " + " , ".join(f"{name} {facts[name]}" for name in shown),
        "asked": asked,
        "answer": facts[asked] if asked in shown else "not said",
    }


def to_whom(world: World, random: Random) -> Row:
    """Whom the last message answers: who spoke of its item."""
    a, b, c = world.people(random, 3)
    one, other = random.sample(world.items, 2)
    first, second = random.sample(world.texts["mention"], 2)
    asked, answer = random.choice([(one, a), (other, b)])
    chat = f"{a} : {first.format(one)} . {b} : {second.format(other)} . {c} : the {asked} is {world.opinion(random)}"
    return {"chat": chat, "person": c, "candidates": [a, b], "answer": answer}


def final_wish(world: World, random: Random) -> Row:
    items = random.sample(world.items, random.choice((2, 3)))
    text = f"i want {items[0]}" + "".join(f" . no , {item} instead" for item in items[1:])
    kept = random.random() < 0.4
    if kept:
        text += " . no , the first one"
    answer = items[0] if kept else items[-1]
    return {
        "chat": f"{world.name(random, 'person')} : {text}",
        "candidates": items,
        "rationale": " , ".join([*items, *([items[0]] if kept else [])]),
        "answer": answer,
    }


def reply_by_rule(world: World, random: Random) -> Row:
    """A free reply under rules: how it starts, what it names, how long it is."""
    person, item = world.name(random, "person"), random.choice(world.items)
    most = random.randrange(5, 8)  # the answer twice has eight words or more
    rules = [
        {"rule": "starts", "text": f"thanks {person}"},
        {"rule": "contains", "text": item},
        {"rule": "words", "min": 4, "max": most},
    ]
    return {
        "message": f"{person} : here is my {item}",
        "most": most,
        "rules": rules,
        "answer": f"thanks {person} for {item}",
    }


def fans_of(world: World, random: Random) -> Row:
    people = world.people(random, 3)
    topic = world.some_topic(random)
    count = random.choice((1, 2))
    fans = set(random.sample(people, count))
    likes = {p: world.word(random, topic if p in fans else world.other(random, topic)) for p in people}
    return {
        "chat": " . ".join(f"{p} : i love {likes[p]}" for p in people),
        "topic": topic,
        "candidates": people,
        "rationale": " , ".join(f"{likes[p]} is {world.topic[likes[p]]}" for p in people),
        "answer": " , ".join(p for p in people if p in fans),
    }


def missing_slot(world: World, random: Random) -> Row:
    """Which of three things an order does not say yet."""
    said = {
        "item": f"a {random.choice(world.items)}",
        "place": f"in {world.name(random, 'place')}",
        "price": f"for {random.randrange(2, 99)} yuan",
        "day": f"on {random.randrange(1, 29)} {world.name(random, 'month')}",
    }
    missing = random.choice(list(said))
    shown = random.sample([slot for slot in said if slot != missing], 3)
    text = " ".join(said[slot] for slot in shown)
    return {"message": f"{world.name(random, 'person')} : {text}", "candidates": list(said), "answer": missing}


MAKERS = (
    which_reply,
    intent_of,
    who_spoke,
    persona,
    to_whom,
    final_wish,
    reply_by_rule,
    fans_of,
    missing_slot,
)
