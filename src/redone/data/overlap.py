"""Texts that training and evaluation may not share."""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from redone.data.conversation import said_in
from redone.data.dedupe import normalise
from redone.records import Record

_MARKS = re.compile(r"[\W_]+")


def text_key(text: str) -> str:
    """The letters and digits of the text in NFKC, casefolded: texts of equal keys differ in spaces, punctuation, masks
    and emoji alone. "" where there are none."""
    return _MARKS.sub("", normalise(text))


def texts_in(value: Any) -> Iterator[str]:
    """Every text in a row's field, however deep; of a conversation what the user and the assistant say."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from texts_in(said_in(value))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts_in(item)


def keys_of(record: Record, fields: Sequence[str]) -> frozenset[str]:
    """The keys of the record's own texts, which these fields hold."""
    found = (text_key(text) for field in fields for text in texts_in(record.fields[field]))
    return frozenset(key for key in found if key)


def first_sharing(keys: Collection[str], evaluated: Mapping[str, Collection[str]]) -> str | None:
    """The first evaluation set that holds one of the keys."""
    return next((name for name, held in evaluated.items() if any(key in held for key in keys)), None)


def evaluated_keys(texts: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    """Evaluation set to the keys of its texts."""
    return {name: frozenset(map(text_key, mine)) - {""} for name, mine in texts.items()}


def others(rows: Sequence[Mapping[str, Any]], field: str) -> list[dict[str, Any]]:
    """Each row with the fields of another one beside its own, named `other_<field>`: that which follows it in the order
    of a hash of `field`, the next one of another value. Raises ValueError where there is no other value."""
    values = [repr(row[field]) for row in rows]
    ranked = sorted(dict.fromkeys(values), key=lambda value: hashlib.sha256(value.encode()).digest())
    if len(ranked) < 2:
        raise ValueError(f"there are no two rows of different {field}")
    first = dict(zip(reversed(values), reversed(rows)))
    following = dict(zip(ranked, [*ranked[1:], ranked[0]]))
    return [
        {**row, **{f"other_{name}": found for name, found in first[following[value]].items()}}
        for value, row in zip(values, rows)
    ]
