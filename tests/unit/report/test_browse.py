"""The data of rollouts.html, and the page."""

import gzip
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from run_folders import NASTY, SCRIPT, evaluated

from redone.files import write_json, write_jsonl
from redone.report import chunks
from redone.report.browse import write_browser, write_evaluations
from redone.report.read import read_run
from redone.report.render import MOST_SHOWN, digest
from redone.texts import visible

ID = "reply/eval/1"


@pytest.fixture
def run(answered: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(answered, tmp_path / "small"))


def written(run: Path) -> dict[str, Any]:
    write_browser(read_run(run), run)
    return loaded(run)


def scripts(folder: Path) -> dict[str, tuple[str, Any]]:
    """Name -> stamp and data of each script, read as a browser would."""
    found = {}
    for path in (folder / "rollouts").iterdir():
        said = re.fullmatch(r'rollouts\("(\w+)","([\w-]+)",(.*)\);\n', path.read_text(encoding="utf-8"), re.DOTALL)
        assert said
        assert said[2] == path.stem
        found[path.stem] = said[1], json.loads(said[3])
    return found


def loaded(folder: Path) -> dict[str, Any]:
    """The index with its answers, each as somebody sees it."""
    files = {name: data for name, (_, data) in scripts(folder).items()}
    index = files["index"]
    texts = held(files, "texts", index["texts"])
    prompts = held(files, "prompts", index["prompts"])
    index["answers"] = list(rows(index, texts, prompts))
    assert len(index["answers"]) == len(texts) == len(index["scores"]) == len(index["verdicts"])
    assert len(prompts) == len(index["records"]) == len(index["recordTasks"])
    return index


def held(files: dict[str, Any], kind: str, firsts: list[int]) -> list[Any]:
    """All that the files of a kind hold, each beginning where the index says."""
    made: list[Any] = []
    for number, first in enumerate(firsts):
        assert first == len(made)
        made += files[f"{kind}-{number}"]
    assert f"{kind}-{len(firsts)}" not in files
    return made


def rows(index: dict[str, Any], texts: list[Any], prompts: list[Any]) -> Iterator[dict[str, Any]]:
    row = 0
    for at in range(0, len(index["groups"]), 4):
        source, step, record, count = index["groups"][at : at + 4]
        for _ in range(count):
            text, note, *named = [*texts[row], *[[]] * 6][:6]
            parts, facts, more = ({index["names"][k]: v for k, v in zip(one[::2], one[1::2])} for one in named[:3])
            yield {
                "where": index["sources"][source][0],
                "step": step,
                "id": index["records"][record],
                "task": index["tasks"][index["recordTasks"][record]],
                "prompt": prompts[record],
                "score": index["scores"][row],
                "reason": index["reasons"][index["verdicts"][row]],
                "text": text,
                "note": note,
                "parts": parts,
                "facts": facts,
                "more": more,
                "tokens": named[3],
            }
            row += 1


def of(index: dict[str, Any], where: str, id: str | None = None) -> list[dict[str, Any]]:
    return [row for row in index["answers"] if row["where"] == where and id in (None, row["id"])]


def test_every_answer_of_training_is_there_with_its_prompt_its_verdict_and_the_parts_of_its_score(run: Path):
    found = of(written(run), "refine")
    assert [(row["step"], row["score"], row["text"]) for row in found] == [
        (1, 0, visible(f"{NASTY} 0")),
        (1, 1000, visible(f"{NASTY} 1")),
        (3, 1000, visible(f"{NASTY} 0")),
        (3, 1000, visible(f"{NASTY} 1")),
    ]
    one = found[0]
    assert (one["id"], one["task"], one["reason"]) == ("reply/train/1", "reply", "wrong")
    assert one["prompt"] == [visible(NASTY), None]
    assert one["parts"] == {"parsed": 1.0, "hits": 2.0}
    assert one["note"] == visible(NASTY)
    assert one["facts"] == {"advantage": 0.5, "tokens": 3}


def test_every_answer_of_an_evaluation_is_there_with_its_prompt_reference_and_verdict(run: Path):
    found = of(written(run), "base/tasks", ID)
    assert [(row["score"], row["reason"], row["facts"].get("finished")) for row in found] == [
        (0, "wrong", None),
        (1000, "right", "no: its budget of tokens cut it off"),
    ]
    assert found[0]["prompt"] == [visible(f"prompt of {NASTY}"), "yes"]
    assert found[1]["text"] == visible(f"answer 1 to {ID} {NASTY}".strip())
    assert found[0]["facts"]["score, lenient"] == 1.0
    assert "score, lenient" not in found[1]["facts"]
    assert found[0]["facts"]["log-probability, mean of its tokens"] == -0.25


def test_models_are_in_order_with_the_model_that_each_began_from(run: Path):
    index = written(run)
    assert [source[:2] + source[4:] for source in index["sources"]] == [
        ["explore", "explore, sampled in training", "explore", ""],
        ["refine", "refine, sampled in training", "refine", ""],
        ["base/tasks", "base, evaluated", "base", ""],
        ["explore/tasks", "explore, evaluated", "explore", "base"],
        ["refine/tasks", "refine, evaluated", "refine", "target"],
    ]
    assert [row["where"] for row in index["answers"] if row["id"] == ID] == [
        f"{model}/tasks" for model in ("base", "explore", "refine") for _ in range(2)
    ]


def test_a_record_and_its_prompt_are_kept_once_however_often_it_was_answered(run: Path):
    index = written(run)
    assert len(index["records"]) == len(set(index["records"])) == 4


def test_texts_stand_in_files_of_a_bounded_size_which_the_index_finds(run: Path, monkeypatch: pytest.MonkeyPatch):
    whole = written(run)["answers"]
    monkeypatch.setattr(chunks, "CHUNK", 400)
    index = written(run)
    assert len(index["texts"]) > 5
    assert index["answers"] == whole


def test_what_anybody_wrote_is_made_visible_and_cut_and_never_is_a_key_or_a_line_of_the_script(run: Path):
    long = "x" * 20_000 + "\u202e"
    row = {"step": 1, "id": "a", "task": "t", "prompt": "p", "text": long, "score": 1, "reason": "right"}
    write_jsonl(run / "explore" / "rollouts.jsonl.gz", [row])
    index = written(run)
    assert of(index, "explore")[0]["text"] == "x" * MOST_SHOWN + " [... 20,001 characters in all]"
    assert of(index, "base/tasks")[0]["parts"] == {"__proto__": 0.0}
    for path in (run / "rollouts").iterdir():
        text = path.read_text(encoding="utf-8")
        assert visible(text) == text
        assert not re.search(r"\\u(?!00)[0-9a-f]{4}", text.replace("\\\\", ""))
        assert path.stem == "index" or "{" not in re.sub(r'"(?:[^"\\]|\\.)*"', "", text)


def test_an_answer_that_thinks_is_shown_apart_from_its_thinking(run: Path):
    common = {"step": 1, "id": "a", "task": "t", "prompt": "p", "score": 1, "reason": "right"}
    texts = ["<think>so</think>yes", "<think></think>no", "<think>never closed"]
    write_jsonl(run / "explore" / "rollouts.jsonl.gz", [{**common, "text": text} for text in texts])
    found = of(written(run), "explore")
    assert [(row["text"], row["more"]) for row in found] == [
        ("yes", {"thinking": "so"}),
        ("no", {}),
        ("<think>never closed", {}),
    ]


def test_an_answer_that_was_not_trained_on_says_so(run: Path):
    row = {"step": 1, "id": "a", "task": "t", "prompt": "p", "text": "x", "score": 1, "reason": "right"}
    write_jsonl(run / "explore" / "rollouts.jsonl.gz", [{**row, "advantage": None}, {**row, "advantage": 0.0}])
    one, other = of(written(run), "explore")
    assert one["facts"]["trained on"].startswith("no: all answers to it score alike")
    assert other["facts"] == {"advantage": 0.0}


def test_a_step_that_was_refused_is_there_with_the_log_probabilities_of_its_tokens(run: Path):
    row = {"id": "a", "task": "t", "prompt": "p", "text": "x", "score": 1.0, "reason": "right", "advantage": 0.5}
    seen = {"tokens": [5, 9], "logprobs": [-0.123456, "nan"], "sampler_logprobs": [-0.1, -2.0]}
    taught = {"prompt": [1], "target": [2], "loss": "inf"}
    batch = {"stage": "explore", "step": 2, "why": "x", "batch": [{**row, **seen}, taught]}
    write_json(run / "explore" / "stopped-000002.json", batch)
    index = written(run)
    [one] = of(index, "explore/stopped-000002")
    assert (one["step"], one["tokens"]) == (2, [[5, 9], [-0.12346, "nan"], [-0.1, -2.0]])
    assert index["notes"] == []


def test_a_run_that_has_only_begun_says_that_there_are_no_answers(tmp_path: Path):
    stages = {"sharpen": {"kind": "reinforce", "start": "base"}}
    write_json(tmp_path / "config.json", {"model": {"path": "base"}, "stages": list(stages), **stages})
    index = written(tmp_path)
    assert index["answers"] == []
    assert index["notes"] == ["No answers have been kept here yet."]


def test_what_is_still_written_is_shown_up_to_its_torn_end_without_a_word(run: Path):
    (run / "refine" / "DONE").unlink()
    with (run / "refine" / "rollouts.jsonl.gz").open("ab") as file:
        file.write(gzip.compress(b'{"step": 4, "id"')[:-9])
    for name in ("items.jsonl", "scores.json", "prompts.jsonl.gz"):
        (run / "eval" / "refine" / "tasks" / name).unlink()
    with (run / "eval" / "refine" / "tasks" / "predictions.jsonl").open("a") as file:
        file.write('{"id": "rep')
    index = written(run)
    assert len(of(index, "refine")) == 4
    found = of(index, "refine/tasks")
    assert [(row["score"], row["reason"]) for row in found] == [(None, "not scored yet")] * 3
    assert index["notes"] == []


def test_what_is_damaged_is_named_and_shown_as_far_as_it_goes(run: Path):
    tasks = run / "eval" / "base" / "tasks"
    lines = (tasks / "items.jsonl").read_text().splitlines()
    (tasks / "items.jsonl").write_text(f"{lines[0]}\n{{\n")
    answers = (run / "eval" / "explore" / "tasks" / "predictions.jsonl").read_text().splitlines()
    (run / "eval" / "explore" / "tasks" / "predictions.jsonl").write_text(f'{answers[0]}\n{{"id": 5}}\n')
    index = written(run)
    assert [row["reason"] for row in of(index, "base/tasks")] == ["wrong", "right", "not scored yet"]
    assert len(of(index, "explore/tasks")) == 1
    assert len(of(index, "refine/tasks")) == 3
    one, other = index["notes"]
    assert re.match(rf"{tasks}/items.jsonl:2: not JSON .*What stands before it is shown\.$", one)
    assert other.startswith(f"{run}/eval/explore/tasks: not as redone leaves it: ")


def test_a_folder_of_an_earlier_version_has_the_prompts_of_its_examples(run: Path):
    for model in ("base", "explore", "refine"):
        (run / "eval" / model / "tasks" / "prompts.jsonl.gz").unlink()
    example = {"id": ID, "prompt": "asked", "answer": "yes", "output": "", "score": 0.0, "reason": "wrong"}
    write_json(run / "eval" / "refine" / "tasks" / "examples.json", {"reply": [example]})
    index = written(run)
    assert {tuple(row["prompt"]) for row in index["answers"] if row["id"] == ID} == {("asked", "yes")}
    assert {tuple(row["prompt"]) for row in index["answers"] if row["id"] == "sums/eval/7"} == {(None, None)}


def test_the_data_of_before_are_gone_and_no_page_takes_data_that_were_made_for_another(run: Path):
    written(run)
    (run / "rollouts" / "texts-77.js").write_text("old")
    stamps = set(stamps_of(run, skip="texts-77"))
    before = scripts(Path(shutil.copytree(run, run.parent / "moved" / run.name, ignore=lambda *_: {"texts-77.js"})))
    written(run.parent / "moved" / run.name)
    assert scripts(run.parent / "moved" / run.name) == before  # the same files, the same data
    write_jsonl(run / "explore" / "rollouts.jsonl.gz", [])
    written(run)
    assert sorted(path.name for path in run.iterdir() if "rollouts" in path.name) == ["rollouts", "rollouts.html"]
    after = set(stamps_of(run))
    assert len(stamps) == len(after) == 1
    assert stamps != after


def stamps_of(run: Path, skip: str = "") -> list[str]:
    page = re.search(r'data-stamp="(\w+)"', (run / "rollouts.html").read_text())
    assert page
    paths = [path for path in (run / "rollouts").iterdir() if path.stem != skip]
    return [page[1], *(path.read_text().split('"')[1] for path in paths)]


def test_evaluations_are_told_apart_by_model_and_benchmarks_by_name(tmp_path: Path):
    for name, score in (("one", 0.0), ("two", 1.0)):
        evaluated(tmp_path / name, {ID: [score]})
        evaluated(tmp_path / name, {"cups/0": [score]}, set="bench")
    write_evaluations({"m:1": tmp_path / "one", "m": tmp_path / "two"}, tmp_path)
    index = loaded(tmp_path)
    assert [(row["where"], row["task"], row["score"]) for row in index["answers"]] == [
        ("m_1/tasks", "reply", 0),
        ("m_1/bench", "bench: cups", 0),
        ("m/tasks", "reply", 1000),
        ("m/bench", "bench: cups", 1000),
    ]


def test_the_page_allows_its_own_script_its_style_and_files_beside_it_alone(run: Path):
    page = write_browser(read_run(run), run).read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    [script] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    [style] = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert policy
    assert policy[1] == (
        f"default-src 'none'; script-src '{digest(script)}' 'self' file:; style-src '{digest(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert policy.end() < page.index("<style>") < page.index("<script>")
    assert "://" not in page
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(|fetch|XMLHttp", script
    )
    assert SCRIPT not in page
    assert not re.search(r"\son\w+=|style=", page.replace(script, ""))
    assert min(map(float, re.findall(r"font(?:-size)?:[^;}]*?([\d.]+)px", style))) >= 11
