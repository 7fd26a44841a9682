"""The page of models that were measured on a configuration's tasks."""

import html
import json
from pathlib import Path
from typing import Any

import pytest
from pages import check_markdown, check_page
from run_folders import NASTY, changes, model

from redone.report import evaluated
from redone.report.evaluation import write_evaluation_report, write_reports_together
from redone.texts import visible

WRONG = {"prompt": NASTY, "answer": "yes", "output": NASTY, "score": 0.25, "reason": "wrong"}


def evaluation(folder: Path, name: str, reply: float, questions: str = "0a", split: str = "eval") -> Path:
    """What `redone eval --config` leaves, as far as a page is made of it."""
    made = {"questions": {"tasks": questions}, "note": NASTY}
    results = {"model": name, "made": made, "benchmarks": {}, "split": split, "domain": "support"}
    results["models"] = {"model": model(reply, 40, 90)}
    (folder / "tasks").mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    (folder / "tasks" / "examples.json").write_text(json.dumps({"reply": [WRONG]}), encoding="utf-8")
    return folder


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The folders that were compared, the later ones always better by 20."""
    asked: list[tuple[str, str]] = []

    def made(before: Path, after: Path) -> dict[str, Any]:
        asked.append((before.name, after.name))
        [found] = changes({"a": model(30, 40, 90), "b": model(50, 40, 90)}, [("a", "b")])
        return {key: found[key] for key in ("averages", "tasks")}

    monkeypatch.setattr(evaluated, "changes", made)
    return asked


def lines(folder: Path) -> str:
    return html.unescape((folder / "report.html").read_text(encoding="utf-8"))


def test_the_page_of_one_model_has_its_scores_beside_what_needs_no_model_and_its_wrong_answers(tmp_path: Path):
    folder = evaluation(tmp_path / "one", "models/small", 30)
    written = ("report.md", "report.html", "rollouts.html")
    assert write_evaluation_report(folder) == tuple(folder / name for name in written)
    check_page((folder / "report.html").read_text(encoding="utf-8"))
    check_markdown((folder / "report.md").read_text(encoding="utf-8"), fewest=3)
    page = lines(folder)
    assert "<li>support: 30.0 [20.0, 40.0]; the best answers that need no model have 20.0.</li>" in page
    assert "small answers 1 closed task nearly alike" in page
    for term in ("commonest", "n-grams", "baseline", "score", "support", "Translation"):
        assert page.count(f"<dt>{term}</dt>") == 1
    row = page.index("<td>reply</td><td>mean</td>")
    assert all(
        f'<td class="n">{x}</td>' in page[row : row + 400] for x in ("30.0 [20.0, 40.0]", "35.0", "44.4", "20.0")
    )
    nasty = visible(NASTY)
    cells = f'<td><pre>{nasty}</pre></td><td class="t">yes</td><td class="t">{nasty}</td><td class="n">0.25</td>'
    assert f"{cells}<td>wrong</td>" in page
    assert "These are no results" not in page


def test_a_page_of_a_split_to_choose_by_says_that_it_has_no_results(tmp_path: Path):
    write_evaluation_report(evaluation(tmp_path / "one", "small", 30, split="tune"))
    assert "These are no results." in lines(tmp_path / "one")


def test_an_evaluation_that_kept_no_answers_has_a_page_too(tmp_path: Path):
    folder = evaluation(tmp_path / "one", "small", 30)
    (folder / "tasks" / "examples.json").unlink()
    write_evaluation_report(folder)
    assert 'id="wrong"' not in lines(folder)


def test_several_models_stand_beside_each_other_with_the_change_from_the_first_to_the_last(tmp_path: Path, compared):
    folders = [evaluation(tmp_path / n, f"models/{n}", reply) for n, reply in (("x", 30), ("y", 35), ("z", 50))]
    write_reports_together(folders, tmp_path / "all")
    check_page((tmp_path / "all" / "report.html").read_text(encoding="utf-8"))
    check_markdown((tmp_path / "all" / "report.md").read_text(encoding="utf-8"), fewest=5)
    page = lines(tmp_path / "all")
    assert compared == [("x", "z")]
    assert "<h1>Evaluation of x and y and z</h1>" in page
    assert "<li>support rose by 20.0 points (+12.0 to +28.0), from 30.0 [20.0, 40.0] to 50.0 [40.0, 60.0].</li>" in page
    assert [page.count(f"<summary>Table of {name}</summary>") for name in "xyz"] == [1, 1, 1]
    assert [page.count(f"<td>{name}</td><td><pre>") for name in "xyz"] == [1, 1, 1]


def test_models_of_one_name_are_told_apart_by_their_folders(tmp_path: Path, compared):
    folders = [evaluation(tmp_path / name, "small", 30) for name in ("x", "y")]
    write_reports_together(folders, tmp_path / "all")
    assert f"{tmp_path / 'x'} to {tmp_path / 'y'}" in lines(tmp_path / "all")
    with pytest.raises(ValueError, match="a folder is named twice"):
        write_reports_together([folders[0], folders[0]], tmp_path / "same")


def test_evaluations_of_other_records_or_none_are_refused_by_their_folder(tmp_path: Path, compared):
    one = evaluation(tmp_path / "one", "a", 30)
    other = evaluation(tmp_path / "other", "b", 30, questions="0b")
    with pytest.raises(ValueError, match="other has other records"):
        write_reports_together([one, other], tmp_path / "both")
    results = json.loads((other / "results.json").read_text())
    (other / "results.json").write_text(json.dumps({key: results[key] for key in ("model", "made", "benchmarks")}))
    with pytest.raises(ValueError, match="other: no evaluation on a configuration's tasks"):
        write_reports_together([one, other], tmp_path / "both")
    assert not (tmp_path / "both").exists()
