"""A model's chat template: messages to a prompt's text, whole or refused, and what ends an answer."""

import datetime
import hashlib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

from redone.texts import HALF
from redone.thinking import CLOSE, OPEN, split_thinking

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Messages = Sequence[Mapping[str, Any]]

# a question and an answer that no template writes itself; what would be escaped is in them
QUESTION, ANSWER, RATIONALE = "[question] is <b>1 < 2</b> & 'so' ?", "[answer]", "[rationale]"
ASK = ({"role": "user", "content": QUESTION},)
_REPLY = {"role": "assistant", "content": ANSWER, "reasoning_content": ""}
_BREAKS = (  # what a template's own code may raise
    ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError
)  # fmt: skip
IN_WORDS = f"Think step by step between {OPEN} and {CLOSE}. After {CLOSE} write only the answer."
MOST_STEPS = 1_000_000  # lines and calls in which a template writes a prompt
TODAY = datetime.date(2026, 1, 1)  # what a template that prints today's date says on every day
_NOW = re.compile(r"""strftime_now\(\s*(["'])(.*?)\1\s*\)""")
_MEND = "mend chat_template.jinja in its folder, or remove it, so that prompts are plain text"


def in_words(messages: Messages) -> Messages:
    """The messages, the user's last one asking to think first; as they are where that one, or a system prompt, names
    both tags itself."""
    last = max(i for i, message in enumerate(messages) if message["role"] == "user")
    said = [message["content"] for i, message in enumerate(messages) if i == last or message["role"] == "system"]
    if any(OPEN in text and CLOSE in text for text in said):
        return messages
    asking = {**messages[last], "content": f"{messages[last]['content']}\n\n{IN_WORDS}"}
    return [*messages[:last], asking, *messages[last + 1 :]]


def _unused(text: str) -> tuple[str, str]:
    """Two characters for private use that are not in the text."""
    free = (chr(code) for code in range(0xE000, 0xF900) if chr(code) not in text)
    return next(free), next(free)


PLAIN, SERVED = "none", "unknown"  # marks of no template, and of an endpoint's own


def template_said(mark: str) -> str:
    """Which template wrote the prompts, in words."""
    known = {PLAIN: "no chat template: plain text", SERVED: "the endpoint's own chat template, which is not known"}
    return known.get(mark, f"chat template {mark}")


class Chat:
    """The template of a tokenizer; without one, the messages' plain text.

    One that prints today's date prints TODAY, so that a prompt is the same on another day. It is tried with a question:
    a template that goes through a message's parts, as those of models that see do, would find none in a text, so such a
    one is given parts from then on. Raises ValueError where the question arrives in neither form.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        self.tokenizer: Any = tokenizer
        self.name = tokenizer.name_or_path or "the model"
        self.there = tokenizer.chat_template is not None
        self.parts = self.there and self._takes_parts()
        self.template: str | None = tokenizer.get_chat_template() if self.there else None

    @property
    def mark(self) -> str:
        """Eight digits that stand for the template, or PLAIN."""
        written = None if self.template is None else self.template.encode("utf-8", "surrogatepass")
        return PLAIN if written is None else hashlib.sha256(written).hexdigest()[:8]

    @property
    def dated(self) -> bool:
        """Whether it prints today's date."""
        return _NOW.search(self.template or "") is not None

    def text(self, messages: Messages, think: bool) -> str:
        """The text of a prompt, ready for the answer. Raises ValueError where a message is not in it, whole."""
        text = self.written(messages, think)
        for message in messages:
            role, said = message.get("role"), message["content"]
            if role == "assistant":  # templates drop the thinking of earlier turns
                said = split_thinking(said)[1] or ""
            if said.strip() not in text:
                raise ValueError(
                    f"the chat template of {self.name} leaves out the {role} message, or changes it; "
                    "say it in the user's message, or mend the template"
                )
        return text

    def ids(self, messages: Messages, think: bool, text: str, control: re.Pattern[str]) -> list[int]:
        """Token ids of a prompt's text, in which what the messages spell stays text, control tokens too.

        Raises ValueError where the tokenizer makes a special token of plain text.
        """
        if not self.there:
            self._plain(text)
            return self.tokenizer(text, split_special_tokens=True)["input_ids"]
        begin, end = _unused("".join(message["content"] for message in messages))
        marked = [{**m, "content": control.sub(rf"{begin}\g<0>{end}", m["content"])} for m in messages]
        parts = re.split(f"{begin}({control.pattern}){end}", self.written(marked, think))
        if "".join(parts) != text:
            raise ValueError(
                f"the chat template of {self.name} takes apart a control token that a message spells; "
                "write it otherwise"
            )
        ids = self.tokenizer(parts[0], add_special_tokens=False)["input_ids"]
        for place, part in enumerate(parts[1:], 1):
            ids += self._plain(part, inside=True) if place % 2 else self._inside(part)
        return ids

    def _plain(self, text: str, inside: bool = False) -> list[int]:
        """Token ids of a text of which nothing is control."""
        how = {"add_special_tokens": False, "split_special_tokens": True}
        ids = self._inside(text, **how) if inside else self.tokenizer(text, **how)["input_ids"]
        if made := set(ids) & (set(self.tokenizer.all_special_ids) - {self.tokenizer.unk_token_id}):
            tokens = self.tokenizer.convert_ids_to_tokens(sorted(made))
            raise ValueError(
                f"the tokenizer of {self.name} makes {' and '.join(tokens)} of plain text; write it otherwise"
            )
        return ids

    def _inside(self, text: str, **how: bool) -> list[int]:
        """Token ids of a text that goes on: some tokenizers write a space before whatever begins, but not after a line
        end, which is taken off again."""
        how = {"add_special_tokens": False, **how}
        ids, line = (self.tokenizer(one, **how)["input_ids"] for one in (f"\n{text}", "\n"))
        return ids[len(line) :] if text and ids[: len(line)] == line else self.tokenizer(text, **how)["input_ids"]

    def written(self, messages: Messages, think: bool, ask: bool = True) -> str:
        """What the template makes of the messages; with `ask`, up to where an answer begins."""
        if not self.there:
            return "\n".join(message["content"] for message in messages) + "\n"
        return self._apply(messages, think, self.parts, ask)

    def after_answer(self) -> str:
        """What the template writes after an answer, or, where that is nothing, before the next question."""
        if not self.there:
            return ""
        dialogue = [*ASK, _REPLY]
        for whole in (dialogue, [*dialogue, *ASK]):
            try:
                _, _, after = self.written(whole, False, ask=False).partition(ANSWER)
            except ValueError:  # it knows no answers
                return ""
            if after.strip():
                return after.strip()
        return ""

    def _takes_parts(self) -> bool:
        flaws = []
        for parts in (False, True):
            try:
                texts = [self._apply(ASK, think, parts, True) for think in (False, True)]
                shown = any("'type': 'text'" in text for text in texts)  # the list, as Python shows it
                if all(QUESTION in text for text in texts) and not shown:
                    return parts
                flaws.append("leaves the question out of the prompt, or changes it")
            except ValueError as error:
                flaws.append(str(error))
        given = dict.fromkeys(flaws)
        raise ValueError(f"{self.name}: its chat template {'; given as a list of parts, it '.join(given)}; {_MEND}")

    def _apply(self, messages: Messages, think: bool, parts: bool, ask: bool) -> str:
        from jinja2 import TemplateError

        given = [dict(message) for message in messages]
        if parts:
            given = [{**one, "content": [{"type": "text", "text": one["content"]}]} for one in given]
        try:
            template = _timeless(self.tokenizer.get_chat_template())
            with _bounded(MOST_STEPS):
                text: str = self.tokenizer.apply_chat_template(
                    given,
                    chat_template=template,
                    add_generation_prompt=ask,
                    enable_thinking=think,
                    return_dict=False,
                    tokenize=False,
                )
            if HALF.search(text):
                raise ValueError("the prompt holds half of a surrogate pair, which is no text")
            return text
        except (TemplateError, *_BREAKS) as error:
            roles = list(dict.fromkeys(message.get("role", "unnamed") for message in messages))
            said = f"cannot write {' and '.join(roles)} messages: {type(error).__name__}: {error!s:.300}"
            raise ValueError(said + ("; say it in the user's message" if "system" in roles else "")) from None


@lru_cache
def _timeless(template: str) -> str:
    """The template, which says TODAY on every day. Raises ValueError for powers, of which one can take for ever."""
    from jinja2 import Environment

    if any(kind == "operator" and sign == "**" for _, kind, sign in Environment().lex(template)):
        raise ValueError("a template computes no powers")
    return _NOW.sub(lambda now: repr(TODAY.strftime(now[2])), template)


class Endless(RuntimeError):
    """A template took more steps than any needs."""


@contextmanager
def _bounded(most: int) -> Iterator[None]:
    """Raises Endless where what runs in here takes more lines and calls than `most`: in two loops of jinja's longest
    range, one in the other, there are ten thousand millions."""
    taken = 0

    def count(frame: FrameType, event: str, value: Any) -> Any:
        nonlocal taken
        taken += 1
        if taken > most:
            raise Endless(f"more than {most:,} steps for one prompt")
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        yield
    finally:
        sys.settrace(before)


class Frame(NamedTuple):
    """What a model writes around its answer, after the prompt.

    lead: before an answer, where that takes control tokens (`<|channel|>final<|message|>`); before such a one the model
    thinks. before, between: around a rationale that goes before the answer.
    """

    lead: str
    before: str
    between: str


def frame_of(chat: Chat, opened: bool, control: re.Pattern[str]) -> Frame:
    """As the template writes it; plain tags where it knows no rationale, or writes it in tags that rewards do not read.

    opened: whether the prompt of a task that thinks ends with the opening tag. control: finds control tokens.
    """
    plain = Frame("", "" if opened else OPEN, CLOSE)
    if not chat.there:
        return plain
    thought = {**_REPLY, "reasoning_content": RATIONALE, "thinking": RATIONALE}
    try:
        lead, _ = _around(chat, _REPLY, False, "")
        before, between = _around(chat, thought, True, RATIONALE)
    except ValueError:  # it knows no answers
        return plain
    lead = lead if control.search(lead) else ""
    known = CLOSE in between or (lead and between.endswith(lead))
    return Frame(lead, before, between) if known else plain._replace(lead=lead)


def _around(chat: Chat, reply: Mapping[str, str], think: bool, rationale: str) -> tuple[str, str]:
    """What stands after the prompt before the rationale, and from there to the answer; nothing where that is not so."""
    prompt, whole = chat.written(ASK, think), chat.written([*ASK, reply], think, ask=False)
    before, found, rest = whole.removeprefix(prompt).partition(rationale or ANSWER)
    between, answered, _ = rest.partition(ANSWER) if rationale else ("", found, "")
    return (before, between) if whole.startswith(prompt) and found and answered else ("", "")
