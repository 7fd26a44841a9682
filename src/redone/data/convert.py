"""Fields that a pack makes of a row's other fields, each by one rule (docs/data.md)."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

FIELD = re.compile(r"\{(\w+)\}")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
Row = Mapping[str, Any]


def converted(row: Row, rules: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The row with the fields that the rules make, in their order. Raises ValueError naming place and field."""
    made = dict(row)
    for field, rule in _steps(rules):
        [(kind, argument)] = rule.items()
        try:
            made[field] = CONVERT[kind](made, field, argument)
        except KeyError as error:
            raise ValueError(f"{where}: no field {error}, of which {field} is made") from None
        except (TypeError, ValueError, AttributeError, IndexError) as error:
            raise ValueError(f"{where}: cannot make field {field}: {error}") from None
    return made


def check_rules(rules: Any, where: str) -> None:
    """Raises ValueError where `convert` is not a table of fields with one known rule each, or a list of such rules."""
    if not isinstance(rules, dict):
        raise ValueError(f'{where}: convert is a table of fields, as in convert = {{text = {{join = "words"}}}}')
    for field, rule in _steps(rules):
        if not isinstance(rule, dict) or len(rule) != 1 or not rule.keys() <= CONVERT.keys():
            raise ValueError(f"{where}: convert.{field} must be one of {', '.join(CONVERT)}")


def _steps(rules: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(field, rule) pairs: a field with a list of rules is made by one after another."""
    return ((field, rule) for field, found in rules.items() for rule in (found if isinstance(found, list) else [found]))


def filled(template: str, row: Row) -> str:
    """The template with each {field} replaced by that field's text. Raises KeyError where the row has none, or null,
    and TypeError where it is a list, a table, or nan."""

    def text(match: re.Match[str]) -> str:
        value = row.get(match[1])
        if value is None:
            raise KeyError(match[1])
        if isinstance(value, (list, dict)):
            raise TypeError(f"field {match[1]} is {value!r:.40}, no text")
        return _written(value, match[1])

    return FIELD.sub(text, template)


def _written(value: Any, name: str) -> str:
    if isinstance(value, float) and not isfinite(value):
        raise TypeError(f"field {name} is {value}, no number")
    return str(value)


def filled_at(template: str, row: Row, where: str) -> str:
    """`filled`. Raises ValueError naming place and field."""
    try:
        return filled(template, row)
    except KeyError as error:
        raise ValueError(f"{where}: no field {error.args[0]}") from None
    except TypeError as error:
        raise ValueError(f"{where}: {error}; see convert") from None


def _join(row: Row, field: str, argument: str | list[str]) -> str:
    """field or [field, separator]: the texts of a list with spaces, or the separator, between."""
    name, separator = [argument, " "] if isinstance(argument, str) else argument
    return separator.join(_listed(row, name))


def _lines(row: Row, field: str, argument: str) -> str:
    return "\n".join(_listed(row, argument))


def _listed(row: Row, argument: str) -> Sequence[str]:
    if not isinstance(row[argument], list):
        raise TypeError(f"{argument} is {row[argument]!r:.40}, not a list")
    return row[argument]


def _map(row: Row, field: str, argument: Mapping[str, Any]) -> Any:
    if str(row[field]) not in argument:
        raise ValueError(f"{row[field]!r} is not among {', '.join(argument)}")
    return argument[str(row[field])]


def _bio(row: Row, field: str, argument: list[str]) -> str:
    """[tokens, tags] or [tokens, tags, separator]: entities of BIO tags as "type: text ; type: text", in order, "none"
    where there are none; the separator (a space) stands between the tokens of one."""
    tokens, tags = (row[name] for name in argument[:2])
    separator = argument[2] if len(argument) > 2 else " "
    entities: list[tuple[str, list[str]]] = []
    before = "O"
    for token, tag in zip(tokens, tags, strict=True):
        if tag.startswith("I-") and tag[2:] == before[2:]:
            entities[-1][1].append(token)
        elif tag != "O":
            entities.append((tag[2:], [token]))
        before = tag
    return " ; ".join(dict.fromkeys(f"{kind}: {separator.join(name)}" for kind, name in entities)) or "none"


def _fill(row: Row, field: str, argument: str) -> str:
    return filled(argument, row)


def _fills(row: Row, field: str, argument: list[str]) -> list[str]:
    return [filled(template, row) for template in argument]


def _same(row: Row, field: str, argument: str) -> Any:
    return row[argument]


def _options(row: Row, field: str, argument: str) -> str:
    """A list as lines "A. text"."""
    return "\n".join(f"{letter}. {text}" for letter, text in zip(LETTERS, _listed(row, argument)))


def _letter(row: Row, field: str, argument: str) -> str:
    """The letter of a place, from 0, also where digits say it, as in CSV; a letter stays one."""
    value = row[argument]
    return value if isinstance(value, str) and not value.isdecimal() else LETTERS[int(value)]


def _split(row: Row, field: str, argument: list[str]) -> list[str]:
    """[field, separator]: the stripped parts of a text."""
    name, separator = argument
    return [part.strip() for part in row[name].split(separator)]


def _sub(row: Row, field: str, argument: list[str]) -> str:
    """[field, pattern, replacement]: the text with the matches of the regular expression replaced."""
    name, pattern, replacement = argument
    return re.sub(pattern, replacement, row[name])


def _cut(row: Row, field: str, argument: list[Any]) -> str:
    """[field, most]: the first `most` characters of a text."""
    name, most = argument
    text: str = row[name]
    return text[:most].rstrip()


def _shuffled(row: Row, field: str, argument: list[str]) -> list[Any]:
    """[field, field, ...]: their values as a list, in an order that a hash of the values gives."""
    values = [row[name] for name in argument]
    return sorted(values, key=lambda value: hashlib.sha256(repr((value, sorted(map(repr, values)))).encode()).digest())


def _place(row: Row, field: str, argument: list[str]) -> int:
    """[list, field]: where the field's value stands in the list, from 0."""
    name, value = argument
    return _listed(row, name).index(row[value])


def _equal(row: Row, field: str, argument: list[str]) -> str:
    """[field, field]: "yes" where their values are equal, else "no"."""
    one, other = argument
    return "yes" if row[one] == row[other] else "no"


def _named(row: Row, field: str, argument: Mapping[str, Any]) -> Any:
    """{of = field, names = {value = name}}: the name of a field's value."""
    return _map({field: row[argument["of"]]}, field, argument["names"])


def _at(row: Row, field: str, argument: list[str | int]) -> Any:
    """[field, key or place, ...]: a value inside a field."""
    value: Any = row
    for key in argument:
        value = value[key]
    return value


def _pick(row: Row, field: str, argument: str) -> Any:
    """The value of the field that a field names."""
    return row[row[argument]]


def _text(row: Row, field: str, argument: str) -> str:
    """A field's text, "" where it is null."""
    return "" if row[argument] is None else _written(row[argument], argument)


def _json(row: Row, field: str, argument: str) -> str:
    """A value as JSON on one line."""
    return json.dumps(row[argument], ensure_ascii=False, allow_nan=False)


# rule -> (row, the field to make, the rule's argument) -> its value
CONVERT: Mapping[str, Callable[[Row, str, Any], Any]] = {
    "join": _join,
    "lines": _lines,
    "map": _map,
    "bio": _bio,
    "fill": _fill,
    "fills": _fills,
    "same": _same,
    "options": _options,
    "letter": _letter,
    "split": _split,
    "at": _at,
    "pick": _pick,
    "named": _named,
    "text": _text,
    "sub": _sub,
    "cut": _cut,
    "shuffled": _shuffled,
    "place": _place,
    "equal": _equal,
    "json": _json,
}
