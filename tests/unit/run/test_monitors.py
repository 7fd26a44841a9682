"""Monitors on lines of metrics, and on stages that really go wrong."""

import random

import pytest

from redone.run.monitors import NEVER, alarms, forgets, new_alarms, raised, swings, told


def line(step, reward, error=0.02, groups=10, **tasks):
    """A step's line; tasks: name to (reward, groups, reasons)."""
    rows = tasks or {"t": (reward, groups, {"wrong": groups})}
    entries = {name: {"reward": r, "groups": n, "reasons": reasons} for name, (r, n, reasons) in rows.items()}
    return {"step": step, "reward": reward, "reward_error": error, "tasks": entries}


def names(found):
    return [(alarm.monitor, alarm.about) for alarm in found]


@pytest.mark.parametrize(
    ("reasons", "look"),
    [
        ({"wrong": 30, "unparsable": 10}, "redone check"),
        ({"wrong": 10, "unparsable": 30}, "say the form"),
        ({"truncated": 40}, "budget"),
        ({"error": 40}, "rollouts.jsonl.gz"),
    ],
)
def test_a_task_whose_every_answer_scores_nothing_is_named_with_where_to_look(reasons, look):
    [alarm] = alarms([line(1, 0.3, code=(0.0, 5, reasons), topic=(0.6, 5, {"right": 24, "wrong": 16}))])
    assert alarm[:2] == ("never right", "code")
    assert alarm.said.startswith("no answer had any score")
    assert look in alarm.said
    assert told([alarm, alarm._replace(about="maths"), alarm._replace(monitor="x", about="")]) == [
        f"never right: code, maths: {alarm.said}",
        f"x: {alarm.said}",
    ]


def test_a_task_is_not_called_never_right_before_enough_answers_nor_after_one_that_is():
    few = {"wrong": NEVER // 2 - 1}
    lines = [line(step, 0.0, code=(0.0, 4, few)) for step in (1, 2)]
    assert alarms(lines) == []
    third = line(3, 0.0, code=(0.0, 4, few))
    assert names(new_alarms([*lines, third])) == [("never right", "code")]
    assert new_alarms([*lines, third, third]) == []  # said once
    partly = line(3, 0.1, code=(0.01, 4, few))
    assert alarms([*lines, partly, third, third]) == []
    unscored = line(3, None, code=(None, 4, {"error": 8}))
    assert names(alarms([*lines, unscored])) == [("never right", "code")]


def test_a_reward_that_goes_to_and_fro_oscillates():
    rewards = [0.3, 0.45, 0.6, 0.35, 0.62, 0.3]
    lines = [line(step, reward) for step, reward in enumerate(rewards, 4)]
    assert alarms(lines[:4]) == []  # there and back is no oscillation yet
    [alarm] = alarms(lines)
    assert alarm.monitor == "oscillates"
    assert "0.30 to 0.60 to 0.35 to 0.62 to 0.30 in steps 4 to 9" in alarm.said
    assert [one.said for one in raised([*lines, *[line(10 + i, 0.3) for i in range(20)]])] == [
        alarms(lines[:5])[0].said  # as it was first seen
    ]


@pytest.mark.parametrize(
    "rewards",
    [[0.2, 0.3, 0.4, 0.5, 0.6, 0.7], [0.5, 0.52, 0.48, 0.53, 0.47, 0.5], [0.8, 0.3, 0.31, 0.29, 0.5, 0.7]],
    ids=["rises", "is still", "falls and recovers"],
)
def test_other_curves_do_not_oscillate(rewards):
    assert alarms([line(step, reward) for step, reward in enumerate(rewards)]) == []


def test_noise_is_seldom_called_an_oscillation():
    """Of 200 curves of 30 steps of 12 groups that are right or not by the toss of a coin, at most two."""
    drawn = random.Random(0)
    called = 0
    for _ in range(200):
        lines = []
        for step in range(30):
            groups = [float(drawn.random() < 0.5) for _ in range(12)]
            mean = sum(groups) / 12
            error = (sum((g - mean) ** 2 for g in groups) / 11) ** 0.5 / 12**0.5
            lines.append(line(step, mean, error, 12))
        called += bool(raised(lines))
    assert called <= 2


def test_a_reward_that_moves_with_the_choice_of_tasks_alone_does_not_oscillate():
    """Two tasks stay as they are; every other step asks mostly for the hard one."""
    lines = []
    for step in range(12):
        easy, hard = (30, 2) if step % 2 else (2, 30)
        mean = (0.9 * easy + 0.1 * hard) / 32
        lines.append(line(step, mean, easy=(0.9, easy, {"right": easy}), hard=(0.1, hard, {"wrong": hard})))
    assert alarms(lines) == []
    assert len(swings([(row["step"], row["reward"], 0.02) for row in lines])) == 12  # by the means as they are


@pytest.mark.parametrize("kind", ["teach", "reinforce"])
def test_what_falls_wholly_beyond_the_bound_is_forgotten(kind):
    change = {"difference": -6.0, "interval": [-9.0, -2.5]}
    rise = {"rise": 0.05, "rise_interval": [0.031, 0.07]}
    found = list(forgets(kind, {"general": change}, {"news": rise}))
    assert names(found) == [("forgets", "general"), ("forgets", "news")]
    assert "-6.0 [-9.0, -2.5] points" in found[0].said
    assert "+0.050 [+0.031, +0.070] nats" in found[1].said
    assert all(("[lora]" in alarm.said) is (kind == "teach") for alarm in found)
    near = {"difference": -6.0, "interval": [-9.0, -1.9]}
    unclear = {"rise": 0.05, "rise_interval": [0.029, 0.07]}
    unknown = {"difference": None, "interval": None}
    assert list(forgets(kind, {"general": near, "none": unknown}, {"news": unclear})) == []
