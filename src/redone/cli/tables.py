"""A benchmark's scores as a terminal shows them."""

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from redone.commands.evaluate import average_of, shown
from redone.data.chat import template_said
from redone.measure.missing import many, said


def print_table(scores: Mapping[str, Any]) -> None:
    """A benchmark's scores for people: both readings, interval, items, the best answer that needs no model, and how
    many answers are missing, before the rest where they are many."""
    entries = scores["subsets"].values()
    absent = f"{scores['title']}: {note}" if (note := said(entries)) else ""
    if many(entries):
        print(absent)
    clean = any("clean" in entry["readings"] for entry in scores["subsets"].values())
    prompts = {"ours": "; our prompts", "the authors'": "; the authors' prompts"}.get(scores.get("prompts", ""), "")
    grid = Table(title=f"{scores['title']}, 0 to 100{prompts}", title_justify="left", box=SIMPLE, pad_edge=False)
    grid.add_column("", no_wrap=True)
    for heading in (scores["reading"], "95 %", *(["clean"] if clean else []), "items"):
        grid.add_column(heading, justify="right", no_wrap=True)
    grid.add_column("no model")
    if absent:
        grid.add_column("no answer", justify="right")
    for name, entry in scores["subsets"].items():
        trivial = {k: mine["score"] for k, mine in entry.get("trivial", {}).items() if mine["score"] is not None}
        best = max(trivial, key=lambda k: trivial[k], default="")
        half = "".join(f" ({k} {shown(v)})" for k, v in entry.get("parts", {}).items() if entry["score"] is None)
        cells = [
            shown(entry["score"]) + half,
            between(entry),
            *([shown(entry.get("clean"))] if clean else []),
            str(entry["n"]),
        ]
        missing = sum(entry.get("missing", {}).values())
        cells += [f"{shown(trivial[best])} ({best})" if best else "-", *([str(missing)] if absent else [])]
        grid.add_row(name, *cells)
    for name, column in scores.get("columns", {}).items():
        cells = [shown(column["score"]), between(column), *([shown(column["clean"])] if clean else [])]
        grid.add_row(f"column {name}", *cells, str(column["n"]), shown(column["trivial"]))
    Console(width=max(Console().width, 110)).print(grid)
    if absent and not many(entries):
        print(absent)
    print(average_of(scores) + (f"; {template_said(mark)}" if (mark := scores.get("chat_template")) else ""))


def between(entry: Mapping[str, Any]) -> str:
    return "-" if entry["interval"] is None else " to ".join(map(shown, entry["interval"]))
