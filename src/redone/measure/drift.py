"""What a model forgets, measured on texts: how likely held-out ones still are, and how far its next tokens have moved
from the base's. Both are continuous, so that they tell what scores of a few hundred items cannot.

Of texts it is the mean negative log-likelihood, of the base's own greedy answers to held-out prompts the mean
divergence KL(base || model) over the whole vocabulary, both in nats a token: summed over all tokens and divided by
their number, with intervals from a bootstrap over the texts.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from redone.algo.statistics import percentile_interval, resampled
from redone.data.convert import filled_at
from redone.data.encode import Passage
from redone.data.load import drawn
from redone.data.mix import derive_seed
from redone.data.overlap import text_key, texts_in
from redone.data.rows import numbered_rows
from redone.mistakes import refuse_no_file
from redone.records import Record

if TYPE_CHECKING:
    from redone.data.encode import Encoder
    from redone.model.policy import Policy

DRAWS = 1000


@dataclass(frozen=True)
class HeldOut:
    """What drift is measured on. prompts: what the base answers; their `tokens` are not known yet."""

    texts: Mapping[str, Sequence[Passage]]  # set -> texts
    prompts: Sequence[tuple[str, tuple[int, ...]]]  # (key, token ids)
    tokens: int  # longest answer

    @property
    def mark(self) -> str:
        """A fingerprint of what is measured on."""
        return hashlib.sha256(json.dumps([self.texts, self.prompts, self.tokens]).encode()).hexdigest()[:16]


class Templates(NamedTuple):
    """Where held-out texts are, and what of a row they are; of `text` and `prompt` the other is empty."""

    path: Path
    text: str
    prompt: str
    answer: str


class Line(NamedTuple):
    """A text's tokens, and what they sum to."""

    of: str  # the set of texts; "": the base's answers
    id: str
    tokens: int
    nats: float


def held_texts(
    name: str,
    at: Templates,
    encoder: "Encoder",
    context: int,
    most: int,
    trained: Collection[str],
    taken: Collection[str] = (),
) -> tuple[list[Passage], list[str]]:
    """`most` texts of a file, a fixed draw, and what a person should know of them. name: the table that says so.
    trained: the keys (`trained_keys`) of what they may not hold, those that do are left out; taken: the keys of
    passages that are left out besides.

    A text without a prompt is measured from its second token on. What goes beyond the context is cut off.
    Raises ValueError naming file, line and what is wrong.
    """
    if bool(at.text) == bool(at.prompt) or bool(at.prompt) != bool(at.answer):
        raise ValueError(f'{name}: give `text = "{{field}}"`, or `prompt` and `answer`')
    rows, notes = _drawn(at, most, name, trained, taken)
    if at.text:
        ids = encoder.texts([filled_at(at.text, row, where) for where, row in rows])
        found = [Passage(where, mine[:1], mine[1:context]) for (where, _), mine in zip(rows, ids)]
        cut = sum(len(mine) > context for mine in ids)
    else:
        before = encoder.ids([encoder.asked(_asked(at.prompt, row, where), False) for where, row in rows])
        after = encoder.answers([encoder.written(filled_at(at.answer, row, where)) for where, row in rows])
        found = [
            Passage(where, one, other[:-1][: max(0, context - len(one))])  # without the end token
            for (where, _), one, other in zip(rows, before, after)
        ]
        cut = sum(len(one) + len(other) - 1 > context for one, other in zip(before, after))
    kept = [passage for passage in found if passage.tokens]
    if not kept:
        raise ValueError(f"{name}: {at.path} has no text of two tokens that fits the context")
    if cut:
        notes.append(f"{name}: {cut} texts are cut off where the context of {context:,} ends")
    return kept, notes


def held_prompts(
    at: Templates, encoder: "Encoder", context: int, most: int, tokens: int, trained: Collection[str]
) -> tuple[list[tuple[str, tuple[int, ...]]], list[str]]:
    """`most` prompts of a file, as `held_texts`."""
    if not at.prompt or at.text or at.answer:
        raise ValueError('drift.prompts: give `file` and `prompt = "{field}"`')
    rows, notes = _drawn(at, most, "drift.prompts", trained)
    ids = encoder.ids([encoder.asked(_asked(at.prompt, row, where), False) for where, row in rows])
    found, left_out = _fitting([(where, mine) for (where, _), mine in zip(rows, ids)], context - tokens)
    return found, [*notes, *left_out]


def record_prompts(
    records: Sequence[Record], encoder: "Encoder", tasks: Mapping[str, Any], context: int, most: int, tokens: int
) -> tuple[list[tuple[str, tuple[int, ...]]], list[str]]:
    """`most` records' prompts, a fixed draw."""
    mine = drawn(records, most)
    prompts = encoder.prompts(mine, tasks)
    return _fitting([(record.id, ids) for record, ids in zip(mine, prompts)], context - tokens)


def trained_keys(records: Iterable[Record]) -> frozenset[str]:
    """The keys of every text of the records: prompt, answer, and the fields they are made of."""
    texts = (text for record in records for text in (record.prompt_text, record.answer, *texts_in(record.fields)))
    return frozenset(map(text_key, texts)) - {""}


def measure_texts(
    held: HeldOut, policy: "Policy", most: int, advance: Callable[[int], None] = lambda texts: None
) -> Iterator[Line]:
    """A line for each held-out text. most: tokens that are forwarded at once."""
    from redone.model.likelihood import nats

    for name, passages in held.texts.items():
        for passage, value in zip(passages, nats(policy, passages, most, advance)):
            yield Line(name, passage.key, len(passage.tokens), value)


def measure_answers(
    answers: Sequence[Passage],
    base: "Policy",
    policy: "Policy",
    most: int,
    advance: Callable[[int], None] = lambda texts: None,
) -> Iterator[Line]:
    """A line for each of the base's answers, with its divergence."""
    from redone.model.likelihood import divergences

    for passage, value in zip(answers, divergences(base, policy, answers, most, advance)):
        yield Line("", passage.key, len(passage.tokens), value)


def answers_of(
    base: "Policy",
    encoder: "Encoder",
    held: HeldOut,
    rows: int,
    advance: Callable[[int], None] = lambda answers: None,
) -> list[Passage]:
    """The base's greedy answers to the held-out prompts, their end tokens with them. rows: decoded at once."""
    from redone.sample.asking import cache_room, scheduled
    from redone.sample.local import make_sampler
    from redone.sample.protocol import Request

    sampler = make_sampler(base, encoder, group=1, temperature=0.0, seeds=lambda version: 0, rows=rows)
    requests = [Request(place, ids, held.tokens) for place, (_, ids) in enumerate(held.prompts)]
    found: dict[int, tuple[int, ...]] = {}
    for some in scheduled(sampler, requests, group=1, at_once=rows, room=cache_room(base), copies=1):
        found |= {request.key: answers[0].tokens for request, answers in some}
        advance(len(some))
    return [Passage(key, ids, found[place]) for place, (key, ids) in enumerate(held.prompts)]


def summed(lines: Sequence[Line], base: Sequence[Line]) -> dict[str, Any]:
    """What results.json says of a model: {"texts": set to {nats, interval, n, tokens, rise, rise_interval}, "kl":
    {nats, interval, n, tokens} or None}. rise: above the base, every draw holding the same texts of both.

    Raises ValueError where the base's lines are of other texts.
    """
    own = {(line.of, line.id): line for line in base}
    if any((known := own.get((x.of, x.id))) is None or known.tokens != x.tokens for x in lines if x.of):
        raise ValueError("drift was measured on other texts for the base; remove eval/*/drift, and it is measured anew")
    texts = {}
    for name in dict.fromkeys(line.of for line in lines if line.of):
        mine = [line for line in lines if line.of == name]
        above = mean([line._replace(nats=line.nats - own[name, line.id].nats) for line in mine], name)
        texts[name] = {**mean(mine, name), "rise": above["nats"], "rise_interval": above["interval"]}
    answers = [line for line in lines if not line.of]
    return {"texts": texts, "kl": mean(answers, "kl") if answers else None}


def mean(lines: Sequence[Line], seed: str) -> dict[str, Any]:
    """Nats a token over all tokens of the lines, with the interval of a bootstrap over the lines."""
    nats, tokens = np.array([line.nats for line in lines]), np.array([line.tokens for line in lines])
    drawn = resampled(
        lambda places: float(nats[places].sum() / tokens[places].sum()),
        len(lines),
        seed=derive_seed(0, "drift", seed) % 2**32,
        resamples=DRAWS,
    )
    return {
        "nats": float(nats.sum() / tokens.sum()),
        "interval": list(percentile_interval(drawn)),
        "n": len(lines),
        "tokens": int(tokens.sum()),
    }


def said(model: str, scores: Mapping[str, Any]) -> str:
    """A model's drift in a line."""
    parts = [f"{name} {mine['nats']:.3f}, {_rise(mine)}" for name, mine in scores["texts"].items()]
    if (kl := scores["kl"]) is not None:
        parts.append(f"KL(base || {model}) {kl['nats']:.3f} [{kl['interval'][0]:.3f}, {kl['interval'][1]:.3f}]")
    return f"{model}, in nats a token: {'; '.join(parts)}"


def _rise(mine: Mapping[str, Any]) -> str:
    low, high = mine["rise_interval"]
    return f"{mine['rise']:+.3f} [{low:+.3f}, {high:+.3f}]"


def _drawn(
    at: Templates, most: int, what: str, trained: Collection[str], taken: Collection[str] = ()
) -> tuple[list[tuple[str, Mapping[str, Any]]], list[str]]:
    """(place, row) pairs of a fixed draw of the file's rows that hold no trained text and are at no taken place."""
    refuse_no_file(at.path)
    if not at.path.is_file():
        raise ValueError(f"{what}: there is no {at.path}; say where the data lie with --data")
    rows = [(f"{at.path.name}:{number}", row) for number, row in numbered_rows(at.path)]
    template = at.text or at.prompt
    fresh = [(where, row) for where, row in rows if text_key(filled_at(template, row, where)) not in trained]
    if not fresh:
        raise ValueError(f"{what}: {at.path} has no text that is not trained on")
    notes = [f"{what}: {len(rows) - len(fresh)} rows left out, which train records hold"]
    if not (left := [pair for pair in fresh if pair[0] not in taken]):
        raise ValueError(f"{what}: {at.path} has no text that [drift] does not measure results on; give it another")
    return list(drawn(left, most, lambda pair: pair[0])), notes if len(fresh) < len(rows) else []


def _asked(template: str, row: Mapping[str, Any], where: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": filled_at(template, row, where)}]


def _fitting(
    prompts: Sequence[tuple[str, tuple[int, ...]]], room: int
) -> tuple[list[tuple[str, tuple[int, ...]]], list[str]]:
    kept = [(key, ids) for key, ids in prompts if len(ids) <= room]
    if not kept:
        raise ValueError(
            f"drift: none of {len(prompts)} prompts leaves room for the base's answers; lower drift.tokens"
        )
    left_out = len(prompts) - len(kept)
    return kept, [f"drift: {left_out} prompts left out, which leave no room for an answer"] if left_out else []
