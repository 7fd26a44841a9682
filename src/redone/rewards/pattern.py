"""A reward for instructions whose following can be checked by rule, as in IFEval."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from redone.records import Record, Verdict
from redone.rewards.extract import fold, tokens, unfence

LONGEST_PATTERN = 200  # characters
MOST_PATHS = 10**7  # ways in which a regex may try to divide an answer: a fraction of a second
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|[。！？]")
_BULLET = re.compile(r"\s*(?:[-*•]|[0-9]{1,3}[.)])\s+\S")


def pattern(record: Record, answer: str, *, all: bool = False) -> Verdict:
    """The share of record.fields["rules"] that the answer satisfies; with `all` 1 if it satisfies each, else 0.

    A rule is {"rule": name, ...arguments}, of:
    words, chars, sentences with min, max or both (a Chinese or Japanese character is a word; chars counts none of the
    surrounding whitespace); contains, excludes, starts, ends with text (case and width ignored); upper, lower;
    json_keys with keys (a JSON object with exactly those keys); repeat with text and count (nothing but the text, that
    many times); bullets with count (that many lines that open with a dash, a star, a dot or a number);
    regex with pattern (of the whole answer; an answer so long that the search could take seconds does not match).
    Blind to everything else: an answer can follow each rule and say nothing. `contains` finds "cat" in "concatenate",
    `excludes` misses a word in look-alike letters, and "e.g. this" ends a sentence.

    Raises ValueError naming the record where a rule is unknown, lacks an argument or is a regex that may not end.
    """
    rules = record.fields.get("rules")
    if not isinstance(rules, (list, tuple)) or not rules:
        raise ValueError(f"{record.id}: fields.rules is not a list of rules")
    for rule in rules:
        _check(record, rule)
    text = answer.strip()
    if not text:
        return Verdict(0.0, "unparsable", {"parsed": 0.0, "hits": 0.0, "rules": float(len(rules))}, "empty")
    broken = [rule["rule"] for rule in rules if not RULES[rule["rule"]][0](text, rule)]
    hits = len(rules) - len(broken)
    parsed = "json_keys" not in broken or _json(text) is not None
    score = float(not broken) if all else hits / len(rules)
    return Verdict(
        score,
        "wrong" if broken and parsed else "unparsable" if broken else "right",
        {"parsed": float(parsed), "hits": float(hits), "rules": float(len(rules))},
        "broken: " + ", ".join(broken) if broken else "",
    )


def sentences(text: str) -> int:
    """Pieces with a word in them, between full stops, exclamation and question marks."""
    return sum(bool(tokens(piece)) for piece in _SENTENCE_END.split(text))


def _within(count: Callable[[str], int]) -> Callable[[str, Mapping[str, Any]], bool]:
    def satisfied(text: str, rule: Mapping[str, Any]) -> bool:
        return rule.get("min", 0) <= count(text) <= rule.get("max", float("inf"))

    return satisfied


def _json(text: str) -> Any:
    """The JSON value of the text, or None."""
    try:
        return json.loads(unfence(text))
    except (ValueError, RecursionError):
        return None


def _json_keys(text: str, rule: Mapping[str, Any]) -> bool:
    value = _json(text)
    return isinstance(value, dict) and set(value) == set(rule["keys"])


def _repeat(text: str, rule: Mapping[str, Any]) -> bool:
    words, once = text.split(), rule["text"].split()
    return len(words) == len(once) * rule["count"] and words == once * rule["count"]


def _regex(text: str, rule: Mapping[str, Any]) -> bool:
    return paths(rule["pattern"], len(text)) <= MOST_PATHS and re.fullmatch(rule["pattern"], text) is not None


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
    "regex": (_regex, {"pattern": str}),
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
            endless = paths(source, 50) > MOST_PATHS
        except (re.error, OverflowError) as error:
            raise ValueError(f"{record.id}: the regex {source!r} is malformed: {error}") from None
        if endless:
            raise ValueError(
                f"{record.id}: the regex {source!r} may take too long; have fewer quantifiers, none inside another"
            )


def paths(source: str, length: int) -> int:
    """In how many ways, at most, the regex can try to divide `length` characters; MOST_PATHS + 1 where in more.

    Python's matcher tries them one after another. Raises re.error or OverflowError where the regex is malformed.
    """
    from re import _parser  # type: ignore[attr-defined]  # private, but a regex is too intricate to be read again here

    def bodies(argument: Any) -> list[Any]:
        """The parts of an operation that are regexes themselves."""
        if isinstance(argument, _parser.SubPattern):
            return [argument]
        return [body for part in argument for body in bodies(part)] if isinstance(argument, (list, tuple)) else []

    def ways(tree: Any) -> int:
        total = 1
        for operation, argument in tree:
            inside = sum(ways(body) for body in bodies(argument)) or 1  # alternatives add up
            if str(operation).endswith("_REPEAT"):
                least, most, body = argument
                narrowest = body.getwidth()[0]
                if narrowest == 0:
                    return MOST_PATHS + 1
                most = min(most, length // narrowest)
                if inside == 1:
                    inside = max(1, most - least + 1)
                else:
                    inside = 2 * inside ** min(most, 64)  # more than the sum of all powers up to that of `most`
            total = min(total * inside, MOST_PATHS + 1)
        return total

    return ways(_parser.parse(source))
