"""Which step comes when, with what: every step itself is a name in a list."""

import pytest

from redone.data.load import drawn
from redone.method import pipeline
from redone.method.evaluate import earned_without_a_model
from redone.method.gate import Repeat
from redone.records import TargetPlan
from redone.run.store import Store


@pytest.fixture
def steps(monkeypatch):
    """The steps that a run takes, in order."""
    taken = []

    def step(name):
        return lambda lab, *more: taken.append((name, *(getattr(one, "name", one) for one in more)))

    monkeypatch.setattr(pipeline, "evaluate", lambda lab, model, trivial: taken.append(("evaluate", model)))
    monkeypatch.setattr(pipeline, "reinforce", step("reinforce"))
    monkeypatch.setattr(pipeline, "teach", step("teach"))
    monkeypatch.setattr(pipeline, "diagnose", lambda lab, stage: f"findings before {stage.name}")
    monkeypatch.setattr(pipeline, "summarise", lambda lab: taken.append(("summarise",)) or {"the": "results"})
    monkeypatch.setattr(pipeline, "write_report", lambda out, advance: taken.append(("report",)))
    return taken


def test_every_stage_is_made_and_then_measured_the_base_first(make_lab, steps):
    assert pipeline.run(make_lab()) == {"the": "results"}
    assert steps == [
        ("evaluate", "base"),
        ("reinforce", "explore"),
        ("evaluate", "explore"),
        ("teach", "target", "findings before target"),
        ("evaluate", "target"),
        ("reinforce", "refine"),
        ("evaluate", "refine"),
        ("summarise",),
        ("report",),
    ]


def test_a_stage_that_is_done_is_not_made_again_and_is_measured_all_the_same(make_lab, steps):
    lab = make_lab('stages=["explore", "target"]')
    Store(lab.out / "explore").finish(1.0)
    pipeline.run(lab)
    assert ("reinforce", "explore") not in steps
    assert ("evaluate", "explore") in steps
    assert ("teach", "target", "findings before target") in steps


def test_without_findings_the_tasks_are_taught_evenly_all_or_half_of_them(make_lab, monkeypatch):
    monkeypatch.setattr(pipeline, "diagnose", lambda lab, stage: pytest.fail("nothing is to be diagnosed"))
    lab = make_lab("target.choose=all", "target.records=9", "target.general_share=0.25")
    plan = pipeline.plan_of(lab, lab.stages[1])
    assert isinstance(plan, TargetPlan)
    assert (plan.quotas, plan.general) == ({"tone": 3, "topic": 3, "think": 3}, {"sums": 3})
    drawn = {
        tuple(pipeline.plan_of(lab, lab.stages[1]).quotas)
        for lab in (make_lab("target.choose=random", f"seed={seed}") for seed in range(20))
    }
    assert {len(tasks) for tasks in drawn} == {2}
    assert len(drawn) == 3  # every pair, by the seed


def test_what_is_held_out_is_not_taught(make_lab):
    lab = make_lab("target.choose=all", 'data.held_out=["topic", "sums"]')
    plan = pipeline.plan_of(lab, lab.stages[1])
    assert plan.quotas.keys() == {"tone", "think"}
    assert plan.general == {}


def test_trivial_answers_are_scored_once_and_on_the_eval_split(make_lab):
    lab = make_lab("eval.records=3")
    asked = []
    seen = lab.score_all
    object.__setattr__(lab, "score_all", lambda some: asked.extend(some) or seen(some))
    earned = earned_without_a_model(lab)
    assert not asked  # before it is needed
    assert earned() is earned()
    wanted = [record.id for mine in lab.dataset.records.values() for record in drawn(mine["eval"], 3)]
    assert [one.record.id for one in asked[: len(wanted)]] == wanted
    assert {one.record.id for one in asked} == set(wanted)  # n-grams too


def test_a_stage_that_the_gate_rejects_is_set_aside_and_made_again(make_lab, steps, monkeypatch):
    def rejected_once(lab, stage, plan):
        steps.append(("teach", stage.name))
        if ("reject", stage.name) not in steps:
            raise Repeat

    monkeypatch.setattr(pipeline, "teach", rejected_once)
    monkeypatch.setattr(pipeline, "reject", lambda lab, stage: steps.append(("reject", stage.name)))
    pipeline.run(make_lab('stages=["target"]'))
    assert steps[1:5] == [("teach", "target"), ("reject", "target"), ("teach", "target"), ("evaluate", "target")]
