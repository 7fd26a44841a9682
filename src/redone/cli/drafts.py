"""What `redone init` writes: the texts of a pack and of a run's configuration, a reason beside every guess."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from redone.checks.guess import Columns, Reading

_MEASURED = 100  # records wanted of probe and of eval
_WIDE = 1024  # of a model's layers: up to here it is small
_PASSES = 4  # over the train records in the first stage
_PROMPTS = 32  # of a step


class Room(NamedTuple):
    """Tokens: of an answer, of prompt and answer together; how many records are too long for it, and the longest."""

    budget: int
    context: int
    left_out: int
    prompts: Sequence[int]
    answers: Sequence[int]


def pack_text(
    name: str,
    definition: Mapping[str, Any],
    columns: Columns,
    reading: Reading,
    files: Mapping[str, str],
    room: Room,
    unread: Sequence[str],
) -> str:
    lines = [
        "# Made by `redone init`: a guess at every key, its reason above it. docs/data.md has all keys of a task, and",
        "# docs/rewards.md all rewards.",
        "",
        f"name = {value(name)}",
        "",
        f"[tasks.{key(definition['name'])}]",
        *keys(definition, "part", "family"),
        f"# What is asked is the column {value(columns.messages or columns.text)}: {columns.why['text']}.",
    ]
    if not columns.messages:
        lines += ["# Say in your own words what the model is to do; every row is asked so."]
        if unread:
            lines += [f"# A field in braces is read from the row; not read: {', '.join(unread)}."]
    lines += keys(definition, "messages", "prompt")
    if columns.answer:
        lines += [f"# The answer is the column {value(columns.answer)}: {columns.why['answer']}."]
    else:
        lines += [f"# The answer is {columns.why['answer']}."]
    lines += keys(definition, "answer")
    lines += [f"# Read as {reading.what}.", *keys(definition, "reward", "options", "metric", "pass_at")]
    if reading.labels and all(re.fullmatch(r"\d+", label) for label in reading.labels):
        lines += ["# Say in the prompt what these numbers mean."]
    if "on_bad_gold" in definition:
        lines += [
            "# Rows whose answer is empty, or cannot be compared, are left out.",
            *keys(definition, "on_bad_gold"),
        ]
    lines += [
        f"# Tokens of an answer at most, its end among them; the longest reference answer has {max(room.answers):,}.",
        f"budget = {room.budget}",
    ]
    if columns.text:
        lines += ["# No such text of a test or probe record is trained on.", *keys(definition, "texts")]
    lines += [f"# Relative to this file. {splits_said(files)}", f"files = {value(files)}", *keys(definition, "convert")]
    return "\n".join(lines) + "\n"


def splits_said(files: Mapping[str, str]) -> str:
    hashed = [split for split in ("probe", "eval") if split not in files]
    if not hashed:
        return "Every split has a file of its own."
    return f"{' and '.join(hashed).capitalize()} are cut from train by a hash of what is asked, whatever the order."


def run_text(name: str, model: str, files: Mapping[str, str], room: Room, hidden: int) -> str:
    """hidden: width of the model's layers."""
    rows = len(room.prompts)
    share = round(min(0.2, max(0.1, _MEASURED / rows)), 2)
    trained = rows * (1 - share * (2 - len(files.keys() & {"probe", "eval"})))
    steps = min(100, max(10, ceil(_PASSES * trained / _PROMPTS)))
    lines = [
        "# Made by `redone init`: a guess at what suits the data. docs/config.md has every setting and its default.",
        "",
        f"name = {value(name)}",
        "",
        "[model]",
        f"path = {value(model)}",
        f"# Tokens of prompt and answer together; the longest prompt has {max(room.prompts):,}.",
        f"max_context = {room.context}",
        "",
        "[data]",
        "# Without general tasks nothing tells, or holds, what else the model can do: add a pack of them here.",
        'packs = ["pack.toml"]',
        f"# Shares of the {rows:,} rows: fewer are trained on, so that scores mean something.",
        *[f"{split} = {share}" for split in ("probe", "eval") if split not in files],
    ]
    if room.left_out:
        lines += [f"# {room.left_out:,} of {rows:,} rows are longer than the room for them.", 'too_long = "drop"']
    lines += [
        "",
        "[explore]",
        f"# About {_PASSES} passes over the train records, {_PROMPTS} a step.",
        f"steps = {steps}",
        f"warmup = {max(1, steps // 5)}",
        "",
        "[target]",
        "batch = 32",
    ]
    if hidden <= _WIDE:
        lines += ["# Of a small model; one of billions of parameters has the default, 5e-6.", "learning_rate = 1e-4"]
    half = max(5, steps // 2)
    lines += ["", "[refine]", f"steps = {half}", f"warmup = {max(1, half // 5)}"]
    return "\n".join(lines) + "\n"


def keys(table: Mapping[str, Any], *names: str) -> list[str]:
    return [f"{name} = {value(table[name])}" for name in names if name in table]


def key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else value(name)


def value(of: Any) -> str:
    """As TOML writes it."""
    if isinstance(of, Mapping):
        return "{" + ", ".join(f"{key(name)} = {value(one)}" for name, one in of.items()) + "}"
    if isinstance(of, (list, tuple)):
        return f"[{', '.join(map(value, of))}]"
    return json.dumps(of, ensure_ascii=False).replace("\x7f", "\\u007f")
