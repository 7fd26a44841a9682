"""Write docs/api.md from the docstrings of redone.api: `.venv/bin/python docs/generate_api.py`."""

import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redone

HEAD = """\
# Python

<!-- Made by docs/generate_api.py from src/redone/api.py: mend the docstrings there and run the script again. -->

What the commands do, from Python:

```python
import redone

pack = redone.load_pack("support")  # a pack that comes with redone, or a .toml file
record = pack.split("eval")[0]
redone.score(pack.tasks[record.task], record, "billing")  # a verdict: score, reason, parts, note

remarks = redone.check("run.toml", overrides={"data.root": "data"})
run = redone.adapt("run.toml", overrides={"data.root": "data"})  # runs/NAME; the same call goes on
run.evaluation("refine").averages
redone.compare(run.evaluation("base"), run.evaluation("refine"))

import pandas

steps = pandas.DataFrame(redone.metrics(run))
```

[examples/tour.ipynb](../examples/tour.ipynb) goes through all of them on the embedded world. `import redone` takes
milliseconds: a name is imported when it is first used. Mistakes are a `ValueError` with the sentence that the command
prints. A call that is stopped by ctrl-C is a `KeyboardInterrupt`; what was done is saved, and the same call goes on.
Progress goes to the error stream, as that of the commands.

Columns are a `dict` of lists, of one length, whatever is installed: `pandas.DataFrame(columns)`,
`polars.DataFrame(columns)` and `pyarrow.table(columns)` take them as they are, and redone needs none of them.

Paths are texts or `os.PathLike`. A configuration is a path, a table (a `dict`, whose keys may be dotted), or what
`load_config` made of several. Names that are not here are no interface and may change.
"""


def render() -> str:
    """The whole of docs/api.md."""
    parts = [HEAD]
    for heading, kind in (("Functions", False), ("Types", True)):
        names = [name for name in redone.__all__ if isinstance(getattr(redone, name), type) is kind]
        parts += [f"## {heading}\n", *(entry(name, getattr(redone, name)) for name in names)]
    return "\n".join(parts)


def entry(name: str, thing: Any) -> str:
    lines = [f"### {name}", ""]
    if not isinstance(thing, type):
        lines += [signature(name, thing), ""]
    lines += [said(thing), ""]
    if isinstance(thing, type) and thing.__module__ == "redone.api":
        fields = ", ".join(f"`{field.name}`" for field in dataclasses.fields(thing))
        lines += [f"Fields: {fields}.", "", *members(thing), ""]
    elif dataclasses.is_dataclass(thing):
        lines += ["Fields: " + ", ".join(f"`{field.name}`" for field in dataclasses.fields(thing)) + ".", ""]
    return "\n".join(lines).rstrip() + "\n"


def members(thing: type) -> Iterator[str]:
    for name, member in vars(thing).items():
        if name.startswith("_") or not (inspect.isfunction(member) or isinstance(member, property)):
            continue
        shown = f"`{name}`" if isinstance(member, property) else f"`{name}{taken(member)}`"
        yield f"- {shown}: {' '.join(said(member).split())}"


def signature(name: str, function: Any) -> str:
    """As it is written, a parameter per line where it is long."""
    parameters = inspect.signature(function).parameters.values()
    whole = plain(f"{name}{inspect.signature(function)}")
    if len(whole) > 100:
        lines, starred = [], False
        for one in parameters:
            if one.kind is one.KEYWORD_ONLY and not starred:
                lines.append("    *,")
                starred = True
            starred |= one.kind is one.VAR_POSITIONAL
            lines.append(f"    {plain(str(one))},")
        whole = "\n".join([f"{name}(", *lines, f") -> {plain(inspect.signature(function).return_annotation)}"])
    return f"```python\n{whole}\n```"


def plain(text: str) -> str:
    """Without the quotes in which annotations stand that are not evaluated."""
    return text.replace("'", "")


def taken(function: Any) -> str:
    names = [one.name for one in inspect.signature(function).parameters.values() if one.name != "self"]
    return f"({', '.join(names)})"


def said(thing: Any) -> str:
    """A docstring for a page: the files that it names become links."""
    text = (inspect.getdoc(thing) or "").replace("<", "&lt;")
    return re.sub(r"docs/(\w+\.md)", r"[\1](\1)", text)


if __name__ == "__main__":
    Path(__file__).with_name("api.md").write_text(render(), encoding="utf-8")
