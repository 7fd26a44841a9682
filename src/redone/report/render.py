"""The templates, what they format with, and the pages made of them."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from redone.files import write_page
from redone.report.numbers import count, num, signed
from redone.texts import cut

MOST_SHOWN = 10_000  # characters of a text
BLOCKS = "▁▂▃▄▅▆▇█"


def write_pages(
    folder: Path, kind: str, facts: Mapping[str, Any], plots: Mapping[str, tuple[str, ...]]
) -> tuple[Path, Path]:
    """Write report.md and report.html into the folder, each whole or not at all, from the templates of that kind."""
    written = []
    for ending, values in (("md", facts), ("html", {**facts, "plots": plots, "script": packaged("report.js")})):
        written.append(folder / f"report.{ending}")
        write_page(written[-1], render(f"{kind}.{ending}.jinja", values))
    return written[0], written[1]


def render(template: str, values: Mapping[str, Any]) -> str:
    """A template of this package with the values; in HTML everything is escaped but the plots."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("redone", "report"),
        autoescape=lambda name: name is not None and ".html" in name,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "num": num,
        "signed": signed,
        "count": count,
        "capitalize_first": capitalize_first,
        "short": short,
        "clean": clean,
        "fence": fence,
        "spark": spark,
        "pretty": pretty,
        "parts": parts,
        "shares": shares,
        "paragraphs": paragraphs,
        "shown": shown,
        "digest": digest,
    }
    return environment.get_template(template).render(values)


def capitalize_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def short(value: float) -> str:
    return f"{value:.3g}"


def shown(text: Any) -> str:
    """The text, cut where it is longer than MOST_SHOWN."""
    return cut(str(text), MOST_SHOWN)


def clean(text: Any) -> str:
    """Text, cut by `shown`, that can stand in a line or a table cell of Markdown without becoming markup or a link."""
    made = shown(" ".join(str(text).split()))
    for mark, instead in (("\\", "\\\\"), ("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("](", "\\](")):
        made = made.replace(mark, instead)
    for mark in "|`*":
        made = made.replace(mark, "\\" + mark)
    return made


def fence(text: str) -> str:
    """A fenced block that no run of backticks within the text can end."""
    marks = "```"
    while marks in text:
        marks += "`"
    return f"{marks}text\n{text}\n{marks}"


def spark(values: Sequence[float | None], width: int = 40, low: float | None = None, high: float | None = None) -> str:
    """The values as a line of block characters, lowest to highest (or `low` to `high`)."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    size = -(-len(known) // width)
    means = [sum(part) / len(part) for part in (known[i : i + size] for i in range(0, len(known), size))]
    low, high = min(means) if low is None else low, max(means) if high is None else high
    span = (high - low) or 1.0
    last = len(BLOCKS) - 1
    return "".join(BLOCKS[min(last, max(0, round((mean - low) / span * last)))] for mean in means)


def pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


def parts(counts: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in counts.items()) or "–"


def shares(reasons: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {100 * share:.0f} %" for name, share in reasons.items() if share > 0)


def digest(text: str) -> str:
    """What a page's policy calls a script or a style by, which it then allows."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def packaged(name: str) -> str:
    """A file of this package that goes into a page as it is."""
    return (resources.files("redone") / "report" / name).read_text(encoding="utf-8")


def paragraphs(text: str) -> list[str]:
    return [part.strip() for part in text.split("\n\n") if part.strip()]
