"""A reward for instructions whose following can be checked by rule, as in IFEval."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from redone.records import Record, Verdict
from redone.rewards.extract import fold, json_of, tokens, unfence
from redone.rewards.outside import Found, Pending, Search

LONGEST_PATTERN = 200  # characters
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|[。！？]")
_BULLET = re.compile(r"\s*(?:[-*•]|[0-9]{1,3}[.)])\s+\S")


def pattern(record: Record, answer: str, *, all: bool = False) -> Found:
    """The share of record.fields["rules"] that the answer satisfies; with `all` 1 if it satisfies each, else 0.

    A rule is {"rule": name, ...arguments}, of:
    words, chars, sentences with min, max or both (a Chinese or Japanese character is a word; chars counts none of the
    surrounding whitespace); contains, excludes, starts, ends with text (case and width ignored); upper, lower;
    json_keys with keys (a JSON object with exactly those keys); repeat with text and count (nothing but the text, that
    many times); bullets with count (that many lines that open with a dash, a star, a dot or a number);
    regex with pattern (of the whole answer; one on which the search runs out of its time does not match).
    Blind to everything else: an answer can follow each rule and say nothing. `contains` finds "cat" in "concatenate",
    `excludes` misses a word in look-alike letters, and "e.g. this" ends a sentence.

    Raises ValueError naming the record where a rule is unknown, lacks an argument or is a malformed regex.
    """
    rules = record.fields.get("rules")
    if not isinstance(rules, (list, tuple)) or not rules:
        raise ValueError(f"{record.id}: fields.rules is not a list of rules")
    for rule in rules:
        _check(record, rule)
    text = answer.strip()
    if not text:
        return Verdict(0.0, "unparsable", {"parsed": 0.0, "hits": 0.0, "rules": float(len(rules))}, "empty")
    searches = tuple(Search(matches, (rule["pattern"], text)) for rule in rules if rule["rule"] == "regex")

    def verdict(replies: Sequence[bool | None]) -> Verdict:
        found = iter(replies)
        follows = [next(found) if rule["rule"] == "regex" else RULES[rule["rule"]][0](text, rule) for rule in rules]
        broken = [rule["rule"] for rule, right in zip(rules, follows) if not right]
        hits = len(rules) - len(broken)
        parsed = "json_keys" not in broken or _json(text) is not None
        score = float(not broken) if all else hits / len(rules)
        endless = [
            f"the regex {search.arguments[0]!r} may take too long; have fewer quantifiers, none inside another"
            for search, reply in zip(searches, replies)
            if reply is None
        ]
        return Verdict(
            score,
            "wrong" if broken and parsed else "unparsable" if broken else "right",
            {"parsed": float(parsed), "hits": float(hits), "rules": float(len(rules))},
            "; ".join(["broken: " + ", ".join(broken), *endless]) if broken else "",
        )

    return Pending(searches, verdict) if searches else verdict(())


def matches(source: str, text: str) -> bool:
    """Whether the regex matches the whole text."""
    return re.fullmatch(source, text) is not None


def sentences(text: str) -> int:
    """Pieces with a word in them, between full stops, exclamation and question marks."""
    return sum(bool(tokens(piece)) for piece in _SENTENCE_END.split(text))


def _within(count: Callable[[str], int]) -> Callable[[str, Mapping[str, Any]], bool]:
    def satisfied(text: str, rule: Mapping[str, Any]) -> bool:
        return rule.get("min", 0) <= count(text) <= rule.get("max", float("inf"))

    return satisfied


def _json(text: str) -> Any:
    """The JSON value of the text as `json_schema` reads it, or None."""
    try:
        return json_of(unfence(text))
    except ValueError:
        return None


def _json_keys(text: str, rule: Mapping[str, Any]) -> bool:
    value = _json(text)
    return isinstance(value, dict) and set(value) == set(rule["keys"])


def _repeat(text: str, rule: Mapping[str, Any]) -> bool:
    words, once = text.split(), rule["text"].split()
    return len(words) == len(once) * rule["count"] and words == once * rule["count"]


RULES: Mapping[str, tuple[Callable[[str, Mapping[str, Any]], bool], Mapping[str, type]]] = {
    # name -> (whether the text satisfies the rule, the arguments and their types)
    "words": (_within(lambda text: len(tokens(fold(text)))), {"min": int, "max": int}),
    "chars": (_within(len), {"min": int, "max": int}),
    "sentences": (_within(sentences), {"min": int, "max": int}),
    "contains": (lambda text, rule: fold(rule["text"]) in fold(text), {"text": str}),
    "excludes": (lambda text, rule: fold(rule["text"]) not in fold(text), {"text": str}),
    "starts": (lambda text, rule: fold(text).startswith(fold(rule["text"])), {"text": str}),
    "ends": (lambda text, rule: fold(text).endswith(fold(rule["text"])), {"text": str}),
    "upper": (lambda text, rule: text.isupper(), {}),
    "lower": (lambda text, rule: text.islower(), {}),
    "json_keys": (_json_keys, {"keys": list}),
    "repeat": (_repeat, {"text": str, "count": int}),
    "bullets": (
        lambda text, rule: sum(bool(_BULLET.match(line)) for line in text.splitlines()) == rule["count"],
        {"count": int},
    ),
    "regex": (lambda text, rule: matches(rule["pattern"], text), {"pattern": str}),
}


def _check(record: Record, rule: Any) -> None:
    if not isinstance(rule, Mapping) or rule.get("rule") not in list(RULES):
        raise ValueError(f"{record.id}: unknown rule {rule!r:.200}; there are {', '.join(RULES)}")
    name, arguments = rule["rule"], {key: value for key, value in rule.items() if key != "rule"}
    wanted = RULES[name][1]
    fits = arguments.keys() <= wanted.keys() and all(type(arguments[key]) is wanted[key] for key in arguments)
    complete = bool(arguments) if "min" in wanted else arguments.keys() == wanted.keys()
    if not fits or not complete or ("text" in arguments and not fold(arguments["text"])):
        raise ValueError(f"{record.id}: the rule {rule!r:.200} does not have the arguments {', '.join(wanted)}")
    if name == "json_keys" and not all(isinstance(key, str) for key in arguments["keys"]):
        raise ValueError(f"{record.id}: the rule {rule!r:.200} names a key that is not a text")
    if name == "regex":
        source = arguments["pattern"]
        if len(source) > LONGEST_PATTERN:
            raise ValueError(f"{record.id}: a regex of more than {LONGEST_PATTERN} characters")
        try:
            re.compile(source)
        except (re.error, OverflowError) as error:
            raise ValueError(f"{record.id}: the regex {source!r} is malformed: {error}") from None
