"""Attention over prefix trees, registered with transformers so that one function serves every decoder layer.

transformers' models look their attention up by name in `ALL_ATTENTION_FUNCTIONS` and hand it whatever keyword
arguments their forward was given; ours travel as `tree`. transformers builds no mask for a name it does not
know, so the function carries all structure itself: a `Layout` for prefill and updates, a `DecodeState` for
decoding. What it cannot honour (soft caps, sinks, sliding windows shorter than the text, unknown keywords) it refuses,
and the policy then takes the ordinary path (see `policy.Policy`).

Shapes: H query heads, Hkv key heads, R = H / Hkv, D head size, T tokens of the row; N trees of a bucket,
A answers each, Lp and La padded lengths; C own tokens of the longest answer so far.
"""

from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from torch import Tensor
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from redone.model.trees import Bucket, Layout

NAME = "redone_tree"
_HARMLESS = {"tree", "dropout", "position_ids", "use_cache", "cache_position", "is_causal", "output_attentions"}


class UnsupportedAttention(Exception):
    """The model asks its attention for something that the prefix-tree one does not do."""


@dataclass
class Prefill:
    """A layout without answers, and where the prompts' keys and values go."""

    layout: Layout
    kept: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)  # layer -> [T, Hkv, D] keys, values


@dataclass(frozen=True)
class DecodeState:
    """One step of decoding: each prompt's keys and values once, and a preallocated buffer for each of its answers.

    Only the rows that live pass through the model: row i is answer `answer[i]` of prompt `prompt[i]`.
    """

    prompts: dict[int, tuple[Tensor, Tensor]]  # layer -> [N, Hkv, Lp, D] keys, values
    own: dict[int, tuple[Tensor, Tensor]]  # layer -> [N, Hkv, A, capacity, D]; the step writes its tokens into them
    prompt: Tensor  # [rows]
    answer: Tensor  # [rows]
    place: Tensor  # [rows] own tokens before this one
    hidden: Tensor  # [N, 1, A, 1, Lp + C] True where an answer may not look
    longest: int  # tokens of the longest prompt and answer so far


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
    if "tree" not in keywords:
        raise UnsupportedAttention("the model does not pass keywords on to its attention")
    tree = keywords["tree"]
    layout = tree.layout if isinstance(tree, Prefill) else tree
    window = keywords.pop("sliding_window", None)
    if window is not None and window < layout.longest:  # a wider one hides nothing
        raise UnsupportedAttention(f"its attention reaches back {window} tokens and a text has {layout.longest}")
    for name, given in keywords.items():
        if name not in _HARMLESS and given is not None:
            raise UnsupportedAttention(f"its attention asks for {name}")
    if keywords.get("dropout") or attention_mask is not None:
        raise UnsupportedAttention("its attention asks for dropout or a mask")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    # rotating made float32 of what products in bfloat16 gave, and what is kept for decoding is as narrow as they are
    q, k, v = (states[0].transpose(0, 1).to(value.dtype) for states in (query, key, value))  # [T, heads, D]
    return attend(q, k, v, tree, module.layer_idx, scale)[None], None


def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    tree: Layout | Prefill | DecodeState,
    layer: int,
    scale: float,
    ends_only: bool = False,
) -> Tensor:
    """Attention of a row's tokens, q [T, H, D], k and v [T, Hkv, D]. -> [T, H, D]

    ends_only: of the prompts, only the last tokens are needed; the others get zeros.
    """
    if isinstance(tree, DecodeState):
        return _decode(q, k, v, tree, layer, scale)
    if isinstance(tree, Prefill):
        tree.kept[layer] = (k, v)
        tree = tree.layout
    sizes = [prod(shape) for bucket in tree.buckets for shape in (bucket.prompts, bucket.answers)]
    qs, ks, vs = (_Reorder.apply(x, tree.order, tree.inverse, None).split(sizes) for x in (q, k, v))
    outputs = []
    for number, bucket in enumerate(tree.buckets):
        qp, kp, vp = (x[2 * number].unflatten(0, bucket.prompts).transpose(1, 2) for x in (qs, ks, vs))
        outputs.append(_ends(qp, kp, vp, bucket, scale) if ends_only else _prompts(qp, kp, vp, scale))
        if prod(bucket.answers):
            qa, ka, va = (x[2 * number + 1].unflatten(0, bucket.answers) for x in (qs, ks, vs))
            outputs.append(_answers(qa, ka, va, kp, vp, bucket, scale))
    return _Reorder.apply(torch.cat(outputs), tree.inverse, tree.order, tree.padding)


class _Reorder(torch.autograd.Function):
    """Rows [P, ...] picked by an index that hits every row that counts once.

    The gradient of such a pick is the pick that undoes it, with zeros for the places that are `padding` there; plain
    indexing would add up row by row instead, several times slower.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, index: Tensor, undo: Tensor, padding: Tensor | None) -> Tensor:
        ctx.save_for_backward(undo, padding)
        return rows.index_select(0, index)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:  # type: ignore[override]
        undo, padding = ctx.saved_tensors
        grad = grad.index_select(0, undo)
        if padding is not None and padding.numel():
            grad.index_fill_(0, padding, 0)
        return grad, None, None, None


def _prompts(qp: Tensor, kp: Tensor, vp: Tensor, scale: float) -> Tensor:
    """Prompt on prompt, causal; padding lies to the right, where no real token looks.

    qp [N, H, Lp, D], kp and vp [N, Hkv, Lp, D] -> [N * Lp, H, D]
    """
    repeat = qp.shape[1] // kp.shape[1]
    if repeat > 1:
        kp, vp = (states.repeat_interleave(repeat, dim=1) for states in (kp, vp))
    out = torch.nn.functional.scaled_dot_product_attention(qp, kp, vp, is_causal=True, scale=scale)
    return out.transpose(1, 2).flatten(0, 1)


def _ends(qp: Tensor, kp: Tensor, vp: Tensor, bucket: Bucket, scale: float) -> Tensor:
    """A prompt's last token on the prompt; shapes as in `_prompts`."""
    n, h, lp, d = qp.shape
    hkv = kp.shape[1]
    rows = torch.arange(n, device=qp.device)
    q = (qp[rows, :, bucket.ends] * scale).unflatten(1, (hkv, h // hkv))
    scores = q @ kp.transpose(2, 3)  # [N, Hkv, R, Lp]
    if bucket.prompt_mask is not None:
        scores = scores.masked_fill_(~bucket.prompt_mask[:, None, None], float("-inf"))
    weights = torch.softmax(scores, -1, dtype=torch.float32).to(qp.dtype)
    out = qp.new_zeros(n, lp, h, d)
    out[rows, bucket.ends] = (weights @ vp).flatten(1, 2)
    return out.flatten(0, 1)


def _answers(qa: Tensor, ka: Tensor, va: Tensor, kp: Tensor, vp: Tensor, bucket: Bucket, scale: float) -> Tensor:
    """Answers on [shared prompt ; own answer], one softmax over both. Query heads of a key head are folded into the
    row dimension instead of repeating keys.

    qa [N, A, La, H, D], ka and va [N, A, La, Hkv, D], kp and vp [N, Hkv, Lp, D] -> [N * A * La, H, D]
    """
    n, a, la = bucket.answers
    hkv, lp, d = kp.shape[1:]
    r = qa.shape[3] // hkv
    ka, va = (x.permute(0, 3, 1, 2, 4) for x in (ka, va))  # [N, Hkv, A, La, D]
    qa = (qa * scale).unflatten(3, (hkv, r)).permute(0, 3, 1, 4, 2, 5)  # [N, Hkv, A, R, La, D]
    on_prompt = (qa.reshape(n, hkv, a * r * la, d) @ kp.transpose(2, 3)).view(n, hkv, a, r, la, lp)
    if bucket.prompt_mask is not None:
        on_prompt = on_prompt.masked_fill_(~bucket.prompt_mask[:, None, None, None, None], float("-inf"))
    on_own = (qa.reshape(n, hkv, a, r * la, d) @ ka.transpose(3, 4)).view(n, hkv, a, r, la, la)
    on_own = on_own.masked_fill_(~bucket.own_mask, float("-inf"))
    weights = torch.softmax(torch.cat([on_prompt, on_own], -1), -1, dtype=torch.float32).to(qa.dtype)
    to_prompt, to_own = weights.split([lp, la], -1)  # the gradient of a split is one tensor, that of two slices two
    from_prompt = to_prompt.reshape(n, hkv, a * r * la, lp) @ vp
    from_own = to_own.reshape(n, hkv, a, r * la, la) @ va
    out = from_prompt.view(n, hkv, a, r, la, d) + from_own.view(n, hkv, a, r, la, d)
    return out.permute(0, 2, 4, 1, 3, 5).reshape(n * a * la, hkv * r, d)


def _decode(q: Tensor, k: Tensor, v: Tensor, state: DecodeState, layer: int, scale: float) -> Tensor:
    """One token of each live row. -> [rows, H, D]

    Rows that are done take part in the matrix products too; their results are left.
    """
    kp, vp = state.prompts[layer]
    ko, vo = state.own[layer]
    n, hkv, lp, d = kp.shape
    a, c = ko.shape[2], state.hidden.shape[-1] - lp
    r = q.shape[1] // hkv
    ko[state.prompt, :, state.answer, state.place] = k
    vo[state.prompt, :, state.answer, state.place] = v
    rows = (q * scale).unflatten(1, (hkv, r))
    if len(rows) == n * a:  # all live, in order
        every = rows.unflatten(0, (n, a)).transpose(1, 2).contiguous()
    else:
        every = q.new_zeros(n, hkv, a, r, d)
        every[state.prompt, :, state.answer] = rows
    on_prompt = (every.view(n, hkv, a * r, d) @ kp.transpose(2, 3)).view(n, hkv, a, r, lp)
    on_own = every @ ko[:, :, :, :c].transpose(3, 4)
    scores = torch.cat([on_prompt, on_own], -1).masked_fill_(state.hidden, float("-inf"))
    weights = torch.softmax(scores, -1, dtype=torch.float32).to(q.dtype)
    from_prompt = weights[..., :lp].reshape(n, hkv, a * r, lp) @ vp
    out = from_prompt.view(n, hkv, a, r, d) + weights[..., lp:] @ vo[:, :, :, :c]
    return out[state.prompt, :, state.answer].flatten(1, 2)


ALL_ATTENTION_FUNCTIONS.register(NAME, tree_attention)
