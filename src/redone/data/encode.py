"""Between text and tokens: prompts through the model's own chat template, targets, decoded answers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redone.records import Prompt, Record, Task
from redone.thinking import CLOSE, OPEN

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

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

    @property
    def chats(self) -> bool:
        return self.tokenizer.chat_template is not None

    def prompt_text(self, record: Record, task: Task) -> str:
        return self._render(record.messages, task.think)

    def prompts(self, records: Sequence[Record], tasks: Mapping[str, Task]) -> list[tuple[int, ...]]:
        """Token ids of each record's prompt, ready for the answer."""
        return self._ids([self.prompt_text(record, tasks[record.task]) for record in records])

    def prompt(self, messages: Sequence[Mapping[str, Any]], think: bool) -> tuple[int, ...]:
        [ids] = self._ids([self._render(messages, think)])
        return ids

    def encode(self, prompts: Sequence[Prompt]) -> list[tuple[int, ...]]:
        """Token ids of each prompt, ready for the answer."""
        texts = []
        for prompt in prompts:
            text = self._render(prompt.messages, prompt.think)
            texts.append(text if self.chats or not prompt.go_on else text.removesuffix("\n"))
        return self._ids(texts)

    def _ids(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        if not texts:
            return []
        special = not self.chats  # a template writes its own
        return [tuple(ids) for ids in self.tokenizer(list(texts), add_special_tokens=special)["input_ids"]]

    def target_text(self, record: Record, task: Task) -> str:
        """What the model should write after the prompt, without the end token: rationale and reference answer."""
        return self.written(record.answer, record.rationale if task.think else None)

    def target(self, record: Record, task: Task) -> tuple[int, ...]:
        return self.ended(self.target_text(record, task))

    def written(self, answer: str, rationale: str | None = None) -> str:
        """What the model writes after a prompt to give this answer, thinking this first where there is a rationale."""
        before, between = self.frame
        if rationale is not None:
            return f"{before}{rationale}{between}{answer}"
        return f"{between}{answer}" if self.opened[False] else answer  # a model that always thinks

    def rewritten(self, text: str, think: bool) -> str:
        """What the model writes after a prompt so that it decodes to the text, which brings its own thinking part."""
        return text.removeprefix(OPEN) if self.opened[think] else text

    def ended(self, text: str) -> tuple[int, ...]:
        """Token ids of what the model writes, with the end token."""
        return (*self.tokenizer(text, add_special_tokens=False)["input_ids"], self.tokenizer.eos_token_id)

    def decode(self, tokens: Sequence[int], think: bool) -> str:
        """The answer's text, with a thinking tag that the prompt had opened put back."""
        kept = [token for token in tokens if token not in self.unseen]
        text = self.tokenizer.decode(kept, clean_up_tokenization_spaces=False)
        return f"{OPEN}{text}" if self.opened[think] else text

    def _render(self, messages: Sequence[Mapping[str, Any]], think: bool, ask: bool = True) -> str:
        if not self.chats:
            return "\n".join(message["content"] for message in messages) + "\n"
        return self.tokenizer.apply_chat_template(
            list(messages), tokenize=False, add_generation_prompt=ask, enable_thinking=think
        )

    def _frame(self) -> tuple[str, str]:
        """What the template writes before a rationale, after the prompt, and between it and the answer; plain tags
        where it knows no rationale, or writes it in tags that rewards do not read."""
        plain = ("" if self.opened[True] else OPEN, CLOSE)
        if not self.chats:
            return plain
        reply = {"role": "assistant", "content": "[answer]", "reasoning_content": "[rationale]"}
        prompt, whole = self._render(_ASK, True), self._render([*_ASK, reply], True, ask=False)
        before, found, rest = whole.removeprefix(prompt).partition("[rationale]")
        between, answered, _ = rest.partition("[answer]")
        known = whole.startswith(prompt) and found and answered and CLOSE in between
        return (before, between) if known else plain
