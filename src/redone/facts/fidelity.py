"""How far a rewrite is true to its source: the facts that it keeps, those that it loses, and those that it invents."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from redone.facts.amounts import quantities
from redone.facts.lexicon import HOLLOW, NAMES, NO_NAME
from redone.facts.names import Lexicon, Name, Token, common, find_names, known, lex, lexicon, plain, squash
from redone.facts.negations import Claims, claims, compare, contradictions
from redone.facts.quantity import Quantity, same


@dataclass(frozen=True)
class Fidelity:
    """Facts in the words of the text that has them. said: the rewrite says something at all."""

    kept: tuple[str, ...]
    lost: tuple[str, ...]
    invented: tuple[str, ...]
    said: bool


def fidelity(
    source: str, rewrite: str, *, given: Sequence[str] = (), names: tuple[str, ...] = (), whole: bool = True
) -> Fidelity:
    """What became of the facts of the source and of the `given` ones, each a text with its other wordings after "|".

    whole: whether the source's own must survive; without it the given ones alone. What the rewrite adds or turns round
    is invented all the same. names: further names, of the same form, that capitals, quotation marks and lexicon.py do
    not betray.
    """
    before, after = _facts(source, names), _facts(rewrite, names)
    support = _facts("\n".join([source, *(fact.replace("|", "\n") for fact in given)]), names)
    required = [*_given(given, after, names), *(_found(before, after) if whole else ())]
    return Fidelity(
        tuple(fact for fact, survives in required if survives),
        tuple(fact for fact, survives in required if not survives),
        tuple(dict.fromkeys(_invented(support, after))),
        bool(after.tokens),
    )


@dataclass(frozen=True)
class Facts:
    """What was read out of one text."""

    tokens: tuple[Token, ...]
    names: tuple[Name, ...]
    groups: frozenset[str]  # names of the lexicons, by their first spellings
    quantities: tuple[Quantity, ...]  # each once
    named: frozenset[Quantity]  # those inside a name: the 15 of iPhone 15
    exact: frozenset[tuple[tuple[str, float, str], str]]  # (reading, noun) of each
    counted: frozenset[str]  # the nouns of the counts
    claims: Claims
    words: frozenset[str]  # keys of the tokens
    joined: str  # the keys in one piece


@lru_cache(maxsize=512)
def _facts(text: str, entries: tuple[str, ...]) -> Facts:
    """The facts of a text. Kept, because all answers to one prompt share their source."""
    text = plain(text)
    tokens = lex(text)
    groups = known(tokens, _lexicons(entries))
    found = find_names(text, tokens, groups)
    blank = bytearray(len(text))
    for name in found:
        if name.literal or name.groups:  # 7-Eleven, 九份
            blank[name.start : name.end] = b"\1" * (name.end - name.start)
    numbers = quantities("".join(" " if hidden else letter for letter, hidden in zip(text, blank)))
    named = [any(name.start <= number.start and number.end <= name.end for name in found) for number in numbers]
    unique = {
        (number.readings, number.noun, number.bound, number.firm, inside): number
        for number, inside in reversed(list(zip(numbers, named)))
    }
    ordered = sorted(unique.items(), key=lambda item: item[1].start)
    return Facts(
        tuple(tokens),
        tuple(found),
        frozenset(group for group, _, _ in groups),
        tuple(number for _, number in ordered),
        frozenset(number for key, number in ordered if key[-1]),
        frozenset((reading, number.noun) for number in numbers for reading in number.readings if not number.bound),
        frozenset(number.noun for number in numbers) - {""},
        claims(text, tokens),
        frozenset(token.key for token in tokens),
        "".join(token.key for token in tokens),
    )


def _lexicons(entries: tuple[str, ...]) -> list[Lexicon]:
    return [lexicon(entries), lexicon((*NAMES, *NO_NAME))] if entries else [lexicon((*NAMES, *NO_NAME))]


def _found(source: Facts, answer: Facts) -> Iterator[tuple[str, bool]]:
    """Each fact of the source once, and whether it survives in the answer."""
    seen = set()
    for name in source.names:
        if name.identity not in seen:
            seen.add(name.identity)
            yield name.text, _survives(name, answer)
    told: list[Quantity] = []
    for quantity in source.quantities:
        again = any(same(other, quantity) and other.noun == quantity.noun for other in told[-20:])
        if quantity.firm and quantity not in source.named and not again:
            told.append(quantity)
            yield quantity.text, _among(quantity, answer, source, first=True)
    kept, lost, _ = compare(source.claims, answer.claims)
    yield from [(negation.text, True) for negation in kept] + [(negation.text, False) for negation in lost]


def _invented(source: Facts, answer: Facts) -> Iterator[str]:
    """What the answer says and the source does not."""
    yield from _new_names(source, answer)
    yield from _new_numbers(source, answer)
    yield from (negation.text for negation in compare(source.claims, answer.claims)[2])
    yield from (f"{opposite} for {word}" for word, opposite in contradictions(source.claims, answer.claims))


def _new_names(source: Facts, answer: Facts) -> Iterator[str]:
    for name in answer.names:
        telling = [word for word in name.words if not common(word)] or name.words
        fits = all(_says(source, word) for word in telling) and source.groups.issuperset(name.groups)
        if name.sure and not (fits and name.literal in source.joined) and squash(name.text) not in source.joined:
            yield name.text


def _new_numbers(source: Facts, answer: Facts) -> Iterator[str]:
    for quantity in answer.quantities:
        if not quantity.firm or quantity in answer.named or _among(quantity, source, answer, first=False):
            continue
        only_in_a_name = f"{quantity.number:g}" in source.words - {f"{other.number:g}" for other in source.quantities}
        if quantity.kind != "count" or not only_in_a_name:  # the 15 of iPhone15
            yield quantity.text


def _among(quantity: Quantity, there: Facts, here: Facts, first: bool) -> bool:
    """Whether the other text has the number, and of the same noun if both count it; `first`: ours is the source."""
    readings = quantity.readings[:1] if quantity.kind == "date" else quantity.readings
    if not quantity.bound and any((reading, quantity.noun) in there.exact for reading in readings):
        return True
    shared = here.counted & there.counted
    for other in there.quantities:
        swapped = other.noun != quantity.noun and quantity.kind == "count" and other.noun and quantity.noun
        if swapped and shared & {other.noun, quantity.noun}:
            continue
        if first and quantity.kind == "date" != other.kind:
            continue  # May is in 3 May, but not 3 May in May
        if same(quantity, other) if first else same(other, quantity):
            return True
    return False


def _survives(name: Name, answer: Facts) -> bool:
    return (
        all(_says(answer, word) for word in name.words)
        and answer.groups.issuperset(name.groups)
        and name.literal in answer.joined
    ) or squash(name.text) in answer.joined


def _says(facts: Facts, word: str) -> bool:
    """Whether the text has the word, its plural or singular, or its number."""
    if word.isdigit():
        return word in facts.words or any(quantity.number == float(word) for quantity in facts.quantities)
    forms = {word, word + "s", word.removesuffix("s")}
    return bool(forms & facts.words) or (len(word) > 4 and word in facts.joined)


def _given(given: Sequence[str], answer: Facts, entries: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """Each given fact by its first wording, and whether any of its wordings is in the answer."""
    said = [token.key.removesuffix("s") for token in answer.tokens]
    for fact in given:
        wordings = [wording for wording in fact.split("|") if wording.strip()]
        yield wordings[0].strip(), any(_worded(wording, said, answer, entries) for wording in wordings)


def _worded(wording: str, said: list[str], answer: Facts, entries: tuple[str, ...]) -> bool:
    """Whether the answer has the wording, word for word or, where it holds numbers, with the same numbers and words."""
    facts = _facts(wording, entries)
    keys = [token.key.removesuffix("s") for token in facts.tokens]
    if any(said[start : start + len(keys)] == keys for start in range(len(said) - len(keys) + 1)):
        return True
    numbers = [quantity for quantity in facts.quantities if quantity.firm]
    rest = [
        token.key
        for token in facts.tokens
        if not any(number.start <= token.start < number.end for number in facts.quantities) and token.key not in HOLLOW
    ]
    agree = all(any(same(number, other) for other in answer.quantities) for number in numbers)
    return bool(numbers) and agree and all(_says(answer, key) for key in rest)
