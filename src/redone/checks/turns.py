"""Whether the earlier turns of conversations can be taught."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Literal

from redone.checks.check import every, listed, without
from redone.checks.lengths import Lengths
from redone.checks.texts import Texts
from redone.data.conversation import earlier_turns
from redone.data.encode import Encoder
from redone.records import Record, Task


def check_turns(texts: Texts, encoder: Encoder, max_context: int, too_long: Literal["refuse", "drop"]) -> Texts:
    """What was given; where `too_long` drops them without the train records of which an earlier turn of the assistant
    does not fit the context with what stands before it, and with a note for each task that lost some. Raises ValueError
    naming those turns otherwise.

    The whole prompt may fit all the same: templates drop what an earlier turn thinks.
    """
    long: list[str] = []
    for name, task in texts.dataset.tasks.items():
        mine = texts.dataset.records[name]["train"]
        found = _longer(mine, task, encoder, max_context)
        long += [f"{record.source} {said}" for record, said in found]
        bad = {record.id for record, _ in found}
        if bad and too_long == "drop":
            texts = _left_out(texts, name, bad, max_context)
    if long and too_long != "drop":
        raise ValueError(
            f'turns = "all": {len(long)} earlier turns exceed the context of {max_context:,}; shorten them, raise '
            f'model.max_context, or set data.too_long = "drop", which leaves their records out:\n{listed(long)}'
        )
    return texts


def _longer(records: Sequence[Record], task: Task, encoder: Encoder, max_context: int) -> list[tuple[Record, str]]:
    """The records' earlier turns that do not fit, each with its record and what to say of it."""
    turns = [(record, one) for record in records for one in earlier_turns(record, task.think)]
    asked = encoder.ids([encoder.asked(one.messages, one.rationale is not None) for _, one in turns])
    taught = encoder.answers([encoder.written(one.answer, one.rationale) for _, one in turns])
    return [
        (record, f"({one.id}): {size:,} tokens with what stands before it")
        for (record, one), prompt, target in zip(turns, asked, taught)
        if (size := len(prompt) + len(target)) > max_context
    ]


def _left_out(texts: Texts, name: str, bad: Collection[str], max_context: int) -> Texts:
    """Without these records of the task."""
    dataset = texts.dataset
    note = f"{name}: {len(bad):,} records left out, too long: an earlier turn exceeds the context of {max_context:,}"
    kept = without(dataset, name, bad, note, "raise model.max_context")
    lengths = texts.lengths[name]
    places = [i for i, record in enumerate(every(dataset, name)) if record.id not in bad]
    fewer = Lengths([lengths.prompts[i] for i in places], [lengths.answers[i] for i in places])
    return Texts(
        replace(
            dataset,
            records={**dataset.records, name: kept},
            too_long={**dataset.too_long, name: dataset.too_long.get(name, 0) + len(bad)},
        ),
        [*texts.notes, note],
        {**texts.lengths, name: fewer},
    )
