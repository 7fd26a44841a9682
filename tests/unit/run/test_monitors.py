"""Monitors on lines of metrics, and on stages that really go wrong."""

import random

import pytest

from redone.run.monitors import NEVER, alarms, forgets, nothing_left, raised, swings, told, watch


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
    say = watch(lines)
    [said] = say(third)
    assert said.startswith("never right: code: ")
    assert say(third) == []  # said once
    assert watch([*lines, third])(third) == []  # also where the stage was stopped
    partly = line(3, 0.1, code=(0.01, 4, few))
    assert alarms([*lines, partly, third, third]) == []
    unscored = line(3, None, code=(None, 4, {"error": 80}))
    assert names(alarms([*lines, unscored])) == [("not scored", "code")]


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


def steps(count, **changes):
    """Lines of an ordinary stage that reinforces, 32 prompts of 8 answers over four tasks, with values that toss about
    as they do; changes: a field to what it is from half of the steps on."""
    drawn, made = random.Random(1), []
    for step in range(1, count + 1):
        share = 0.3 + 0.3 * step / count
        tasks = {}
        for task, mine in (("tone", 0.3), ("topic", 0.0), ("code", -0.2), ("story", 0.1)):
            right = sum(drawn.random() < share + mine for _ in range(64))
            cut = sum(drawn.random() < 0.2 for _ in range(64 - right))
            reasons = {"right": right, "truncated": cut, "wrong": 63 - right - cut, "error": 1}
            tasks[task] = {"reward": right / 64, "groups": 8, "reasons": reasons}
        constant = {"tone": {"label": "warm", "share": 0.8, "references": 0.5}} if step % 9 else {}
        row = {
            "step": step,
            "reward": sum(one["reward"] for one in tasks.values()) / 4,
            "reward_error": 0.07,
            "groups": drawn.choice([0, 12, 32, 32, 32]),
            "entropy": 0.5 * 0.98**step * drawn.lognormvariate(0, 0.3),
            "clip_fraction": 0.1 * drawn.random(),
            "grad_norm": drawn.lognormvariate(0, 0.8),
            "sampler_gap_mean": 1e-6 * drawn.lognormvariate(0, 0.5),
            "nearly_constant": constant,
            "sandbox_gone": 0,
            "tasks": tasks,
        }
        if not row["groups"]:
            row |= dict.fromkeys(("entropy", "clip_fraction", "grad_norm", "sampler_gap_mean"))
        made.append(row | (changes if step > count / 2 else {}))
    return made


def test_an_ordinary_stage_raises_nothing():
    assert raised(steps(80)) == []


@pytest.mark.parametrize(
    ("changes", "monitor", "seen", "look"),
    [
        ({"groups": 0}, "learns nothing", "no update was made in 5 steps", "learning_rate"),
        ({"reward": 0.01}, "reward at 0", "at most 0.02 in 5 steps", "rollouts.jsonl.gz"),
        ({"reward": 0.99}, "reward at 1", "at least 0.98 in 5 steps", "difficulty = true"),
        ({"entropy": 0.01}, "entropy collapses", "to 0.0", "clip_high"),
        ({"clip_fraction": 0.4}, "clips", "% of the tokens", "updates"),
        ({"grad_norm": 40.0}, "gradient explodes", "its norm was 40 or more in 3 steps, ", "learning_rate"),
        ({"sampler_gap_mean": 8e-4}, "sampler gap", "differ by 0.00016 nats a token, at first by ", "model.dtype"),
        ({"sandbox_gone": 7}, "sandbox gone", "7 answers", "redone check"),
    ],
)
def test_a_stage_that_goes_wrong_is_told_of_once_and_with_what_to_look_at(changes, monitor, seen, look):
    lines = steps(40, **changes)
    assert raised(lines[:20]) == []
    say, said = watch([]), []
    for row in lines:
        said += say(row)
    [sentence] = [one for one in said if one.startswith(monitor)]
    assert seen in sentence
    assert look in sentence
    assert monitor in {alarm.monitor for alarm in raised(lines)}
    assert {alarm.monitor for alarm in raised(lines)} <= {monitor, "oscillates"}


def test_a_task_that_stays_nearly_constant_is_named_after_ten_steps_in_a_row():
    lines = steps(20)
    for row in lines[4:]:
        row["nearly_constant"] = {"tone": {"label": "warm", "share": 0.9, "references": 0.5}}
    del lines[3]["nearly_constant"]["tone"]
    assert names(alarms(lines[:13])) == []
    [alarm] = alarms(lines[:14])
    assert alarm[:2] == ("one answer", "tone")
    assert alarm.said.startswith('90 % of the answers are "warm", 50 % of the references')


def tried(passes, trained=(), count=20):
    """Steps that try one group of each task, and train on those of some; passes: task to pass rate and reward."""
    tasks = {name: {"reward": passing, "pass_rate": passing, "groups": 1} for name, passing in passes.items()}
    return [{**one, "tasks": tasks, "trained": dict.fromkeys(trained, 1)} for one in steps(count)]


def test_a_task_that_was_tried_and_never_trained_on_is_named_with_what_to_set():
    lines = tried({"easy": 1.0, "hard": 0.02, "alike": 0.5, "fed": 0.5, "nil": 0.0, "odd": None}, trained=["fed"])
    said = {alarm.about: alarm.said for alarm in alarms(lines) if alarm.monitor == "starved"}
    assert said.keys() == {"easy", "hard", "alike"}  # nil is never right, and odd could not be scored
    assert "harder prompts (difficulty = true)" in said["easy"]
    assert "fine-tune first" in said["hard"]
    assert "temperature" in said["alike"]
    assert all(one.startswith("no group was trained on in 20 steps: ") for one in said.values())


def test_a_task_is_not_starved_before_twenty_steps_nor_where_it_was_hardly_tried():
    assert not [one for one in alarms(tried({"easy": 1.0}, count=19)) if one.monitor == "starved"]
    seldom = tried({"easy": 1.0, "fed": 0.5}, trained=["fed"])
    for one in seldom[7:]:
        one["tasks"] = {"fed": one["tasks"]["fed"]}
    assert not [one for one in alarms(seldom) if one.monitor == "starved"]


def test_a_stage_whose_steps_are_never_full_is_told_what_to_set():
    some = steps(40, starved=True, groups=2)  # from step 21 on
    [alarm] = [one for one in alarms(some) if one.monitor == "starved"]
    assert alarm.about == ""
    assert "patience" in alarm.said
    full = [*some[-10:], *steps(1, groups=9), *some[-10:]]
    for other in (some[:-1], full, steps(40, starved=True, groups=0)):  # the last of these learns nothing
        assert not [one for one in alarms(other) if one.monitor == "starved"]


def test_answers_that_grow_into_their_budgets_are_told_of_and_other_tasks_that_are_cut_off_are_not():
    lines = steps(20)
    for row in lines[12:]:
        for one in row["tasks"].values():
            one["reasons"] = {**one["reasons"], "truncated": 30, "wrong": 10}
    [alarm] = raised(lines)
    assert alarm.monitor == "runs long"
    assert "length_penalty" in alarm.said
    lines = steps(20)
    for row in lines[12:]:
        row["tasks"] = {"new": {"reward": 0.1, "groups": 32, "reasons": {"right": 26, "truncated": 230}}}
    assert "runs long" not in {alarm.monitor for alarm in raised(lines)}


def test_a_task_that_cannot_be_scored_is_named_and_one_that_seldom_cannot_is_not():
    lines = steps(10)
    for row in lines:
        row["tasks"]["code"]["reasons"] |= {"error": 8}
    [alarm] = raised(lines)
    assert alarm[:2] == ("not scored", "code")
    assert "notes of rollouts.jsonl.gz" in alarm.said
    assert "11 %" in alarm.said


def taught(losses, norms=()):
    """Lines of a stage that teaches."""
    norms = [*norms, *[1.0] * (len(losses) - len(norms))]
    return [{"step": i, "loss": one, "grad_norm": norm} for i, (one, norm) in enumerate(zip(losses, norms), 1)]


def test_a_loss_that_rises_is_told_of_also_where_it_did_so_from_the_first_step():
    """As a stage of the embedded world at the learning rate 1; and one that breaks late."""
    ruined = [5.1, 51.6, 85.6, 53.2, 104.5, 122.1, 134.4, 100.0, 108.0, 90.0, 64.5, 68.3]
    [alarm] = raised(taught(ruined))
    assert alarm.monitor == "loss rises"
    assert "from 5.10 to " in alarm.said
    late = [*(3.0 * 0.95**i for i in range(60)), *[1.4] * 5]
    assert names(raised(taught(late))) == [("loss rises", "")]
    assert names(raised(taught([2.0] * 20, [1.0] * 15 + [50.0] * 5))) == [("gradient explodes", "")]
    assert watch([])({"step": 1, "loss": 5.0, "grad_norm": 1.0}) == []


def test_noise_of_a_loss_that_falls_is_seldom_called_anything():
    """Of 40 stages of 120 steps, with losses that toss about by a third, none; as where single batches are odd."""
    drawn = random.Random(2)
    for _ in range(40):
        losses = [(0.1 + 3 * 0.96**i) * drawn.lognormvariate(0, 0.3) for i in range(120)]
        norms = [drawn.lognormvariate(0, 0.8) for _ in losses]
        losses[60] *= 20
        norms[60] *= 100
        assert raised(taught(losses, norms)) == []


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


@pytest.mark.parametrize(
    ("rates", "then"),
    [
        ([0.0, 0.01, None], "hardly any answer passes: fine-tune first"),
        ([1.0, 0.99, 1.0], "nearly all answers pass: it needs harder prompts"),
        ([0.5, 0.5, 0.5], "score alike: sample more of them"),
        ([None, None, None], "hardly any answer passes"),
    ],
)
def test_a_stage_with_nothing_left_to_reinforce_says_what_to_do(rates, then):
    idle = [{"groups": 0, "pass_rate": rate} for rate in rates]
    assert then in nothing_left(3, [{"groups": 4, "pass_rate": 0.5}, *idle])
    assert nothing_left(4, [{"groups": 4, "pass_rate": 0.5}, *idle]) == ""
    assert nothing_left(4, idle) == ""
    assert nothing_left(3, [*idle[:2], {"groups": 1, "pass_rate": 0.5}]) == ""
