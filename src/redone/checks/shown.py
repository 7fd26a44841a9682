"""Prompts as the model reads them, and behind each what it is taught (`redone check`, `redone data show`)."""

from dataclasses import dataclass

from redone.data.encode import Encoder
from redone.data.load import Dataset
from redone.records import Record, Task
from redone.texts import visible

HEAD, TAIL = 200, 120  # characters that are shown of a long line
SPARED = 40  # characters at least that are worth leaving out
LINE_END = "⏎"


@dataclass(frozen=True)
class Shown:
    """Prompt and target as their tokens say, special ones too, and how many tokens each has."""

    record: Record
    prompt: str
    target: str
    tokens: tuple[int, int]

    @property
    def text(self) -> str:
        """All of it, made visible; what is taught stands in ⟦ ⟧."""
        return visible(f"{self.prompt}⟦{self.target}⟧")

    @property
    def line(self) -> str:
        """The same in one line, without its middle where it is long."""
        text = self.text.replace("\n", LINE_END)
        left_out = len(text) - HEAD - TAIL
        if left_out < SPARED:
            return text
        return f"{text[:HEAD]} [... {left_out:,} characters ...] {text[-TAIL:]}"


def shown(dataset: Dataset, task: Task, encoder: Encoder) -> Shown:
    """Of the task's first record that is trained on, or of the first that it is measured by."""
    records = dataset.records[task.name]
    record = (records["train"] or records["eval"])[0]
    return shown_record(record, task, encoder)


def shown_record(record: Record, task: Task, encoder: Encoder) -> Shown:
    prompt, target = encoder.prompt(record.messages, task.think), encoder.target(record, task)
    return Shown(record, encoder.with_special(prompt), encoder.with_special(target), (len(prompt), len(target)))
