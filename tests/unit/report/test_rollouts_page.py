"""rollouts.html in headless Chromium, from file://, as somebody uses it."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from run_folders import NASTY

from redone.report import chunks
from redone.report.browse import write_browser
from redone.report.read import read_run
from redone.texts import visible

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = Path(__file__).with_name("rollouts_driver.js")
AROUND = """<!doctype html><meta charset="utf-8"><script>
addEventListener("message", (event) => {
  const told = document.body.appendChild(document.createElement("pre"));
  told.textContent = JSON.stringify(event.data);
});
</script><body>
<iframe src="whole/person.html" width="1200" height="900"></iframe>
<iframe src="whole/phone.html#at=explore:1:0:reply/train/1" width="390" height="800"></iframe>
<iframe src="half/half.html" width="800" height="400"></iframe>
<iframe src="alone/alone.html" width="800" height="400"></iframe>
"""


@pytest.fixture(scope="module")
def seen(answered: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the driver saw: at the width of a desk and of a phone, and where the texts, or all data, are missing."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on the path, in which the page is tried")
    folder = tmp_path_factory.mktemp("page")
    run = Path(shutil.copytree(answered, folder / "whole"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "CHUNK", 400)
        page = write_browser(read_run(run), run).read_text(encoding="utf-8")
    shutil.copytree(run / "rollouts", folder / "half" / "rollouts", ignore=shutil.ignore_patterns("texts-*"))
    for place, tour in (("whole", "person"), ("whole", "phone"), ("half", "half"), ("alone", "alone")):
        (folder / place).mkdir(exist_ok=True)
        shutil.copy(DRIVER, folder / place / "driver.js")
        tags = f'<script src="{tour}.js"></script><script src="driver.js"></script>'
        (folder / place / f"{tour}.js").write_text(f'document.currentTour = "{tour}";', encoding="utf-8")
        (folder / place / f"{tour}.html").write_text(page.replace("</body>", f"{tags}</body>"), encoding="utf-8")
    (folder / "around.html").write_text(AROUND, encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    address = (folder / "around.html").as_uri()
    command = [CHROMIUM, *options, "--virtual-time-budget=20000", "--dump-dom", address]
    made = subprocess.run(command, capture_output=True, text=True, timeout=240)
    told = [json.loads(html.unescape(one)) for one in re.findall(r"<pre>(.*?)</pre>", made.stdout, re.DOTALL)]
    assert len(told) == 4, made.stdout[-2000:] + made.stderr[-2000:]
    return {one["tour"]: one["seen"] for one in told}


def test_a_person_finds_every_answer_as_the_text_it_is_and_nothing_of_it_runs(seen: dict[str, Any]):
    person = seen["person"]
    assert person["found"] == "17 answers"
    assert len(person["options"]) == 17
    assert person["options"][0] == " ".join(visible(f"{NASTY} 0").split())
    assert person["heading"] == "reply reply/train/1"
    assert person["wrong"] == []
    assert person["scripts"] == 3  # the page's own and the two that look
    assert person["blocked"] == ["no", "against the policy: script-src-elem"]


def test_keys_go_to_the_next_answer_and_the_next_prompt_and_to_the_search(seen: dict[str, Any]):
    person = seen["person"]
    assert person["next"] == ["#at=explore:1:1:reply/train/1", visible(f"{NASTY} 1")]
    assert person["prompt"] == "#at=explore:3:0:reply/train/3"
    assert person["focus"] == "q"


def test_a_link_holds_what_is_searched_for_and_filtered_by(seen: dict[str, Any]):
    person = seen["person"]
    assert person["searched"] == ["3 of 17 answers", "answer 1 to"]
    assert person["filtered"] == ["reply · explore, evaluated · right"] * 2
    assert person["fell"] == "2 of 17 answers, records that fell clearly from base, evaluated"


def test_a_prompt_is_shown_under_each_model_with_its_reference_and_the_parts_of_the_score(seen: dict[str, Any]):
    person = seen["person"]
    assert person["models"] == ["base ◐ 0.50 ", "explore ● 1.00 ▲ rose from base", "refine ○ 0.00 "]
    answer, reference, prompt = person["pre"]
    assert answer == visible(f"answer 0 to reply/eval/1 {NASTY}")
    assert (reference, prompt) == ("yes", visible(f"prompt of {NASTY}"))
    assert person["parts"] == ["1", "-0.25"]


def test_what_flipped_between_two_models_is_counted_by_task(seen: dict[str, Any]):
    assert seen["person"]["changes"] == [
        ["all tasks", "2", "1", "0", "1", "0.50", "0.75"],
        ["reply", "1", "1", "0", "0", "0.50", "1.00"],
        ["sums", "1", "0", "0", "1", "0.50", "0.50"],
    ]


def test_at_the_width_of_a_phone_an_answer_fills_the_page_and_nothing_is_cut_off(seen: dict[str, Any]):
    phone = seen["phone"]
    assert phone["width"] <= 390
    assert phone["smallest"] >= 11
    assert (phone["list"], phone["one"], phone["back"]) == ("none", "block", ["Back to the list"])


def test_where_data_are_missing_the_page_says_which_and_shows_the_rest(seen: dict[str, Any]):
    [said] = seen["alone"]["notes"]
    assert said.startswith("rollouts/index.js beside this page is missing or damaged")
    half = seen["half"]
    assert half["listed"] == 17
    assert [said.partition(" beside")[0] for said in half["one"]] == ["rollouts/texts-0.js"]
    assert half["notes"][0].startswith("rollouts/texts-")
