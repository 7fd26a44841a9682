"""In which numbers a model computes, and on what.

"mixed" keeps weights in float32 and multiplies in bfloat16. A step of AdamW at 5e-6 is smaller than the distance
between two bfloat16 numbers, so that weights kept in bfloat16 would stay where they are; the products, which are nearly
all of the work, can do with fewer digits. Float32 are also the residual stream, norms, the head's product,
log-probabilities and losses. "bfloat16" is the same arithmetic to the last bit over weights that are kept rounded, and
"4bit" multiplies by NF4 (Dettmers et al. 2023): both are for weights that stay frozen.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from redone.model import products

NARROW = ("mixed", "bfloat16", "4bit")  # those that multiply in bfloat16
FROZEN = ("bfloat16", "4bit")  # those whose weights cannot be trained, but an adapter beside them
SAID = {
    "float32": "weights and products in float32",
    "mixed": "weights in float32, products in bfloat16",
    "bfloat16": "weights and products in bfloat16",
    "4bit": "weights in 4 bits (NF4), products in bfloat16",
}
INSTALL = "pip install bitsandbytes"

Copies = Sequence[tuple[nn.Parameter, Tensor]]  # weights and what takes their place


class Machine(NamedTuple):
    device: str  # "cpu" or "cuda"
    dtype: str  # one of SAID
    products: str  # which library multiplies float32 matrices

    @property
    def line(self) -> str:
        """What a person should know of it."""
        slow = self.device == "cpu" and self.dtype in NARROW and not products.multiplies_bfloat16()
        return f"On {self.device}: {SAID[self.dtype]}." + (
            " This processor has no instructions for bfloat16: right, but slow." if slow else ""
        )


def settle(device: str = "auto", dtype: str = "auto") -> Machine:
    """What "auto" is here; products in float32 are settled with it. Raises ValueError where it cannot be had."""
    here = torch.cuda.is_available()
    if device == "cuda" and not here:
        raise ValueError('device = "cuda", but torch sees no such device; set device = "cpu"')
    device = ("cuda" if here else "cpu") if device == "auto" else device
    dtype = ("mixed" if device == "cuda" else "float32") if dtype == "auto" else dtype
    if dtype == "4bit" and device != "cuda":
        raise ValueError('model.dtype = "4bit" needs a CUDA device, and there is none; set "bfloat16"')
    if dtype == "4bit":
        four_bit()  # or it says what is not installed
    return Machine(device, dtype, products.settle(device))


def four_bit() -> Any:
    """How transformers is told to load weights as NF4. Raises ValueError where what it needs is not installed."""
    from importlib.util import find_spec

    from transformers import BitsAndBytesConfig

    if find_spec("bitsandbytes") is None:
        raise ValueError(f'model.dtype = "4bit" needs bitsandbytes: {INSTALL}')
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)


def multiplied(model: Any) -> list[Any]:
    """The weights of linear layers, but the head's: what products in bfloat16 round."""
    head = model.get_output_embeddings()
    others = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding) or m is head}
    found = {id(m.weight): m.weight for m in model.modules() if isinstance(m, nn.Linear)}
    return [weight for key, weight in found.items() if key not in others and weight.dtype == torch.float32]


def round_frozen(model: Any) -> None:
    """Keep the weights of linear layers in bfloat16 from here on."""
    for weight in multiplied(model):
        weight.data = weight.data.bfloat16()


def copies(model: Any) -> Copies:
    """The weights of linear layers as products in bfloat16 see them now; to be put in their place by `placed`."""
    return [(weight, weight.detach().bfloat16()) for weight in multiplied(model)]


@contextmanager
def placed(narrow: Copies) -> Iterator[None]:
    """With the copies in place of the weights: autocast would make them anew at every token."""
    before = [weight.data for weight, _ in narrow]
    try:
        for weight, copy in narrow:
            weight.data = copy
        yield
    finally:
        for (weight, _), data in zip(narrow, before):
            weight.data = data


def keep_float32(module: Any) -> None:
    """Let a module compute in float32 under autocast too."""
    module.forward = partial(_in_float32, module.forward)


def _in_float32(forward: Callable[[Tensor], Tensor], states: Tensor) -> Tensor:
    with torch.autocast(states.device.type, enabled=False):
        return forward(states.float())


def not_finite(model: nn.Module) -> list[str]:
    """The names of weights with NaN or infinite numbers."""
    return [name for name, p in model.named_parameters() if p.is_floating_point() and not bool(p.isfinite().all())]
