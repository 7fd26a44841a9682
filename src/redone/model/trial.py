"""The trial of a model when it is loaded: which path of a policy serves it, and why no faster one."""

import inspect
from typing import TYPE_CHECKING

import torch

from redone.model import attention
from redone.model.trees import pack

if TYPE_CHECKING:
    from redone.model.policy import Policy

_AGREE = {torch.float32: 1e-4, torch.bfloat16: 0.15}  # largest gap of a log-probability between the two paths

# what a model's own code may raise on a row of trees; the line that is shown says how it broke
_BREAKS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


def why_not_packed(policy: "Policy") -> str:
    """Nothing if both paths agree on two short trees, else the line that says why the ordinary one is taken.

    A sliding window as wide as the longest text hides nothing and is no obstacle.
    """
    model = policy.model
    because = f"{type(model).__name__}: prompts are repeated for every answer (slower, same result), because "
    window = getattr(model.config.get_text_config(), "sliding_window", None)
    if window is not None and (policy.context is None or window < policy.context):
        return because + f"its attention reaches back {window} tokens and texts may have {policy.context or 'more'}"
    parameters = inspect.signature(model.base_model.forward).parameters.values()
    if model.base_model is model or not any(p.kind is p.VAR_KEYWORD for p in parameters):
        return because + "the model does not pass keywords on to its attention"
    random = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, policy.vocabulary, (40,), generator=random).tolist()
    trees = [(tokens[:9], [tokens[9:14], tokens[14:17]]), (tokens[17:23], [tokens[23:24], tokens[24:31]])]
    batch = pack(trees, policy.device)
    with torch.no_grad():
        ordinary, _ = policy.token_logprobs(batch, packed=False)
        try:
            tree, _ = policy.token_logprobs(batch, packed=True)
        except attention.UnsupportedAttention as error:
            return because + str(error)
        except _BREAKS as error:
            return because + f"prefix-tree attention fails in it ({type(error).__name__}: {error})"
    gap = float((ordinary - tree).abs().max())
    if not gap <= _AGREE[model.dtype]:  # also when it is nan
        return because + f"prefix-tree attention is off by {gap:.2g} on it"
    return ""
