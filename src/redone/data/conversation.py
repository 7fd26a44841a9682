"""A row's conversation: a list of turns in OpenAI's or ShareGPT's form, read strictly."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

from redone.records import Record
from redone.thinking import CLOSE, OPEN, split_thinking

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
}
_TOOLS = ("tool", "function", "tool_call", "function_call", "tool_response", "function_response", "observation")
_FORMS = (("role", "content"), ("from", "value"))  # OpenAI's, ShareGPT's
_CALLS = ("tool_calls", "function_call")
_THOUGHT = ("reasoning_content", "thinking")  # keys that hold what the assistant thought before its content

Turn = Mapping[str, str]  # "role": system, user or assistant; "content"


class Told(NamedTuple):
    """What a row says: the prompt's messages, and what the last turn thinks and answers, where that is no prompt."""

    prompt: Sequence[Turn]
    thinking: str = ""
    answer: str = ""


def asked(prompt: str, system: str = "") -> Told:
    return Told([*_system(system), {"role": "user", "content": prompt}])


def told_in(listed: Any, where: str, *, system: str, answered: bool) -> Told:
    """What the turns say, after the system prompt, where there is one; answered: the last one is the answer.

    Raises ValueError naming the place and what is wrong, as where the turns have a system prompt too.
    """
    turns = turns_of(listed, where)
    if system.strip() and turns[0]["role"] == "system":
        raise ValueError(f"{where}: turn 1 is a system prompt, and the task has one in `system`; leave out one")
    turns = [*_system(system), *turns]
    last = turns[-1]["role"]
    if not answered:
        if last != "user":
            raise ValueError(
                f"{where}: its last turn is by the {last}, and the task has an `answer` of its own; leave out one"
            )
        return Told(turns)
    if last != "assistant":
        raise ValueError(
            f"{where}: its last turn is by the {last}, so that there is no answer; end with the assistant's, or give "
            "the task an `answer`"
        )
    return _replied(turns)


def earlier_turns(record: Record, think: bool) -> list[Record]:
    """The assistant's turns in a record's prompt, each as a record of its own: asked what stands before it, its answer
    what it says, its rationale what it thinks, where the task thinks (`think`) and the turn does."""
    places = [i for i, message in enumerate(record.messages) if message["role"] == "assistant"]
    made = []
    for number, place in enumerate(places, 1):
        prompt, thinking, answer = _replied(record.messages[: place + 1])
        own = replace(record, id=f"{record.id}:{number}", messages=tuple(prompt), answer=answer, accepted=())
        made.append(replace(own, rationale=thinking if think and thinking else None))
    return made


def _replied(turns: Sequence[Turn]) -> Told:
    thinking, answer = split_thinking(turns[-1]["content"])
    assert answer is not None  # what `turns_of` has refused
    return Told(turns[:-1], thinking, answer)


def _system(system: str) -> list[Turn]:
    """A system prompt's turn; one of space alone is none."""
    return [{"role": "system", "content": system}] if system.strip() else []


def turns_of(listed: Any, where: str) -> list[Turn]:
    """The turns: a system prompt or none, then the user's and the assistant's in alternation, the user's first. What
    the assistant thought stands in its content, in tags.

    Raises ValueError naming the place and the turn that is not so, that is empty, or that is more than a text.
    """
    if not isinstance(listed, (list, tuple)) or not listed:
        raise ValueError(f"{where} is {listed!r:.40}, not a list of turns")
    turns = [_turn(turn, f"{where}: turn {number}") for number, turn in enumerate(listed, 1)]
    roles = [turn["role"] for turn in turns]
    systems = [number for number, role in enumerate(roles, 1) if role == "system"]
    if len(systems) > 1:
        raise ValueError(f"{where}: turns {systems[0]} and {systems[1]} are both system prompts; join them")
    if systems and systems != [1]:
        raise ValueError(f"{where}: turn {systems[0]} is a system prompt; it goes before all others")
    first = len(systems)
    if roles[first:] and roles[first] != "user":
        raise ValueError(f"{where}: turn {first + 1}, the first, is by the assistant; begin with the user's")
    for number, (role, following) in enumerate(pairwise(roles), 1):
        if role == following:
            raise ValueError(f"{where}: turns {number} and {number + 1} are both by the {role}; join them")
    return turns


def said_in(value: Mapping[str, Any]) -> Any:
    """What a table says: of a user's or an assistant's turn its content, of a system's nothing, of a part its text, and
    of any other table all of it."""
    form = _form(value)
    if form is not None:
        return () if ROLES.get(str(value[form[0]]).lower()) == "system" else value[form[1]]
    return value["text"] if value.keys() == {"type", "text"} else tuple(value.values())


def _form(turn: Any) -> tuple[str, str] | None:
    return next((form for form in _FORMS if isinstance(turn, Mapping) and all(key in turn for key in form)), None)


def _turn(turn: Any, where: str) -> Turn:
    form = _form(turn)
    if form is None:
        wanted = '{"role": ..., "content": ...} or {"from": ..., "value": ...}'
        raise ValueError(f"{where} is {turn!r:.60}; a turn is {wanted}")
    named, content = (turn[key] for key in form)
    if str(named).lower() in _TOOLS or any(turn.get(key) for key in _CALLS):
        raise ValueError(f"{where} calls a tool or is by one; only texts can be taught, so leave the row out")
    role = ROLES.get(str(named).lower())
    if role is None:
        raise ValueError(f"{where} is by {named!r:.40}; there are {', '.join(ROLES)}")
    text = _text(content, where)
    if role == "assistant":
        thought = next((turn[key] for key in _THOUGHT if isinstance(turn.get(key), str) and turn[key].strip()), "")
        text = f"{OPEN}{thought}{CLOSE}{text}" if thought else text
        answer = split_thinking(text)[1]
        if answer is None:
            raise ValueError(f"{where} has thinking that is not closed, or closed twice")
    else:
        answer = text
    if not answer.strip():
        raise ValueError(f"{where}, by the {role}, is empty; leave it out")
    return {"role": role, "content": text}


def _text(content: Any, where: str) -> str:
    """A text, or the parts of a list one after another."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise ValueError(f"{where} is {content!r:.40}, no text")
    texts = []
    for part in content:
        text = part.get("text") if isinstance(part, Mapping) and part.get("type", "text") == "text" else None
        if not isinstance(text, str):
            kind = part.get("type", part) if isinstance(part, Mapping) else part
            raise ValueError(f"{where} holds {kind!r:.40}, no text; only texts can be taught, so leave the row out")
        texts.append(text)
    return "".join(texts)
