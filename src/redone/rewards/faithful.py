"""A reward for rewrites: the facts of the source survive, and nothing is made up."""

from typing import Literal

from redone.facts import fidelity
from redone.records import Record, Verdict
from redone.rewards import extract


def faithful(
    record: Record,
    answer: str,
    *,
    source: str = "text",
    require: Literal["all", "given"] = "all",
    names: str = "",
    all: bool = False,
) -> Verdict:
    """kept / (required + invented) facts; with `all` 1 where every required fact is kept and none invented, else 0.

    The facts are those of record.fields[source]: numbers with their units, prices, dates and times; names of people,
    places, brands and products; negations. They are compared by what they say: 17 is seventeen, 3 miles are 5 km,
    八折 is 20% off, Osaka is 大阪, "not expensive" is cheap. record.fields["facts"] gives further ones, a list of
    texts, each with its other wordings after "|". With `require` "given" these alone must survive, as in a title, which
    cannot carry everything; what the answer adds or turns round counts as invented all the same. Names that capitals,
    quotation marks and lexicon.py do not betray are given in record.fields["names"], a list of the same form, or for
    the whole task in `names`, with commas between.
    A source that is copied whole is faithful: this is a factor for another reward and none alone. Blind to facts of
    every other kind (who did what, nouns without a capital, colours, order), to names and numbers that change places,
    to a list of the facts without sense, to most Chinese names that no lexicon holds, and to the language of the
    answer; and what is true but not in the source (Osaka, *Japan*) is invented to it.

    parts: kept, lost, invented, required. Raises ValueError naming the record where a field is not of its form.
    """
    text = record.fields.get(source)
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{record.id}: fields.{source} is not a text")
    given = _listed(record, "facts")
    if require == "given" and not given:
        raise ValueError(f"{record.id}: fields.facts is empty, and require is 'given'")
    entries = (*_listed(record, "names"), *extract.items(names, case=True))
    found = fidelity(text, answer, given=given, names=entries, whole=require == "all")
    required = len(found.kept) + len(found.lost)
    if not found.said:
        return Verdict(0.0, "unparsable", _parts(0, required, 0, parsed=0), "empty")
    right = not found.lost and not found.invented
    total = required + len(found.invented)
    told = (("lost", found.lost), ("invented", found.invented))
    return Verdict(
        float(right) if all or not total else len(found.kept) / total,
        "right" if right else "wrong",
        _parts(len(found.kept), required, len(found.invented)),
        "; ".join(f"{what}: {', '.join(facts)}" for what, facts in told if facts)[:1000],
    )


def _parts(kept: int, required: int, invented: int, parsed: int = 1) -> dict[str, float]:
    counts = {"kept": kept, "lost": required - kept, "invented": invented, "required": required, "parsed": parsed}
    return {name: float(count) for name, count in counts.items()}


def _listed(record: Record, field: str) -> tuple[str, ...]:
    """The texts of an optional list field."""
    listed = record.fields.get(field, ())
    if not isinstance(listed, (list, tuple)) or not all(isinstance(text, str) and text.strip(" |") for text in listed):
        raise ValueError(f"{record.id}: fields.{field} is {listed!r:.200}, not a list of texts")
    return tuple(listed)
