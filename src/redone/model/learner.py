"""Learner: owns a policy's weights while they are trained, the optimiser, and the state of both."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from redone.model import precision
from redone.model.policy import Policy

MakeOptimizer = Callable[[Mapping[str, nn.Parameter], float, float], torch.optim.Optimizer]


def adamw(named: Mapping[str, nn.Parameter], learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW with decay on matrices only."""
    matrices = [p for p in named.values() if p.ndim >= 2]
    others = [p for p in named.values() if p.ndim < 2]
    tables = [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(tables, lr=learning_rate, betas=(0.9, 0.95), fused=True)


class Learner:
    """What of the policy is frozen stays as it is, and is in no checkpoint."""

    def __init__(
        self, policy: Policy, *, learning_rate: float, weight_decay: float, optimizer: MakeOptimizer = adamw
    ) -> None:
        self.policy = policy
        self.weights = policy.trainable()
        self.optimizer = optimizer(self.weights, learning_rate, weight_decay)

    def step(self, rate: float, max_norm: float, loss: float) -> float:
        """One step along the gradients that are there, at this learning rate; their norm before it is clipped.

        Raises FloatingPointError before a step that is not finite, and after one that left weights that are not; these
        must not be saved. loss: what the gradients are of.
        """
        for table in self.optimizer.param_groups:
            table["lr"] = rate
        norm = float(nn.utils.clip_grad_norm_(self.weights.values(), max_norm))
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise FloatingPointError(f"the loss is {loss:g} and the norm of its gradient {norm:g}: not stepped")
        self.optimizer.step()
        self.forget()
        self.refuse_ruined(f"after an update at the learning rate {rate:g}")
        return norm

    def refuse_ruined(self, when: str) -> None:
        """Raises FloatingPointError where a trained weight is NaN or infinite."""
        largest = nn.utils.get_total_norm([p.detach() for p in self.weights.values()], math.inf)
        if not math.isfinite(float(largest)):
            broken = [name for name in precision.not_finite(self.policy.model) if name in self.weights]
            raise FloatingPointError(f"{when} {len(broken)} weights hold NaN or infinite numbers, first {broken[0]}")

    def forget(self) -> None:
        """Drop the gradients that are there."""
        self.optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds: the weights that are trained, and the optimiser's state."""
        weights: dict[str, Tensor] = {name: p.detach() for name, p in self.weights.items()}
        return {"model": weights, "optimizer": self.optimizer.state_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state, of which everything is copied, tensor after tensor, to where the weights are.

        Raises FloatingPointError where its weights are not finite."""
        self.policy.load_weights(state["model"])
        self.refuse_ruined("in the checkpoint (delete it to go on from an earlier one, or to begin again)")
        order = [parameter for table in self.optimizer.param_groups for parameter in table["params"]]
        moments = {
            number: {name: value.to(order[number].device, copy=True) for name, value in mine.items()}
            for number, mine in state["optimizer"]["state"].items()
        }
        self.optimizer.load_state_dict({**state["optimizer"], "state": moments})

    def save(self, folder: Path) -> None:
        """Leave the model as a Hugging Face folder, and where it has an adapter that alone in `adapter` beside it."""
        self.policy.save(folder)
        if self.policy.adapted:
            self.policy.save_adapter(folder.with_name("adapter"))
