"""Between text and tokens: prompts through the model's own chat template, targets, decoded answers."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from redone.data.chat import ASK, IN_WORDS, QUESTION, TODAY, Chat, Messages, frame_of, in_words
from redone.data.ends import ends_of
from redone.files import read_object
from redone.records import Prompt, Record, Task
from redone.thinking import CLOSE, OPEN, split_thinking

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Written(NamedTuple):
    """A prompt as the model is asked it, with the words that ask it to think, where it takes words."""

    messages: Messages
    think: bool
    text: str


class Passage(NamedTuple):
    """Tokens of a text that are measured, and those that stand before them; neither is empty."""

    key: str
    before: tuple[int, ...]
    tokens: tuple[int, ...]


class Encoder:
    """A tokenizer with the model's chat template; without a template, the messages' plain text.

    Thinking is switched per task by the template's `enable_thinking`, where it has one (Qwen3); a model without a way
    of its own to think first is asked to in words (`takes_words`). A target decodes to a text of which rewards read
    exactly the reference answer, also where the prompt itself ends with the opening tag.
    What a message or an answer spells stays text, also where it spells a control token.

    eos_ids: end tokens that the generation config names. rows: of the model's embedding, where they are known. Raises
    ValueError where the template or the end token is not what a model can be asked or taught with.
    """

    def __init__(
        self, tokenizer: "PreTrainedTokenizerBase", eos_ids: Sequence[int] = (), rows: int | None = None
    ) -> None:
        self.tokenizer: Any = tokenizer
        self.rows = rows
        self.chat = Chat(tokenizer)
        self.end, self.eos_ids, self.note = ends_of(tokenizer, self.chat.after_answer(), eos_ids)
        self._within([*self.eos_ids, *([] if tokenizer.pad_token_id is None else [tokenizer.pad_token_id])])
        added = tokenizer.added_tokens_decoder
        special = {i for i, token in added.items() if token.special and token.content not in (OPEN, CLOSE)}
        self.unseen = self.eos_ids | special
        spelled = {added[i].content for i in self.unseen if i in added and added[i].content.strip()}
        self.control = re.compile("|".join(map(re.escape, sorted(spelled, key=len, reverse=True))) or "(?!)")
        self.opened = {think: self.chat.written(ASK, think).rstrip().endswith(OPEN) for think in (False, True)}
        self.frame = frame_of(self.chat, self.opened[True], self.control)
        switched = self.chat.written(ASK, True) != self.chat.written(ASK, False)
        self.takes_words = not (switched or self.opened[True] or self.frame.lead)
        own = sorted({OPEN, CLOSE, *self.frame} - {""}, key=len, reverse=True)
        self.own = re.compile(f"({'|'.join(map(re.escape, own))})")  # what a target has around rationale and answer

    @classmethod
    def load(cls, path: str | Path) -> "Encoder":
        """The tokenizer of a model folder or hub id, with every end token its generation config names."""
        return cls(*read_tokenizer(path))

    @property
    def chats(self) -> bool:
        return self.chat.there

    def notes(self, thinks: bool) -> list[str]:
        """What a person should know of how the model is asked and taught. thinks: whether anything asked thinks."""
        name = self.chat.name
        plain = f"{name}: no chat template, so prompts are plain text, and turns lines that do not say who speaks"
        words = f"{name}: no thinking switch, so what thinks is asked to in words: {IN_WORDS!r}"
        day = f"{name}: its chat template prints today's date; prompts say {TODAY}, whatever the day"
        said = [(plain, not self.chats), (self.note, self.note != ""), (words, thinks and self.takes_words)]
        return [note for note, holds in [*said, (day, self.chat.dated)] if holds]

    def save(self, folder: Path) -> None:
        """Leave the tokenizer in a model's folder, whose generation config then names the end token that is taught."""
        self.tokenizer.save_pretrained(folder)
        path = folder / "generation_config.json"
        settings = read_object(path) if path.exists() else {}
        named = settings.get("eos_token_id")
        named = [] if named is None else [named] if isinstance(named, int) else named
        if self.end not in named:
            settings["eos_token_id"] = [self.end, *named] if named else self.end
            path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    def prompt_text(self, record: Record, task: Task) -> str:
        return self.asked(record.messages, task.think).text

    def prompts(self, records: Sequence[Record], tasks: Mapping[str, Task]) -> list[tuple[int, ...]]:
        """Token ids of each record's prompt, ready for the answer."""
        return self.ids([self.asked(record.messages, tasks[record.task].think) for record in records])

    def prompt(self, messages: Messages, think: bool) -> tuple[int, ...]:
        [ids] = self.ids([self.asked(messages, think)])
        return ids

    def encode(self, prompts: Sequence[Prompt]) -> list[tuple[int, ...]]:
        """Token ids of each prompt, ready for the answer. Raises ValueError naming one that a model cannot be asked."""
        asked = []
        for prompt in prompts:
            goes_on = prompt.go_on and not self.chats  # and is told nothing after its last line
            try:
                one = self.asked(prompt.messages, prompt.think and not goes_on)
            except ValueError as error:
                raise ValueError(f"{prompt.key}: {error}") from None
            asked.append(one._replace(text=one.text.removesuffix("\n")) if goes_on else one)
        return self.ids(asked)

    def asked(self, messages: Messages, think: bool) -> Written:
        """Raises ValueError where the template does not bring every message into the prompt."""
        if think and self.takes_words:
            messages = in_words(messages)
        return Written(messages, think, self.chat.text(messages, think))

    def spells(self, messages: Messages) -> bool:
        """Whether a message spells a control token."""
        return any(self.control.search(message["content"]) for message in messages)

    def ids(self, prompts: Sequence[Written]) -> list[tuple[int, ...]]:
        """Token ids of each prompt, ready for the answer."""
        apart = [self.spells(one.messages) for one in prompts]
        plain = iter(self._plain([one.text for one, alone in zip(prompts, apart) if not alone], special=not self.chats))
        return [self._apart(one) if alone else next(plain) for one, alone in zip(prompts, apart)]

    def _apart(self, prompt: Written) -> tuple[int, ...]:
        """Token ids of a prompt whose messages spell control tokens."""
        return tuple(self._within(self.chat.ids(prompt.messages, prompt.think, prompt.text, self.control)))

    def texts(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Token ids of texts that are no answers, with those that begin a text."""
        found = self.tokenizer(list(texts), split_special_tokens=True)["input_ids"] if texts else []
        return [tuple(self._within(ids)) for ids in found]

    def target_text(self, record: Record, task: Task) -> str:
        """What the model should write after the prompt, without the end token: rationale and reference answer."""
        return self.written(record.answer, record.rationale if task.think else None)

    def target(self, record: Record, task: Task) -> tuple[int, ...]:
        return self.ended(self.target_text(record, task))

    def written(self, answer: str, rationale: str | None = None) -> str:
        """What the model writes after a prompt to give this answer, thinking this first where there is a rationale."""
        lead, before, between = self.frame
        if rationale is not None:
            return f"{before}{rationale}{between}{answer}"
        return f"{between}{answer}" if self.opened[False] else f"{lead}{answer}"  # a model that always thinks

    def rewritten(self, text: str, think: bool) -> str:
        """What the model writes after a prompt so that it decodes to the text, which brings its own thinking part."""
        if self.frame.lead and self.frame.lead not in text:
            thinking, answer = split_thinking(text)
            return self.written(answer or "", thinking if CLOSE in text else None)
        return text.removeprefix(OPEN) if self.opened[think] else text

    def ended(self, text: str) -> tuple[int, ...]:
        """Token ids of what the model writes, with the end token."""
        [ids] = self.answers([text])
        return ids

    def answers(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """`ended` of each text."""
        apart = [
            any(self.control.search(part) for part in self.own.split(text)[::2]) if self.control.search(text) else False
            for text in texts
        ]
        plain = iter(self._plain([text for text, alone in zip(texts, apart) if not alone], special=False))
        return [(*(self._spelled(text) if alone else next(plain)), self.end) for text, alone in zip(texts, apart)]

    def decode(self, tokens: Sequence[int], think: bool) -> str:
        """The answer's text, with a thinking tag that the prompt had opened put back. What a model writes before its
        `lead` is its thinking."""
        if self.frame.lead:
            return self._decode_led(tuple(tokens))
        text = self._text(tokens)
        return f"{OPEN}{text}" if self.opened[think] else text

    def turn(self) -> tuple[tuple[int, ...], int]:
        """Token ids that stand before a user's message, and the control token that ends it.

        Raises ValueError where the template has none, or there is no template.
        """
        before, asked, after = self.chat.written(ASK, False).partition(QUESTION)
        end = self.control.search(after)
        if not (self.chats and before and asked and end):
            raise ValueError(
                f"{self.chat.name}: its chat template has no token that ends a user's message, so that it cannot write "
                "prompts itself; set the stage's own_share to 0"
            )
        [ids] = self._plain([before], special=False)
        return ids, self.tokenizer.convert_tokens_to_ids(end.group())

    def message(self, tokens: Sequence[int]) -> str:
        """The text of tokens that a model wrote as a message; "" where they are none, since a control token is among
        them, or it arrives otherwise in a prompt."""
        text = self._text(tokens).strip()
        if any(token in self.unseen for token in tokens) or self.control.search(text) or not text:
            return ""
        try:
            return text if self.asked([{"role": "user", "content": text}], False) else ""
        except ValueError:
            return ""

    def with_special(self, tokens: Sequence[int]) -> str:
        """The text of all tokens, special ones too: what the model is given."""
        return self.tokenizer.decode(list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False)

    def _decode_led(self, tokens: tuple[int, ...]) -> str:
        lead, before, between = (self._plain([text], special=False)[0] for text in self.frame)
        starts = [i for i in range(len(tokens) - len(lead) + 1) if tokens[i : i + len(lead)] == lead]
        if not starts:
            return f"{OPEN}{self._text(tokens)}"
        thought, answer = tokens[: starts[-1] + len(lead)], self._text(tokens[starts[-1] + len(lead) :])
        known = thought[: len(before)] == before and thought[-len(between) :] == between
        thinking = self._text(thought[len(before) : -len(between)] if known else thought[: -len(lead)])
        return f"{OPEN}{thinking}{CLOSE}{answer}" if known or thinking else answer

    def _text(self, tokens: Iterable[int]) -> str:
        kept = [token for token in tokens if token not in self.unseen]
        return self.tokenizer.decode(kept, clean_up_tokenization_spaces=False)

    def _plain(self, texts: Sequence[str], special: bool) -> list[tuple[int, ...]]:
        """Token ids of texts whose control tokens are meant; special: with those that begin a text, which a template
        writes itself."""
        if not texts:
            return []
        return [
            tuple(self._within(ids)) for ids in self.tokenizer(list(texts), add_special_tokens=special)["input_ids"]
        ]

    def _spelled(self, text: str) -> list[int]:
        """Token ids of a target in which only what stands around rationale and answer is control."""
        ids: list[int] = []
        for place, part in enumerate(self.own.split(text)):
            literal = place % 2 == 0
            ids += self.tokenizer(part, add_special_tokens=False, split_special_tokens=literal)["input_ids"]
        return self._within(ids)

    def _within(self, ids: list[int]) -> list[int]:
        """The ids. Raises ValueError where one has no row in the model's embedding."""
        if self.rows is not None and ids and max(ids) >= self.rows:
            token = self.tokenizer.convert_ids_to_tokens(max(ids))
            raise ValueError(
                f"{self.chat.name}: the token {token!r} has number {max(ids)}, but the model's embedding has "
                f"{self.rows} rows; take the tokenizer that belongs to the weights, or resize the embedding"
            )
        return ids


def read_tokenizer(path: str | Path, trust: bool = False) -> "tuple[PreTrainedTokenizerBase, list[int]]":
    """The tokenizer of a model folder or hub id, and the end tokens that its generation config names. trust: run code
    that the folder brings."""
    from transformers import AutoTokenizer, GenerationConfig

    tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=trust)
    if tokenizer.chat_template is None:  # of a model that sees it may lie beside its processor
        tokenizer.chat_template = _of_processor(path)
    try:
        named = GenerationConfig.from_pretrained(path).eos_token_id
    except OSError:  # the folder has none
        named = None
    ends = [named] if isinstance(named, int) else named or []
    if not isinstance(ends, list) or not all(type(end) is int and end >= 0 for end in ends):
        raise ValueError(f"{path}: eos_token_id of generation_config.json is {named!r:.100}, not numbers of tokens")
    return tokenizer, ends


def _of_processor(path: str | Path) -> str | None:
    file = Path(path) / "chat_template.json"
    return read_object(file).get("chat_template") if file.is_file() else None
