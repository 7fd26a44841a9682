import copy
import math
from dataclasses import replace
from functools import partial

import pytest
import torch
from fakes import StoppingLog
from tiny import gradient, reference_logprobs, relative
from trainers import TASK, plain, toss, trainer_of

from redone.algo.dapo import dapo_loss, token_weights
from redone.files import read_json
from redone.model.policy import Policy
from redone.model.trees import pack
from redone.records import Group, Record, Rollout, Task, Verdict
from redone.run.log import Log
from redone.run.monitors import raised
from redone.run.scoring import GONE, in_process
from redone.run.store import Store
from redone.train import rl


@pytest.fixture
def make_trainer(make_tokenizer):
    return partial(trainer_of, make_tokenizer(template=None))


@pytest.fixture
def made_up(monkeypatch):
    """What the sampler says of its tokens may be anything."""
    monkeypatch.setattr(rl, "refuse_gap", lambda *given: None)


QUIET = dict.fromkeys(
    ("loss", "clip_fraction", "entropy", "sampler_gap", "sampler_gap_mean", "grad_norm", "forwarded", "answer_tokens"),
    0.0,
)


def make_groups(trainer, count, seed=0):
    """Groups of four random answers of 1 to 7 tokens; the trainer has scored every second group before."""
    random = torch.Generator().manual_seed(seed)
    groups = []
    for i in range(count):
        record = trainer.mix.records["t"][i]
        answers = [tuple(torch.randint(0, 200, (1 + (3 * i + j) % 7,), generator=random).tolist()) for j in range(4)]
        rollouts = tuple(Rollout(record.id, tokens, (-2.0,) * len(tokens), "", True, 0) for tokens in answers)
        verdicts = tuple(Verdict(float(j % 2), "right" if j % 2 else "wrong") for j in range(4))
        [prompt] = trainer.encoder.prompts([record], trainer.tasks)
        groups.append(Group(record, prompt, rollouts, verdicts))
    known, _ = rl.add_old_logprobs(trainer, groups[::2])
    for i, group in enumerate(known):  # as if the weights had changed since
        moved = tuple(tuple(p + 0.4 * math.sin(7 * p) for p in row) for row in group.old_logprobs)
        groups[2 * i] = rl.with_old_logprobs(group, moved)
    return groups


def watch(policy):
    """Tokens that enter the model, apart for passes with a gradient and without."""
    seen = {True: 0, False: 0}

    def count(module, inputs, output):
        seen[torch.is_grad_enabled()] += inputs[0].numel()

    policy.model.get_input_embeddings().register_forward_hook(count)
    return seen


@pytest.mark.usefixtures("made_up")
def test_an_update_runs_every_prompt_once_and_every_answer_once(make_trainer):
    """The tokens that really entered the model, against 1.1 x (prompts + answers)."""
    trainer = make_trainer(tokens_per_pass=60)
    groups = make_groups(trainer, 6)
    seen = watch(trainer.policy)
    statistics = rl.update(trainer, groups, torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), 1e-3)
    trees = rl.group_trees(groups)
    prompts = sum(len(prompt) for prompt, _ in trees)
    answers = [len(answer) for _, answers in trees for answer in answers]
    assert seen == {True: prompts + sum(answers) - len(answers), False: 0}
    assert seen[True] <= 1.1 * (prompts + sum(answers))
    assert statistics["forwarded"] == seen[True]


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize(
    ("kind", "averaging", "temperature"),
    [("Qwen3", "token", 1.0), ("Qwen3", "group", 1.0), ("Qwen3", "token", 0.6), ("GPTNeo", "token", 1.0)],
)
def test_an_update_in_any_number_of_passes_follows_the_gradient_of_the_plain_loss(
    make_trainer, kind, averaging, temperature
):
    """Plain: one sequence at a time, one loss over the step. Stored old log-probabilities are used where there are
    some, and the current ones elsewhere. A step of plain gradient descent moves the weights by the gradient."""
    trainer = make_trainer(kind, tokens_per_pass=60, averaging=averaging, temperature=temperature, optimizer=plain)
    groups = make_groups(trainer, 5)
    advantages = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    model = copy.deepcopy(trainer.policy.model)
    statistics = rl.update(trainer, groups, advantages, 1.0)
    moved = [b - a for a, b in zip(trainer.policy.model.parameters(), model.parameters())]

    logprobs = reference_logprobs(model, rl.group_trees(groups), temperature)
    lengths = [len(rollout.tokens) for group in groups for rollout in group.rollouts]
    counts = [sum(lengths[4 * i : 4 * i + 4]) for i in range(5)]
    old = [
        part.detach() if group.old_logprobs is None else torch.tensor([p for row in group.old_logprobs for p in row])
        for group, part in zip(groups, logprobs.split(counts))
    ]
    each = advantages.flatten().repeat_interleave(torch.tensor(lengths))
    weights = token_weights(lengths, [i for i in range(5) for _ in range(4)], averaging)
    loss, expected = dapo_loss(logprobs, torch.cat(old), each, weights, 0.2, 0.28)
    theirs = gradient(model, loss)
    assert expected["clip_fraction"] > 0.05
    assert statistics["loss"] == pytest.approx(loss.item(), rel=1e-4)
    assert statistics["clip_fraction"] == pytest.approx(expected["clip_fraction"], rel=1e-4)
    assert statistics["grad_norm"] == pytest.approx(theirs.norm().item(), rel=1e-4)
    assert relative(torch.cat([x.flatten() for x in moved]), theirs) < 2e-5  # a difference of weights loses digits
    assert all(p.grad is None for p in trainer.policy.model.parameters())  # the next step starts anew


@pytest.mark.parametrize("kind", ["Qwen3", "GPTNeo"])
def test_a_step_tells_the_updates_tokens_from_those_it_only_scored(make_trainer, kind):
    trainer = make_trainer(kind)
    seen = watch(trainer.policy)
    metrics, _, _ = rl.rl_step(trainer, 0, [])
    assert metrics["forwarded_tokens"] == seen[True]
    assert 0 < metrics["scored_tokens"] < seen[False]  # the rest is generation
    assert metrics["updates"] == 2


def test_memory_is_given_back_between_sampling_and_the_first_update(make_trainer, monkeypatch):
    trainer = make_trainer()
    happened = []

    def noted(name):
        act = getattr(rl, name)
        monkeypatch.setattr(rl, name, lambda *given: happened.append(name) or act(*given))

    for name in ("sample_groups", "give_back", "add_old_logprobs", "update"):
        noted(name)
    rl.rl_step(trainer, 0, [])
    assert happened == ["sample_groups", "give_back", "add_old_logprobs", "update", "update"]


def test_old_log_probabilities_are_those_of_the_weights_that_sampled(make_trainer):
    """Groups carried over were scored before the update changed the weights."""
    trainer = make_trainer(hope=0.25, prompts=2, updates=1, learning_rate=1e-2, warmup=0)
    before = Policy(copy.deepcopy(trainer.policy.model))
    _, _, surplus = rl.rl_step(trainer, 0, [])
    assert surplus
    for group, tree in zip(surplus, rl.group_trees(surplus)):
        expected, _ = before.token_logprobs(pack([tree]))
        found = torch.tensor([p for row in group.old_logprobs for p in row])
        assert torch.allclose(found, expected, atol=1e-4)


def test_carried_groups_are_trained_on_first_and_their_ratio_is_not_one(make_trainer):
    trainer = make_trainer(hope=0.25, prompts=2, updates=1, learning_rate=3e-2, warmup=0)
    _, _, surplus = rl.rl_step(trainer, 0, [])
    metrics, rows, _ = rl.rl_step(trainer, 1, surplus)
    assert metrics["carried"] == 2
    trained = {row["id"] for row in rows if row["advantage"] is not None}
    assert trained == {group.record.id for group in surplus[:2]}
    assert metrics["clip_fraction"] > 0


def test_answers_without_a_verdict_keep_their_group_out_of_the_update(make_trainer):
    def broken(asked):
        """The last answer of record 3 has no verdict."""
        found = toss(asked)
        for one, verdicts in zip(asked, found):
            if one.record.id == "t/train/3":
                verdicts[-1] = Verdict(0.0, "error", note="no verdict within 1 s")
        return found

    trainer = make_trainer(score_all=broken, prompts=8)
    metrics, rows, surplus = rl.rl_step(trainer, 0, [])
    mine = [row for row in rows if row["id"] == "t/train/3"]
    assert metrics["errors"] == 1
    assert [row["reason"] for row in mine][-1] == "error"
    assert {row["advantage"] for row in mine} == {None}
    assert metrics["tasks"]["t"]["errors"] == pytest.approx(1 / (4 * metrics["generated"]))


def test_too_many_answers_without_a_verdict_stop_the_run_and_say_why(make_trainer):
    def lost(asked):
        return [[Verdict(0.0, "error", note="no verdict within 1 s") for _ in one.answers] for one in asked]

    trainer = make_trainer(score_all=lost)
    with pytest.raises(ValueError, match=r"48 of 48 answers .*most_errors = 0.1.*task t.*within 1 s"):
        rl.rl_step(trainer, 0, [])


def test_a_step_has_patience_for_so_many_groups_for_one_that_is_missing(make_trainer):
    """No random answer is right: with a patience of two a step for three prompts draws six of the twelve records."""
    trainer = make_trainer(score_all=in_process({"t": TASK}), prompts=3, updates=1, patience=2)
    metrics, _, _ = rl.rl_step(trainer, 0, [])
    assert (metrics["groups"], metrics["generated"]) == (0, 6)


def test_a_dead_pool_makes_no_update_and_the_step_says_so(make_trainer):
    """No random answer is the one asked for: every group of all 12 records scores 0."""
    trainer = make_trainer(score_all=in_process({"t": TASK}))
    before = copy.deepcopy(trainer.policy.model.state_dict())
    metrics, rows, surplus = rl.rl_step(trainer, 0, [])
    assert metrics["starved"]
    assert (metrics["groups"], metrics["generated"], metrics["dropped"], metrics["updates"]) == (0, 12, 12, 0)
    assert {row["advantage"] for row in rows} == {None}
    assert surplus == []
    assert all(torch.equal(a, before[name]) for name, a in trainer.policy.model.state_dict().items())
    line = rl._said(metrics)
    assert "too few prompts of middling difficulty were found" in line
    assert "no update" in line


def test_a_minibatch_moves_the_weights_by_its_share_of_a_whole_one(make_trainer, monkeypatch):
    """Five carried groups, and nothing else is informative: three and two of four each."""
    dead = in_process({"t": TASK})
    trainer = make_trainer(prompts=8, updates=2, warmup=0, learning_rate=1e-3, score_all=dead)
    found = []
    monkeypatch.setattr(rl, "update", lambda trainer, part, advantages, rate: found.append((len(part), rate)) or QUIET)
    rl.rl_step(trainer, 0, make_groups(trainer, 5))
    assert found == [(3, 0.75e-3), (2, 0.5e-3)]


def test_every_update_has_its_share_of_every_task_and_label(make_trainer):
    trainer = make_trainer(prompts=8, updates=2)
    trainer.labels = {f"t/train/{i}": "yes" for i in (0, 1, 2, 7)} | {f"t/train/{i}": "no" for i in (3, 4)}
    groups = make_groups(trainer, 8)
    parts = rl.minibatches(trainer, 0, groups)
    said = [sorted(trainer.labels.get(group.record.id, "") for group in part) for part in parts]
    assert said == [["", "no", "yes", "yes"]] * 2
    assert rl.minibatches(trainer, 0, groups[:1]) == [[groups[0]]]
    assert rl.minibatches(trainer, 0, []) == []


def test_the_rate_falls_at_a_stages_end(make_trainer, monkeypatch):
    rates = []
    monkeypatch.setattr(rl, "update", lambda trainer, part, advantages, rate: rates.append(rate) or QUIET)
    trainer = make_trainer(prompts=4, updates=1, warmup=2, learning_rate=1e-3, steps=6, cooldown=0.5)
    for step in range(6):
        rl.rl_step(trainer, step, make_groups(trainer, 4))
    assert rates == pytest.approx([0.5e-3, 1e-3, 1e-3, 1e-3, 2e-3 / 3, 1e-3 / 3])


def test_the_length_penalty_joins_after_filtering_and_scales(make_trainer):
    """Budget 40, zone 10: 35 tokens cost 1/2 of the factor; the score itself stays as it was."""
    task = Task("t", "domain", "dialogue", "", "", "exact", budget=40)
    rollouts = tuple(Rollout("r", (0,) * n, (-1.0,) * n, "", True, 0) for n in (30, 35, 40))
    record = Record("r", "t", ({"content": "?"},), "z", "train", "test")
    group = Group(record, (0,), rollouts, tuple(Verdict(1.0, "right") for _ in rollouts))
    assert rl.shaped_rewards([group], {"t": task}, 0.4, 0.25).tolist()[0] == pytest.approx([1.0, 0.8, 0.6])
    assert rl.shaped_rewards([group], {"t": task}, 0.4, 0.5).tolist()[0] == pytest.approx([0.8, 0.7, 0.6])
    assert group.scores == (1.0, 1.0, 1.0)


@pytest.mark.usefixtures("made_up")
def test_a_loss_that_is_not_finite_stops_before_the_weights_change(make_trainer):
    trainer = make_trainer()
    groups = make_groups(trainer, 2)
    before = copy.deepcopy(trainer.policy.model.state_dict())
    with pytest.raises(FloatingPointError, match=r"the loss is .* not stepped"):
        rl.update(trainer, groups, torch.full((2, 4), float("inf")), 1e-3)
    assert all(torch.equal(a, before[name]) for name, a in trainer.policy.model.state_dict().items())


@pytest.mark.parametrize("kind", ["Qwen3", "GPTNeo"])
def test_a_sampler_that_is_not_the_policy_stops_the_run(make_trainer, kind):
    """It samples at the temperature 1, is scored at 1 and goes on; then it samples at 1.2."""
    trainer = make_trainer(kind, prompts=2, updates=1, temperature=1.0, min_spread=0.0, learning_rate=1e-6)
    metrics, _, _ = rl.rl_step(trainer, 0, [])
    assert metrics["sampler_gap_mean"] <= metrics["sampler_gap"] < 1e-4
    trainer.sampler.temperature = 1.2
    before = copy.deepcopy(trainer.policy.model.state_dict())
    with pytest.raises(FloatingPointError, match="the sampler and the trainer disagree") as stopped:
        rl.rl_step(trainer, 1, [])
    assert all(torch.equal(a, before[name]) for name, a in trainer.policy.model.state_dict().items())
    assert "\n" not in str(stopped.value)


def test_what_stops_a_run_is_the_mean_gap_of_a_step_beyond_its_numbers_rounding():
    """Gaps of 0.02 nats on average are what products in bfloat16 make, whatever one token is off by."""
    rl.refuse_gap(3e-6, 0.01, narrow=False)
    rl.refuse_gap(0.02, 0.7, narrow=True)
    for mean, narrow in ((0.02, False), (0.3, True), (math.nan, True)):
        with pytest.raises(FloatingPointError, match="sampler and the trainer disagree"):
            rl.refuse_gap(mean, mean, narrow)


@pytest.mark.usefixtures("made_up")
def test_the_mean_gap_is_over_the_tokens_of_the_update_however_it_is_cut(make_trainer):
    trainer = make_trainer(tokens_per_pass=60)
    groups = make_groups(trainer, 6)
    old = [rl.add_old_logprobs(trainer, [group])[0][0].old_logprobs for group in groups]
    gaps = [abs(p + 2.0) for rows in old for row in rows for p in row]
    found = rl.update(trainer, groups, torch.zeros(6, 4), 1e-3)
    assert found["sampler_gap_mean"] == pytest.approx(sum(gaps) / len(gaps), rel=1e-4)


def test_a_label_that_is_said_too_often_is_reinforced_less(make_trainer):
    trainer = make_trainer(length_penalty=0.0, calibration=0.5)
    groups = [
        replace(one, verdicts=tuple(Verdict(float(s == "yes"), "wrong", said=s) for s in said))
        for one, said in zip(make_groups(trainer, 2), [("yes", "yes", "yes", "no"), ("yes", "yes", "well", "no")])
    ]
    plain = rl.advantages_of(trainer, groups, {})
    above = {"t": {"yes": 0.4, "no": -0.4}, "other": {"well": 0.9, "yes": -0.9}}
    change = rl.advantages_of(trainer, groups, above) - plain
    assert change.flatten().tolist() == pytest.approx([-0.2, -0.2, -0.2, 0.2, -0.2, -0.2, 0.0, 0.2], abs=1e-6)


def test_what_was_said_is_counted_in_every_group_that_a_step_generates(make_trainer):
    def score_all(asked):
        return [[Verdict(0.0, "wrong", said="no") for _ in answers] for _, answers in asked]

    trainer = make_trainer(score_all=score_all, records=5)
    trainer.labels = {"t/train/0": "yes", "t/train/1": "no"}
    rl.rl_step(trainer, 0, [])
    assert trainer.counts == {"t": {"yes": [0.0, 1.0], "no": [2.0, 1.0]}}


@pytest.mark.parametrize("calibration", [0.0, 0.5])
def test_labels_are_calibrated_by_what_the_step_itself_was_answered(make_trainer, calibration):
    """Whatever earlier steps were answered."""

    def score_all(asked):
        return [[replace(v, said="no") for v in mine] for mine in toss(asked)]

    def advantages(counts, weight):
        trainer = make_trainer(score_all=score_all, calibration=weight)
        trainer.labels = {f"t/train/{i}": "yes" if i % 3 else "no" for i in range(12)}
        trainer.counts = counts
        _, rows, _ = rl.rl_step(trainer, 0, [])
        return [row["advantage"] for row in rows]

    found = advantages({}, calibration)
    assert found == advantages({"t": {"yes": [90.0, 50.0], "no": [10.0, 50.0]}}, calibration)
    assert (found == advantages({}, 0.0)) is (calibration == 0.0)


def test_a_step_and_its_line_tell_of_a_closed_task_that_is_answered_nearly_alike(make_trainer):
    def score_all(asked):
        return [[Verdict(0.0, "wrong", said="no") for _ in answers] for _, answers in asked]

    trainer = make_trainer(score_all=score_all)
    trainer.labels = {f"t/train/{i}": "yes" if i % 2 else "no" for i in range(12)}
    metrics, _, _ = rl.rl_step(trainer, 0, [])
    wanted = {"label": "no", "share": 1.0, "references": 0.5}
    assert metrics["nearly_constant"] == {"t": wanted}
    assert metrics["tasks"]["t"]["commonest"] == wanted
    assert rl._said(metrics).endswith('t: 100 % of the answers are "no", 50 % of the references: nearly a constant')
    more = {name: {**wanted, "share": share} for name, share in (("u", 0.7), ("v", 0.9), ("w", 0.8))}
    line = rl._said(metrics | {"nearly_constant": {"t": wanted, **more}})
    assert [line.index(f"  {name}: ") for name in "tv"] == sorted(line.index(f"  {name}: ") for name in "tv")
    assert line.endswith("nearly a constant  and 2 more tasks")
    trainer.labels, trainer.counts = {}, {}
    assert rl.rl_step(trainer, 1, [])[0]["nearly_constant"] == {}


def test_a_resumed_stage_knows_what_was_said_before(make_trainer, tmp_path):
    def score_all(asked):
        return [[replace(v, said="yes" if v.score else "no") for v in mine] for mine in toss(asked)]

    def after(steps, folder):
        trainer = make_trainer(score_all=score_all, steps=steps)
        trainer.labels = {f"t/train/{i}": "yes" for i in range(0, 12, 2)}
        rl.train(trainer, Store(tmp_path / folder), Log())
        return trainer.counts

    after(1, "halted")
    assert after(3, "halted") == after(3, "whole")


@pytest.mark.slow
def test_a_stage_says_once_that_its_reward_oscillates_also_after_a_stop(make_trainer, tmp_path):
    """The reward wants even last bytes for three steps, then odd ones: what one step brings the next undoes."""

    def run(steps, folder):
        def score_all(asked):
            wanted = trainer.sampler.version // 3 % 2
            right = [[len(text) > 0 and ord(text[-1]) % 2 == wanted for text, _ in answers] for _, answers in asked]
            return [[Verdict(float(r), "right" if r else "wrong") for r in mine] for mine in right]

        settings = {"prompts": 12, "group": 8, "updates": 1, "learning_rate": 0.03, "warmup": 0, "cooldown": 0}
        trainer = make_trainer(score_all=score_all, records=40, steps=steps, **settings)
        log = StoppingLog()
        rl.train(trainer, Store(tmp_path / folder), log)
        return [line for line in log.lines if line.startswith("explore, ")], Store(tmp_path / folder).metrics()

    said, lines = run(13, "whole")
    assert len(said) == 1
    assert {alarm.monitor for alarm in raised(lines)} == {"oscillates"}
    assert said[0].startswith("explore, oscillates: the mean reward went from ")
    assert run(7, "halted")[0] == []
    assert run(13, "halted")[0] == said


def test_a_stage_says_of_what_task_no_answer_ever_scored_and_why(make_trainer, tmp_path):
    log = StoppingLog()
    trainer = make_trainer(score_all=lambda asked: [[Verdict(0.0, "truncated") for _ in a] for _, a in asked], steps=3)
    rl.train(trainer, Store(tmp_path), log)
    assert Store(tmp_path).metrics()[0]["tasks"]["t"]["reasons"] == {"truncated": 48}
    [said] = [line for line in log.lines if line.startswith("explore, ")]
    assert said.startswith("explore, never right: t: no answer had any score. Most are cut off")
    assert [line["alarms"] for line in Store(tmp_path).metrics()] == [[said.removeprefix("explore, ")], [], []]


def test_answers_that_had_no_sandbox_are_counted_and_told_of(make_trainer, tmp_path):
    """One of each step's prompts: its group is left out, and the others are trained on."""

    def score_all(asked):
        found = toss(asked)
        return [
            [Verdict(0.0, "error", {}, f"{GONE}: refused") for _ in mine] if i else mine for i, mine in enumerate(found)
        ]

    log = StoppingLog()
    rl.train(make_trainer(score_all=score_all, steps=1, most_errors=1.0), Store(tmp_path), log)
    [line] = Store(tmp_path).metrics()
    assert line["sandbox_gone"] == 4 * line["errors"] > 0
    assert any(said.startswith(f"explore, sandbox gone: {line['sandbox_gone']} answers") for said in log.lines)


def test_a_loss_that_is_no_number_stops_the_stage_and_leaves_the_answers_to_look_at(
    make_trainer, tmp_path, monkeypatch
):
    """The first two steps are kept; the checkpoint is of the second."""
    advantages_of = rl.advantages_of

    def of_step(trainer, groups, above):
        found = advantages_of(trainer, groups, above)
        return found if trainer.sampler.version < 2 else found.fill_(math.nan)

    monkeypatch.setattr(rl, "advantages_of", of_step)
    trainer = make_trainer(prompts=2, updates=1, steps=4, save_every=2)
    with pytest.raises(FloatingPointError, match="explore stopped at step 3: the loss is nan") as stopped:
        rl.train(trainer, Store(tmp_path), Log())
    assert "The last checkpoint, of step 2, is good." in str(stopped.value)
    path = tmp_path / "stopped-000003.json"
    assert f"is in {path}: " in str(stopped.value)
    left = read_json(path)
    assert (left["stage"], left["step"]) == ("explore", 3)
    assert "the loss is nan" in left["why"]
    assert {row["advantage"] for row in left["batch"]} == {"nan"}
    assert {row["score"] for row in left["batch"]} == {0.0, 1.0}
    row = next(row for row in left["batch"] if row["version"] == 2)
    assert row["logprobs"] == pytest.approx(row["sampler_logprobs"], abs=1e-4)
    assert trainer.encoder.decode(row["tokens"], False) == row["text"]
    assert [line["step"] for line in Store(tmp_path).metrics()] == [1, 2]


def test_an_answer_without_a_finite_probability_stops_the_step_before_it_is_scored(make_trainer, tmp_path):
    """As where the weights are so large that products with them are none."""
    trainer = make_trainer(steps=1)
    trainer.score_all = lambda asked: [pytest.fail("scored") for _ in asked]
    for weight in (trainer.policy.model.model.norm.weight, trainer.policy.model.lm_head.weight):
        weight.data.mul_(1e30)
    with pytest.raises(FloatingPointError, match=r"no finite probability.* There is no checkpoint before it"):
        rl.train(trainer, Store(tmp_path), Log())
    [row] = read_json(tmp_path / "stopped-000001.json")["batch"]
    assert row["id"].startswith("t/train/")
    assert "nan" in row["sampler_logprobs"]
