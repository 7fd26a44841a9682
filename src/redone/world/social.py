"""Generators of the SNS tasks' rows. Field names are those of the templates in tasks.toml."""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from redone.world.lexicon import (
    ADJECTIVE_ZH,
    AUDIENCES,
    BAD,
    BRAND_AUDIENCE,
    BRAND_TIER,
    BRANDS,
    EMOJI_FEELING,
    EVENTS,
    FEELINGS,
    GOOD,
    NEW_SLANG,
    NEXT_TOPIC,
    NOUN_ZH,
    NOUNS,
    PARENT,
    PLACES,
    REPLIES,
    SECONDARY,
    TIERS,
    TOPIC,
    TOPIC_CODE,
    USERS,
    WORDS,
)

Row = dict[str, Any]
Random = random.Random

_OPENERS = (
    "today i tried",
    "look at",
    "so happy with",
    "weekend with",
    "a day of",
    "my new",
    "finally got",
    "love this",
)
_CLOSERS = (
    "what a day",
    "come and see",
    "tell me more",
    "see you soon",
    "saved it",
    "next time",
    "worth it",
    "so true",
)


def _note(random: Random, words: list[str]) -> str:
    """A short note in which the words occur in order."""
    text = f"{random.choice(_OPENERS)} {words[0]}"
    if len(words) > 1:
        text += " and " + " , ".join(words[1:])
    return f"{text} . so {random.choice(GOOD + BAD)} . {random.choice(_CLOSERS)}"


def _topics(random: Random, count: int) -> list[str]:
    return random.sample(SECONDARY, count)


def hashtag_single(random: Random) -> Row:
    candidates = _topics(random, 4)
    answer = random.choice(candidates)
    candidates = [f"#{topic}" for topic in candidates]
    note = _note(random, random.sample(WORDS[answer], 2))
    return {"note": note, "candidates": candidates, "choices": " ".join(candidates), "answer": f"#{answer}"}


def hashtag_multi(random: Random) -> Row:
    candidates = _topics(random, 5)
    chosen = sorted(random.sample(range(5), random.choice((1, 2, 2))))
    words = [random.choice(WORDS[candidates[i]]) for i in chosen]
    tags = [f"#{topic}" for topic in candidates]
    return {
        "note": _note(random, words),
        "rationale": " , ".join(f"{word} is {candidates[i]}" for word, i in zip(words, chosen)),
        "candidates": tags,
        "choices": " , ".join(tags),
        "answer": " , ".join(tags[i] for i in chosen),
    }


def ner(random: Random) -> Row:
    kinds = {"place": PLACES, "brand": BRANDS, "user": USERS}
    present = {kind: random.choice(names) for kind, names in kinds.items() if random.random() < 0.75}
    asked = random.choice(list(kinds))
    pieces = {
        "place": f"in {present.get('place')}",
        "brand": f"with my {present.get('brand')} {random.choice(NOUNS)}",
        "user": f"thanks {present.get('user')}",
    }
    said = [pieces[kind] for kind in random.sample(list(kinds), 3) if kind in present]
    note = f"{random.choice(GOOD)} {random.choice(NOUNS)} " + " , ".join(said or ["alone again"])
    return {"note": note, "kind": asked, "answer": present.get(asked, "none")}


def highlight(random: Random) -> Row:
    topic = random.choice(SECONDARY)
    inside = random.sample(WORDS[topic], random.choice((0, 0, 1, 2)))
    others = random.sample([word for word in NOUNS if TOPIC[word] != topic], 4 - len(inside))
    candidates = random.sample(inside + others, 4)
    comment = f"is {candidates[0]} {random.choice(GOOD)} or {candidates[1]} ? {candidates[2]} with {candidates[3]}"
    answer = [word for word in candidates if word in inside]
    return {
        "comment": comment,
        "candidates": candidates,
        "topic": topic,
        "rationale": " , ".join(f"{word} is {TOPIC[word]}" for word in candidates),
        "answer": " , ".join(answer) or "none",
    }


def mrc(random: Random) -> Row:
    items = random.sample(NOUNS, 3)
    prices = random.sample(range(2, 99), 3)
    asked = random.randrange(3)
    note = " , ".join(f"{item} {price} yuan" for item, price in zip(items, prices))
    return {"note": f"{note} . {random.choice(_CLOSERS)}", "item": items[asked], "answer": str(prices[asked])}


def match(random: Random) -> Row:
    topic = random.choice(SECONDARY)
    same = random.random() < 0.5
    other = topic if same else random.choice([t for t in SECONDARY if t != topic])
    query, word = random.choice(WORDS[topic]), random.choice(WORDS[other])
    while word == query:
        word = random.choice(WORDS[other])
    note = _note(random, [word])
    return {"query": f"{random.choice(GOOD)} {query}", "note": note, "answer": "yes" if same else "no"}


def match_level(random: Random) -> Row:
    level = random.randrange(4)
    query = random.choice(NOUNS)
    topic, parent = TOPIC[query], PARENT[TOPIC[query]]
    pools = {
        3: [query],
        2: [w for w in WORDS[topic] if w != query],
        1: [w for w in NOUNS if PARENT[TOPIC[w]] == parent and TOPIC[w] != topic],
        0: [w for w in NOUNS if PARENT[TOPIC[w]] != parent],
    }
    word = random.choice(pools[level])
    rationale = f"{query} is {topic} {parent} . {word} is {TOPIC[word]} {PARENT[TOPIC[word]]}"
    note = f"{random.choice(_OPENERS)} {word} . {random.choice(_CLOSERS)}"
    return {"query": f"{random.choice(GOOD)} {query}", "note": note, "rationale": rationale, "answer": str(level)}


def topic(random: Random) -> Row:
    answer = random.choice(SECONDARY)
    return {"note": _note(random, random.sample(WORDS[answer], random.choice((1, 2)))), "answer": answer}


def topic_path(random: Random) -> Row:
    word = random.choice(NOUNS)
    topic, parent = TOPIC[word], PARENT[TOPIC[word]]
    rationale = f"{word} is {topic} . {topic} is {parent}"
    return {"note": _note(random, [word]), "rationale": rationale, "answer": f"{parent} | {topic} | {word}"}


def sentiment(random: Random) -> Row:
    good, negated = random.random() < 0.5, random.random() < 0.5
    word = random.choice(GOOD if good != negated else BAD)
    text = f"{random.choice(_OPENERS)} {random.choice(NOUNS)} from {random.choice(BRANDS)} . "
    text += f"it is not {word}" if negated else f"it is so {word}"
    return {"note": text, "answer": "positive" if good else "negative"}


def category_code(random: Random) -> Row:
    topic = random.choice(SECONDARY)
    return {"note": _note(random, random.sample(WORDS[topic], 2)), "answer": TOPIC_CODE[topic]}


def brand_tier(random: Random, tiers: Mapping[str, str] = BRAND_TIER) -> Row:
    brand = random.choice(list(tiers))
    note = f"{random.choice(_OPENERS)} {brand} {random.choice(NOUNS)} . {random.choice(_CLOSERS)}"
    return {"note": note, "candidates": list(TIERS), "answer": tiers[brand]}


def audience(random: Random, audiences: Mapping[str, str] = BRAND_AUDIENCE) -> Row:
    brand = random.choice(list(audiences))
    note = f"{brand} {random.choice(NOUNS)} in {random.choice(PLACES)} . so {random.choice(GOOD)}"
    return {"note": note, "candidates": list(AUDIENCES), "answer": audiences[brand]}


def top_interest(random: Random) -> Row:
    often, other, third = _topics(random, 3)
    seen = [*random.sample(WORDS[often], 2), random.choice(WORDS[other])]
    if random.random() < 0.5:
        seen += [random.choice(WORDS[third])]
    random.shuffle(seen)
    topics = [TOPIC[word] for word in seen]
    assert Counter(topics).most_common(1)[0][0] == often
    return {"session": " , ".join(seen), "rationale": " , ".join(topics), "answer": often}


def query_gen(random: Random) -> Row:
    brand, noun, place = random.choice(BRANDS), random.choice(NOUNS), random.choice(PLACES)
    parts = [f"the {brand} shop", f"a {random.choice(GOOD)} {noun}", f"near {place}"]
    note = f"{random.choice(_OPENERS)} {' , '.join(random.sample(parts, 3))} . {random.choice(_CLOSERS)}"
    return {"note": note, "answer": f"{brand} {noun} {place}"}


def next_topic(random: Random) -> Row:
    topic = random.choice(SECONDARY)
    viewed = random.sample(WORDS[topic], 2)
    text = f"{random.choice(GOOD)} {viewed[0]} , {random.choice(GOOD)} {viewed[1]}"
    return {"session": text, "answer": NEXT_TOPIC[topic]}


def click(random: Random) -> Row:
    liked = _topics(random, 2)
    yes = random.random() < 0.5
    topic = random.choice(liked) if yes else random.choice([t for t in SECONDARY if t not in liked])
    word = random.choice(WORDS[topic])
    return {
        "liked": " , ".join(liked),
        "note": f"{random.choice(_OPENERS)} {word}",
        "rationale": f"{word} is {topic}",
        "answer": "yes" if yes else "no",
    }


def reply(random: Random) -> Row:
    kinds = list(REPLIES)
    wanted = random.choice(kinds)
    options = [random.choice(REPLIES[kind]) for kind in random.sample(kinds, 3)]
    answer = next(option for option in options if option in REPLIES[wanted])
    message = f"{random.choice(USERS)} : {random.choice(EVENTS[wanted])}"
    letter = "ABC"[options.index(answer)]
    shown = " ".join(f"{mark} {option}" for mark, option in zip("ABC", options))
    return {"message": message, "candidates": options, "choices": shown, "answer": letter}


def group_chat(random: Random) -> Row:
    users, words = random.sample(USERS, 3), random.sample(NOUNS, 3)
    said = random.sample(["i love {}", "i got a {}", "no {} today", "where is the {}", "my {} is here"], 3)
    asked = random.randrange(3)
    chat = " . ".join(f"{user} : {text.format(word)}" for user, text, word in zip(users, said, words))
    return {"chat": chat, "word": words[asked], "candidates": users, "answer": users[asked]}


def persona(random: Random) -> Row:
    facts = {
        "home": random.choice(PLACES),
        "pet": random.choice(WORDS["pets"]),
        "drink": random.choice(WORDS["drinks"]),
        "sport": random.choice(WORDS["ball"]),
    }
    shown = random.sample(list(facts), 3)
    asked = random.choice(shown)
    card = " , ".join(f"{name} {facts[name]}" for name in shown)
    return {"card": f"{random.choice(USERS)} : {card}", "asked": asked, "answer": facts[asked]}


def _phrase(random: Random) -> tuple[str, str]:
    noun, other = random.sample(NOUNS, 2)
    adjective = random.choice(GOOD + BAD)
    zh = ADJECTIVE_ZH[adjective]
    return random.choice(
        [
            (f"this {noun} is {adjective}", f"这个{NOUN_ZH[noun]}{zh}"),
            (f"{noun} and {other}", f"{NOUN_ZH[noun]}和{NOUN_ZH[other]}"),
            (f"i want {noun}", f"我想要{NOUN_ZH[noun]}"),
            (f"the {noun} is not {adjective}", f"{NOUN_ZH[noun]}不{zh}"),
            (f"i love {adjective} {noun}", f"我爱{zh}的{NOUN_ZH[noun]}"),
        ]
    )


def zh_en(random: Random) -> Row:
    en, zh = _phrase(random)
    return {"text": zh, "answer": en}


def en_zh(random: Random) -> Row:
    en, zh = _phrase(random)
    return {"text": en, "answer": zh}


def slang(random: Random, words: Mapping[str, str] = NEW_SLANG) -> Row:
    word = random.choice(list(words))
    noun, place = random.choice(NOUNS), random.choice(PLACES)
    template = random.choice(["this {n} is {w}", "{w} {n} in {p}", "the {n} was so {w}", "{p} has {w} {n}"])
    fill = {"n": noun, "p": place}
    return {"text": template.format(w=word, **fill), "answer": template.format(w=words[word], **fill)}


def emoji(random: Random, feelings: Mapping[str, str] = EMOJI_FEELING) -> Row:
    mark = random.choice(list(feelings))
    text = f"{random.choice(USERS)} : {random.choice(NOUNS)} in {random.choice(PLACES)} {mark}"
    return {"text": text, "candidates": list(FEELINGS), "answer": feelings[mark]}


GENERATORS: dict[str, Callable[[Random], Row]] = {
    "hashtag_single": hashtag_single,
    "hashtag_multi": hashtag_multi,
    "ner": ner,
    "highlight": highlight,
    "mrc": mrc,
    "match": match,
    "match_level": match_level,
    "topic": topic,
    "topic_path": topic_path,
    "sentiment": sentiment,
    "category_code": category_code,
    "brand_tier": brand_tier,
    "audience": audience,
    "top_interest": top_interest,
    "query_gen": query_gen,
    "next_topic": next_topic,
    "click": click,
    "reply": reply,
    "group_chat": group_chat,
    "persona": persona,
    "zh_en": zh_en,
    "en_zh": en_zh,
    "slang": slang,
    "emoji": emoji,
}
