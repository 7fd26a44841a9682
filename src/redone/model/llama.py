"""The layers of Llama-like models (Llama, Mistral, Qwen2, Qwen3), run by hand on the CPU.

Products are computed in the number format of the weights that `layers` gives; what stands between them in float32.

The packed path may go through transformers' own modules, as it does for every other model. A million parameters on
a CPU are another matter than a billion on a GPU: there the modules' Python, their dozens of small kernels and their
small matrix products cost as much as the products themselves. So here a layer is four matrix products and what must
stand between them, and the last layer is computed only where its output is used.

`fits` tells by structure whether a model is of this kind; that the numbers are right too is checked where the policy
decides on its path. Shapes: T tokens, d hidden size, H query heads, Hkv key heads, D head size, F size of the MLP.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from redone.model.adapter import increment
from redone.model.attention import attend
from redone.model.recompute import recomputed


class Layer(NamedTuple):
    """Weights of one layer, those that meet the same input side by side."""

    norm: Tensor  # [d]
    qkv: Tensor  # [d, (H + 2 Hkv) D]
    qkv_bias: Tensor | None
    heads: tuple[int, int, int]  # H D, Hkv D, Hkv D
    query_norm: Tensor | None  # [D]
    key_norm: Tensor | None
    out: Tensor  # [H D, d]
    mlp_norm: Tensor  # [d]
    gate_up: Tensor  # [d, 2 F]
    down: Tensor  # [F, d]


def fits(model: Any) -> bool:
    """Whether the model consists of the parts that `hidden` computes, on the CPU."""
    base = model.base_model
    if model.device.type != "cpu" or model.dtype != torch.float32:
        return False
    if getattr(model.config, "hidden_act", None) not in ("silu", "swish"):
        return False
    if _parts(base) != {"embed_tokens", "layers", "norm", "rotary_emb"} or not _is_norm(base.norm):
        return False
    return all(_layer_fits(layer) for layer in base.layers)


def _layer_fits(layer: Any) -> bool:
    if _parts(layer) != {"self_attn", "mlp", "input_layernorm", "post_attention_layernorm"}:
        return False
    attention, mlp = layer.self_attn, layer.mlp
    norms = _parts(attention) - {"q_proj", "k_proj", "v_proj", "o_proj"}
    if norms not in (set(), {"q_norm", "k_norm"}) or _parts(mlp) - {"act_fn"} != {"gate_proj", "up_proj", "down_proj"}:
        return False
    inputs = [attention.q_proj, attention.k_proj, attention.v_proj]
    others = [attention.o_proj, mlp.gate_proj, mlp.up_proj, mlp.down_proj]
    return (
        all(type(_plain(part)) is nn.Linear for part in [*inputs, *others])
        and all(_plain(part).bias is None for part in others)
        and len({_plain(part).bias is None for part in inputs}) == 1
        and all(_is_norm(getattr(attention, name)) for name in norms)
        and _is_norm(layer.input_layernorm)
    )


def _parts(module: nn.Module) -> set[str]:
    return {name for name, _ in module.named_children()}


def _plain(part: Any) -> Any:
    """The linear layer itself, without the adapter beside it."""
    return part.base_layer if hasattr(part, "lora_A") else part


def _weight(part: Any) -> Tensor:
    """What a linear layer multiplies by, its adapter's increment included. -> [out, in]"""
    weight: Tensor = _plain(part).weight
    return weight + increment(part) if hasattr(part, "lora_A") else weight


def _is_norm(module: Any) -> bool:
    return hasattr(module, "weight") and hasattr(module, "variance_epsilon")


def layers(model: Any, dtype: torch.dtype) -> list[Layer]:
    """The weights as they are now, those of products in this number format; gradients flow back to the model's own."""

    def product(*parts: Any) -> Tensor:
        weights = [_weight(part).to(dtype) for part in parts]
        return (torch.cat(weights) if len(weights) > 1 else weights[0]).t().contiguous()

    found = []
    for layer in model.base_model.layers:
        attention, mlp = layer.self_attn, layer.mlp
        inputs = [attention.q_proj, attention.k_proj, attention.v_proj]
        norms = (attention.q_norm.weight, attention.k_norm.weight) if hasattr(attention, "q_norm") else (None, None)
        found.append(
            Layer(
                norm=layer.input_layernorm.weight,
                qkv=product(*inputs),
                qkv_bias=None
                if _plain(inputs[0]).bias is None
                else torch.cat([_plain(part).bias for part in inputs]).to(dtype),
                heads=tuple(part.out_features for part in inputs),
                query_norm=norms[0],
                key_norm=norms[1],
                out=product(attention.o_proj),
                mlp_norm=layer.post_attention_layernorm.weight,
                gate_up=product(mlp.gate_proj, mlp.up_proj),
                down=product(mlp.down_proj),
            )
        )
    return found


def hidden(
    model: Any,
    weights: Sequence[Layer],
    input_ids: Tensor,
    position_ids: Tensor,
    tree: Any,
    rows: Tensor | None,
    recompute: bool = False,
) -> Tensor:
    """Last hidden states of a row [1, T] under prefix-tree attention, at some of its places. -> [rows or T, d]

    rows: prompts' last tokens and tokens of answers; all if not given. recompute: see `model.recompute`.
    """
    base = model.base_model
    eps = base.norm.variance_epsilon
    x = base.embed_tokens(input_ids)[0]
    cos, sin = (angles[0, :, None] for angles in base.rotary_emb(x, position_ids))  # [T, 1, D]
    half = sin.shape[-1] // 2
    sin = torch.cat([-sin[..., :half], sin[..., half:]], -1)

    def run(x: Tensor, number: int) -> Tensor:
        layer, attention = weights[number], base.layers[number].self_attn
        size = attention.head_dim
        h = _rms_norm(x, layer.norm, eps).to(layer.qkv.dtype)
        qkv = h @ layer.qkv if layer.qkv_bias is None else torch.addmm(layer.qkv_bias, h, layer.qkv)
        q, k, v = (part.unflatten(-1, (-1, size)) for part in qkv.split(layer.heads, -1))  # [T, heads, D]
        q, k = q.float(), k.float()
        if layer.query_norm is not None and layer.key_norm is not None:
            q = _rms_norm(q, layer.query_norm, attention.q_norm.variance_epsilon)
            k = _rms_norm(k, layer.key_norm, attention.k_norm.variance_epsilon)
        q, k = (_rotate(part, cos, sin).to(v.dtype) for part in (q, k))
        wanted = rows if number == len(weights) - 1 else None  # nothing else of the last layer's output is used
        out = attend(q, k, v, tree, number, attention.scaling, ends_only=wanted is not None).flatten(1)
        if wanted is not None:
            x, out = x.index_select(0, wanted), out.index_select(0, wanted)
        x = x + out @ layer.out
        h = _rms_norm(x, layer.mlp_norm, eps).to(layer.gate_up.dtype)
        return x + _swiglu(h @ layer.gate_up) @ layer.down

    for number in range(len(weights)):
        x = recomputed(run, x, number) if recompute else run(x, number)
    return _rms_norm(x, base.norm.weight, eps)


def _rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * weight over the last axis."""
    return _RMSNorm.apply(x, weight, eps) if torch.is_grad_enabled() else _normed(x, weight, eps)[0]


def _normed(x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    scale = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.shape[-1]).add_(eps).rsqrt_()
    return (x * scale).mul_(weight), scale


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        out, scale = _normed(x, weight, eps)
        ctx.save_for_backward(x, scale, weight)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:  # type: ignore[override]
        """torch's kernel for LayerNorm, told that the mean is 0; what it takes off for the mean is put back."""
        x, scale, weight = ctx.saved_tensors
        size = x.shape[-1]
        into, into_weight, _ = torch.ops.aten.native_layer_norm_backward(
            grad, x, [size], torch.zeros_like(scale), scale, weight, None, [True, True, False]
        )
        into.add_((grad @ weight).unsqueeze(-1).mul_(scale).div_(size))
        return into, into_weight, None


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions: pairs (i, i + D / 2) of the last axis turned by their angles. sin comes half negated."""
    return _Rotate.apply(x, cos, sin) if torch.is_grad_enabled() else _rotated(x, cos, sin)


def _rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    return (x * cos).addcmul_(x.roll(x.shape[-1] // 2, -1), sin)


class _Rotate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _rotated(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        cos, sin = ctx.saved_tensors
        return _rotated(grad, cos, -sin), None, None


def _swiglu(both: Tensor) -> Tensor:
    """silu(gate) * up of [T, 2 F] with the gates first. -> [T, F]"""
    return _SwiGLU.apply(both) if torch.is_grad_enabled() else _gated(both)


def _gated(both: Tensor) -> Tensor:
    gate, up = both.chunk(2, -1)
    return nn.functional.silu(gate).mul_(up)


class _SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, both: Tensor) -> Tensor:
        ctx.save_for_backward(both)
        return _gated(both)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        """The gradient is written over what was saved: memory never touched before costs more than the arithmetic."""
        (both,) = ctx.saved_tensors
        gate, up = both.chunk(2, -1)
        to_up = nn.functional.silu(gate).mul_(grad)
        torch.ops.aten.silu_backward.grad_input(grad * up, gate, grad_input=gate)
        up.copy_(to_up)
        return both
