"""A run that is stopped again and again ends with the same weights and files as one that was left alone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import StoppingLog, go_on, small_config

from redone.commands.begin import branch_off
from redone.commands.prepare import prepare
from redone.files import read_jsonl, read_object
from redone.method import pipeline
from redone.method.pipeline import plan_of
from redone.method.summary import notes
from redone.method.teach import teach
from redone.model.places import EMBEDDED
from redone.run.lab import Lab
from redone.run.log import Interrupted, Log

pytestmark = pytest.mark.usefixtures("without_report")
STOPS = ("explore    1/4", "target    1/", "refine    3/4")  # before a checkpoint is due, and after one


def weights(out: Path, stage: str) -> bytes:
    return (out / stage / "model" / "model.safetensors").read_bytes()


def test_soft_labels_by_distribution_are_computed_once_and_resumed_exactly(tmp_path: Path) -> None:
    sets = ("target.start=base", "target.choose=all", "target.soft_labels=distribution", "target.top_k=4")

    def taught(lab: Lab) -> None:
        [stage] = [stage for stage in lab.stages if stage.kind == "teach"]
        teach(lab, stage, plan_of(lab, stage))

    with prepare(small_config(*sets), tmp_path / "whole", Log()) as whole:
        taught(whole)
        broken = replace(whole, out=tmp_path / "broken", log=StoppingLog("target    1/"))
        with pytest.raises(Interrupted):
            taught(broken)
        made = (broken.out / "target" / "soft_labels.npz").stat().st_mtime_ns
        taught(replace(broken, log=Log()))
    assert any("soft label (distribution)" in note for note in notes(broken, []))
    assert (broken.out / "target" / "soft_labels.npz").stat().st_mtime_ns == made
    assert weights(whole.out, "target") == weights(broken.out, "target")
    assert weights(whole.out, "target") != (EMBEDDED / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_stopping_in_each_stage_changes_nothing(finished_run: Path, tmp_path: Path) -> None:
    whole, broken = finished_run, tmp_path / "broken"
    with prepare(small_config(), broken, Log()) as lab:
        for stop in STOPS:
            results, lines = go_on(lab, stop)
            assert results is None, f"never reached a line {stop!r}: {lines}"
        assert go_on(lab)[0] is not None
    for stage in ("explore", "target", "refine"):
        assert weights(whole, stage) == weights(broken, stage), stage
        one, other = (list(read_jsonl(out / stage / "metrics.jsonl")) for out in (whole, broken))
        for row in [*one, *other]:
            del row["seconds"]
        assert one == other
    for stage in ("explore", "refine"):
        one, other = (list(read_jsonl(out / stage / "rollouts.jsonl.gz")) for out in (whole, broken))
        assert one == other
    one, other = (json.loads((out / "results.json").read_text())["models"] for out in (whole, broken))
    assert one == other


def test_a_run_that_begins_with_a_later_stage_has_what_the_other_made_before_it(
    finished_run: Path, tmp_path: Path
) -> None:
    with prepare(small_config("refine.steps=1", "refine.learning_rate=1e-3"), tmp_path, Log()) as lab:
        branch_off(lab, finished_run / "refine")
        results = pipeline.run(lab)
    assert results["notes"][0] == (
        f"What stands before refine was made by the run {finished_run}, with the same settings."
    )
    assert weights(tmp_path, "target") == weights(finished_run, "target")
    assert weights(tmp_path, "refine") != weights(finished_run, "refine")
    before = read_object(finished_run / "results.json")["models"]
    assert {name: results["models"][name] for name in ("base", "explore", "target")} == {
        name: before[name] for name in ("base", "explore", "target")
    }
