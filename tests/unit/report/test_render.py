import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from redone.report import write_report
from redone.report.facts import collect
from redone.report.read import read_run
from redone.report.render import clean, fence, num, render, signed, spark

VOID = {"meta", "br"}


@pytest.fixture(scope="session")
def markdown(finished: Path) -> str:
    return (finished / "report.md").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def page(finished: Path) -> str:
    return (finished / "report.html").read_text(encoding="utf-8")


def reports(folder: Path) -> tuple[str, str]:
    """Markdown and HTML, the latter without its plots, which take long to draw."""
    facts = collect(read_run(folder))
    return render("report.md.jinja", facts), render("report.html.jinja", {**facts, "plots": {}})


class Page(HTMLParser):
    """All tags, all attributes, and the tags that are open at the end."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


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


def test_what_a_model_writes_stays_text(markdown: str, page: str):
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "script" not in Page(page).tags
    assert not any("<script" in line for line in unfenced(markdown))


def test_every_tag_is_closed(page: str):
    assert Page(page).open == []


def test_the_page_needs_no_network(page: str):
    parsed = Page(page)
    assert "svg" in parsed.tags
    assert not parsed.tags & {"script", "link", "img", "iframe", "object", "image"}
    assert all("//" not in value for name, value in parsed.attributes if not name.startswith("xmlns"))
    assert not re.search(r"@import|url\((?!#)", page)


def test_every_link_ends_within_the_page(page: str):
    attributes = Page(page).attributes
    ids = [value for name, value in attributes if name == "id"]
    assert {value for name, value in attributes if name.endswith("href")} <= {f"#{value}" for value in ids}
    assert len(ids) == len(set(ids))


def test_no_text_breaks_a_markdown_table(markdown: str):
    blocks = "\n".join(unfenced(markdown)).split("\n\n")
    tables = [block.strip().split("\n") for block in blocks if block.strip().startswith("|")]
    assert len(tables) >= 7
    for table in tables:
        assert re.fullmatch(r"\|(?:-+:?\|)+", table[1])
        assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {table[1].count("|")}


def test_cleaned_text_is_one_line_without_markup():
    assert clean("a|b\n c") == "a\\|b c"
    assert clean("<b>&amp;") == "&lt;b&gt;&amp;amp;"
    assert clean("*x* `y`") == "\\*x\\* \\`y\\`"
    assert clean("![x](http://y) [1, 2]") == "![x\\](http://y) [1, 2]"
    assert clean("\\|") == "\\\\\\|"


def test_a_fence_outlasts_the_backticks_in_it():
    assert fence("a\n```\nb") == "````text\na\n```\nb\n````"


def test_numbers_are_rounded_and_nothing_is_a_dash():
    assert [num(None), num(1234.56), num(0.5, 2)] == ["–", "1,234.6", "0.50"]
    assert [signed(None), signed(-1.25, 1), signed(2.0)] == ["–", "−1.2", "+2.0"]


def test_a_spark_line_spans_its_values_or_the_given_range():
    assert spark([0.0, 1.0]) == "▁█"
    assert spark([0.0, 1.0], low=0.0, high=2.0) == "▁▅"  # a half of seven steps, rounded to even: the fifth block
    assert spark([1.0, None, 3.0, 5.0, 7.0], width=2) == "▁█"  # means 2 and 6
    assert spark([None]) == ""


def test_both_reports_say_what_fell(markdown: str, page: str):
    for text in (markdown, page):
        assert "General fell by 30.0 points" in text
        assert "SNS rose by 30.0 points" in text
        assert "From explore to target, 1 task fell beyond its interval: sums (by 30.0, to 60.0)." in text


def test_both_reports_of_an_unfinished_run_say_what_is_missing(folder: Path):
    for name in ("results.json", "refine/DONE"):
        (folder / name).unlink()
    for text in reports(folder):
        assert "This run is not complete." in text
        assert "stage 3 (refine) has not ended" in text
        assert "nothing can be said about what came of it" in text
        assert "What diagnosis found" in text


def test_a_run_that_has_only_begun_has_a_report(tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    for text in reports(tmp_path):
        assert "stage 1 (explore) has not ended" in text
        assert "Glossary" in text


@pytest.mark.parametrize(("kind", "task"), [("translation", "slang"), ("general", "sums")])
def test_a_run_without_such_tasks_has_a_report(folder: Path, kind: str, task: str):
    results = json.loads((folder / "results.json").read_text())
    for model in results["models"].values():
        del model["tasks"][task], model["average_intervals"][kind]
        model["averages"][kind] = model["baselines"][kind] = None
    (folder / "results.json").write_text(json.dumps(results))
    for text in reports(folder):
        assert f"{kind.capitalize()}: this run has no such tasks." in text
        assert "SNS rose by 30.0 points" in text
        assert "None" not in text


def test_a_run_whose_tasks_are_all_solved_has_a_report(folder: Path):
    plan = {"quotas": {}, "general": {}, "why": {"reply": "solved: not taught"}, "prose": "Nothing to teach."}
    (folder / "target" / "plan.json").write_text(json.dumps(plan))
    finding = json.loads((folder / "target" / "findings.json").read_text())[0]
    (folder / "target" / "findings.json").write_text(json.dumps([{**finding, "kind": "solved", "examples": []}]))
    (folder / "target" / "data.jsonl.gz").unlink()
    (folder / "target" / "metrics.jsonl").unlink()
    for text in reports(folder):
        assert "Nothing to teach." in text
        assert "solved" in text


def test_the_same_run_gives_the_same_reports(markdown: str, page: str, folder: Path):
    assert [path.read_text(encoding="utf-8") for path in write_report(folder)] == [markdown, page]
