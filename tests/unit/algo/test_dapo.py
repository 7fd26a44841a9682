import math
import warnings
from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch

from redone.algo.dapo import (
    advantages,
    calibrated,
    dapo_loss,
    is_informative,
    overlong_cache,
    overlong_penalty,
    token_weights,
)

LENGTHS = (1, 7, 4, 5, 9, 2, 3, 6)  # of eight answers, two groups of four
GROUPS = (0, 0, 0, 0, 1, 1, 1, 1)


def test_the_objective_of_four_tokens_computed_by_hand():
    """Clip to [0.8, 1.28]; every token weighs 1/4.

    ratio 1.5, A +2: clipped to 1.28, objective 2.56, no gradient
    ratio 0.5, A +2: not clipped (the smaller one counts), objective 1.0, gradient 0.5 x 2
    ratio 1.5, A -1: not clipped, objective -1.5, gradient 1.5 x -1
    ratio 0.5, A -1: clipped to 0.8, objective -0.8, no gradient
    """
    old = torch.tensor([-1.0, -1.0, -1.0, -1.0], dtype=torch.float64)
    new = (old + torch.tensor([1.5, 0.5, 1.5, 0.5], dtype=torch.float64).log()).requires_grad_()
    signs = torch.tensor([2.0, 2.0, -1.0, -1.0], dtype=torch.float64)
    loss, statistics = dapo_loss(new, old, signs, torch.full((4,), 0.25, dtype=torch.float64), 0.2, 0.28)
    loss.backward()
    assert loss.item() == pytest.approx(-(2.56 + 1.0 - 1.5 - 0.8) / 4, abs=1e-12)
    assert new.grad.tolist() == pytest.approx([0.0, -0.25, 0.375, 0.0], abs=1e-12)
    assert statistics["clip_fraction"] == pytest.approx(0.5)


def test_on_policy_the_loss_is_minus_the_weighted_advantage_and_its_gradient_is_there():
    logprobs = torch.tensor([-0.3, -2.0, -5.0], dtype=torch.float64, requires_grad=True)
    each, weights = torch.tensor([1.0, -2.0, 0.5]).double(), torch.tensor([0.5, 0.25, 0.25]).double()
    loss, statistics = dapo_loss(logprobs, logprobs.detach(), each, weights)
    loss.backward()
    assert loss.item() == pytest.approx(-(0.5 - 0.5 + 0.125))
    assert logprobs.grad.tolist() == pytest.approx([-0.5, 0.5, -0.125])
    assert statistics["clip_fraction"] == 0.0


@pytest.mark.parametrize("micro", [1, 2, 4, 8])
def test_loss_and_gradient_equal_those_of_trl_over_any_number_of_micro_batches(micro):
    """Uneven answers, ratios from 0.37 to 2.7 on both sides of both bounds for either sign of the advantage."""
    random = torch.Generator().manual_seed(3)
    width = max(LENGTHS)
    mask = (torch.arange(width) < torch.tensor(LENGTHS)[:, None]).long()
    old = -3 * torch.rand(8, width, generator=random, dtype=torch.float64)
    new = old + 2 * torch.rand(8, width, generator=random, dtype=torch.float64) - 1
    each = torch.tensor([1.3, -0.4, -1.2, 0.3, 0.9, -1.1, 0.7, -0.5], dtype=torch.float64)
    ratio, positive = (new - old).exp(), (each > 0)[:, None]
    for sign in (positive, ~positive):
        for beyond in (ratio < 0.8, ratio > 1.28, (ratio > 0.8) & (ratio < 1.28)):
            assert (sign & beyond & (mask == 1)).any()

    theirs = new.clone().requires_grad_()
    loss_of_trl = trl_dapo(theirs, old, each, mask, micro)
    ours = new.clone().requires_grad_()
    weights = token_weights(LENGTHS, GROUPS, "token", torch.float64).split(LENGTHS)
    total = 0.0
    for rows in torch.arange(8).split(8 // micro):
        inside = mask[rows] == 1
        spread = each[rows, None].expand(-1, width)[inside]
        share = torch.cat([weights[row] for row in rows])
        loss, _ = dapo_loss(ours[rows][inside], old[rows][inside], spread, share, 0.2, 0.28)
        loss.backward()
        total += loss.item()

    assert total == pytest.approx(loss_of_trl, abs=1e-9)
    assert (ours.grad - theirs.grad).abs().max() < 1e-9
    assert theirs.grad.abs().max() > 0.01


def trl_dapo(logprobs, old, each, mask, micro):
    """The loss that TRL's own `_compute_loss` makes of given log-probabilities; its gradient is left on them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from trl import GRPOTrainer
    trainer = SimpleNamespace(
        loss_type="dapo",
        epsilon_low=0.2,
        epsilon_high=0.28,
        beta=0.0,
        importance_sampling_level="token",
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        use_vllm=False,
        aux_loss_enabled=False,
        current_gradient_accumulation_steps=micro,
        args=SimpleNamespace(delta=None, steps_per_generation=micro),
        model=SimpleNamespace(training=True),
        accelerator=SimpleNamespace(num_processes=1, gather=lambda x: x, reduce=lambda x, reduction: x),
        _entropy_bonus_enabled=False,
        _metrics={"train": defaultdict(list)},
    )
    total = 0.0
    for rows in torch.arange(len(mask)).split(len(mask) // micro):
        given = logprobs[rows]
        scored = (given, torch.zeros_like(given), None)
        trainer._get_per_token_logps_and_entropies = lambda *_, scored=scored, **__: scored
        inputs = {
            "prompt_ids": torch.ones(len(rows), 1, dtype=torch.long),
            "prompt_mask": torch.ones(len(rows), 1, dtype=torch.long),
            "completion_ids": torch.ones_like(mask[rows]),
            "completion_mask": mask[rows],
            "advantages": each[rows],
            "old_per_token_logps": old[rows],
            "num_items_in_batch": mask.sum(),
        }
        loss = GRPOTrainer._compute_loss(trainer, None, inputs)
        loss.backward()
        total += loss.item()
    return total


def test_advantages_are_normalised_with_the_unbiased_deviation_and_the_floor():
    """Rewards 0, 0, 1, 1: mean 1/2, deviation sqrt(4 x 1/4 / 3) = sqrt(1/3)."""
    found = advantages(torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.2, 0.2, 0.2, 0.6]]), floor=0.05)
    high = 0.5 / (math.sqrt(1 / 3) + 0.05)
    assert found[0].tolist() == pytest.approx([-high, -high, high, high])
    assert found[1].tolist() == pytest.approx([-0.1 / 0.25, -0.1 / 0.25, -0.1 / 0.25, 0.3 / 0.25])  # deviation 0.2


def test_the_floor_keeps_a_tiny_difference_a_small_signal():
    """0.31 beside 0.32: deviation 0.01 / sqrt(2); without a floor the advantages would be 0.71."""
    found = advantages(torch.tensor([[0.31, 0.32]]), floor=0.05)
    assert found[0, 1].item() == pytest.approx(0.005 / (0.01 / math.sqrt(2) + 0.05), rel=1e-4)


def test_a_group_is_informative_when_its_scores_differ_by_more_than_the_spread():
    assert is_informative([0.0, 0.0, 1.0], 1e-3)
    assert is_informative([0.5, 0.502], 1e-3)
    assert not is_informative([0.5, 0.5005], 1e-3)
    assert not is_informative([1.0, 1.0, 1.0], 0.0)


@pytest.mark.parametrize(
    ("length", "penalty"), [(1, 0.0), (48, 0.0), (49, -1 / 16), (56, -0.5), (64, -1.0), (65, -1.0), (1000, -1.0)]
)
def test_the_overlong_penalty_falls_from_0_to_minus_1_over_the_last_quarter_of_the_budget(length, penalty):
    assert overlong_penalty(length, budget=64, cache=overlong_cache(64, 0.25)) == pytest.approx(penalty)


def test_short_budgets_know_no_overlong_penalty():
    assert overlong_cache(31, 0.25) == 0
    assert overlong_cache(32, 0.25) == 8
    assert overlong_penalty(31, budget=31, cache=0) == 0.0


def test_the_overlong_zone_is_a_share_of_the_budget():
    assert [overlong_cache(8192, zone) for zone in (0.0, 0.25, 0.5)] == [0, 2048, 4096]


def test_token_averaging_gives_every_token_of_the_step_the_same_share():
    assert token_weights([1, 3], [0, 1], "token", torch.float64).tolist() == pytest.approx([0.25] * 4, abs=1e-15)


def test_group_averaging_gives_every_group_the_same_share_however_long_its_answers():
    """Two groups of 1 + 1 and 2 + 6 tokens: 1/2 over 2 tokens, 1/2 over 8."""
    found = token_weights([1, 1, 2, 6], [0, 0, 1, 1], "group", torch.float64)
    assert found.tolist() == pytest.approx([1 / 4, 1 / 4, *[1 / 16] * 8], abs=1e-15)


def test_a_label_that_is_said_too_often_has_its_excess_subtracted():
    found = calibrated(
        torch.tensor([[1.0, -2.0, 0.5], [3.0, -1.0, 0.0]]),
        [["yes", "no", "well"], ["yes", "", "no"]],
        [{"yes": 0.25, "no": -0.25}, {"yes": -0.5, "no": 0.5}],  # of two tasks
        2.0,
    )
    assert found.tolist() == [[0.5, -1.5, 0.5], [4.0, -1.0, -1.0]]


def test_calibration_is_the_policy_gradient_of_the_squared_excess():
    """A policy that does not look at the question: p over two labels and what is none; references are 40 to 60 %."""
    logits = torch.tensor([1.0, -0.5, 0.3], requires_grad=True)
    p = logits.softmax(0)
    said = p[:2] / p[:2].sum().detach()
    above = said - torch.tensor([0.4, 0.6])
    [expected] = torch.autograd.grad(-0.7 / 2 * (above**2).sum() * p[:2].sum().detach(), logits)
    labels, shares = [["yes", "no", ""]], [dict(zip(("yes", "no"), above.tolist()))]
    advantages = calibrated(torch.zeros(1, 3), labels, shares, 0.7)[0]
    logprobs = logits.log_softmax(0)
    [found] = torch.autograd.grad((p.detach() * advantages * logprobs).sum(), logits)
    assert found.tolist() == pytest.approx(expected.tolist(), abs=1e-6)
