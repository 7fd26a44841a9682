from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from redone.report import facts
from redone.report.read import Run, Sampled, read_run


@pytest.fixture
def run(folder: Path) -> Run:
    return read_run(folder)


def steps(*rewards: float | None) -> list[dict[str, Any]]:
    """Steps that sampled the task r, with these rewards; None: a step without it."""
    return [
        {"step": i, "tasks": {} if reward is None else {"r": {"reward": reward}}} for i, reward in enumerate(rewards, 1)
    ]


def sampled(task: str, step: int, *values: float) -> Sampled:
    return Sampled("explore", step, task, "", tuple({"score": value} for value in values))


def test_findings_stand_by_kind_weakest_first_and_no_kind_is_lost():
    kinds = ["solved", "new kind", "unknown", "solved"]
    rows = [{"task": str(i), "kind": kind} for i, kind in enumerate(kinds)]
    made = facts.findings(rows)
    assert [(group["kind"], [row["task"] for row in group["findings"]]) for group in made] == [
        ("unknown", ["2"]),
        ("solved", ["0", "3"]),
        ("new kind", ["1"]),
    ]


def test_the_plan_is_summed_by_reason():
    plan = {
        "quotas": {"a": 5, "b": 1200, "c": 30},
        "why": {"a": "rehearsed", "b": "weak", "c": "weak", "d": "left out"},
        "general": {"sums": 5, "facts": 2},
    }
    assert [(row["why"], row["records"], row["tasks"]) for row in facts.taught(plan)] == [
        ("weak", 1230, "b 1,200, c 30"),
        ("rehearsed", 5, "a 5"),
        ("soft labels: to keep general ability", 7, "sums 5, facts 2"),
    ]


def test_a_plan_without_weak_tasks_teaches_nothing():
    assert facts.taught({"quotas": {}, "why": {"a": "solved"}, "general": {"sums": 0}}) == []


def test_a_tasks_reward_skips_the_steps_that_did_not_sample_it(run: Run):
    metrics = {"explore": steps(None, 0.1, 0.3, None, 0.5), "target": [], "refine": []}
    [row] = facts.rewards(replace(run, metrics=metrics))
    assert row["points"]["explore"] == [(2, 0.1), (3, 0.3), (5, 0.5)]
    assert row["points"]["refine"] == []
    assert row["ends"] == {"explore": "0.10 → 0.50", "refine": "–"}


def test_the_ends_of_a_reward_are_means_over_a_fifth_of_its_steps(run: Run):
    values = [0.1, 0.3, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.4, 0.6]  # ten steps: two at each end
    [row] = facts.rewards(replace(run, metrics={"explore": steps(*values), "target": [], "refine": []}))
    assert row["ends"]["explore"] == "0.20 → 0.50"


def test_the_cost_of_dynamic_sampling_is_summed_over_the_steps(run: Run):
    rows = [
        {"step": 1, "generated": 900, "dropped": 300, "groups": 600, "errors": 0, "starved": False},
        {"step": 2, "generated": 300, "dropped": 200, "groups": 100, "errors": 2, "starved": True},
    ]
    rows[0]["nearly_constant"] = dict.fromkeys(["irony"])
    rows[1]["nearly_constant"] = dict.fromkeys(["mood", "irony"])
    assert facts.sampling(replace(run, metrics={"explore": rows, "target": [], "refine": []})) == [
        "explore: 1,200 groups were generated in 2 steps, 500 of them dropped (42 %) because all their answers score "
        "alike; 700 were trained on. 1 step found fewer informative groups than asked for. "
        "Answered nearly alike: irony in 2 steps, mood in 1 step. 2 groups could not be scored."
    ]


def test_the_shown_rollouts_are_the_largest_rises_and_the_largest_fall(run: Run):
    lasts = {"a": 0.6, "b": 0.8, "c": 0.5, "d": 0.9, "e": 0.1, "f": 0.7}
    ends = {name: (sampled(name, 1, 0.5, 0.5), sampled(name, 9, last, last)) for name, last in lasts.items()}
    ends["once"] = (sampled("once", 1, 0.0), sampled("once", 1, 0.0))
    shown = facts.samples(replace(run, sampled={"explore": ends, "refine": {}}), most=4)
    assert [one["task"] for one in shown] == ["d", "b", "f", "e"]


def test_answers_beyond_the_shown_ones_are_counted(run: Run):
    ends = {"a": (sampled("a", 1, 0.0, 1.0, 1.0), sampled("a", 2, 1.0, 1.0))}
    [one] = facts.samples(replace(run, sampled={"explore": ends, "refine": {}}), answers=2)
    assert [(len(group["rows"]), group["left_out"]) for group in one["groups"]] == [(2, 1), (2, 0)]
    assert one["groups"][0]["mean"] == pytest.approx(2 / 3)  # over all answers, shown or not


def test_the_time_is_sorted_and_shared(run: Run):
    rows = facts.spent(replace(run, seconds={"eval": 30.0, "explore": 90.0}))
    assert [(row["phase"], row["share"]) for row in rows] == [("explore", 0.75), ("eval", 0.25)]


def test_a_curve_leaves_out_steps_without_a_value_and_a_curve_without_values_is_none():
    rows = [{"step": 1, "loss": None, "reward": 0.5}, {"step": 2, "loss": 0.3, "reward": 0.6, "entropy": None}]
    assert facts.series(rows) == {"reward": [(1, 0.5), (2, 0.6)], "loss": [(2, 0.3)]}


def test_the_loss_of_a_teaching_stage_has_a_name_of_its_own(run: Run):
    curves = {"explore": {"loss": [(1, 2.0), (2, -1.0), (3, 0.5)]}, "target": {"loss": [(1, 3.0)]}}
    first, second = facts.summaries(run, curves)
    assert (first["name"], first["first"], first["last"], first["low"], first["high"]) == ("loss", 2.0, 0.5, -1.0, 2.0)
    assert second["name"] == "SFT loss"


def test_the_method_is_said_in_the_order_and_with_the_start_of_its_stages(run: Run):
    assert facts.method(run) == "3 stages: explore (RL from base), target (SFT from explore), refine (RL from target)."
    assert facts.method(replace(run, stages=run.stages[:1])) == "1 stage: explore (RL from base)."


def test_rewards_that_do_not_compare_are_said_not_to(run: Run):
    assert facts.incomparable(run, ["explore", "refine"]).startswith("refine draws prompts by their difficulty, so")
    assert facts.incomparable(run, ["explore"]) == ""


def test_what_a_stage_is_to_be_taught_is_its_plan_until_its_data_are_written(run: Run):
    [stage] = run.of_kind("teach")
    made = facts.teaching(replace(run, fed={"target": {}}), stage)
    assert (made["known"], made["fed"], made["total"]) == (False, {"reply": 5, "sums": 2}, 7)
    written = facts.teaching(replace(run, fed={"target": {"reply": 3}}), stage)
    assert (written["known"], written["fed"], written["listed"]) == (True, {"reply": 3}, "reply 3")
    nothing = replace(run, fed={"target": {}}, plan={"target": {}}, findings={"target": []})
    assert facts.teaching(nothing, stage) == {}
