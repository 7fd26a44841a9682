"""The loss of fine-tuning (RedOne 2.0 equation 9): cross-entropy on the target's tokens."""

from torch import Tensor


def sft_loss(logprobs: Tensor, weights: Tensor) -> Tensor:  # [T], [T] -> scalar
    """-sum_t w_t log p(token_t); the weights are shares of the whole optimiser step (`dapo.token_weights`)."""
    assert logprobs.ndim == 1
    assert logprobs.shape == weights.shape
    return -(weights * logprobs).sum()
