import json
from dataclasses import replace

import pytest
from fakes import stage_of

from redone.data.load import drawn
from redone.data.mix import derive_seed
from redone.method import diagnose as module
from redone.method.diagnose import diagnose
from redone.records import Verdict


@pytest.fixture
def right():
    """A script: the right answer, read off the prompt's number, or the wrong one."""

    def answer(prompt, wrong=False):
        number = int(prompt.split(" ?")[0].split()[-1])
        return "yes" if bool(number % 2) != wrong else "no"

    return answer


def findings(lab):
    found = json.loads((lab.out / "target" / "findings.json").read_text())
    return {row["task"]: row for row in found}


def test_the_base_and_the_stages_start_are_probed_alike_on_the_probe_split(make_lab, samplers):
    lab = make_lab("diagnose.samples=3", "diagnose.records=2")
    diagnose(lab, stage_of(lab, "target"))
    assert [(made.model, made.group, made.temperature) for made in samplers.made] == [
        ("base", 3, 1.0),
        ("explore", 3, 1.0),
    ]
    assert [made.seed for made in samplers.made] == [derive_seed(7, "probe base"), derive_seed(7, "probe explore")]
    for made in samplers.made:
        assert made.asked == [r.id for mine in lab.dataset.records.values() for r in drawn(mine["probe"], 2)]


def test_a_stage_that_starts_from_the_base_needs_one_probe(make_lab, samplers):
    lab = make_lab('stages=["target"]', "diagnose.samples=2")
    diagnose(lab, stage_of(lab, "target"))
    assert [made.model for made in samplers.made] == ["base"]


@pytest.mark.parametrize(("better", "kind"), [("base", "regressed"), ("explore", "solved")])
def test_findings_are_of_the_stages_start_against_the_base(make_lab, samplers, right, better, kind):
    lab = make_lab("diagnose.samples=4")
    samplers.says = lambda model, prompt, number: right(prompt, wrong=model != better)
    diagnose(lab, stage_of(lab, "target"))
    assert findings(lab)["tone"]["kind"] == kind
    assert findings(lab)["tone"]["pass1"] == float(better == "explore")


def test_the_plan_follows_the_findings_and_leaves_out_what_is_held_out(make_lab, samplers, right):
    """tone is solved and topic is not; think is held out, though it is the weakest."""
    lab = make_lab("diagnose.samples=4", 'data.held_out=["think"]', "target.records=6", "target.general_share=0.25")
    samplers.says = lambda model, prompt, number: right(prompt, wrong="tone" not in prompt)
    plan = diagnose(lab, stage_of(lab, "target"))
    assert findings(lab).keys() == lab.dataset.tasks.keys()  # measured all the same
    assert plan.quotas == {"topic": 6}
    assert plan.general == {"sums": 2}
    assert json.loads((lab.out / "target" / "plan.json").read_text())["quotas"] == plan.quotas


def test_a_diagnosis_that_is_there_is_not_made_again(make_lab, samplers):
    lab = make_lab("diagnose.samples=2")
    diagnose(lab, stage_of(lab, "target"))
    path = lab.out / "target" / "plan.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "prose": "as it was"}))
    assert diagnose(lab, stage_of(lab, "target")).prose == "as it was"


def test_chance_is_that_of_trivial_answers_to_the_probed_records(make_lab, samplers):
    """One of two samples passes everywhere, as often as a fixed answer would: that is luck, so the task is unknown."""
    lab = make_lab("diagnose.samples=2")
    samplers.says = lambda model, prompt, number: "yes" if number else "no"
    diagnose(lab, stage_of(lab, "target"))
    tone = findings(lab)["tone"]
    assert tone["kind"] == "unknown"
    assert "no better than a fixed answer (50 %)" in tone["why"]


def test_a_finding_shows_the_records_that_went_worst(make_lab, samplers, right):
    lab = make_lab("diagnose.samples=2")
    samplers.says = lambda model, prompt, number: right(prompt, wrong="probe 3" in prompt)
    diagnose(lab, stage_of(lab, "target"))
    first = findings(lab)["tone"]["examples"][0]
    assert (first["id"], first["output"], first["score"]) == ("tone/probe/3", "no", 0.0)


def test_the_stages_settings_reach_the_plan(make_lab, samplers, monkeypatch):
    given = []
    make_plan = module.make_plan
    monkeypatch.setattr(module, "make_plan", lambda *tasks, **named: given.append(named) or make_plan(*tasks, **named))
    lab = make_lab("target.records=9", "target.rare_factor=3.5", "target.rehearsal=0.15", "target.general_share=0.25")
    diagnose(lab, stage_of(lab, "target"))
    assert given == [{"records": 9, "rare_factor": 3.5, "rehearsal": 0.15, "general_share": 0.25}]


def test_a_reward_that_fails_its_own_reference_answers_is_suspect(make_lab, samplers):
    lab = make_lab("diagnose.samples=2")
    lab = replace(lab, score_all=lambda asked: [[Verdict(0.0, "wrong")] * len(one.answers) for one in asked])
    diagnose(lab, stage_of(lab, "target"))
    assert {finding["kind"] for finding in findings(lab).values()} == {"reward suspect"}
