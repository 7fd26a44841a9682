"""Whether the earlier turns of conversations can be taught."""

from redone.checks.check import listed
from redone.data.conversation import earlier_turns
from redone.data.encode import Encoder
from redone.data.load import Dataset


def check_turns(dataset: Dataset, encoder: Encoder, max_context: int) -> None:
    """Raises ValueError naming train records of which an earlier turn of the assistant does not fit the context with
    what stands before it. The whole prompt may fit all the same: templates drop what an earlier turn thinks."""
    long = []
    for name, task in dataset.tasks.items():
        records = [one for record in dataset.records[name]["train"] for one in earlier_turns(record, task.think)]
        asked = encoder.ids([encoder.asked(record.messages, record.rationale is not None) for record in records])
        taught = encoder.answers([encoder.written(record.answer, record.rationale) for record in records])
        for record, prompt, target in zip(records, asked, taught):
            if (size := len(prompt) + len(target)) > max_context:
                long.append(f"{record.source} ({record.id}): {size:,} tokens with what stands before it")
    if long:
        raise ValueError(
            f'turns = "all": {len(long)} earlier turns exceed the context of {max_context:,}; shorten them, or raise '
            f"model.max_context:\n{listed(long)}"
        )
