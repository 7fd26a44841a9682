"""Activations that are computed again in the backward pass, layer by layer, rather than kept from the forward one: what
is kept is each layer's input. Source: Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost".

transformers has a switch for it that works in a model's training mode alone, in which dropout is on; a policy is never
in that mode.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

Around = Callable[[], AbstractContextManager[Any]]


def recomputed(run: Callable[..., Any], *arguments: Any, around: Around = nullcontext, **keywords: Any) -> Any:
    """What `run` gives; it runs again in the backward pass, within `around`. Nothing in it may be random."""
    return checkpoint(
        run,
        *arguments,
        use_reentrant=False,
        preserve_rng_state=False,
        context_fn=lambda: (nullcontext(), around()),
        **keywords,
    )


def layers_of(model: nn.Module) -> list[nn.Module]:
    """The model's layers, each of which can be run again by itself. Raises ValueError where it has none such."""
    found: list[nn.Module] = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if not found:
        raise ValueError(f"{type(model).__name__} has no layers that can be run again; set recompute = false")
    return found


@contextmanager
def recomputing(model: nn.Module, around: Around = nullcontext) -> Iterator[None]:
    """Where gradients are enabled, a layer that runs in here runs again in the backward pass, within `around`."""
    layers = layers_of(model) if torch.is_grad_enabled() else []
    for layer in layers:
        layer.forward = partial(recomputed, layer.forward, around=around)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward
