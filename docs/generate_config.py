"""Write docs/config.md from the fields of redone.config: `.venv/bin/python docs/generate_config.py`."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from redone.config import load_config

HEAD = """\
# Configuration

<!-- Made by docs/generate_config.py from src/redone/config.py: mend the fields there and run the script again. -->

A configuration is one or more TOML files, laid over one another from left to right, then `--set a.b=v` on top:

    redone run base.toml mine.toml --set explore.steps=200

What no file names has the default below. An unknown key or a value outside its range is refused, with the file and the
nearest known key, before anything is read. Pack files (`.toml`) are relative to the configuration file that names them.
`--model`, `--data` and `--seed` are short for `model.path`, `data.root` and `seed`. The resolved configuration is kept
as `config.json` in the run's folder, and a folder made with another one is refused.

An editor that knows TOML (Even Better TOML in VS Code, or whatever asks taplo) offers keys with what they mean, and
underlines what would be refused: `redone schema run > run.schema.json`, and `#:schema ./run.schema.json` as the first
line of the file. `redone schema pack`, `experiment` and `benchmark` are those of the other files.

The method is a list of **stages**. `stages` names tables, each of which has a `kind` (`"reinforce"` or `"teach"`), the
model that it starts from (`start`: `"base"` or an earlier stage, the one before it if not set) and the settings of its
kind. Without a word of it they are RedOne 2.0's: explore, target, refine. Others are configurations:

    stages = ["explore"]                      # stop after stage 1
    stages = ["target", "refine"]             # fine-tuning, then reinforcement

    stages = ["explore", "more"]              # reinforcement twice: a new name needs a table with its kind
    [more]
    kind = "reinforce"
    steps = 50

Where a stage chooses what to teach by findings, the model that it starts from is diagnosed first. `updates` must divide
`prompts`. Without a table `[lora]` the model's own weights are trained.
"""
SHARED = "It has the keys of {twin}; these defaults differ:"
TYPES = {int: "integer", float: "number", str: "text", bool: "true or false"}
BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def render() -> str:
    """The whole of docs/config.md."""
    parts = [HEAD]
    shown: dict[type[BaseModel], tuple[str, BaseModel]] = {}
    for title, table in tables(load_config([], ["lora.rank=32", "drift.most=200", "gate.most=200"])):
        twin, defaults = shown.setdefault(type(table), (title, table))
        names = [name for name in type(table).model_fields if not isinstance(getattr(table, name), BaseModel)]
        lines = [f"## {title}", ""]
        if defaults is not table:
            names = [name for name in names if getattr(defaults, name) != getattr(table, name)]
            lines += [SHARED.format(twin=twin), ""]
        lines += ["| key | type | default | range | meaning |", "|---|---|---|---|---|"]
        lines += [row(name, type(table).model_fields[name], getattr(table, name)) for name in names]
        parts.append("\n".join([*lines, ""]))
    return "\n".join(parts)


def tables(config: BaseModel, prefix: str = "") -> Iterator[tuple[str, BaseModel]]:
    """(heading, table with its defaults), the keys outside of any table first."""
    yield f"`[{prefix}]`" if prefix else "Top level", config
    for name in [*type(config).model_fields, *(config.model_extra or ())]:
        value = getattr(config, name)
        if isinstance(value, BaseModel):
            yield from tables(value, f"{prefix}.{name}" if prefix else name)


def row(name: str, field: FieldInfo, default: Any) -> str:
    meaning = (field.description or "").replace("|", "\\|").replace("<", "&lt;")
    return f"| `{name}` | {type_of(field.annotation)} | {written(default)} | {range_of(field)} | {meaning} |"


def type_of(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(f"`{json.dumps(value)}`" for value in get_args(annotation))
    if get_origin(annotation) is Mapping:
        return "tables"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table"
    if get_origin(annotation) is tuple:
        return f"list of {type_of(get_args(annotation)[0])}"
    if get_origin(annotation) is Annotated:
        return type_of(get_args(annotation)[0])
    if NoneType in get_args(annotation):
        return type_of(next(kind for kind in get_args(annotation) if kind is not NoneType))
    return TYPES[annotation]


def written(value: Any) -> str:
    return "not set" if value is None else f"`{json.dumps(value)}`"


def range_of(field: FieldInfo) -> str:
    said = []
    for bound in field.metadata:
        said += [f"{sign} {getattr(bound, name):g}" for name, sign in BOUNDS.items() if hasattr(bound, name)]
        if hasattr(bound, "min_length"):
            said.append(f"at least {bound.min_length} of them")
        if getattr(bound, "pattern", None):
            said.append(f"matches `{bound.pattern}`")
    return ", ".join(said)


if __name__ == "__main__":
    Path(__file__).with_name("config.md").write_text(render(), encoding="utf-8")
