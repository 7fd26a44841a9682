"""A run that is stopped again and again ends with the same weights and files as one that was left alone."""

import json
from pathlib import Path

from fakes import small_run

from redone.files import read_jsonl

STOPS = ("explore    1/4", "explore    3/4", "target    1/", "target    2/", "refine    2/4", "refine    3/4")


def weights(out: Path, stage: str) -> bytes:
    return (out / stage / "model" / "model.safetensors").read_bytes()


def test_soft_labels_by_distribution_are_computed_once_and_resumed_exactly(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    by_distribution = ("explore.steps=1", "refine.steps=0", "target.soft_labels=distribution", "target.top_k=4")
    assert small_run(whole, *by_distribution)[0] is not None
    assert small_run(broken, *by_distribution, stop_at="target    1/")[0] is None
    made = (broken / "target" / "soft_labels.npz").stat().st_mtime_ns
    results, _ = small_run(broken, *by_distribution)
    assert results is not None
    assert any("soft label (distribution)" in note for note in results["notes"])
    assert (broken / "target" / "soft_labels.npz").stat().st_mtime_ns == made
    assert weights(whole, "target") == weights(broken, "target") != weights(whole, "explore")


def test_stopping_at_several_steps_of_each_stage_changes_nothing(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert small_run(whole)[0] is not None
    for stop in STOPS:
        results, lines = small_run(broken, stop_at=stop)
        assert results is None, f"never reached a line {stop!r}: {lines}"
    assert small_run(broken)[0] is not None
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
