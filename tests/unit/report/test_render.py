import json
import re
from html import escape
from pathlib import Path
from typing import Any

import pytest
from pages import check_markdown, check_page
from run_folders import METHOD, NASTY, changes, difference, write_run

from redone.files import read_jsonl, write_json, write_jsonl
from redone.measure.compare import MEAN
from redone.report import write_report
from redone.report.facts import collect
from redone.report.read import read_run
from redone.report.render import MOST_SHOWN, clean, fence, packaged, render, spark
from redone.texts import visible


@pytest.fixture(scope="session")
def markdown(finished: Path) -> str:
    return (finished / "report.md").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def page(finished: Path) -> str:
    return (finished / "report.html").read_text(encoding="utf-8")


def reports(folder: Path) -> tuple[str, str]:
    """Markdown and HTML, the latter without its plots, which take long to draw."""
    facts = collect(read_run(folder))
    return render("report.md.jinja", facts), render(
        "report.html.jinja", {**facts, "plots": {}, "script": packaged("report.js")}
    )


def before(text: str, heading: str) -> str:
    """The report up to a heading, without its style."""
    start = text.index("</style>") if "</style>" in text else 0
    end = re.search(rf"^(## |<h2[^>]*>){heading}", text, re.MULTILINE)
    assert end
    return text[start : end.start()]


def rewritten(folder: Path, **more: Any) -> None:
    """Put these keys into the run's results.json; None takes one out."""
    results = {**json.loads((folder / "results.json").read_text()), **more}
    kept = {key: value for key, value in results.items() if value is not None}
    (folder / "results.json").write_text(json.dumps(kept), encoding="utf-8")


def test_the_pages_are_whole_and_what_a_model_writes_stays_text(markdown: str, page: str):
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    check_page(page)
    check_markdown(markdown, fewest=7)
    assert "\\u202e" in visible(markdown) == markdown


def test_a_run_that_was_measured_on_tune_says_before_all_else_that_it_has_no_results(tmp_path: Path):
    run = write_run(tmp_path / "run")
    assert not any("These are no results" in report for report in reports(run))
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "eval": {"split": "tune"}}))
    for report in reports(run):
        assert "These are no results" in before(report, "What got better")


def test_how_far_the_models_drift_from_the_base_stands_beside_what_was_forgotten(tmp_path: Path):
    run = write_run(tmp_path / "run")
    base = {"nats": 3.25, "interval": [3.0, 3.5], "rise": 0.0, "rise_interval": [0.0, 0.0]}
    after = {"nats": 3.2, "interval": [3.0, 3.4], "rise": -0.05, "rise_interval": [-0.0624, 0.01]}
    kl = {"nats": 0.0346, "interval": [0.03, 0.04]}
    rewritten(run, drift={"base": {"texts": {"wmt": base}, "kl": None}, "refine": {"texts": {"wmt": after}, "kl": kl}})
    markdown, page = reports(run)
    assert "| minus log-likelihood of wmt | 3.250 [3.000, 3.500] | – | – | 3.200, −0.050 [−0.062, +0.010] |" in markdown
    assert "| KL(base, model) | – | – | – | 0.035 [0.030, 0.040] |" in markdown
    assert '<td class="n">3.200, −0.050 [−0.062, +0.010]</td>' in page
    check_markdown(markdown, fewest=1)


def test_form_and_skill_stand_beside_each_other_where_there_are_closed_tasks(tmp_path: Path):
    run = write_run(tmp_path / "run")
    markdown, page = reports(run)
    assert "Form and skill, over 1 closed task," in markdown
    assert "| in the form asked for | 30.0 | 40.0 | 60.0 | 60.0 |" in markdown
    assert "| by the first label named | 35.0 | 45.0 | 65.0 | 65.0 |" in markdown
    assert "<h3>Form and skill</h3>" in page
    assert '<td class="n">35.0</td>' in page
    results = json.loads((run / "results.json").read_text())
    for table in results["models"].values():
        del table["lenient"], table["tasks"]["reply"]["lenient"]
    rewritten(run, models=results["models"])
    assert not [text for text in reports(run) if "Form and skill" in text]


def test_the_commonest_answer_stands_in_both_tables_and_says_no_markup(tmp_path: Path):
    markdown, page = reports(write_run(tmp_path / "run"))
    assert f"| {clean(NASTY)}: 90 % (50 %) | 44.4 | 20.0 |" in markdown
    assert f'<td>{escape(NASTY)}: 90 % (50 %)</td><td class="n">44.4</td>' in page


def test_a_text_of_megabytes_is_cut_in_both_reports(tmp_path: Path):
    run = write_run(tmp_path / "run")
    for path in (run / "target" / "findings.json", *run.glob("*/rollouts.jsonl.gz")):
        rows = json.loads(path.read_text()) if path.suffix == ".json" else list(read_jsonl(path))
        for row in rows:
            row |= {key: "x" * 10**6 for key in ("prompt", "text", "note", "why") if key in row}
            for example in row.get("examples", ()):
                example |= dict.fromkeys(("prompt", "answer", "output"), "x" * 10**6)
        (write_json if path.suffix == ".json" else write_jsonl)(path, rows)
    for report in reports(run):
        assert "x" * MOST_SHOWN + " [... 1,000,000 characters in all]" in report
        assert "x" * (MOST_SHOWN + 1) not in report


def test_cleaned_text_is_one_line_without_markup():
    assert clean("a|b\n c") == "a\\|b c"
    assert clean("<b>&amp;") == "&lt;b&gt;&amp;amp;"
    assert clean("*x* `y`") == "\\*x\\* \\`y\\`"
    assert clean("![x](http://y) [1, 2]") == "![x\\](http://y) [1, 2]"
    assert clean("\\|") == "\\\\\\|"


def test_a_fence_outlasts_the_backticks_in_it():
    assert fence("a\n```\nb") == "````text\na\n```\nb\n````"


def test_a_spark_line_spans_its_values_or_the_given_range():
    assert spark([0.0, 1.0]) == "▁█"
    assert spark([0.0, 1.0], low=0.0, high=2.0) == "▁▅"  # a half of seven steps, rounded to even: the fifth block
    assert spark([1.0, None, 3.0, 5.0, 7.0], width=2) == "▁█"  # means 2 and 6
    assert spark([None]) == ""


def test_both_reports_say_what_fell(markdown: str, page: str):
    for text in (markdown, page):
        assert "General fell by 30.0 points" in text
        assert "support rose by 30.0 points" in text
        assert "From explore to target, 1 task fell clearly: sums (by 30.0, to 60.0)." in text


def test_both_reports_of_an_unfinished_run_say_what_is_missing(folder: Path):
    for name in ("results.json", "refine/DONE"):
        (folder / name).unlink()
    for text in reports(folder):
        assert "This run is not complete." in text
        assert "stage 3 (refine) has not ended" in text
        assert "nothing can be said about what came of it" in text
        assert "Stage 2, target (SFT): what diagnosis found, and what it was taught" in text


def test_a_run_that_has_only_begun_has_a_report(tmp_path: Path):
    (tmp_path / "config.json").write_text(json.dumps({"model": {"path": "base"}, "stages": list(METHOD), **METHOD}))
    for text in reports(tmp_path):
        assert "stage 1 (explore) has not ended" in text
        assert "Glossary" in text


@pytest.mark.parametrize(("kind", "task"), [("translation", "slang"), ("general", "sums")])
def test_a_run_without_such_tasks_has_a_report(folder: Path, kind: str, task: str):
    results = json.loads((folder / "results.json").read_text())
    for table in results["models"].values():
        del table["tasks"][task], table["average_intervals"][kind]
        table["averages"][kind] = table["baselines"][kind] = None
    pairs = [(entry["before"], entry["after"]) for entry in results["changes"]]
    rewritten(folder, models=results["models"], changes=changes(results["models"], pairs))
    for text in reports(folder):
        assert ("General: there are no such tasks." in text) == (kind == "general")
        assert kind.capitalize() not in before(text, "Tasks").replace("General: there", "")
        assert "support rose by 30.0 points" in text
        assert "None" not in text


def test_the_domain_goes_by_the_name_of_its_pack_whatever_stands_in_it(folder: Path):
    rewritten(folder, domain="a|b <b>*c*")
    markdown, page = reports(folder)
    check_markdown(markdown, fewest=7)
    assert r"| a\|b &lt;b&gt;\*c\* | 30.0 [20.0, 40.0]" in markdown
    assert r"- **a\|b &lt;b&gt;\*c\*** (0 to 100): Plain mean over the domain's tasks." in markdown
    assert all(f"<{tag}>a|b &lt;b&gt;*c*<" in page for tag in ('th class="n"', "dt"))
    rewritten(folder, domain="")
    assert all("Domain rose by 30.0 points" in text for text in reports(folder))


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
    assert [path.read_text(encoding="utf-8") for path in write_report(folder)[:2]] == [markdown, page]


def test_a_run_that_stops_after_one_stage_has_a_whole_report(tmp_path: Path):
    run = write_run(tmp_path / "one", {"explore": METHOD["explore"]})
    page, markdown = (path.read_text(encoding="utf-8") for path in reversed(write_report(run)[:2]))
    check_page(page)
    check_markdown(markdown, fewest=6)
    for text in (page, markdown):
        assert "1 stage: explore (RL from base)." in text
        assert "support rose by 10.0 points (+2.0 to +18.0), from 30.0 [20.0, 40.0] to 40.0 [30.0, 50.0]." in text
        assert text.count("From base to explore, no task fell clearly.") == 1
        assert not re.search(r"target|refine|not complete|SFT|[Dd]iagnosis|taught", before(text, "Glossary"))
    assert markdown.count("| stage 1, explore (RL) | base | +10.0 [+2.0, +18.0] | +0.0 [−8.0, +8.0] ? |") == 1
    assert "In each panel" not in page
    assert "all: explore" not in page


def test_a_run_of_sft_then_rl_is_told_as_such(tmp_path: Path):
    method = {
        "teach": {"kind": "teach", "start": "base", "choose": "all"},
        "sharpen": {"kind": "reinforce", "start": "teach"},
    }
    scores = {"base": (30.0, 50.0, 90.0), "teach": (45.0, 50.0, 60.0), "sharpen": (40.0, 50.0, 70.0)}
    run = write_run(tmp_path / "two", method, scores)
    page, markdown = (path.read_text(encoding="utf-8") for path in reversed(write_report(run)[:2]))
    check_page(page)
    check_markdown(markdown, fewest=6)
    for text in (page, markdown):
        assert "2 stages: teach (SFT from base), sharpen (RL from teach)." in text
        assert "Stage 1, teach (SFT): what it was taught" in text
        assert "7 records: reply 5, sums 2." in text
        assert "The teach stage made General worse, by 30.0 points (−38.0 to −22.0)." in text
        assert "The change in support by stage: teach +15.0, sharpen −5.0 ?." in text
        assert "sharpen: 12 groups were generated" in text
        assert "teach: SFT loss" in markdown
        assert not re.search(r"explore|refine|[Dd]iagnosis", text)
    assert "| stage 2, sharpen (RL) | teach | −5.0 [−13.0, +3.0] ? |" in markdown


def test_two_rl_stages_stand_side_by_side(tmp_path: Path):
    method = {"a": {"kind": "reinforce", "start": "base"}, "b": {"kind": "reinforce", "start": "a"}}
    scores = {"base": (30.0, 50.0, 90.0), "a": (40.0, 50.0, 90.0), "b": (60.0, 50.0, 90.0)}
    page, markdown = reversed(reports(write_run(tmp_path / "two", method, scores)))
    assert "In each panel from left to right: a, b." in page or "rewards" not in page
    assert "| task | a | first → last | b | first → last |" in markdown
    assert "taught" not in markdown


def test_gains_are_against_the_model_that_a_stage_started_from(folder: Path):
    """refine starts from explore: that target made General worse is none of its doing."""
    method = {**METHOD, "refine": {**METHOD["refine"], "start": "explore"}}
    for text in reports(write_run(folder, method)):
        assert "The target stage made General worse, by 30.0 points (−38.0 to −22.0)." in text
        assert "The refine stage made General worse, by 30.0 points (−38.0 to −22.0)." in text
        assert "From explore to refine, 1 task fell clearly: sums (by 30.0, to 60.0)." in text
        assert "From target to refine" not in text
        assert "refine (RL from explore)" in text


def test_every_change_is_the_paired_one_of_the_results(folder: Path):
    """Scores stay as they are; their changes say something else, as pairing by record may."""
    results = json.loads((folder / "results.json").read_text())
    for entry in results["changes"]:
        entry["averages"]["domain"] = {"difference": 30.0, "interval": [-1.0, 61.0], "changed": 9, "clear": False}
        entry["tasks"]["sums"] = {"difference": -30.0, "interval": [-61.0, 1.0], "changed": 9, "clear": False}
    rewritten(folder, changes=results["changes"])
    markdown, page = reports(folder)
    for text in (markdown, page):
        assert "support may have risen by 30.0 points (−1.0 to +61.0), from 30.0 [20.0, 40.0] to 60.0" in text
        assert "From base to refine, no task fell clearly." in text
        assert "0 fell clearly" in text
    assert "| sums | general: mathematics | 48 | 90.0 [80.0, 100.0] |" in markdown
    assert "| −30.0 [−61.0, +1.0] ? |" in markdown
    assert '<span class="unclear">−30.0</span> <span class="light">[−61.0, +1.0]</span>&nbsp;?' in page


def test_without_paired_comparisons_scores_are_shown_and_no_changes(folder: Path):
    rewritten(folder, changes=None)
    for text in reports(folder):
        assert text.count("results.json has no paired comparisons") == 1
        assert "support went from 30.0 [20.0, 40.0] to 60.0 [50.0, 70.0]." in text
        assert not re.search(
            r" rose | fell |made support|What each stage changed|What was forgotten", before(text, "Training")
        )
    write_report(folder)


def test_benchmarks_have_a_table_with_intervals_and_the_change_of_the_last_model(folder: Path):
    results = json.loads((folder / "results.json").read_text())
    ends = {
        "base": {"score": 41.0, "interval": [36.0, 46.0], "n": 1319},
        "refine": {"score": 52.0, "interval": None, "n": 1319},
    }
    for entry in results["changes"]:
        if (entry["before"], entry["after"]) == ("base", "refine"):
            entry["benchmarks"] = {"gsm8k": difference(41.0, 52.0), MEAN: difference(40.0, 50.0)}
    alone = {"explore": {"score": 7.0, "interval": [6.0, 8.0], "n": 30}}
    mean = {"base": {"score": 40.0, "interval": [35.0, 45.0]}, "refine": {"score": 50.0, "interval": None}}
    benchmarks = {"gsm8k": ends, "aime24": alone}
    rewritten(folder, changes=results["changes"], benchmarks=benchmarks, benchmarks_mean=mean)
    markdown, page = reports(folder)
    assert "| benchmark | n | base | explore | refine | change |" in markdown  # target was not measured
    assert "| gsm8k | 1,319 | 41.0 [36.0, 46.0] | – | 52.0 | +11.0 [+3.0, +19.0] |" in markdown
    assert "| aime24 | 30 | – | 7.0 [6.0, 8.0] | – | – |" in markdown
    assert f"| {MEAN} | 1,349 | 40.0 [35.0, 45.0] | – | 50.0 | +10.0 [+2.0, +18.0] |" in markdown
    assert f"The {MEAN} rose by 10.0 points (+2.0 to +18.0), from 40.0 [35.0, 45.0] to 50.0." in markdown
    [row] = [line for line in page.splitlines() if line.startswith("<tr><td>gsm8k</td>")]
    assert re.sub(r"<[^>]*>", " ", row).split() == "gsm8k 1,319 41.0 [36.0, 46.0] – 52.0 +11.0 [+3.0, +19.0]".split()
    for text in (markdown, page):
        assert "Of 1 benchmark, 1 rose clearly and 0 fell clearly; 0 did not change clearly." in text
    check_markdown(markdown, fewest=8)


def test_a_run_without_benchmarks_has_no_section_for_them(markdown: str, page: str):
    assert "Benchmarks" not in markdown + page


def test_a_plan_that_is_not_carried_out_yet_is_said_to_be_one(folder: Path):
    (folder / "target" / "DONE").unlink()
    (folder / "target" / "data.jsonl.gz").unlink()
    markdown, page = reports(folder)
    assert "records to be taught" in markdown
    assert "To be taught: 5 records (unstable: taught once)." in page
