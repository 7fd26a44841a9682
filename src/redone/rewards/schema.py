"""Rewards for the form of an answer: JSON Schema, tags, sections."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from redone.records import Record, Verdict
from redone.rewards.extract import MOST_NESTED, fold, json_of, unfence
from redone.rewards.outside import Found, Pending, Search
from redone.rewards.pattern import LONGEST_PATTERN

_NONE: dict = {}
_NO_NAMES: list = []
_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")  # name -> schema
_VALUES = ("const", "enum", "default", "examples")  # no schemas
_TAG = re.compile(r"<(/?[A-Za-z][^<>]*)>")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*)")
_FENCE = re.compile(r" {0,3}(?:```|~~~)")


def json_schema(record: Record, answer: str, *, schema: dict = _NONE) -> Found:
    """1 where the whole answer is a JSON value that fits the JSON Schema, else 0; a code fence around it is allowed.

    The schema is `schema` or, where that is empty, record.fields["schema"]; draft 2020-12 unless it says so. Parts:
    parsed, valid. The note is the path to the first flaw. JSON is read strictly, by `extract.json_of`. An answer on
    which the schema's regexes run out of time does not fit.
    Blind to what the schema leaves open, so close it (additionalProperties, minLength), and to "format".

    Raises ValueError naming the record where the schema is missing, invalid, or refers to another document.
    """
    wanted = schema or record.fields.get("schema")
    if not isinstance(wanted, (Mapping, bool)):
        raise ValueError(f"{record.id}: fields.schema is {wanted!r:.100}, not a JSON Schema")
    source = json.dumps(wanted, sort_keys=True, default=dict)
    try:
        _, regexes = _validator(source)
    except ValueError as error:
        raise ValueError(f"{record.id}: the schema {error}") from None
    text = unfence(answer)
    try:
        json_of(text)
    except ValueError as error:
        return Verdict(0.0, "unparsable", {"parsed": 0.0, "valid": 0.0}, f"no JSON: {error}")
    if regexes:
        return Pending((Search(flaw_in, (record.id, source, text)),), lambda replies: _fit(*replies))
    return _fit(flaw_in(record.id, source, text))


def _fit(flaw: str | None) -> Verdict:
    if flaw is None:
        flaw = "a regex of the schema may take too long; begin it with ^, have fewer quantifiers"
    return Verdict(float(not flaw), "wrong" if flaw else "right", {"parsed": 1.0, "valid": float(not flaw)}, flaw)


def flaw_in(name: str, schema: str, text: str) -> str:
    """The first flaw of the JSON text by the JSON Schema of the record `name`, "" where it has none."""
    try:
        return _validator(schema)[0](json_of(text))
    except ValueError as error:
        raise ValueError(f"{name}: the schema {error}") from None


@lru_cache(maxsize=256)
def _validator(source: str) -> tuple[Callable[[Any], str], bool]:
    """A function from a JSON value to its first flaw, "" where it has none, and whether regexes decide. Raises
    ValueError where the schema is invalid; the function does where it refers to another document or to itself without
    end."""
    from jsonschema import Draft202012Validator, ValidationError, validators
    from jsonschema.exceptions import SchemaError
    from jsonschema_specifications import REGISTRY  # the drafts themselves, with no way to fetch anything
    from referencing.exceptions import Unresolvable

    schema = json.loads(source)
    named = schema.get("$schema") if isinstance(schema, dict) else None
    draft = validators.validator_for(schema, default=None) if named else Draft202012Validator
    if draft is None:
        raise ValueError(f"names the unknown draft {named!r:.100}")
    try:
        draft.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"is invalid at {error.json_path}: {error.message:.200}") from None

    def unique(validator: Any, wanted: bool, value: Any, _: Any) -> Iterator[ValidationError]:
        if wanted and isinstance(value, list) and len({_frozen(item) for item in value}) != len(value):
            yield ValidationError("has an item twice")

    validator = validators.extend(draft, {"uniqueItems": unique})(schema, registry=REGISTRY)

    def flaw(value: Any) -> str:
        try:
            error = next(validator.iter_errors(value), None)
        except Unresolvable as missing:
            raise ValueError(f"refers to {missing.ref!r:.100}, which is not in it") from None
        except RecursionError:
            raise ValueError("refers to itself without end") from None
        return "" if error is None else f"{error.json_path}: {error.message:.200}"

    return flaw, _has_regexes(schema)


def _has_regexes(schema: Any) -> bool:
    """Raises ValueError where one is long."""
    found = []
    left = [schema]
    while left:
        part = left.pop()
        if isinstance(part, list):
            left += part
        elif isinstance(part, dict):
            found += [part["pattern"]] if isinstance(part.get("pattern"), str) else []
            found += list(part["patternProperties"]) if isinstance(part.get("patternProperties"), dict) else []
            for key, value in part.items():
                if key not in _VALUES:
                    left += list(value.values()) if key in _MAPS and isinstance(value, dict) else [value]
    if any(len(regex) > LONGEST_PATTERN for regex in found):
        raise ValueError(f"has a regex of more than {LONGEST_PATTERN} characters")
    return bool(found)


def _frozen(value: Any) -> Any:
    """The JSON value as something to put in a set: 1 is 1.0, true is not 1."""
    if isinstance(value, dict):
        return frozenset((key, _frozen(item)) for key, item in value.items())
    return tuple(map(_frozen, value)) if isinstance(value, list) else (type(value) is bool, value)


def tags(record: Record, answer: str, *, structure: str = "") -> Verdict:
    """1 where the whole answer is the wanted tags, in order, properly nested, and nothing beside them, else 0.

    The structure is `structure` or, where that is empty, record.fields["tags"]: the tags themselves, as in
    "<title></title><body><point></point><point></point></body>". A tag that is empty there must hold text and no tag;
    one that holds tags must hold those and no text. Parts: parsed (every tag is closed in order), valid. Names are
    compared as written; "a < b" is text, <b class="x"> a tag that is not wanted.
    Blind to what the tags hold.

    Raises ValueError naming the record where the structure is missing or no such list of tags.
    """
    wanted = structure or record.fields.get("tags")
    tree, flaw = _tree(wanted) if isinstance(wanted, str) else ((), "is no text")
    if flaw or not tree or _has_text(tree):
        raise ValueError(f"{record.id}: fields.tags is {wanted!r:.200}, not tags without text: {flaw}")
    found, flaw = _tree(answer)
    if flaw:
        return Verdict(0.0, "unparsable", {"parsed": 0.0, "valid": 0.0}, flaw)
    flaw = _unlike(tree, found, "")
    return Verdict(float(not flaw), "wrong" if flaw else "right", {"parsed": 1.0, "valid": float(not flaw)}, flaw)


Tree = tuple[Any, ...]  # of texts that are not blank, and of (name, Tree)


def _tree(text: str) -> tuple[Tree, str]:
    """(the tags and texts, "") or ((), why there are none)."""
    open_tags: list[tuple[str, list[Any]]] = [("", [])]
    for place, piece in enumerate(_TAG.split(text)):
        if place % 2 == 0:
            open_tags[-1][1].extend([piece.strip()] if piece.strip() else [])
        elif not piece.startswith("/"):
            if len(open_tags) > MOST_NESTED:
                return (), f"more than {MOST_NESTED} tags inside one another"
            open_tags.append((piece, []))
        else:
            name, inside = open_tags.pop()
            if not open_tags or piece[1:] != name:
                return (), f"<{piece:.50}> closes <{name:.50}>" if name else f"<{piece:.50}> closes nothing"
            open_tags[-1][1].append((name, tuple(inside)))
    return (tuple(open_tags[0][1]), "") if len(open_tags) == 1 else ((), f"<{open_tags[-1][0]:.50}> is not closed")


def _has_text(tree: Tree) -> bool:
    return any(isinstance(part, str) or _has_text(part[1]) for part in tree)


def _unlike(wanted: Tree, found: Tree, where: str) -> str:
    """The first difference in structure, "" where there is none."""
    if not wanted:
        return "" if len(found) == 1 and isinstance(found[0], str) else f"{where}: not text alone"
    names = [part if isinstance(part, str) else f"<{part[0]}>" for part in found]
    if names != [f"<{name}>" for name, _ in wanted]:
        return f"{where or 'the answer'}: holds {' '.join(names) or 'nothing':.100}"
    flaws = (_unlike(inside, part[1], f"{where}<{name}>") for (name, inside), part in zip(wanted, found))
    return next((flaw for flaw in flaws if flaw), "")


def sections(record: Record, answer: str, *, headings: list = _NO_NAMES) -> Verdict:
    """1 where the answer is sections with the wanted Markdown headings, in order, each with text under it, else 0.

    The headings are `headings` or, where that is empty, record.fields["sections"]: a list of texts, compared without
    case, width and closing #s, at any level. Nothing may stand before the first. Lines in a code fence are no headings.
    Parts: parsed (there is a heading), valid, hits (wanted headings that are there) and sections (those wanted).
    Blind to what stands under a heading, and to levels.

    Raises ValueError naming the record where there are no headings to look for.
    """
    wanted = headings or record.fields.get("sections")
    if (
        not isinstance(wanted, (list, tuple))
        or not all(isinstance(text, str) and fold(text) for text in wanted)
        or not wanted
    ):
        raise ValueError(f"{record.id}: fields.sections is {wanted!r:.200}, not a list of headings")
    found: list[tuple[str, bool]] = [("", False)]  # (heading, whether there is text under it), the first before any
    fenced = False
    for line in answer.splitlines():
        fenced ^= _FENCE.match(line) is not None
        if (heading := _HEADING.match(line)) and not fenced:
            found.append((fold(heading[2].rstrip().rstrip("#")), False))
        elif line.strip():
            found[-1] = (found[-1][0], True)
    names = [fold(text) for text in wanted]
    hits = sum(name in {heading for heading, _ in found[1:]} for name in names)
    flaw = ""
    if found[0][1]:
        flaw = "text before the first heading"
    elif [heading for heading, _ in found[1:]] != names:
        flaw = f"the headings are {', '.join(heading for heading, _ in found[1:]) or 'none':.200}"
    elif not all(text for _, text in found[1:]):
        flaw = "a heading with nothing under it"
    parts = {
        "parsed": float(len(found) > 1),
        "valid": float(not flaw),
        "hits": float(hits),
        "sections": float(len(names)),
    }
    return Verdict(float(not flaw), "right" if not flaw else "wrong" if len(found) > 1 else "unparsable", parts, flaw)
