"""Reinforcement of a closed task from a model whose bias outweighs what it sees must not end in a constant.

The model is one linear layer over 16 features, scaled down, and a constant, scaled up; labels follow the features,
with noise. It is trained as `train/rl.py` trains: balanced draws, dynamic sampling, two updates a step,
a rate that falls.
"""

import pytest
import torch

from redone.algo.dapo import advantages, calibrated, dapo_loss, is_informative
from redone.algo.schedules import constant_with_warmup
from redone.train.labels import excess

LABELS, FEATURES, SMALL, LARGE = ("yes", "no"), 16, 0.15, 2.0


def commonest_and_right(seed, calibration, steps=25, prompts=8, group=8, rate=0.2):
    """Share of the commonest answer and of the right ones among 400 greedy answers after the training."""
    random = torch.Generator().manual_seed(seed)
    true = torch.randn(2, FEATURES, generator=random)
    weights = torch.zeros(2, FEATURES + 1)
    weights[:, :-1] = 0.1 * true / SMALL
    weights[:, -1] = torch.tensor([0.8, -0.8]) / LARGE
    weights.requires_grad_(True)
    optimizer = torch.optim.SGD([weights], lr=rate)

    def ask():
        seen = torch.randn(FEATURES, generator=random)
        label = int((true @ seen / 4 + 1.5 * torch.randn(2, generator=random)).argmax())
        return torch.cat([SMALL * seen, torch.tensor([LARGE])]), label

    turn = 0
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * constant_with_warmup(step, 0, steps, cooldown=0.5)
        groups = []
        counts = {"t": {label: [0.0, 0.0] for label in LABELS}}
        while len(groups) < prompts:
            question, right = ask()
            while right != turn % 2:
                question, right = ask()
            turn += 1
            logprobs = (weights @ question).log_softmax(0).detach()
            said = torch.multinomial(logprobs.exp(), group, replacement=True, generator=random)
            counts["t"][LABELS[right]][1] += 1
            counts["t"][LABELS[said[logprobs[said].argmax()]]][0] += 1
            scores = (said == right).float()
            if is_informative(scores.tolist(), 1e-3):
                groups.append((question, said, scores, logprobs[said]))
        questions, answers, scores, old = map(torch.stack, zip(*groups))
        found = calibrated(
            advantages(scores, 0.05),
            [[LABELS[one] for one in row] for row in answers.tolist()],
            [excess(counts)["t"]] * prompts,
            calibration,
        )
        for part in torch.randperm(prompts, generator=random).split(prompts // 2):
            now = (questions[part] @ weights.T).log_softmax(1).gather(1, answers[part])
            share = torch.full((now.numel(),), 1 / now.numel())
            loss, _ = dapo_loss(now.flatten(), old[part].flatten(), found[part].flatten(), share)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    asked, right = zip(*(ask() for _ in range(400)))
    said = (torch.stack(asked) @ weights.T).argmax(1)
    ones = float(said.float().mean())
    return max(ones, 1 - ones), float((said == torch.tensor(right)).float().mean())


@pytest.mark.parametrize("calibration", [0.0, 0.5])
def test_calibration_keeps_a_biased_model_from_a_constant(calibration):
    """Without it the same model does end near one, so that this is a test."""
    found = [commonest_and_right(seed, calibration) for seed in range(4)]
    commonest, right = (sum(values) / len(values) for values in zip(*found))
    if calibration:
        assert commonest < 0.65
        assert right > 0.62
    else:
        assert commonest > 0.7
