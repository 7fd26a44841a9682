"""Fine-tuning that overwrites general ability, provoked on the embedded base, is said when it is seen and at last."""

import json

import pytest
from fakes import go_on, small_config

from redone.commands.prepare import prepare
from redone.run.log import Log

pytestmark = pytest.mark.usefixtures("without_report")
ROUGH = ("explore.steps=0", "target.general_share=0", "target.learning_rate=1e-2", "refine.steps=0", "eval.records=20")


@pytest.mark.slow
def test_a_stage_that_forgets_what_it_does_not_rehearse_says_so(tmp_path):
    with prepare(small_config(*ROUGH), tmp_path, Log()) as lab:
        _, lines = go_on(lab)
    [said] = [line for line in lines if "forgets: general: " in line]
    assert said.startswith("target, against explore: forgets: general: -")
    assert said in json.loads((tmp_path / "results.json").read_text())["notes"]


@pytest.mark.slow
def test_a_stage_that_forgets_is_led_back_until_the_gate_lets_it_pass(tmp_path):
    held = ("landmark", "word_class", "story", "sequence", "form", "odd_one", "backwards")
    sets = [f"data.held_out={json.dumps(held)}", "gate.actions=['earlier', 'interpolate']", "data.limit=40"]
    sets.append("target.learning_rate=2e-3")  # a part of the way back is enough
    with prepare(small_config(*ROUGH, *sets), tmp_path, Log()) as lab:
        results, lines = go_on(lab)
    assert "explore: passes the gate." in lines
    found = json.loads((tmp_path / "target" / "gate.json").read_text())
    before, after = found["tried"][0], found["tried"][-1]
    assert before["averages"]["unrehearsed"]["interval"][1] < -2.0
    assert found["left"] == after["what"]
    assert after["fell"] == []
    assert after["averages"]["unrehearsed"]["difference"] > before["averages"]["unrehearsed"]["difference"] + 5
    [said] = [note for note in results["notes"] if note.startswith("target: does not pass the gate")]
    assert said.endswith(f"It is left {after['what']}, which passes.")
    unrehearsed = [results["models"][model]["averages"]["unrehearsed"] for model in ("explore", "target")]
    assert unrehearsed[1] > unrehearsed[0] - 15  # on eval, which the gate has not seen
