"""report.html in headless Chromium: long tables as somebody uses them."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
TOUR = """
const table = document.querySelector("table.sortable");
const names = () => [...table.rows].slice(1).filter((row) => !row.hidden).map((row) => row.cells[0].textContent.trim());
const head = (name) => [...table.rows[0].cells].find((cell) => cell.textContent.trim() === name);
const seen = { whole: names() };
head("refine").querySelector("button").click();
seen.sorted = names();
seen.said = head("refine").getAttribute("aria-sort");
head("refine").querySelector("button").click();
seen.upwards = names();
head("refine").querySelector("button").click();
seen.back = names();
const fold = table.querySelector("td.group button");
fold.click();
seen.folded = names();
seen.expanded = fold.getAttribute("aria-expanded");
fold.click();
const input = document.querySelector(".find input");
input.value = "MATHEM";
input.dispatchEvent(new Event("input"));
seen.found = names();
seen.told = document.querySelector(".find [role=status]").textContent;
const plots = [...document.querySelectorAll(".desk, .phone")];
seen.shown = plots.filter((one) => one.offsetParent).map((one) => one.className);
document.body.appendChild(document.createElement("pre")).textContent = "SEEN" + JSON.stringify(seen);
"""


@pytest.fixture(scope="module")
def seen(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on the path, in which the page is tried")
    folder = tmp_path_factory.mktemp("report")
    page = (finished / "report.html").read_text(encoding="utf-8")
    free = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)  # the tour is no part of the page
    opened = free.replace("<details>", "<details open>")
    (folder / "page.html").write_text(opened.replace("</body>", f"<script>{TOUR}</script></body>"), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    command = [CHROMIUM, *options, "--window-size=1200,900", "--dump-dom", (folder / "page.html").as_uri()]
    made = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return json.loads(html.unescape(re.findall(r"<pre>SEEN(.*?)</pre>", made.stdout)[0]))


def test_a_column_sorts_down_up_and_back_and_says_so(seen: dict[str, Any]):
    assert seen["whole"] == ["dialogue", "reply", "translation", "slang", "general: mathematics", "sums"]
    assert seen["sorted"] == ["reply", "sums", "slang"]
    assert seen["said"] == "descending"
    assert seen["upwards"] == ["slang", "reply", "sums"]
    assert seen["back"] == seen["whole"]


def test_a_family_folds(seen: dict[str, Any]):
    assert seen["folded"] == ["dialogue", "translation", "slang", "general: mathematics", "sums"]
    assert seen["expanded"] == "false"


def test_words_filter_tasks_by_name_and_family(seen: dict[str, Any]):
    assert seen["found"] == ["general: mathematics", "sums"]
    assert seen["told"] == "1 of 3"


def test_a_desk_sees_the_wide_plots(seen: dict[str, Any]):
    assert set(seen["shown"]) == {"desk"}
