"""Attention over prefix trees, registered with transformers so that one function serves every decoder layer.

transformers' models look their attention up by name in `ALL_ATTENTION_FUNCTIONS` and hand it whatever keyword
arguments their forward was given; ours travel as `tree`. transformers builds no mask for a name it does not
know, so the function carries all structure itself: a `Layout` for prefill and updates, a `DecodeState` for
decoding. What it cannot honour (sliding windows, soft caps, sinks, unknown keywords) it refuses, and the policy
then takes the ordinary path (see `policy.Policy`).

Shapes: H query heads, Hkv key heads, R = H / Hkv, D head size, T tokens of the row; N trees of a bucket,
A answers each, Lp and La padded lengths; C own tokens so far.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from redone.data.pack import Bucket, Layout

NAME = "redone_tree"
_HARMLESS = {"tree", "dropout", "position_ids", "use_cache", "cache_position", "is_causal", "output_attentions"}


class UnsupportedAttention(Exception):
    """The model asks its attention for something that the prefix-tree one does not do."""


@dataclass
class Prefill:
    """A layout without answers, and where the prompts' keys and values go."""

    layout: Layout
    kept: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)  # layer -> [T, Hkv, D] keys, values


@dataclass
class DecodeState:
    """Keys and values while decoding: each prompt's once, and a preallocated buffer for every answer.

    Rows are (prompt, answer) pairs, N x A of them, flattened; only the active ones pass through the model.
    """

    prompts: dict[int, tuple[Tensor, Tensor]]  # layer -> [N, Hkv, Lp, D] keys, values
    own: dict[int, tuple[Tensor, Tensor]]  # layer -> [N * A, Hkv, capacity, D]
    prompt_mask: Tensor  # [N, Lp] True at real tokens
    num_answers: int  # A
    lengths: Tensor  # [N * A] own tokens laid down before this step
    active: Tensor  # [rows] the rows that this step computes
    longest: int  # own tokens after this step, of the longest active row


def tree_attention(
    module: Any,
    query: Tensor,  # [1, H, T, D], in decoding [1, H, rows, D]
    key: Tensor,  # [1, Hkv, T, D]
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **keywords: Any,
) -> tuple[Tensor, None]:
    """The attention output [1, T, H, D]."""
    for name, given in keywords.items():
        if name not in _HARMLESS and given is not None:
            raise UnsupportedAttention(f"{name} = {given!r}")
    if keywords.get("dropout") or attention_mask is not None:
        raise UnsupportedAttention("dropout or a mask")
    tree = keywords["tree"]
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    q, k, v = (states[0].transpose(0, 1) for states in (query, key, value))  # [T, heads, D]
    if isinstance(tree, DecodeState):
        return _decode(q, k, v, tree, module.layer_idx, scale)[None], None
    layout = tree.layout if isinstance(tree, Prefill) else tree
    if isinstance(tree, Prefill):
        tree.kept[module.layer_idx] = (k, v)
    outputs = []
    for bucket in layout.buckets:
        kp, vp = (states[bucket.prompt_index].transpose(1, 2) for states in (k, v))  # [N, Hkv, Lp, D]
        outputs.append(_prompts(q, kp, vp, bucket, scale))
        if bucket.answer_index.numel():
            outputs.append(_answers(q, k, v, kp, vp, bucket, scale))
    return torch.cat(outputs)[layout.inverse][None], None


def _prompts(q: Tensor, kp: Tensor, vp: Tensor, bucket: Bucket, scale: float) -> Tensor:
    """Prompt on prompt, causal; padding lies to the right, where no real token looks. -> [N * Lp, H, D]"""
    qp = q[bucket.prompt_index].transpose(1, 2)  # [N, H, Lp, D]
    repeat = qp.shape[1] // kp.shape[1]
    if repeat > 1:
        kp, vp = (states.repeat_interleave(repeat, dim=1) for states in (kp, vp))
    out = torch.nn.functional.scaled_dot_product_attention(qp, kp, vp, is_causal=True, scale=scale)
    return out.transpose(1, 2).flatten(0, 1)


def _answers(q: Tensor, k: Tensor, v: Tensor, kp: Tensor, vp: Tensor, bucket: Bucket, scale: float) -> Tensor:
    """Answers on [shared prompt ; own answer], one softmax over both. -> [N * A * La, H, D]

    Query heads of a key head are folded into the row dimension instead of repeating keys.
    """
    n, a, la = bucket.answer_index.shape
    hkv, lp, d = kp.shape[1:]
    r = q.shape[1] // hkv
    qa = (q[bucket.answer_index] * scale).view(n, a, la, hkv, r, d)
    ka, va = (states[bucket.answer_index].permute(0, 3, 1, 2, 4) for states in (k, v))  # [N, Hkv, A, La, D]
    qa = qa.permute(0, 3, 1, 4, 2, 5)  # [N, Hkv, A, R, La, D]
    on_prompt = (qa.reshape(n, hkv, a * r * la, d) @ kp.transpose(2, 3)).view(n, hkv, a, r, la, lp)
    if bucket.prompt_mask is not None:
        on_prompt = on_prompt.masked_fill(~bucket.prompt_mask[:, None, None, None, None], float("-inf"))
    on_own = (qa.reshape(n, hkv, a, r * la, d) @ ka.transpose(3, 4)).view(n, hkv, a, r, la, la)
    on_own = on_own.masked_fill(~bucket.own_mask, float("-inf"))
    weights = torch.softmax(torch.cat([on_prompt, on_own], -1), -1, dtype=torch.float32).to(q.dtype)
    from_prompt = weights[..., :lp].reshape(n, hkv, a * r * la, lp) @ vp
    from_own = weights[..., lp:].reshape(n, hkv, a, r * la, la) @ va
    out = from_prompt.view(n, hkv, a, r, la, d) + from_own.view(n, hkv, a, r, la, d)
    return out.permute(0, 2, 4, 1, 3, 5).reshape(n * a * la, hkv * r, d)


def _decode(q: Tensor, k: Tensor, v: Tensor, state: DecodeState, layer: int, scale: float) -> Tensor:
    """One token of each active row. -> [rows, H, D]"""
    kp, vp = state.prompts[layer]
    ko, vo = state.own[layer]
    n, hkv, lp, d = kp.shape
    a, c = state.num_answers, state.longest
    r = q.shape[1] // hkv
    here = state.lengths[state.active]
    ko[state.active, :, here] = k
    vo[state.active, :, here] = v
    if len(state.active) == n * a:
        every = q * scale
    else:
        every = q.new_zeros(n * a, *q.shape[1:])
        every[state.active] = q * scale
    every = every.view(n, a, hkv, r, d)
    on_prompt = every.transpose(1, 2).reshape(n, hkv, a * r, d) @ kp.transpose(2, 3)
    on_prompt = on_prompt.masked_fill(~state.prompt_mask[:, None, None], float("-inf"))
    on_prompt = on_prompt.view(n, hkv, a, r, lp).transpose(1, 2)  # [N, A, Hkv, R, Lp]
    own_keys, own_values = (buffer[:, :, :c] for buffer in (ko, vo))
    on_own = (every.reshape(n * a, hkv, r, d) @ own_keys.transpose(2, 3)).view(n, a, hkv, r, c)
    hidden = torch.arange(c, device=q.device) > state.lengths[:, None]
    on_own = on_own.masked_fill(hidden.view(n, a, 1, 1, c), float("-inf"))
    weights = torch.softmax(torch.cat([on_prompt, on_own], -1), -1, dtype=torch.float32).to(q.dtype)
    from_prompt = weights[..., :lp].transpose(1, 2).reshape(n, hkv, a * r, lp) @ vp
    from_own = weights[..., lp:].reshape(n * a, hkv, r, c) @ own_values
    out = from_prompt.view(n, hkv, a, r, d).transpose(1, 2) + from_own.view(n, a, hkv, r, d)
    return out.reshape(n * a, hkv * r, d)[state.active]


ALL_ATTENTION_FUNCTIONS.register(NAME, tree_attention)
