"""User behaviour: what people viewed, like, and will do."""

from redone.world.domain import Random, Row, World, yes_no


def top_topic(world: World, random: Random) -> Row:
    often, other, third = world.some_topics(random, 3)
    seen = [*random.sample(world.words[often], 2), world.word(random, other)]
    if random.random() < 0.5:
        seen += [world.word(random, third)]
    random.shuffle(seen)
    return {
        "session": " , ".join(seen),
        "rationale": " , ".join(world.topic[word] for word in seen),
        "answer": often,
    }


def next_topic(world: World, random: Random, steps: int = 1) -> Row:
    """What people look at next, which is a fact about the topic; `steps` times over."""
    topic = world.some_topic(random)
    viewed = random.sample(world.words[topic], 2)
    chain = [topic]
    for _ in range(steps):
        chain.append(world.facts["next"][chain[-1]])
    return {
        "session": f"{random.choice(world.good)} {viewed[0]} , {random.choice(world.good)} {viewed[1]}",
        "answer": " , ".join(chain[1:]),
    }


def will_click(world: World, random: Random) -> Row:
    liked = world.some_topics(random, 2)
    yes = random.random() < 0.5
    topic = random.choice(liked) if yes else world.other(random, *liked)
    word = world.word(random, topic)
    return {
        "liked": " , ".join(liked),
        "text": f"{world.say(random, 'opener')} {word}",
        "rationale": f"{word} is {topic}",
        "answer": yes_no(yes),
    }


def query_for(world: World, random: Random) -> Row:
    shop, item, place = world.name(random, "shop"), random.choice(world.items), world.name(random, "place")
    parts = [f"at {shop}", f"a {random.choice(world.good)} {item}", f"near {place}"]
    text = f"{world.say(random, 'opener')} {' , '.join(random.sample(parts, 3))} . {world.say(random, 'closer')}"
    return {"text": text, "answer": f"{shop} {item} {place}"}


def count_viewed(world: World, random: Random) -> Row:
    """How many of the viewed items lie in a branch."""
    asked = world.parent[world.some_topic(random)]
    count = random.randrange(0, 4)
    inside = [word for word in world.items if world.branch(word) == asked]
    outside = [word for word in world.items if world.branch(word) != asked]
    words = random.sample(inside, count) + random.sample(outside, 3 - min(count, 3))
    random.shuffle(words)
    return {
        "session": " , ".join(words),
        "branch": asked,
        "rationale": " , ".join(world.branch(word) for word in words),
        "answer": str(count),
    }


def last_about(world: World, random: Random) -> Row:
    topic, other = world.some_topics(random, 2)
    words = [*random.sample(world.words[topic], 2), *random.sample(world.words[other], 2)]
    random.shuffle(words)
    answer = [word for word in words if world.topic[word] == topic][-1]
    return {"session": " , ".join(words), "topic": topic, "candidates": words, "answer": answer}


def new_interest(world: World, random: Random) -> Row:
    liked = world.some_topics(random, 2)
    fresh = world.other(random, *liked)
    viewed = [world.word(random, topic) for topic in random.sample([*liked, fresh], 3)]
    return {
        "liked": " , ".join(liked),
        "session": " , ".join(viewed),
        "rationale": " , ".join(world.topic[word] for word in viewed),
        "answer": fresh,
    }


def seen_twice(world: World, random: Random) -> Row:
    words = random.sample(world.items, 4)
    again = random.choice(words)
    shown = [*words, again]
    random.shuffle(shown)
    return {"session": " , ".join(shown), "candidates": words, "answer": again}


def friend_of_friend(world: World, random: Random) -> Row:
    a, b, c, d = world.people(random, 4)
    edges = [(a, b), (b, c), (d, random.choice([a, b]))]
    random.shuffle(edges)
    text = " , ".join(f"{one} follows {other}" for one, other in edges)
    return {"text": text, "person": a, "rationale": f"{a} follows {b}", "candidates": [b, c, d], "answer": c}


def part_of_day(world: World, random: Random) -> Row:
    """Whether most views were in the morning, before 12, or in the evening."""
    morning = random.random() < 0.5
    mine, others = (range(5, 12), range(17, 24)) if morning else (range(17, 24), range(5, 12))
    hours = [random.choice(mine), random.choice(mine), random.choice(others)]
    random.shuffle(hours)
    return {
        "session": " , ".join(f"{random.choice(world.items)} at {hour}" for hour in hours),
        "rationale": " , ".join("morning" if hour < 12 else "evening" for hour in hours),
        "answer": "morning" if morning else "evening",
    }


def money_left(world: World, random: Random) -> Row:
    price = random.randrange(2, 60)
    budget = price + random.randrange(1, 40)
    return {
        "text": f"{world.name(random, 'person')} has {budget} yuan , buys {random.choice(world.items)} for {price}",
        "rationale": f"{budget} - {price} = {budget - price}",
        "answer": str(budget - price),
    }


def most_alike(world: World, random: Random) -> Row:
    """Who shares two topics with the one asked about; the other shares none."""
    people = world.people(random, 3)
    mine = world.some_topics(random, 3)
    far = random.sample([topic for topic in world.topics if topic not in mine], 3)
    near = [*random.sample(mine, 2), far[0]]
    likes = {people[1]: random.sample(near, 3), people[2]: random.sample(far, 3)}
    shown = random.sample(list(likes), 2)
    text = " . ".join(f"{person} likes {' , '.join(likes[person])}" for person in shown)
    shared = [topic for topic in mine if topic in near]
    return {
        "text": f"{people[0]} likes {' , '.join(mine)} . {text}",
        "person": people[0],
        "rationale": " , ".join(shared),
        "candidates": shown,
        "answer": people[1],
    }


def order_by_interest(world: World, random: Random) -> Row:
    """Items in the order in which their topics are liked."""
    liked = world.some_topics(random, 3)
    words = [world.word(random, topic) for topic in liked]
    shown = random.sample(words, 3)
    return {
        "liked": " , ".join(liked),
        "session": " , ".join(shown),
        "candidates": shown,
        "rationale": " , ".join(f"{word} is {world.topic[word]}" for word in shown),
        "answer": " , ".join(words),
    }


MAKERS = (
    top_topic,
    next_topic,
    will_click,
    query_for,
    count_viewed,
    last_about,
    new_interest,
    seen_twice,
    friend_of_friend,
    part_of_day,
    money_left,
    most_alike,
    order_by_interest,
)
