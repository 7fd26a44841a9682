"""A run that begins with what another has made, up to a stage."""

import json
import re
from pathlib import Path

import pytest
from fakes import small_config

from redone.commands import begin as command
from redone.files import read_object, write_json
from redone.run.branch import branch_of, take_over
from redone.run.marks import marks


def made(run: Path, *models: str) -> None:
    """The models as finished folders of a run that has begun."""
    run.mkdir(exist_ok=True)
    write_json(run / "config.json", small_config().model_dump(mode="json"))
    write_json(run / "manifest.json", {"dtype": "float32", "versions": {}, "data": {}})
    for model in models:
        for folder in [run / "eval" / model, *([] if model == "base" else [run / model])]:
            folder.mkdir(parents=True)
            (folder / "file").write_text(f"{folder.relative_to(run)}")
            write_json(folder / "DONE", {"files": marks(folder)})


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """A run that was stopped in its last stage, and one that has begun and made nothing."""
    made(tmp_path / "old", "base", "explore", "target")
    (tmp_path / "old" / "refine").mkdir()
    made(tmp_path / "new")
    return tmp_path / "old", tmp_path / "new"


def test_what_stands_before_the_stage_is_linked_and_the_stage_is_not(runs):
    old, new = runs
    assert take_over(new, small_config("target.records=9"), old, "target") == ["base", "explore"]
    for name in ("eval/base/file", "eval/explore/file", "explore/file"):
        assert (new / name).samefile(old / name)
    assert not (new / "target").exists()
    assert not (new / "eval" / "target").exists()


def test_another_run_says_whose_models_it_has_and_how_they_were_made(runs):
    old, new = runs
    assert branch_of(new) is None
    take_over(new, small_config("explore.steps=9", "refine.steps=9"), old, "refine")
    assert read_object(new / "manifest.json")["branch"]["differing"] == ["explore.steps: 4 -> 9"]
    assert branch_of(new) == (
        f"What stands before refine was made by the run {old}, with other settings (explore.steps: 4 -> 9)."
    )


def test_a_kill_on_the_way_leaves_the_rest_to_the_same_command_again(runs):
    old, new = runs
    take_over(new, small_config(), old, "refine")
    (new / "eval" / "target" / "DONE").unlink()
    assert take_over(new, small_config(), old, "refine") == ["target"]
    assert take_over(new, small_config(), old, "refine") == []
    with pytest.raises(ValueError, match=f"branches off from {re.escape(str(old))}/refine; give another --out"):
        take_over(new, small_config(), old, "target")


def test_what_is_not_finished_or_not_as_it_was_is_not_taken_over(runs):
    old, new = runs
    (old / "eval" / "explore" / "DONE").unlink()
    with pytest.raises(ValueError, match="has not finished explore"):
        take_over(new, small_config(), old, "target")
    write_json(old / "eval" / "explore" / "DONE", {"files": {}})
    (old / "explore" / "file").write_text("another")
    with pytest.raises(ValueError, match="file changed after it was finished"):
        take_over(new, small_config(), old, "target")
    (old / "explore" / "file").unlink()
    with pytest.raises(ValueError, match="no longer there: file"):
        take_over(new, small_config(), old, "target")
    assert branch_of(new) is None
    assert take_over(new, small_config(), old, "explore") == ["base"]


def test_a_run_that_has_models_of_its_own_does_not_take_over_others(runs):
    old, new = runs
    (new / "eval" / "base").mkdir(parents=True)
    with pytest.raises(ValueError, match="has begun with a base of its own; give another --out"):
        take_over(new, small_config(), old, "target")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("none/target", "none is no run's folder; give RUN/STAGE"),
        ("old/tagret", "the configuration has no stage tagret; did you mean target?"),
        ("new/target", "a run of its own; give another --out"),
    ],
)
def test_a_place_that_is_none_is_refused_before_anything_is_read(runs, place, said):
    old, new = runs
    with pytest.raises(ValueError, match=re.escape(said)):
        command.check_branch(small_config(), new, new.parent / place)


def test_a_stage_that_the_other_run_does_not_have_cannot_be_gone_on_from(runs):
    old, new = runs
    tree = json.loads((old / "config.json").read_text())
    tree["stages"] = ["explore", "refine"]
    tree["refine"]["start"] = "explore"
    write_json(old / "config.json", tree)
    with pytest.raises(ValueError, match="has no stage target"):
        take_over(new, small_config(), old, "refine")
