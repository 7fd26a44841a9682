"""A domain is data: topics with their words, names, facts and turns of phrase, in a TOML file (social/domain.toml).

A `World` is a domain in one period. What is public (topics of words, translations, ordinary names) holds in all of
them; invented names, the facts about them, and what is popular change with every period. The base model has read
period 0; runs train and evaluate on period 1; later ones are for drift.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redone.data.mix import derive_seed, uniform
from redone.mistakes import read_toml

_JOIN, _UNSEEN = "-", "_unseen"

Random = random.Random
Row = dict[str, Any]


@dataclass(frozen=True)
class World:
    topics: tuple[str, ...]
    parent: Mapping[str, str]  # topic -> branch
    words: Mapping[str, tuple[str, ...]]  # topic -> its items
    topic: Mapping[str, str]  # item -> topic
    items: tuple[str, ...]
    zh: Mapping[str, str]  # item or opinion -> Chinese
    good: tuple[str, ...]  # opinions
    bad: tuple[str, ...]
    names: Mapping[str, tuple[str, ...]]  # kind -> names
    facts: Mapping[str, Mapping[str, str]]  # relation -> {name or topic: value}
    texts: Mapping[str, tuple[str, ...]]
    replies: Mapping[str, Mapping[str, tuple[str, ...]]]  # intent -> {"said": messages, "reply": replies}
    popular: Mapping[str, float]  # topic -> weight

    def some_topic(self, random: Random) -> str:
        [chosen] = random.choices(list(self.popular), list(self.popular.values()))
        return chosen

    def some_topics(self, random: Random, count: int) -> list[str]:
        return random.sample(self.topics, count)

    def word(self, random: Random, topic: str) -> str:
        return random.choice(self.words[topic])

    def other(self, random: Random, *topics: str) -> str:
        """A topic that is none of these."""
        return random.choice([topic for topic in self.topics if topic not in topics])

    def opinion(self, random: Random) -> str:
        return random.choice(self.good + self.bad)

    def name(self, random: Random, kind: str) -> str:
        return random.choice(self.names[kind])

    def people(self, random: Random, count: int) -> list[str]:
        return random.sample(self.names["person"], count)

    def say(self, random: Random, kind: str) -> str:
        return random.choice(self.texts[kind])

    def post(self, random: Random, words: Sequence[str]) -> str:
        """A short text in which the words occur in order."""
        listed = words[0] + (" and " + " , ".join(words[1:]) if len(words) > 1 else "")
        return f"{self.say(random, 'opener')} {listed} . so {self.opinion(random)} . {self.say(random, 'closer')}"

    def post_zh(self, random: Random, words: Sequence[str]) -> str:
        listed = "和".join(self.zh[word] for word in words)
        return f"{self.say(random, 'opener_zh')}{listed}，{self.zh[self.opinion(random)]}"

    def branch(self, word: str) -> str:
        return self.parent[self.topic[word]]


def read_domain(path: Path, period: int) -> World:
    """The world of a domain file in a period, the same on every machine."""
    table = read_toml(path, "domain")
    key = f"{path.parent.name}/{period}"
    parent: dict[str, str] = {}
    words: dict[str, tuple[str, ...]] = {}
    zh: dict[str, str] = {}
    for branch, topics in table["topics"].items():
        for topic, line in topics.items():
            pairs = line.split()
            parent[topic], words[topic] = branch, tuple(pairs[0::2])
            zh |= dict(zip(pairs[0::2], pairs[1::2]))
    opinions = {side: tuple(table["opinions"][side].split()[0::2]) for side in ("good", "bad")}
    for side in opinions:
        pairs = table["opinions"][side].split()
        zh |= dict(zip(pairs[0::2], pairs[1::2]))
    topic = {word: name for name, mine in words.items() for word in mine}
    names = _names(table, path.parent.name, period)
    values = {
        **names,
        "topic": tuple(parent),
        "opinion": opinions["good"] + opinions["bad"],
        "item": tuple(topic),
    }
    facts = {relation: _fact(relation, rule, values, key) for relation, rule in table["facts"].items()}
    return World(
        topics=tuple(parent),
        parent=parent,
        words=words,
        topic=topic,
        items=tuple(topic),
        zh=zh,
        good=opinions["good"],
        bad=opinions["bad"],
        names=names,
        facts=facts,
        texts={kind: tuple(said) for kind, said in table["texts"].items()},
        replies={intent: {k: tuple(v) for k, v in both.items()} for intent, both in table["replies"].items()},
        popular={name: 1.0 + 2.0 * uniform(key, "popular", name) for name in parent},
    )


def _names(table: Mapping[str, Any], domain: str, period: int) -> dict[str, tuple[str, ...]]:
    """Kind to its names; those that no training has as another kind, brand_unseen beside brand."""
    names = {kind: tuple(line.split()) for kind, line in table["names"].items()}
    for kind, made in table["invented"].items():
        count = made["count"]
        if "from" in made:
            pool = made["from"].split()
            names[kind] = tuple(pool[(period * count + i) % len(pool)] for i in range(count))
            continue
        both = count + made.get("unseen", 0)
        own = invent(f"{domain}/{kind}", period * both, both, made["style"])
        if many := made.get("families", 0):
            families = invent(f"{domain}/{kind}/family", period * many, many, made["style"])
            own = tuple(f"{families[i % many]}{_JOIN}{name}" for i, name in enumerate(own))
        names[kind], names[f"{kind}{_UNSEEN}"] = own[:count], own[count:]
    return names


def _fact(relation: str, rule: Mapping[str, Any], values: Mapping[str, tuple[str, ...]], key: str) -> Mapping[str, str]:
    """Name, or its family, to what holds of it: values spread evenly in an order by hash."""
    mine = values[rule["of"]]
    owner = {name: name for name in mine}  # of the value
    if rule.get("by") == "family":
        owner = {name: name.split(_JOIN)[0] for name in (*mine, *values[f"{rule['of']}{_UNSEEN}"])}
    keys = sorted(set(owner.values()), key=lambda name: uniform(key, relation, name))
    pool = rule["values"] if isinstance(rule["values"], list) else values[rule["values"]]
    value = {name: pool[i % len(pool)] for i, name in enumerate(keys)}
    return {name: value[whose] for name, whose in owner.items()}


def invent(key: str, first: int, count: int, style: str) -> tuple[str, ...]:
    """Names that nobody has heard, numbers `first` to `first + count - 1` of an endless list. style: "name" (Lumo),
    "word" (vork), "code" (k31), "zh" (Chinese characters)."""
    made: dict[str, None] = {}  # in order
    for index in range(20 * (first + count)):
        if len(made) == first + count:
            break
        chance = random.Random(derive_seed("invent", key, style, index))
        if style == "code":
            name = chance.choice("bcdfghjkmnpqrstvwxz") + str(chance.randrange(10, 100))
        elif style == "zh":
            name = "".join(chance.choice(part) for part in ("云星海月山风林石", "宝乐诺丽泰奇安美", "家坊堂社"))
        else:
            syllables = [chance.choice("b d f g h k l m n p r s t v z".split()) + chance.choice("aeiou") for _ in "12"]
            name = "".join(syllables) + chance.choice(["", "", "n", "r", "x", "k"])
            name = name.capitalize() if style == "name" else name
        made[name] = None
    if len(made) < first + count:
        raise ValueError(f"there are only {len(made)} names of the style {style}; so late a period has none")
    return tuple(made)[first:]


def yes_no(answer: bool) -> str:
    return "yes" if answer else "no"
