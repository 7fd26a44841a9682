"""Between text and tokens: prompts through the model's own chat template, targets, decoded answers."""

from collections.abc import Sequence
from pathlib import Path

from transformers import AutoTokenizer, GenerationConfig, PreTrainedTokenizerBase

from redone.records import Record, Task


class Encoder:
    """A tokenizer with the model's chat template; without a template, the messages' plain text.

    Thinking is switched per task by the template's `enable_thinking`, where it has one (Qwen3).
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, eos_ids: Sequence[int] = ()) -> None:
        self.tokenizer = tokenizer
        if tokenizer.eos_token_id is None:
            raise ValueError(f"{tokenizer.name_or_path}: the tokenizer has no end-of-sequence token")
        self.eos_ids = frozenset((tokenizer.eos_token_id, *eos_ids))

    @classmethod
    def load(cls, path: str | Path) -> "Encoder":
        """The tokenizer of a model folder or hub id, with every end token its generation config names."""
        tokenizer = AutoTokenizer.from_pretrained(path)
        try:
            named = GenerationConfig.from_pretrained(path).eos_token_id
        except OSError:  # the folder has none
            named = None
        return cls(tokenizer, [named] if isinstance(named, int) else named or [])

    def prompt_text(self, record: Record, task: Task) -> str:
        if self.tokenizer.chat_template is None:
            return record.prompt_text + "\n"
        return self.tokenizer.apply_chat_template(
            list(record.messages), tokenize=False, add_generation_prompt=True, enable_thinking=task.think
        )

    def prompts(self, records: Sequence[Record], tasks: dict[str, Task]) -> list[tuple[int, ...]]:
        """Token ids of each record's prompt, ready for the answer."""
        if not records:
            return []
        texts = [self.prompt_text(record, tasks[record.task]) for record in records]
        special = self.tokenizer.chat_template is None  # a template writes its own
        return [tuple(ids) for ids in self.tokenizer(texts, add_special_tokens=special)["input_ids"]]

    def target_text(self, record: Record, task: Task, answer: str | None = None) -> str:
        """What the model should write after the prompt, without the end token: rationale and reference answer,
        or the given text (which brings its own thinking part)."""
        if answer is not None:
            opened = self.prompt_text(record, task).endswith("<think>")
            return answer.removeprefix("<think>") if opened else answer
        if not task.think:
            return record.answer
        if self.tokenizer.chat_template is not None:
            reply = {"role": "assistant", "content": record.answer, "reasoning_content": record.rationale}
            whole = self.tokenizer.apply_chat_template([*record.messages, reply], tokenize=False, enable_thinking=True)
            prompt = self.prompt_text(record, task)
            rest = whole[len(prompt) :]
            if whole.startswith(prompt) and record.rationale and record.rationale in rest:
                return rest.partition(self.tokenizer.eos_token)[0]
        return f"<think>{record.rationale}</think>{record.answer}"

    def target(self, record: Record, task: Task, answer: str | None = None) -> tuple[int, ...]:
        ids = self.tokenizer(self.target_text(record, task, answer), add_special_tokens=False)["input_ids"]
        return (*ids, self.tokenizer.eos_token_id)

    def decode(self, tokens: Sequence[int], record: Record, task: Task) -> str:
        """The answer's text, with a thinking tag that the prompt had opened put back."""
        kept = [token for token in tokens if token not in self.eos_ids]
        text = self.tokenizer.decode(kept, skip_special_tokens=True)
        opened = task.think and self.prompt_text(record, task).endswith("<think>")
        return f"<think>{text}" if opened else text
