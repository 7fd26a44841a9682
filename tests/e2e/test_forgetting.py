"""Fine-tuning that overwrites general ability, provoked on the embedded base, is said when it is seen and at last."""

import json

import pytest
from fakes import go_on, small_config

from redone.cli.prepare import prepare
from redone.method import pipeline
from redone.run.log import Log

ROUGH = ("explore.steps=0", "target.general_share=0", "target.learning_rate=1e-2", "refine.steps=0", "eval.records=20")


@pytest.mark.slow
def test_a_stage_that_forgets_what_it_does_not_rehearse_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "write_report", lambda *given: None)
    with prepare(small_config(*ROUGH), tmp_path, Log()) as lab:
        _, lines = go_on(lab)
    [said] = [line for line in lines if "forgets" in line]
    assert said.startswith("target, against explore: forgets: general: -")
    assert said in json.loads((tmp_path / "results.json").read_text())["notes"]
