import json
from pathlib import Path
from typing import Any

import pytest

from redone.files import write_jsonl
from redone.report.read import read_run


def tear(path: Path, line: bytes = b'{"step": 4, "rew') -> None:
    with path.open("ab") as file:
        file.write(line)


def test_a_folder_without_a_run_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="no run lies here"):
        read_run(tmp_path)
    with pytest.raises(ValueError, match="no run lies here"):
        read_run(tmp_path / "nowhere")


def test_a_finished_run_lacks_nothing(folder: Path):
    run = read_run(folder)
    assert run.missing == []
    assert run.models == ["base", "explore", "target", "refine"]
    assert run.fed == {"target": {"reply": 5, "sums": 2}}
    assert run.seconds == {"explore": 60.0, "target": 60.0, "refine": 60.0, "eval": 30.0}


def test_an_unfinished_run_names_what_is_missing(folder: Path):
    (folder / "results.json").unlink()
    (folder / "refine" / "DONE").unlink()
    run = read_run(folder)
    assert run.missing == [
        "stage 3 (refine) has not ended (refine/DONE is missing).",
        "the results have not been summed up, so this report has no scores (results.json is missing).",
    ]
    assert run.models == []


def test_before_the_results_the_time_is_that_of_stages_steps_and_other_phases(folder: Path):
    (folder / "results.json").unlink()
    (folder / "refine" / "DONE").unlink()
    (folder / "timings.json").write_text('{"eval base": 7.5}')
    assert read_run(folder).seconds == {"explore": 90.0, "target": 90.0, "refine": 3 * 30.0, "eval base": 7.5}


def test_a_torn_last_line_of_a_running_stage_is_left_out(folder: Path):
    (folder / "refine" / "DONE").unlink()
    tear(folder / "refine" / "metrics.jsonl")
    rollouts = folder / "refine" / "rollouts.jsonl.gz"
    whole = rollouts.read_bytes()
    rollouts.write_bytes(whole + whole[: len(whole) // 2])  # a second member that is cut off
    run = read_run(folder)
    assert [row["step"] for row in run.metrics["refine"]] == [1, 2, 3]
    assert "reply" in run.sampled["refine"]


def test_a_torn_line_of_a_finished_stage_is_an_error_that_names_it(folder: Path):
    tear(folder / "explore" / "metrics.jsonl")
    with pytest.raises(ValueError, match=r"explore/metrics.jsonl:4: not JSON"):
        read_run(folder)


def test_a_damaged_json_file_is_named(folder: Path):
    (folder / "results.json").write_text("{")
    with pytest.raises(ValueError, match=r"results.json: not JSON"):
        read_run(folder)


def test_of_each_task_the_first_and_the_last_group_that_was_trained_on_are_kept(folder: Path):
    rows = [
        {"step": step, "id": name, "task": task, "prompt": "", "score": 0.0, "advantage": advantage}
        for step, name, task, advantage in [
            (1, "r/0", "r", None),  # dropped: all alike
            (1, "s/1", "s", 0.5),
            (1, "r/1", "r", 0.5),
            (1, "r/1", "r", -0.5),
            (2, "r/1", "r", 0.5),  # the same record at another step
            (2, "r/2", "r", 0.5),
            (3, "r/2", "r", 0.5),
            (3, "r/3", "r", None),
        ]
    ]
    write_jsonl(folder / "explore" / "rollouts.jsonl.gz", rows)
    ends = read_run(folder).sampled["explore"]
    shown = {task: [(group.step, group.rows[0]["id"], len(group.rows)) for group in two] for task, two in ends.items()}
    assert shown == {"r": [(1, "r/1", 2), (3, "r/2", 1)], "s": [(1, "s/1", 1), (1, "s/1", 1)]}


def begun(folder: Path, **stages: dict[str, Any]) -> Path:
    (folder / "config.json").write_text(json.dumps({"model": {"path": "base"}, "stages": list(stages), **stages}))
    return folder


def test_a_run_that_has_only_begun_can_be_read_and_says_of_every_stage_what_is_missing(tmp_path: Path):
    stages = {
        "short": {"kind": "teach", "start": "base", "choose": "all"},
        "narrow": {"kind": "teach", "start": "short", "choose": "findings"},
        "sharpen": {"kind": "reinforce", "start": "narrow"},
    }
    run = read_run(begun(tmp_path, **stages))
    assert [line.partition(" (results")[0] for line in run.missing] == [
        "stage 1 (short) has not ended (short/DONE is missing).",
        "the diagnosis for stage 2 (narrow) has not been made (narrow/plan.json is missing).",
        "stage 2 (narrow) has not ended (narrow/DONE is missing).",
        "stage 3 (sharpen) has not ended (sharpen/DONE is missing).",
        "the results have not been summed up, so this report has no scores",
    ]
    assert [run.title(stage) for stage in run.stages] == [
        "stage 1, short (SFT)",
        "stage 2, narrow (SFT)",
        "stage 3, sharpen (RL)",
    ]
    assert run.order == ["base", "short", "narrow", "sharpen"]
    assert run.tasks == {}
    assert run.seconds == {}


def test_a_run_of_a_version_with_another_word_for_the_domain_is_refused_in_a_sentence(folder: Path):
    path = folder / "results.json"
    path.write_text(path.read_text().replace('"domain":', '"sns":'), encoding="utf-8")
    with pytest.raises(ValueError, match=r'results.json: of a version of redone that called the domain "sns"'):
        read_run(folder)


def test_a_run_of_a_version_without_stages_is_refused_in_a_sentence(folder: Path):
    (folder / "config.json").write_text('{"name": "old", "model": {"path": "base"}}')
    with pytest.raises(ValueError, match=r"config.json: cannot be read, so the run's stages and base are not known"):
        read_run(folder)
