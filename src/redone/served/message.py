"""What a chat completion's message says: an answer, or why there is none."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from redone.records import Missing

_CUT = ("length", "max_tokens", "model_length")  # finish reasons of answers that were cut off


@dataclass(frozen=True)
class Message:
    """missing: why there is no answer, where the endpoint says so. said: the model's refusal, or its call."""

    text: str
    thinking: str = ""  # what the endpoint gives apart as reasoning
    finished: bool = True  # False: cut off by the budget
    missing: Missing = ""
    said: str = ""


def read_message(choice: Any) -> Message:
    """The message of a completion's choice. What a content filter stopped is no answer, however much of it came."""
    message, ending = choice.message, choice.finish_reason
    parts = list(_parts(message.content))
    text, thinking, refusal = (
        "".join(said for kind, said in parts if kind == wanted) for wanted in ("text", "thinking", "refusal")
    )
    thinking = _text(message, "reasoning_content") or _text(message, "reasoning") or thinking
    finished = ending not in _CUT
    if ending == "content_filter":
        return Message(text, thinking, finished, "content filter")
    if text.strip():
        return Message(text, thinking, finished)
    if refusal := _text(message, "refusal") or refusal:
        return Message("", thinking, finished, "refusal", refusal)
    calls = getattr(message, "tool_calls", None) or getattr(message, "function_call", None)
    if calls or ending in ("tool_calls", "function_call"):
        return Message("", thinking, finished, "tool call", _called(calls))
    return Message(text, thinking, finished)


def _text(message: Any, name: str) -> str:
    found = getattr(message, name, None)
    return found if isinstance(found, str) else ""


def _parts(content: Any) -> Iterator[tuple[str, str]]:
    """(kind, text) of what a content holds: a text, nothing, or a list of parts, of which those that hold no text are
    passed over."""
    for part in [content] if isinstance(content, str) else content or []:
        if isinstance(part, str):
            yield "text", part
        elif isinstance(part, Mapping):
            kind = str(part.get("type", "text")).removeprefix("output_")
            said = part.get(kind)
            if isinstance(said, list):  # parts of its own, as of a thinking part
                said = "".join(text for _, text in _parts(said))
            if isinstance(said, str):
                yield kind, said


def _called(calls: Any) -> str:
    """The functions that were to be called, with their arguments."""
    functions = [getattr(call, "function", call) for call in (calls if isinstance(calls, list) else [calls])]
    named = [(getattr(one, "name", None), getattr(one, "arguments", None)) for one in functions]
    return "; ".join(f"{name}({arguments or ''})" for name, arguments in named if name)
