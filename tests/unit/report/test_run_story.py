"""What a manager reads of a run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from run_folders import METHOD, SCORES, write_run

from redone.report.read import read_run
from redone.report.story import story


def told(run: Path) -> dict[str, list[str]]:
    return dict(story(read_run(run))["parts"])


def changed(run: Path, model: str, task: str, **values: Any) -> Path:
    results = json.loads((run / "results.json").read_text())
    results["models"][model]["tasks"][task] |= values
    (run / "results.json").write_text(json.dumps(results))
    return run


def written(folder: Path, **scores: tuple[float, float, float]) -> Path:
    table: Mapping[str, tuple[float, float, float]] = {**SCORES, **scores}
    return write_run(folder / "run", METHOD, table)


def test_what_rose_and_what_was_paid_stand_apart_with_their_sizes(tmp_path: Path):
    run = written(tmp_path)
    parts = told(run)
    assert (
        story(read_run(run))["verdict"]
        == "refine against base: clearly better at the domain; clearly worse at General."
    )
    assert parts["What got better"] == [
        "support rose by 30.0 points (+22.0 to +38.0), from 30.0 to 60.0.",
        "1 of 3 tasks rose clearly: reply (+30.0).",
    ]
    assert parts["What was paid"] == [
        "General fell by 30.0 points (−38.0 to −22.0), from 90.0 to 60.0.",
        "1 of 3 tasks fell clearly: sums (−30.0).",
        "4 minutes on cpu: answers to 24 prompts were sampled, 7 records taught.",
    ]


def test_what_is_to_be_done_names_the_stage_that_lost_what_the_run_lost(tmp_path: Path):
    steps = told(written(tmp_path))["What to do next"]
    assert steps[0].startswith("target cost General: try a lower target.learning_rate for more epochs")
    assert not any(line.startswith(("explore cost", "refine cost")) for line in steps)
    assert "refine changed no average clearly: leave it out, or give it more to do." in steps
    regained = told(written(tmp_path / "regained", refine=(60.0, 50.0, 90.0)))["What to do next"]
    assert not any("cost General" in line for line in regained)


def test_a_stage_that_made_the_domain_worse_is_to_be_left_out(tmp_path: Path):
    steps = told(written(tmp_path, refine=(40.0, 50.0, 60.0)))["What to do next"]
    assert steps[0].startswith("Leave out refine, which made the domain worse")
    assert "target is the better model so far" in steps[0]


def test_tasks_that_end_below_no_model_or_know_more_than_they_say_are_named(tmp_path: Path):
    run = changed(written(tmp_path), "refine", "reply", interval=[5.0, 15.0])
    changed(run, "refine", "slang", lenient={"score": 90.0, "above": 40.0, "above_interval": [30.0, 50.0]})
    steps = "\n".join(told(run)["What to do next"])
    assert "Clearly below an answer that needs no model: reply." in steps
    assert "Known better than said in the form asked for: slang." in steps


def test_how_sure_names_the_records_the_seed_and_tasks_with_few(tmp_path: Path):
    run = changed(written(tmp_path), "refine", "slang", n=7)
    sure = told(run)["How sure this is"]
    assert sure[0] == (
        "Measured on 103 records of 3 tasks, which tell support to 10.0 points, Translation to 10.0 points, General to "
        "10.0 points."
    )
    assert sure[1].startswith("One run, seed 3: another seed may change more")
    assert sure[2].endswith("only large changes can be clear: slang.")


def test_there_is_no_story_of_a_single_model_or_without_paired_changes(tmp_path: Path):
    alone = write_run(tmp_path / "alone", {})
    assert story(read_run(alone)) == {}
    run = written(tmp_path)
    results = json.loads((run / "results.json").read_text())
    results["changes"] = []
    (run / "results.json").write_text(json.dumps(results))
    assert story(read_run(run)) == {}
