"""Whole training steps with a scripted sampler: what is sampled with which weights, what is trained on, at which rate,
and what a stopped stage goes on with."""

import contextlib
import copy
import gzip
import json
import weakref
from dataclasses import replace

import pytest
import torch
from fakes import StoppingLog
from tiny import reference_logprobs, tiny
from trainers import TASK, plain, trainer_of

from redone.algo.dapo import advantages
from redone.data.mix import uniform
from redone.files import read_json
from redone.model.learner import Learner
from redone.model.policy import Policy
from redone.model.trees import pack
from redone.records import Group, Rollout, Verdict
from redone.run.log import Interrupted
from redone.run.store import Store
from redone.sample import asking
from redone.sample.scripted import ScriptedSampler
from redone.train import rl, sft
from redone.train.steps import Taken, run_steps


def says(prompt, n):
    """Answers that differ by prompt and number, of 1 to 4 letters; the last letters of a group are even and odd."""
    return (*tuple(60 + (3 * len(prompt) + 5 * n + i) % 20 for i in range(len(prompt) % 3 + 1)), 64 + n % 2)


def by_number(asked):
    """Every other answer is right."""
    return [[Verdict(float(n % 2), "right" if n % 2 else "wrong") for n in range(len(one.answers))] for one in asked]


@pytest.fixture
def make(make_tokenizer, monkeypatch):
    """A function that makes a trainer with a scripted sampler, whose log-probabilities are made up."""
    monkeypatch.setattr(rl, "refuse_gap", lambda *given: None)

    def made(script=says, **settings):
        chosen = {"group": 4, "score_all": by_number, **settings}
        return trainer_of(
            make_tokenizer(template=None), sampler=ScriptedSampler(script, group=chosen["group"]), **chosen
        )

    return made


@pytest.fixture
def updates(monkeypatch):
    """The (groups, advantages, rate) of every update, none of which is made."""
    seen = []

    def update(trainer, groups, values, rate):
        seen.append((groups, values, rate))
        zeros = dict.fromkeys(("loss", "clip_fraction", "entropy", "sampler_gap", "sampler_gap_mean", "grad_norm"), 0.0)
        return {**zeros, "forwarded": 0, "answer_tokens": 0}

    monkeypatch.setattr(rl, "update", update)
    return seen


def ids(groups):
    return [group.record.id for group in groups]


def weights(trainer):
    return {name: p.detach().clone() for name, p in trainer.policy.model.named_parameters()}


def test_a_rollout_carries_the_version_that_sampled_it_and_keeps_it_in_later_steps(make):
    trainer = make(prompts=4, updates=1, hope=0.75)  # five for four, and then four for three
    surplus = []
    rows = []
    for step in (5, 6):
        _, lines, surplus = rl.rl_step(trainer, step, surplus)
        rows.append(lines)
    assert trainer.sampler.loaded == [(trainer.policy, 5), (trainer.policy, 6)]
    assert {row["version"] for row in rows[0]} == {5}
    assert sorted(row["version"] for row in rows[1]) == [5] * 4 + [6] * 12
    assert {rollout.version for group in surplus for rollout in group.rollouts} == {6}


def test_a_steps_groups_are_trained_in_an_order_of_the_seed_stage_and_step(make, updates):
    def order(step, seed=0, stage="explore"):
        updates.clear()
        trainer = make(prompts=6, updates=3, seed=seed)
        trainer.stage = stage
        rl.rl_step(trainer, step, [])
        return [ids(groups) for groups, _, _ in updates]

    found = order(0)
    flat = [name for part in zip(*found) for name in part]  # they were dealt out one by one
    assert [len(part) for part in found] == [2, 2, 2]
    assert flat == sorted(flat, key=lambda name: uniform(0, "explore", 0, name))
    assert order(0) == found
    others = (order(1), order(0, seed=1), order(0, stage="refine"))
    assert all([name for part in zip(*other) for name in part] != flat for other in others)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_later_minibatches_and_surplus_have_their_own_old_log_probabilities_at_the_sampling_temperature(
    make, updates, temperature
):
    """The first minibatch has none: its ratio is one. Updates are not made, so the weights are still those."""
    trainer = make(prompts=6, updates=3, hope=0.75, temperature=temperature, tokens_per_pass=40)
    _, _, surplus = rl.rl_step(trainer, 0, [])
    assert [group.old_logprobs for group in updates[0][0]] == [None, None]
    scored = [*updates[1][0], *updates[2][0], *surplus]
    assert len(scored) == 6
    for group in scored:
        expected = reference_logprobs(trainer.policy.model, rl.group_trees([group]), temperature)
        found = torch.tensor([p for row in group.old_logprobs for p in row])
        assert torch.allclose(found, expected, atol=1e-4), group.record.id


def test_log_probabilities_that_a_carried_group_has_are_kept(make):
    trainer = make(prompts=2, updates=1, hope=0.5)
    _, _, surplus = rl.rl_step(trainer, 0, [])
    known = copy.deepcopy([group.old_logprobs for group in surplus])
    trainer.policy.load_weights({name: value * 1.1 for name, value in weights(trainer).items()})
    again, forwarded = rl.add_old_logprobs(trainer, surplus)
    assert [group.old_logprobs for group in again] == known
    assert forwarded == 0
    mixed = [surplus[0], replace(surplus[1], old_logprobs=None)]
    again, forwarded = rl.add_old_logprobs(trainer, mixed)
    assert ids(again) == ids(mixed)
    assert forwarded > 0
    assert again[0].old_logprobs == known[0]
    now = reference_logprobs(trainer.policy.model, rl.group_trees(mixed[1:]))
    assert torch.allclose(torch.tensor([p for row in again[1].old_logprobs for p in row]), now, atol=1e-4)


def test_the_learning_rate_warms_up_over_the_first_steps_and_then_stays(make, updates):
    trainer = make(learning_rate=8e-3, warmup=4)
    metrics = [rl.rl_step(trainer, step, [])[0] for step in range(6)]
    assert [rate for _, _, rate in updates[::2]] == pytest.approx([2e-3, 4e-3, 6e-3, 8e-3, 8e-3, 8e-3])
    assert [rate for _, _, rate in updates[1::2]] == [rate for _, _, rate in updates[::2]]
    assert [row["learning_rate"] for row in metrics] == [rate for _, _, rate in updates[::2]]


def test_an_update_is_made_at_its_rate_and_clipped_to_the_largest_norm(make):
    """Plain gradient descent moves the weights by rate x the clipped gradient."""
    trainer = make(optimizer=plain, max_grad_norm=0.01, learning_rate=0.5, warmup=2, updates=1)
    before = weights(trainer)
    metrics, _, _ = rl.rl_step(trainer, 0, [])
    moved = torch.cat([(value - before[name]).flatten() for name, value in weights(trainer).items()])
    assert metrics["grad_norm"] > 0.02
    assert moved.norm() == pytest.approx(0.25 * 0.01, rel=1e-2)


@pytest.mark.parametrize(("low", "high", "clipped"), [(0.9, 0.2, True), (0.2, 0.9, False)])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_upper_bound_is_for_answers_to_be_made_likelier_and_the_lower_for_others(make, low, high, clipped, sign):
    """Every ratio is 1.5 where the advantage is positive, and 1 / 1.5 where it is negative, which is 1 - 1/3."""
    trainer = make(optimizer=plain, clip_low=high if sign < 0 else low, clip_high=low if sign < 0 else high)
    record = trainer.mix.records["t"][0]
    prompt = trainer.encoder.prompt(record.messages, False)
    tokens = [says(prompt, n) for n in range(4)]
    with torch.no_grad():
        now, _ = trainer.policy.token_logprobs(pack([(prompt, tokens)]))
    values = iter((now - sign * torch.log(torch.tensor(1.5))).tolist())
    rollouts = tuple(Rollout(record.id, t, (-1.0,) * len(t), "", True, 0) for t in tokens)
    old = tuple(tuple(next(values) for _ in t) for t in tokens)
    group = Group(record, prompt, rollouts, (Verdict(1.0, "right"),) * 4, old)
    found = rl.update(trainer, [group], torch.full((1, 4), sign), 1e-3)
    assert found["clip_fraction"] == pytest.approx(float(clipped), abs=1e-5)


def test_the_length_penalty_shapes_what_is_trained_on_and_not_what_is_filtered(make, updates):
    """Budget 40, zone 10: of the right answers, numbers 1 and 3, one is 40 tokens long and costs the whole factor. All
    answers to the prompts of even length are right: long or short, their groups teach nothing."""

    def script(prompt, n):
        return (70,) * (40 if n == 3 else 4 + n)

    def score_all(asked):
        alive = [len(one.record.prompt_text) % 2 for one in asked]
        scores = [[float(n % 2) if a else 1.0 for n in range(4)] for a in alive]
        return [[Verdict(s, "right" if s else "wrong") for s in mine] for mine in scores]

    trainer = make(script, score_all=score_all, task=replace(TASK, budget=40), length_penalty=0.5)
    metrics, rows, _ = rl.rl_step(trainer, 0, [])
    expected = advantages(torch.tensor([[0.0, 1.0, 0.0, 0.5]]), trainer.settings.advantage_floor)
    for groups, values, _ in updates:
        assert all(len(group.record.prompt_text) % 2 for group in groups)
        assert torch.allclose(values, expected.expand(len(groups), -1), atol=1e-6)
    assert metrics["dropped"] > 0
    assert {row["score"] for row in rows if row["advantage"] is not None} == {0.0, 1.0}


def test_what_the_sampler_is_asked_is_the_records_prompt_and_the_tasks_budget(make):
    trainer = make()
    shown = []
    admit = trainer.sampler.admit
    trainer.sampler.admit = lambda requests: (shown.extend(requests), admit(requests))
    metrics, rows, _ = rl.rl_step(trainer, 0, [])
    texts = {trainer.encoder.tokenizer.decode(request.prompt) for request in shown}
    assert texts == {row["prompt"] + "\n" for row in rows}
    assert {request.budget for request in shown} == {TASK.budget}
    assert len({request.key for request in shown}) == len(shown) == metrics["generated"]


def test_in_every_update_of_every_step_old_log_probabilities_are_those_of_the_weights_that_sampled(make, monkeypatch):
    """A step's groups are of several versions: every third is dead, and more are sampled than are missing. The weights
    of every version are kept, and each token's old log-probability is computed from them."""
    parts, given = [], []
    update, loss = rl.update, rl.dapo.dapo_loss
    monkeypatch.setattr(
        rl, "update", lambda trainer, part, *more: (parts.append(part), update(trainer, part, *more))[1]
    )
    monkeypatch.setattr(
        rl.dapo, "dapo_loss", lambda new, old, *more: (given.append((new, old)), loss(new, old, *more))[1]
    )

    def score_all(asked):
        dead = [int(one.record.id.rpartition("/")[2]) % 3 == 0 for one in asked]
        return [[Verdict(1.0, "right") if d else v for v in mine] for d, mine in zip(dead, by_number(asked))]

    trainer = make(score_all=score_all, hope=0.6, prompts=6, updates=3, temperature=0.5, learning_rate=1e-2)
    versions, surplus, mixed = [], [], 0
    for step in range(3):
        versions.append(copy.deepcopy(trainer.policy.model))
        metrics, _, surplus = rl.rl_step(trainer, step, surplus)
        mixed += 0 < metrics["carried"] < 6
    assert mixed, "or nothing was tested"
    moved = 0
    for part, (new, old) in zip(parts, given, strict=True):
        trees = zip(part, rl.group_trees(part))
        expected = [reference_logprobs(versions[g.rollouts[0].version], [tree], 0.5) for g, tree in trees]
        assert torch.allclose(old, torch.cat(expected), atol=1e-4)
        moved += not torch.allclose(new, old, atol=1e-2)
    assert moved >= 6, "later updates have other weights"


def test_every_answer_has_its_own_verdict_when_several_groups_come_back_at_once(make_tokenizer, monkeypatch):
    monkeypatch.setattr(rl, "refuse_gap", lambda *given: None)

    class AllAtOnce(ScriptedSampler):
        def step(self):
            waiting, self.waiting = self.waiting, []
            return [(request, tuple(self._answer(request, n) for n in range(self.group))) for request in waiting]

    def score(record, text):
        return (7 * len(record.prompt_text) + 3 * len(text) + ord(text[-1])) % 11 / 10

    def score_all(asked):
        return [[Verdict(score(one.record, text), "wrong") for text, _ in one.answers] for one in asked]

    trainer = trainer_of(make_tokenizer(template=None), sampler=AllAtOnce(says, group=4), score_all=score_all)
    _, rows, _ = rl.rl_step(trainer, 0, [])
    records = {record.id: record for record in trainer.mix.records["t"]}
    assert len({row["id"] for row in rows}) >= 4
    assert [row["score"] for row in rows] == [score(records[row["id"]], row["text"]) for row in rows]


def test_a_step_keeps_to_the_settings_of_sampling(make, updates, monkeypatch):
    """Seven prompts for the four that are missing where 0.55 of them are to be expected; three at once, and one where
    there is room for no more; scores that differ by 0.4 of the 0.5 asked for."""
    together, narrow = make(hope=0.55), make(in_flight=3)
    metrics, _, surplus = rl.rl_step(together, 0, [])
    assert (together.sampler.admitted, metrics["surplus"], len(surplus)) == (7, 3, 3)
    rl.rl_step(narrow, 0, [])
    assert narrow.sampler.most == 3

    monkeypatch.setattr(asking, "_CACHE", 0)
    alone = make()
    rl.rl_step(alone, 0, [])
    assert alone.sampler.most == 1

    def close(asked):
        return [[replace(v, score=0.4 * v.score) for v in mine] for mine in by_number(asked)]

    metrics, _, _ = rl.rl_step(make(score_all=close, min_spread=0.5), 0, [])
    assert (metrics["groups"], metrics["dropped"]) == (0, 12)


# A stage that is stopped


def learn(trainer, folder, stop_at="\0"):
    with contextlib.suppress(Interrupted):
        rl.train(trainer, Store(folder), StoppingLog(stop_at))
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    with gzip.open(folder / "rollouts.jsonl.gz", "rt") as file:
        return [{k: v for k, v in line.items() if k != "seconds"} for line in lines], file.read()


def test_a_stopped_stage_goes_on_with_mix_surplus_weights_and_optimiser_as_if_it_had_not_been_stopped(make, tmp_path):
    """Steps, rollouts and weights to the last bit; a group was left over where it stopped."""
    settings = {
        "prompts": 2,
        "updates": 2,
        "hope": 0.75,
        "steps": 5,
        "warmup": 0,
        "learning_rate": 1e-2,
        "save_every": 1,
    }
    whole, first, second = (make(**settings) for _ in range(3))
    expected = learn(whole, tmp_path / "whole")
    assert len(expected[0]) == 5
    assert [line["carried"] for line in expected[0]] == [0, 1, 0, 1, 0], "surplus is carried"
    learn(first, tmp_path / "halves", "explore    3/5")
    assert first.sampler.version == 2
    assert learn(second, tmp_path / "halves") == expected
    assert [version for _, version in second.sampler.loaded] == [3, 4]
    assert all(torch.equal(value, weights(second)[name]) for name, value in weights(whole).items())


def test_a_stage_that_is_stopped_between_checkpoints_saves_one_and_takes_no_step_twice(make, tmp_path):
    settings = {"prompts": 2, "updates": 1, "steps": 4, "save_every": 100}
    expected = learn(make(**settings), tmp_path / "whole")
    learn(make(**settings), tmp_path / "halves", "explore    3/4")
    second = make(**settings)
    assert learn(second, tmp_path / "halves") == expected
    assert [version for _, version in second.sampler.loaded] == [3]


def test_a_stage_that_finds_nothing_to_train_on_ends_and_stays_ended(make, tmp_path):
    """After two idle steps in a row, with a checkpoint; what it learnt before stays, going on takes no step more."""

    def right_at_first(asked):
        return [[Verdict(0.0, "wrong")] * 4 for _ in asked] if Store(tmp_path).metrics() else by_number(asked)

    def trained(trainer):
        log = StoppingLog()
        rl.train(trainer, Store(tmp_path), log)
        return Store(tmp_path).metrics(), log.lines

    settings = {"prompts": 2, "updates": 1, "steps": 9, "idle_steps": 2, "save_every": 100, "warmup": 0}
    trainer, again = (make(score_all=right_at_first, **settings) for _ in range(2))
    before = {name: value.clone() for name, value in weights(trainer).items()}
    lines, said = trained(trainer)
    idle = [not line["groups"] for line in lines]
    assert not idle[0]
    assert idle[-2:] == [True, True]
    assert [True, True] not in [idle[i : i + 2] for i in range(len(idle) - 2)]
    assert any(not torch.equal(value, before[name]) for name, value in weights(trainer).items())
    why = "in its last 2 steps no prompt had answers that differ in score"
    assert said[-1].startswith(f"explore ends after step {len(lines)} of 9: {why}")
    found, repeated = trained(again)
    assert found == lines
    assert repeated[-1] == said[-1]
    assert all(torch.equal(value, weights(again)[name]) for name, value in weights(trainer).items())


def test_a_stage_that_comes_to_its_end_did_not_end_early_though_it_found_nothing_at_last(make, tmp_path):
    none = make(score_all=lambda asked: [[Verdict(0.0, "wrong")] * 4 for _ in asked], steps=2, idle_steps=2, prompts=2)
    log = StoppingLog()
    rl.train(none, Store(tmp_path), log)
    assert [line["groups"] for line in Store(tmp_path).metrics()] == [0, 0]
    assert not [line for line in log.lines if "ends after" in line]


EXAMPLES = [sft.Example((3, 4, 5), (6, 7)), sft.Example((8, 9), (10, 11, 12)), sft.Example((1, 2, 3, 4), (5,))]


def fit(learner, folder, batch_at, stop_at="\0", max_grad_norm=1e9, steps=4):
    """The lines of metrics.jsonl."""
    settings = sft.Fit(
        name="target",
        steps=steps,
        rate=lambda step: 1e-2 * (step + 1),
        max_grad_norm=max_grad_norm,
        save_every=1,
        tokens_per_pass=6,
    )
    with contextlib.suppress(Interrupted):
        sft.fit(learner, batch_at, settings, Store(folder), StoppingLog(stop_at))
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_the_state_that_a_stage_goes_on_from_is_let_go_before_its_first_step(tmp_path, monkeypatch):
    class State(dict):
        pass

    def resume(self, say):
        state = State(sft_learner().state(), step=1, seconds=0.0)
        watched.append(weakref.ref(state))
        return state

    def take(step):
        there.append(watched[0]() is not None)
        return Taken({}, "")

    watched, there = [], []
    monkeypatch.setattr(Store, "resume", resume)
    run_steps("t", sft_learner(), Store(tmp_path), StoppingLog(), steps=2, save_every=9, take=take)
    assert there == [False]


def sft_learner(**more):
    return Learner(Policy(tiny("Qwen3")), learning_rate=1e-2, weight_decay=0.1, **more)


def test_teaching_steps_at_its_schedules_rate_along_the_clipped_gradient_of_the_mean_over_all_target_tokens(tmp_path):
    learner = sft_learner(optimizer=plain)
    before = {name: p.detach().clone() for name, p in learner.weights.items()}
    logprobs = reference_logprobs(learner.policy.model, [(e.prompt, [e.target]) for e in EXAMPLES])
    [line] = fit(learner, tmp_path, lambda step: EXAMPLES, max_grad_norm=0.5, steps=1)
    assert line["loss"] == pytest.approx(-float(logprobs.detach().mean()), rel=1e-5)
    assert line["learning_rate"] == 1e-2
    assert line["grad_norm"] > 0.5
    moved = torch.cat([(p.detach() - before[name]).flatten() for name, p in learner.weights.items()])
    assert moved.norm() == pytest.approx(1e-2 * 0.5, rel=1e-2)


def test_teaching_that_ruins_its_weights_stops_with_its_records_and_their_losses(tmp_path):
    """The second step's rate is beyond any number; a stage that goes on from the first stops there again."""

    def run(learner):
        settings = sft.Fit("target", 3, lambda step: (1e-3, 1e40, 1e-3)[step], 1.0, 1, 8)
        with pytest.raises(FloatingPointError, match="target stopped at step 2: after an update") as stopped:
            sft.fit(learner, lambda step: EXAMPLES[step:], settings, Store(tmp_path), StoppingLog())
        assert "The last checkpoint, of step 1, is good. " in str(stopped.value)
        assert str(stopped.value).endswith(
            f"lower target.learning_rate: with another --out and --from-stage {tmp_path} what stands before target is "
            "taken over"
        )
        left = read_json(tmp_path / "stopped-000002.json")["batch"]
        assert [(row["prompt"], row["target"]) for row in left] == [([8, 9], [10, 11, 12]), ([1, 2, 3, 4], [5])]
        assert {row["loss"] for row in left} == {"nan"}
        assert [line["step"] for line in Store(tmp_path).metrics()] == [1]

    run(sft_learner())
    run(sft_learner())
    rows = sft._looked_at(Policy(tiny("Qwen3")), EXAMPLES, 8)
    for row, example in zip(rows, EXAMPLES):
        expected = reference_logprobs(tiny("Qwen3"), [(example.prompt, [example.target])])
        assert row["loss"] == pytest.approx(-float(expected.detach().mean()), rel=1e-4)


def test_a_loss_that_rises_is_told_of_while_it_is_taught(tmp_path):
    log = StoppingLog()
    learner = sft_learner()

    def take(step):
        return Taken({"step": step + 1, "loss": 1.0 if step < 9 else 9.0, "grad_norm": 1.0}, "")

    run_steps("target", learner, Store(tmp_path), log, steps=20, save_every=99, take=take)
    [said] = [line for line in log.lines if line.startswith("target, ")]
    assert said.startswith("target, loss rises: from 1.00 to 9.00 nats a token")
    assert [line["step"] for line in Store(tmp_path).metrics() if line["alarms"]] == [14]


def test_a_step_whose_metrics_are_not_finite_is_not_kept(tmp_path):
    def take(step):
        return Taken({"step": step + 1, "entropy": float("nan") if step else 1.0}, "", [{"text": "so"}])

    with pytest.raises(FloatingPointError, match="t stopped at step 2: of its metrics entropy"):
        run_steps("t", sft_learner(), Store(tmp_path), StoppingLog(), steps=2, save_every=9, take=take)
    assert read_json(tmp_path / "stopped-000002.json")["batch"] == [{"text": "so"}]
    assert len(Store(tmp_path).metrics()) == 1


def test_teaching_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path):
    whole, first, second = sft_learner(), sft_learner(), sft_learner()
    asked = []

    def batch_at(step):
        asked.append(step)
        return [EXAMPLES[step % 3], EXAMPLES[(step + 1) % 3]]

    expected = fit(whole, tmp_path / "whole", batch_at)
    fit(first, tmp_path / "halves", batch_at, "target    2/4")
    found = fit(second, tmp_path / "halves", batch_at)
    assert asked == [0, 1, 2, 3, 0, 1, 2, 3]
    without = [[{k: v for k, v in line.items() if k != "seconds"} for line in lines] for lines in (found, expected)]
    assert without[0] == without[1]
    assert [line["learning_rate"] for line in found] == pytest.approx([1e-2, 2e-2, 3e-2, 4e-2])
    assert all(torch.equal(p, second.weights[name]) for name, p in whole.weights.items())
