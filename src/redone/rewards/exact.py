"""An all-or-nothing reward: the answer is the reference or it is not."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from redone.records import Reason, Record, Verdict
from redone.rewards import extract

LONGEST_LABEL = 100  # characters: what is longer is no label


def exact(
    record: Record,
    answer: str,
    *,
    kind: Literal["text", "choice", "yes or no", "level", "number", "set", "list"] = "text",
    separator: str = ",",
    case: bool = False,
    width: bool = False,
    punctuation: bool = True,
) -> Verdict:
    """1 where the whole answer equals the reference as a text, a choice, yes or no, a level, a number, a set or a list,
    else 0.

    Texts, options and items equal after extract.normalise: spacing and one trailing full stop do not count, `case` and
    full or half `width` where they are True, `punctuation` unless it is False. Yes may be written true, 是 or 对, level
    2 as 2, 2级 or 2 stars. A choice is among record.fields["candidates"], by letter, by text or both. A number equals
    by value (12.0 is 12, 3/4 is 0.75, 50% is 0.5), and by unit, as written, where both name one. A set ignores order
    and repetition, which a list keeps.
    Blind to synonyms, to another wording of the same fact, and to how nearly right an answer is.
    `said` is the label that was read: the text itself, an option's letter, yes or no, a level's number; none of
    numbers, sets, lists, and texts above LONGEST_LABEL characters.

    Raises ValueError naming the record where the reference is not of the kind.
    """
    rules = {"case": case, "width": width, "punctuation": punctuation}
    if kind == "choice":
        return _choice(record, answer, rules)
    if kind == "number":
        return _number(record, answer)
    if kind in ("yes or no", "level"):
        return _named(record, answer, kind, extract.agreement if kind == "yes or no" else extract.level)

    def read(text: str) -> Sequence[str]:
        if kind == "text":
            return extract.normalise(text, **rules)
        items = extract.items(text, separator, reference=record.answer, **rules)
        return sorted(set(items)) if kind == "set" else items

    gold, found = read(record.answer), read(answer)
    if not gold:
        raise ValueError(f"{record.id}: the reference answer {record.answer!r} is empty")
    said = str(found) if kind == "text" and len(found) <= LONGEST_LABEL else ""
    return _verdict(found == gold, parsed=bool(found), said=said)


def _verdict(right: bool, parsed: bool, said: str = "") -> Verdict:
    reason: Reason = "right" if right else "wrong" if parsed else "unparsable"
    return Verdict(float(right), reason, {"parsed": float(parsed)}, said=said)


def _named(record: Record, answer: str, kind: str, read: Callable[[str], int | None]) -> Verdict:
    gold, found = read(record.answer), read(answer)
    if gold is None:
        raise ValueError(f"{record.id}: the reference answer {record.answer!r} is no {kind}")
    name = "" if found is None else str(found) if kind == "level" else "yes" if found else "no"
    return _verdict(found == gold, parsed=found is not None, said=name)


def _number(record: Record, answer: str) -> Verdict:
    gold = extract.number(record.answer)
    if gold is None:
        raise ValueError(f"{record.id}: the reference answer {record.answer!r} is not one number")
    found = extract.number(answer)
    if found is None:
        return _verdict(False, parsed=False)
    return _verdict(found[0] == gold[0] and (found[1] == gold[1] or not found[1] or not gold[1]), parsed=True)


def _choice(record: Record, answer: str, rules: Mapping[str, bool]) -> Verdict:
    candidates = record.fields.get("candidates")
    if (
        not isinstance(candidates, (list, tuple))
        or not all(isinstance(candidate, str) and extract.normalise(candidate, **rules) for candidate in candidates)
        or len({extract.normalise(candidate, **rules) for candidate in candidates}) != len(candidates)
    ):
        raise ValueError(f"{record.id}: fields.candidates is {candidates!r}, not a list of different texts")
    gold = extract.option(record.answer, candidates, **rules)
    if gold is None:
        raise ValueError(f"{record.id}: the reference answer {record.answer!r} is none of the candidates")
    found = extract.option(answer, candidates, **rules)
    return _verdict(found == gold, parsed=found is not None, said="" if found is None else letter(found))


def letter(place: int) -> str:
    """What the option at this place is called: A to Z, and by its number beyond."""
    return chr(ord("A") + place) if place < 26 else str(place + 1)
