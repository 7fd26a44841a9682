"""Several accepted answers (tests/cases/accepted.toml): the best verdict counts, and what cannot compare is refused."""

import tomllib
from pathlib import Path

import pytest

from redone.data.load import make_record, make_task
from redone.records import Group, Record, Rollout, Task, Verdict, group_from_json, group_to_json
from redone.rewards import COMPARING, REWARDS, compared, validate_options
from redone.run.scoring import Asked, in_process

CASES = tomllib.loads((Path(__file__).parents[2] / "cases" / "accepted.toml").read_text(encoding="utf-8"))["case"]
ABOUT = {"part": "domain", "family": "dialogue", "prompt": "?", "answer": "{a}"}


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES])
def test_the_best_verdict_over_the_accepted_answers_counts(case):
    told = {key: case[key] for key in ("reward", "options", "extract") if key in case}
    task = make_task("ask", {**ABOUT, **told, "accepted": "also"}, "pack.toml")
    validate_options(task)
    record = make_record(task, "eval", 0, "a.jsonl:1", {"a": case["answer"], "also": case["accepted"]})
    [[found]] = in_process({"ask": task})([Asked(record, [(case["text"], True)])])
    assert found.score == pytest.approx(case["score"])
    assert (found.reason == "right") == (case["score"] == 1.0)


def test_of_equal_verdicts_the_first_counts():
    record = Record("a", "ask", (), "one", "eval", "", accepted=("two", "three"))
    scores = {"one": 0.5, "two": 0.7, "three": 0.7}
    found = compared(lambda one, answer: Verdict(scores[one.answer], "wrong", {}, one.answer), record, "", {})
    assert (found.score, found.note) == (0.7, "two")


@pytest.mark.parametrize("reward", sorted(REWARDS.keys() - set(COMPARING) - {"product", "weighted", "gate"}))
def test_a_reward_that_does_not_compare_with_the_answer_takes_no_accepted_ones(reward):
    options = {"judge": {"rubric": "?"}, "judge_pair": {"rubric": "?"}, "faithful": {"source": "text"}}
    task = Task(name="ask", **ABOUT, reward=reward, options=options.get(reward, {}), accepted="also")
    with pytest.raises(
        ValueError, match=rf"task ask: accepted lists further answers, and its reward {reward} does not"
    ):
        validate_options(task)


def test_a_judge_among_the_parts_takes_none_either():
    parts = [{"reward": "exact"}, {"reward": "judge", "options": {"rubric": "?"}}]
    task = Task(name="ask", **ABOUT, reward="product", options={"of": parts}, accepted="also")
    with pytest.raises(ValueError, match="accepted lists further answers"):
        validate_options(task)


def test_a_group_that_is_carried_over_keeps_what_is_accepted():
    record = Record("a", "ask", ({"role": "user", "content": "?"},), "one", "train", "", accepted=("two",))
    group = Group(record, (1,), (Rollout("a", (2,), (-1.0,), "two", True, 0),), (Verdict(1.0, "right"),))
    assert group_from_json(group_to_json(group)) == group
