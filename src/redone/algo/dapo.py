"""DAPO: decoupled clip and dynamic sampling policy optimisation, as RedOne 2.0 uses it in stages 1 and 3.

Sources: RedOne 2.0 (arXiv 2511.07070) equations 6 to 8; DAPO (arXiv 2503.14476) equations 8 to 13.
Ours, where the papers are silent: the informative test for graded rewards, the floor of the standard
deviation, the calibration of closed tasks' labels, and the switch between the two ways of averaging
(docs/algorithm.md).

Shapes: B answers of a step, G answers of a group, P prompts, T trained tokens of all answers, concatenated.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


def is_informative(scores: Sequence[float], min_spread: float) -> bool:
    """Whether a group can teach anything: its outcome scores differ by more than `min_spread` (equation 11)."""
    return max(scores) - min(scores) > min_spread


def advantages(rewards: Tensor, floor: float) -> Tensor:  # [P, G] -> [P, G]
    """Group-normalised advantages (R - mean) / (std + floor), unbiased std (equation 9).

    The floor is ours: without one a BLEU of 0.31 beside 0.32 becomes a signal of unit size.
    """
    assert rewards.ndim == 2
    assert rewards.shape[1] >= 2
    return (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + floor)


def calibrated(
    advantages: Tensor,  # [P, G]
    labels: Sequence[Sequence[str]],  # [P][G] that the answers name, "" where one names none
    excess: Sequence[Mapping[str, float]],  # [P] label -> its share of the answered, minus that of the references
    weight: float,
) -> Tensor:  # -> [P, G]
    """Advantages minus weight x the excess of the label that the answer names (ours).

    A label that is answered with more often than it is right has to be right more often than others to be reinforced.
    Where excess is of the sampled answers, this adds the policy gradient of -weight/2 x the sum over a task's labels of
    excess squared; `train.labels` takes it of each prompt's likeliest answer, which moves sooner.
    """
    assert advantages.ndim == 2
    assert len(labels) == len(excess) == len(advantages)
    above = [[mine.get(label, 0.0) for label in said] for mine, said in zip(excess, labels)]
    return advantages - weight * torch.tensor(above, dtype=advantages.dtype).reshape(advantages.shape)


def overlong_penalty(length: int, budget: int, cache: int) -> float:
    """Soft overlong punishment in [-1, 0] (equation 13): 0 up to budget - cache tokens, then linear to -1."""
    if cache == 0 or length <= budget - cache:
        return 0.0
    return max(-1.0, (budget - cache - length) / cache)


def overlong_cache(budget: int, zone: float) -> int:
    """Length of the penalised zone, a share of the budget; none for budgets under 32 tokens (ours)."""
    return int(zone * budget) if budget >= 32 else 0


def token_weights(
    lengths: Sequence[int], groups: Sequence[int], averaging: str, dtype: torch.dtype = torch.float32
) -> Tensor:  # -> [T]
    """Each token's share of the loss of one whole optimiser step; the weights sum to 1.

    lengths: trained tokens of each answer; groups: the group each answer belongs to.
    "token": 1 / all tokens of the step, what every implementation does. "group": each group's tokens share
    1 / P, what the papers write (equation 8; RedOne 2.0 equation 6).
    """
    assert len(lengths) == len(groups)
    assert averaging in ("token", "group")
    tokens: dict[int, int] = {}
    for length, group in zip(lengths, groups):
        tokens[group] = tokens.get(group, 0) + length
    if averaging == "token":
        shares = [1.0 / sum(lengths)] * len(lengths)
    else:
        shares = [1.0 / (len(tokens) * tokens[group]) for group in groups]
    return torch.tensor(shares, dtype=dtype).repeat_interleave(torch.tensor(lengths))


def dapo_loss(
    logprobs: Tensor,  # [T] of the trained tokens, with gradient
    old_logprobs: Tensor,  # [T] under the weights that sampled them
    advantages: Tensor,  # [T] the answer's advantage, at each of its tokens
    weights: Tensor,  # [T] from `token_weights`, for the whole optimiser step
    clip_low: float = 0.2,
    clip_high: float = 0.28,
) -> tuple[Tensor, dict[str, float]]:
    """-sum_t w_t min(r_t A_t, clip(r_t, 1 - clip_low, 1 + clip_high) A_t), to be minimised (equation 8).

    A batch may be any part of the optimiser step: losses, gradients and statistics of the parts add up to the step's.
    clip_fraction: the weighted share of tokens whose objective the clip decides, so that they have no gradient.
    """
    assert logprobs.shape == old_logprobs.shape == advantages.shape == weights.shape
    assert logprobs.ndim == 1
    ratio = torch.exp(logprobs - old_logprobs)
    clipped = ratio.clamp(1 - clip_low, 1 + clip_high)
    objective = torch.minimum(ratio * advantages, clipped * advantages)
    with torch.no_grad():
        is_clipped = (ratio * advantages > clipped * advantages).to(weights.dtype)
        statistics = {"clip_fraction": float((is_clipped * weights).sum())}
    return -(weights * objective).sum(), statistics
