"""What tests of pages look at: their tags, their Markdown tables, and the texts of their plots."""

import re
from html.parser import HTMLParser
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox

from redone.report.render import digest, packaged
from redone.texts import visible

VOID = {"meta", "br"}


class Page(HTMLParser):
    """All tags, all attributes, and the tags that are open at the end."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.policy: str | None = None  # that stands before all that it holds
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        given = dict(attrs)
        if tag == "meta" and given.get("http-equiv") == "Content-Security-Policy" and "style" not in self.tags:
            self.policy = given.get("content")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def check_page(text: str) -> None:
    """Every tag is closed, nothing comes from elsewhere, no text became markup, links end here or at all answers."""
    page = Page(text)
    assert page.open == []
    assert "svg" in page.tags
    assert not page.tags & {"link", "img", "iframe", "object", "image"}
    assert re.findall(r"<script\b[^>]*>(.*?)</script>", text, re.DOTALL) == [packaged("report.js")]
    assert all("//" not in value for name, value in page.attributes if not name.startswith("xmlns"))
    assert not re.search(r"@import|url\((?!#)", text)
    ids = [value for name, value in page.attributes if name == "id"]
    links = {value for name, value in page.attributes if name.endswith("href")}
    beside = {link for link in links if link.partition("#")[0] == "rollouts.html"}
    assert links - beside <= {f"#{value}" for value in ids}
    assert len(ids) == len(set(ids))
    assert visible(text) == text
    assert page.policy == (
        f"default-src 'none'; script-src '{digest(packaged('report.js'))}'; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )


def unfenced(markdown: str) -> list[str]:
    """The lines outside of fenced blocks."""
    lines, end = [], ""
    for line in markdown.split("\n"):
        if end:
            end = "" if line == end else end
        elif opened := re.match(r"(`{3,})text$", line):
            end = opened[1]
        else:
            lines.append(line)
    assert not end
    return lines


def check_markdown(text: str, fewest: int) -> None:
    """No text became markup, and none breaks one of at least `fewest` tables."""
    assert not any("<script" in line for line in unfenced(text))
    blocks = "\n".join(unfenced(text)).split("\n\n")
    tables = [block.strip().split("\n") for block in blocks if block.strip().startswith("|")]
    assert len(tables) >= fewest
    for table in tables:
        assert re.fullmatch(r"\|(?:-+:?\|)+", table[1])
        assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {table[1].count("|")}


def clashes(figure: Any) -> list[tuple[str, str]]:
    """Pairs of texts that overlap when the figure is drawn, and texts that reach out of it; without those of several
    lines, which are drawn line by line."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    texts: list[Any] = []
    renderer.draw_text = lambda *place, mtext, **more: texts.append(mtext) if mtext else None
    figure.draw(renderer)
    assert texts
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts]
    room = figure.bbox.padded(1)
    out = [(a, "the edge") for a, box in boxes if (Bbox.union([box, room]).size > room.size).any()]
    return out + [(a, b) for i, (a, one) in enumerate(boxes) for b, two in boxes[i + 1 :] if one.overlaps(two)]
