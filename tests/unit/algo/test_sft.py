import math

import pytest
import torch

from redone.algo.dapo import token_weights
from redone.algo.sft import sft_loss


def test_the_loss_of_two_tokens_computed_by_hand():
    logprobs = torch.tensor([1 / 2, 1 / 8], dtype=torch.float64).log()
    loss = sft_loss(logprobs, torch.tensor([0.5, 0.5], dtype=torch.float64))
    assert loss.item() == pytest.approx(2 * math.log(2))  # (1 + 3) / 2 bits


def test_the_loss_is_the_cross_entropy_of_all_target_tokens():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(9, 5, generator=generator, dtype=torch.float64)
    targets = torch.randint(5, (9,), generator=generator)
    logprobs = logits.log_softmax(-1).gather(-1, targets[:, None]).squeeze(-1)
    loss = sft_loss(logprobs, token_weights([4, 2, 3], [0, 1, 2], "token").double())
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(logits, targets), rtol=1e-6, atol=0)


def test_losses_and_gradients_of_the_parts_of_a_step_add_up():
    logprobs = torch.tensor([-0.5, -1.0, -2.0], requires_grad=True)
    weights = torch.tensor([0.2, 0.3, 0.5])
    parts = [sft_loss(logprobs[:1], weights[:1]), sft_loss(logprobs[1:], weights[1:])]
    for part in parts:
        part.backward()
    assert sum(part.item() for part in parts) == pytest.approx(0.1 + 0.3 + 1.0)
    assert logprobs.grad is not None
    assert logprobs.grad.tolist() == pytest.approx([-0.2, -0.3, -0.5])
