"""A model's answers to records of a configuration's tasks, with their verdicts."""

from dataclasses import dataclass

from redone.records import Record, Text, Verdict


@dataclass(frozen=True)
class Judged:
    """A record with its sampled answers. logprobs of a text: the mean of its tokens' alone, where it is known."""

    record: Record
    texts: tuple[Text, ...]
    verdicts: tuple[Verdict, ...]
