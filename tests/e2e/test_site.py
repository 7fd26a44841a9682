"""The documents build as a site: every link leads somewhere, and nothing is asked of elsewhere when it is looked at."""

import re
import runpy
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "video": "src"}
LINKS = ("canonical", "next", "prev", "alternate")  # which a browser does not load


class Asked(HTMLParser):
    """The addresses that a page loads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in LOADED and given.get("rel") not in LINKS and (address := given.get(LOADED[tag])):
            self.found.append(address)


def test_every_page_has_its_place_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = re.findall(r"^ +- [^:]+: ([\w-]+\.md)$", text, re.MULTILINE)
    assert sorted(named) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))


def test_a_link_that_leads_out_of_the_pages_is_left_out_of_the_site() -> None:
    change = runpy.run_path(str(ROOT / "docs" / "site_links.py"))["on_page_markdown"]
    assert change("see [the tour](../examples/tour.ipynb), [data](data.md#splits)") == (
        "see the tour, [data](data.md#splits)"
    )


@pytest.mark.slow
def test_the_site_builds_strictly_and_asks_for_nothing_from_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("material", reason="mkdocs-material is not installed: pip install 'redone[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = sorted((tmp_path / "site").glob("*.html"))
    assert {path.stem for path in pages} >= {path.stem for path in (ROOT / "docs").glob("*.md")}
    for path in pages:
        asked = Asked(path.read_text(encoding="utf-8")).found
        assert [one for one in asked if re.match(r"(https?:)?//", one)] == [], path.name
        assert any(one.endswith(".css") for one in asked)
    for path in (tmp_path / "site").rglob("*.css"):
        assert not re.search(r"(url\(|@import )[\"']?https?:", path.read_text(encoding="utf-8")), path.name
    assert (tmp_path / "site" / "search" / "search_index.json").stat().st_size > 100_000
