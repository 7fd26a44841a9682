"""An all-or-nothing reward: the answer is the reference or it is not."""

from collections.abc import Sequence
from typing import Literal

from redone.records import Record, Verdict
from redone.rewards import extract


def exact(
    record: Record,
    answer: str,
    *,
    kind: Literal["text", "choice", "number", "set", "list"] = "text",
    separator: str = ",",
    case: bool = False,
) -> Verdict:
    """1 where the whole answer equals the reference as a text, a choice, a number, a set or a list, else 0.

    Texts equal after extract.normalise: width, spacing, one trailing full stop and, without `case`, case do not count.
    A choice is among record.fields["candidates"], by letter, by text or by both. A number equals by value (12.0 is 12,
    3/4 is 0.75, 50% is 0.5), and by unit, as written, where both name one. A set ignores order and repetition, which a
    list keeps.
    Blind to synonyms, to another wording of the same fact, and to how nearly right an answer is.

    Raises ValueError naming the record where the reference is not of the kind.
    """
    if kind == "choice":
        return _choice(record, answer, case)
    if kind == "number":
        return _number(record, answer)

    def read(text: str) -> Sequence[str]:
        if kind == "text":
            return extract.normalise(text, case)
        items = extract.items(text, separator, case)
        return sorted(set(items)) if kind == "set" else items

    gold, found = read(record.answer), read(answer)
    if not gold:
        raise ValueError(f"{record.id}: the reference answer {record.answer!r} is empty")
    return _verdict(found == gold, parsed=bool(found))


def _verdict(right: bool, parsed: bool) -> Verdict:
    return Verdict(float(right), "right" if right else "wrong" if parsed else "unparsable", {"parsed": float(parsed)})


def _number(record: Record, answer: str) -> Verdict:
    gold = extract.number(record.answer)
    if gold is None:
        raise ValueError(f"{record.id}: the reference answer {record.answer!r} is not one number")
    found = extract.number(answer)
    if found is None:
        return _verdict(False, parsed=False)
    return _verdict(found[0] == gold[0] and (found[1] == gold[1] or not found[1] or not gold[1]), parsed=True)


def _choice(record: Record, answer: str, case: bool) -> Verdict:
    candidates = record.fields.get("candidates")
    if (
        not isinstance(candidates, (list, tuple))
        or not all(isinstance(candidate, str) and extract.normalise(candidate) for candidate in candidates)
        or len({extract.normalise(candidate, case) for candidate in candidates}) != len(candidates)
    ):
        raise ValueError(f"{record.id}: fields.candidates is {candidates!r}, not a list of different texts")
    gold = extract.option(record.answer, candidates, case)
    if gold is None:
        raise ValueError(f"{record.id}: the reference answer {record.answer!r} is none of the candidates")
    found = extract.option(answer, candidates, case)
    return _verdict(found == gold, parsed=found is not None)
