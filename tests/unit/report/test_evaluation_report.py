import json
import re
from pathlib import Path
from typing import Any

import pytest
from pages import check_markdown, check_page, clashes

from redone.report.drawing import styled
from redone.report.evaluation import PLOTS, collect, read_results, write_evaluation_report

NASTY = "<script>alert(1)</script> a|b\nc ``` [x](y) *d* \\"  # what a file might hold


def entry(score: float | None, clean: float | None = None, **more: Any) -> dict[str, Any]:
    """A subset's entry whose interval reaches 3 to both sides."""
    interval = None if score is None else [score - 3, score + 3]
    own = {"score": score, "interval": interval, "parts": {NASTY: None, "anls": 12.0}}
    readings = {"parity": own} if clean is None else {"parity": own, "clean": {**own, "score": clean}}
    extra = {} if clean is None else {"clean": clean}
    return {**own, **extra, "n": 1205, "groups": {}, "readings": readings, "trivial": {}, **more}


def published(name: str, score: float, **more: Any) -> dict[str, Any]:
    """A place among three rows."""
    rows = [["RedOne 2.0 4B", 80.0], ["Middle", 60.0], ["Last", 20.0]]
    one = {"name": name, "without": [], "score": score, "clean": score + 1, "interval": [score - 2, score + 2]}
    return {
        **one,
        "trivial": 67.6,
        "published": rows,
        "rank": 3,
        "ranks": [2, 3],
        "above": rows[1],
        "below": rows[2],
        **more,
    }


ALWAYS = {NASTY: {"score": 30.5}, "always []": {"score": 67.6, "clean": 68.1}}


def results() -> dict[str, Any]:
    groups = {NASTY: entry(41.0, 42.0), "quiet": entry(43.0, 44.0)}
    sns = {
        "title": "SNS-Bench", "about": NASTY, "prompts": "the authors'", "reading": "parity",
        "subsets": {
            "note_chlw": entry(28.2, 33.3, trivial=ALWAYS),
            "note_ner": entry(44.5, 45.0, trivial={"empty": {"score": 0.0, "clean": 0.0}}, groups=groups),
            "note_querygen": entry(None, None, trivial={"empty": {"score": None}}),
        },
        "columns": {"CHLW": {"score": 28.2, "clean": 33.3, "interval": [25.2, 31.2], "n": 100, "trivial": 67.6},
                    "NER": {"score": 44.5, "clean": 45.0, "interval": [41.5, 47.5], "n": 100, "trivial": 0.0},
                    "QGen": {"score": None, "clean": None, "interval": None, "n": 100, "trivial": None}},
        "average": None, "average_without": ["QGen"], "average_of_the_rest": 36.0,
    }  # fmt: skip
    choice = {
        "title": "Choice", "subsets": {"choice": entry(70.0)}, "average": 70.0, "average_interval": [67.0, 73.0],
        "reading": "right", "prompts": "ours",
    }  # fmt: skip
    suite = {"subsets": {"choice": entry(70.0)}, "benchmarks": {"choice": 70.0}, "groups": {"knowledge": 70.0},
             "average": 70.0, "average_without": ["mbpp"]}  # fmt: skip
    return {
        "model": NASTY,
        "made": {"samples": 1, "note": NASTY},
        "benchmarks": {"sns-bench": sns, "choice": choice, "general": suite},
        "paper": {
            "places": [published("SNS", 36.0, without=["QGen"]), published("CHLW", 28.2), published("General", 70.0)],
            "cautions": [f"A caution. {NASTY}"],
        },
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluation")
    (folder / "results.json").write_text(json.dumps(results()), encoding="utf-8")
    assert write_evaluation_report(folder)[:2] == (folder / "report.md", folder / "report.html")
    return folder


@pytest.fixture(scope="module")
def markdown(written: Path) -> str:
    return (written / "report.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(written: Path) -> str:
    return (written / "report.html").read_text(encoding="utf-8")


def rewritten(tmp_path: Path, made: Any) -> tuple[str, str]:
    (tmp_path / "results.json").write_text(json.dumps(made), encoding="utf-8")
    one, two, _ = write_evaluation_report(tmp_path)
    return one.read_text(encoding="utf-8"), two.read_text(encoding="utf-8")


def test_both_reports_say_in_short_what_a_reader_must_know(markdown: str, page: str):
    for text in (markdown, page):
        assert "no average, for QGen has no score; 36.0 over the rest" in text
        assert "number 3 of 4 with the paper's models (2 to 3 by its interval), below Middle (60.0) and above Last" in (
            text.replace("&#39;", "'")
        )
        assert "Below the best answer that needs no model: note_chlw (28.2, always []: 67.6)." in text
        assert "The clean reading differs from the score by 2 points or more: note_chlw (+5.1)." in text
        assert "No score: note_querygen." in text
        assert "The suite general: 70.0" in text


def test_a_row_shows_both_readings_interval_items_and_the_best_answer_without_a_model(markdown: str, page: str):
    assert "| note_chlw | 1,205 | 28.2 [25.2, 31.2] | 33.3 [25.2, 31.2] | 67.6 (68.1): always [] |" in markdown
    [row] = [line for line in page.splitlines() if line.startswith('<tr><td>note_chlw</td><td class="n">')]
    shown = re.sub(r"<[^>]*>", " ", row).split()
    assert shown == "note_chlw 1,205 28.2 [25.2, 31.2] 33.3 [25.2, 31.2] 67.6 (68.1) always []".split()
    assert 'class="n fell"' in row


def test_the_best_answer_without_a_model_may_be_another_in_the_clean_reading(tmp_path: Path):
    made = results()
    trivial = {"all": {"score": 5.0, "clean": 8.0}, "none": {"score": 4.0, "clean": 9.0}}
    made["benchmarks"]["sns-bench"]["subsets"]["note_ner"]["trivial"] = trivial
    markdown, page = rewritten(tmp_path, made)
    assert "| 5.0 (9.0): all (clean: none) |" in markdown


def test_a_columns_line_has_items_both_readings_interval_and_what_needs_no_model(markdown: str, page: str):
    assert "| CHLW | 100 | 28.2 [25.2, 31.2] | 33.3 | 67.6 |" in markdown
    assert '<td class="n">28.2 [25.2, 31.2]</td>' in page
    assert '<tr><td>no model</td><td class="n">67.6</td>' in page


def test_a_benchmark_without_a_clean_reading_has_no_column_for_it(markdown: str):
    section = markdown[markdown.index("## Choice") :]
    assert "| subset | n | score (right) | no model |" in section
    assert "| choice | 1,205 | 70.0 [67.0, 73.0] | – |" in section


def test_groups_and_every_reading_are_shown(markdown: str, page: str):
    assert "| note_ner | quiet | 1,205 | 43.0 [40.0, 46.0] | 44.0 [40.0, 46.0] |" in markdown
    assert "| note_ner | clean | 45.0" in markdown
    assert "| note_querygen | parity | – |" in markdown
    assert "anls 12.00" in markdown
    assert "anls 12.00" in page


def test_groups_stand_in_the_list_of_readings_where_they_have_more_of_them(tmp_path: Path):
    made = results()
    readings = {name: {"score": 5.0, "interval": None} for name in ("parity", "chrf")}
    [*_, one] = made["benchmarks"]["choice"]["subsets"].values()
    one |= {"readings": readings, "groups": {"zh-en": {**entry(4.0), "readings": readings}}}
    assert "| choice: zh-en | chrf | 5.0 |" in rewritten(tmp_path, made)[0]


def test_a_suite_is_its_groups_and_its_subsets_are_not_shown_twice(markdown: str):
    assert "| knowledge | average |" in markdown
    assert "Without mbpp." in markdown
    assert markdown.count("| choice | 1,205 |") == 1


def test_the_pages_are_whole_and_what_stands_in_the_results_stays_text(markdown: str, page: str):
    check_page(page)
    check_markdown(markdown, fewest=7)


@pytest.mark.parametrize("name", list(PLOTS))
def test_no_text_of_a_plot_hides_another(name: str):
    facts = collect({**results(), "model": "owner/a-model-with-a-rather-long-name-of-its-own"})
    with styled():
        assert clashes(PLOTS[name][0](facts)) == []


def test_forty_subsets_and_fifteen_places_are_readable():
    made = results()
    subsets = {f"a_longer_subset_{i:02}": entry(2.5 * i, 2.0 * i) for i in range(40)}
    made["benchmarks"] = {"sns-bench": {**made["benchmarks"]["sns-bench"], "subsets": subsets}}
    made["paper"]["places"] = [published(f"column {i}", 5.0 * i) for i in range(15)]
    facts = collect(made)
    with styled():
        for plot, _ in PLOTS.values():
            assert clashes(plot(facts)) == []


def test_an_evaluation_beside_the_papers_benchmarks_has_no_place_and_no_such_plot(tmp_path: Path):
    made = results()
    del made["paper"], made["benchmarks"]["sns-bench"], made["benchmarks"]["general"]
    for text in rewritten(tmp_path, made):
        assert "Among the paper" not in text
        assert "Choice: 70.0 [67.0, 73.0]." in text


def test_a_subset_of_which_nothing_was_answered_is_shown_empty(tmp_path: Path):
    made = results()
    empty = {
        "score": None,
        "clean": None,
        "n": 0,
        "interval": None,
        "groups": {},
        "readings": {"parity": None, "clean": None},
    }
    made["benchmarks"]["sns-bench"]["subsets"] = {"note_chlw": empty}
    markdown, page = rewritten(tmp_path, made)
    assert "| note_chlw | 0 | – | – | – |" in markdown
    assert "No score" not in markdown


def test_an_evaluation_without_benchmarks_says_so(tmp_path: Path):
    for text in rewritten(tmp_path, {"model": "m", "made": {}, "benchmarks": {}}):
        assert "There are no scores." in text
        assert "The settings are not known." in text


def test_the_same_results_give_the_same_reports(written: Path, tmp_path: Path):
    again = rewritten(tmp_path, results())
    assert again == tuple((written / name).read_text(encoding="utf-8") for name in ("report.md", "report.html"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no such file"),
        ("{", "not JSON"),
        ("[]", "no benchmarks"),
        ('{"models": {}}', "no benchmarks"),
        ('{"benchmarks": {}, "models": {"model": {"averages": {"sns": 1.0}}}}', 'called the domain "sns"'),
        ('{"benchmarks": {}, "models": {"model": {}}}', "not as redone leaves them"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, text: str | None, said: str):
    if text is not None:
        (tmp_path / "results.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        read_results(tmp_path / "results.json")
