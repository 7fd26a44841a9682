"""Which share of a label should reinforcement correct: of the samples or of the likeliest answers, over how many steps?

    python benchmarks/calibration.py [--seeds 10]

Three closed tasks of two labels share a model of one layer: weak features beside a strong constant for each task, and
one constant for all. They are trained as `train/rl.py` trains: balanced draws, dynamic sampling, AdamW, a falling rate.
*biased* starts with one label to everything, *undecided* with a slight lean, *adrift* with none. Printed is, over seeds
and tasks, the commonest answer's share among greedy answers, before and after, with the worst seed, and the share of
right ones.
"""

import argparse
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from redone.algo.dapo import advantages, calibrated, dapo_loss, is_informative
from redone.algo.schedules import constant_with_warmup
from redone.train.labels import excess

TASKS, FEATURES, SMALL, LARGE, GROUP = 3, 16, 0.15, 2.0, 8
STARTS: dict[str, dict[str, Any]] = {
    "biased": {"bias": 0.4, "strength": 0.05, "rate": 0.03, "steps": 16, "updates": 2},
    "undecided": {"bias": 0.1, "strength": 0.05, "rate": 0.02, "steps": 12, "updates": 1},
    "adrift": {"bias": 0.0, "strength": 0.03, "rate": 0.04, "steps": 24, "updates": 1},
}
# what is counted, how much of it is subtracted, how much of earlier steps' counts stays
WAYS = [("none", 0.0, 0.0), ("samples", 1.0, 0.8), ("samples", 1.0, 0.25)]
WAYS += [("likeliest", 0.5, kept) for kept in (0.8, 0.5, 0.25, 0.0)]


class World:
    """Questions whose labels follow their features, with noise."""

    def __init__(self, seed: int) -> None:
        self.random = torch.Generator().manual_seed(seed)
        self.true = torch.randn(TASKS, 2, FEATURES, generator=self.random)

    def ask(self, task: int) -> tuple[Tensor, int]:
        seen = torch.randn(FEATURES, generator=self.random)
        noise = 1.5 * torch.randn(2, generator=self.random)
        return torch.cat([SMALL * seen, torch.tensor([LARGE])]), int((self.true[task] @ seen / 4 + noise).argmax())

    def greedy(self, weights: Tensor, shared: Tensor) -> tuple[float, float]:
        """Shares of the commonest answer and of right ones, means over tasks of 300 questions."""
        commonest, right = [], []
        for task in range(TASKS):
            questions, labels = zip(*(self.ask(task) for _ in range(300)))
            said = (torch.stack(questions) @ weights[task].T + shared).argmax(1)
            ones = float(said.float().mean())
            commonest.append(max(ones, 1 - ones))
            right.append(float((said == torch.tensor(labels)).float().mean()))
        return fmean(commonest), fmean(right)


def trained(
    seed: int, way: tuple[str, float, float], prompts: int, *, bias: float, strength: float, rate: float, steps: int,
    updates: int,
) -> tuple[tuple[float, float], tuple[float, float]]:  # fmt: skip
    """(commonest, right) before and after."""
    what, calibration, kept = way
    world = World(seed)
    weights = torch.zeros(TASKS, 2, FEATURES + 1)
    weights[:, :, :-1] = strength * world.true / SMALL
    weights[:, :, -1] = torch.tensor([bias, -bias]) / LARGE
    shared = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.AdamW([weights.requires_grad_(True), shared], lr=rate, weight_decay=0.0)
    before = world.greedy(weights.detach(), shared.detach())
    counts = {str(task): {str(label): [0.0, 0.0] for label in range(2)} for task in range(TASKS)}
    turns, turn = [0] * TASKS, 0
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * constant_with_warmup(step, 0, steps, cooldown=0.5)
        counts = {t: {label: [kept * n for n in both] for label, both in of.items()} for t, of in counts.items()}
        groups: list[tuple[int, Tensor, Tensor, Tensor, Tensor]] = []
        while len(groups) < prompts:
            task, turn = turn % TASKS, turn + 1
            question, right = world.ask(task)
            while right != turns[task] % 2:
                question, right = world.ask(task)
            turns[task] += 1
            logprobs = (weights[task] @ question + shared).log_softmax(0).detach()
            said = torch.multinomial(logprobs.exp(), GROUP, replacement=True, generator=world.random)
            counts[str(task)][str(right)][1] += 1
            answers = said.tolist() if what == "samples" else [int(said[logprobs[said].argmax()])]
            for label in answers:
                counts[str(task)][str(label)][0] += 1 / len(answers)
            scores = (said == right).float()
            if is_informative(scores.tolist(), 1e-3):
                groups.append((task, question, said, scores, logprobs[said]))
        above = excess(counts)
        found = calibrated(
            advantages(torch.stack([scores for _, _, _, scores, _ in groups]), 0.05),
            [[str(label) for label in said.tolist()] for _, _, said, _, _ in groups],
            [above.get(str(task), {}) for task, *_ in groups],
            calibration,
        )
        for part in torch.randperm(prompts, generator=world.random).split(prompts // updates):
            mine = [groups[i] for i in part]
            now = torch.stack([(weights[t] @ q + shared).log_softmax(0)[said] for t, q, said, _, _ in mine]).flatten()
            old = torch.stack([logprobs for *_, logprobs in mine]).flatten()
            share = torch.full((now.numel(),), 1 / now.numel())
            loss, _ = dapo_loss(now, old, found[part].flatten(), share)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return before, world.greedy(weights.detach(), shared.detach())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    for prompts in (12, 6):
        for name, start in STARTS.items():
            for way in WAYS:
                before, after = zip(*(trained(seed, way, prompts, **start) for seed in range(seeds)))
                shares = [one for one, _ in after]
                print(
                    f"{prompts:2} prompts  {name:9}  {way[0]:9} x {way[1]:.1f}, {way[2]:.2f} kept:  commonest "
                    f"{fmean(one for one, _ in before):.2f} -> {fmean(shares):.2f} (worst {max(shares):.2f}), "
                    f"right {fmean(one for _, one in before):.2f} -> {fmean(one for _, one in after):.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
