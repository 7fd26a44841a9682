"""Between text and tokens: prompts through the model's own chat template, targets, decoded answers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redone.records import Record, Task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

OPEN, CLOSE = "<think>", "</think>"  # what rewards read
_ASK = ({"role": "user", "content": "question"},)


class Encoder:
    """A tokenizer with the model's chat template; without a template, the messages' plain text.

    Thinking is switched per task by the template's `enable_thinking`, where it has one (Qwen3). A target decodes to a
    text of which rewards read exactly the reference answer, also where the prompt itself ends with the opening tag.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", eos_ids: Sequence[int] = ()) -> None:
        self.tokenizer: Any = tokenizer
        if tokenizer.eos_token_id is None:
            raise ValueError(f"{tokenizer.name_or_path}: the tokenizer has no end-of-sequence token")
        self.eos_ids = frozenset((tokenizer.eos_token_id, *eos_ids))
        added = tokenizer.added_tokens_decoder.items()
        self.unseen = self.eos_ids | {i for i, token in added if token.special and token.content not in (OPEN, CLOSE)}
        self.opened = {think: self._render(_ASK, think).rstrip().endswith(OPEN) for think in (False, True)}
        self.frame = self._frame()

    @classmethod
    def load(cls, path: str | Path) -> "Encoder":
        """The tokenizer of a model folder or hub id, with every end token its generation config names."""
        from transformers import AutoTokenizer, GenerationConfig

        tokenizer = AutoTokenizer.from_pretrained(path)
        try:
            named = GenerationConfig.from_pretrained(path).eos_token_id
        except OSError:  # the folder has none
            named = None
        return cls(tokenizer, [named] if isinstance(named, int) else named or [])

    def prompt_text(self, record: Record, task: Task) -> str:
        return self._render(record.messages, task.think)

    def prompts(self, records: Sequence[Record], tasks: Mapping[str, Task]) -> list[tuple[int, ...]]:
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
            return answer.removeprefix(OPEN) if self.opened[task.think] else answer
        before, between = self.frame
        if task.think:
            return f"{before}{record.rationale}{between}{record.answer}"
        return f"{between}{record.answer}" if self.opened[False] else record.answer  # a model that always thinks

    def target(self, record: Record, task: Task, answer: str | None = None) -> tuple[int, ...]:
        ids = self.tokenizer(self.target_text(record, task, answer), add_special_tokens=False)["input_ids"]
        return (*ids, self.tokenizer.eos_token_id)

    def decode(self, tokens: Sequence[int], record: Record, task: Task) -> str:
        """The answer's text, with a thinking tag that the prompt had opened put back."""
        kept = [token for token in tokens if token not in self.unseen]
        text = self.tokenizer.decode(kept, clean_up_tokenization_spaces=False)
        return f"{OPEN}{text}" if self.opened[task.think] else text

    def _render(self, messages: Sequence[Mapping[str, Any]], think: bool, ask: bool = True) -> str:
        if self.tokenizer.chat_template is None:
            return "\n".join(message["content"] for message in messages) + "\n"
        return self.tokenizer.apply_chat_template(
            list(messages), tokenize=False, add_generation_prompt=ask, enable_thinking=think
        )

    def _frame(self) -> tuple[str, str]:
        """What the template writes before a rationale, after the prompt, and between it and the answer; plain tags
        where it knows no rationale, or writes it in tags that rewards do not read."""
        plain = ("" if self.opened[True] else OPEN, CLOSE)
        if self.tokenizer.chat_template is None:
            return plain
        reply = {"role": "assistant", "content": "[answer]", "reasoning_content": "[rationale]"}
        prompt, whole = self._render(_ASK, True), self._render([*_ASK, reply], True, ask=False)
        before, found, rest = whole.removeprefix(prompt).partition("[rationale]")
        between, answered, _ = rest.partition("[answer]")
        known = whole.startswith(prompt) and found and answered and CLOSE in between
        return (before, between) if known else plain
