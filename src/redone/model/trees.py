"""Prefix-tree batches: a prompt is laid out once, followed by all of its answers.

A tree is one prompt with G answers (G = 1 in fine-tuning). The trees of a batch lie one after the other in
one row of T tokens; position ids restart at the prompt's length for each answer. A token sees its own prompt
and the earlier tokens of its own answer, nothing else. The last token of an answer predicts nothing that is
trained, so it is not laid out at all: a batch forwards sum(prompt) + sum(answer - 1) tokens.

The model's token-wise layers need no more than the row; attention needs the structure, which `Layout` holds as an
order of the row's tokens that makes them a few rectangular buckets, so that it can be computed by batched matrix
products.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Tokens = Sequence[int]


@dataclass(frozen=True)
class Bucket:
    """Trees of similar shape, padded to a common one: N trees, A answers each, Lp and La tokens."""

    prompts: tuple[int, int]  # N, Lp
    answers: tuple[int, int, int]  # N, A, La
    ends: Tensor  # [N] place of each prompt's last token in it
    own_mask: Tensor  # [La, La] True where an answer's token may see another of the same answer
    prompt_mask: Tensor | None  # [N, Lp] True at real tokens; None when no prompt is padded


@dataclass(frozen=True)
class Layout:
    """The structure of one row, for attention."""

    buckets: tuple[Bucket, ...]
    order: Tensor  # [P] the row's tokens bucket after bucket, prompts before answers; padding points at 0
    inverse: Tensor  # [T] where each token of the row lies in that order
    padding: Tensor  # [P - T] which places of the order are padding
    longest: int  # tokens of the longest prompt and answer together, as laid out


@dataclass(frozen=True)
class PackedBatch:
    """A row of trees with the tokens to be trained; K tokens are trained, T are forwarded."""

    trees: tuple[tuple[Tokens, tuple[Tokens, ...]], ...]  # what was packed, for the ordinary path
    input_ids: Tensor  # [1, T]
    position_ids: Tensor  # [1, T]
    layout: Layout
    outputs: Tensor  # [M] positions in the row whose output predicts something that is trained
    predict_from: Tensor  # [K] which of those predicts the trained token
    targets: Tensor  # [K] trained tokens, answer after answer in the order given
    lengths: tuple[int, ...]  # trained tokens of each answer; they sum to K

    @property
    def num_tokens(self) -> int:
        return self.input_ids.shape[1]


def pack(trees: Sequence[tuple[Tokens, Sequence[Tokens]]], device: torch.device | str = "cpu") -> PackedBatch:
    """Lay trees (prompt, answers) out in one row. Prompts and answers hold at least one token each."""
    ids: list[int] = []
    positions: list[int] = []
    outputs: list[int] = []
    predict: list[int] = []
    targets: list[int] = []
    lengths: list[int] = []
    starts: list[tuple[int, list[int]]] = []  # of each tree: the prompt's start, the answers' starts
    for prompt, answers in trees:
        assert len(prompt) > 0
        start = len(ids)
        ids += prompt
        positions += range(len(prompt))
        answer_starts = []
        end = len(outputs)
        outputs += [len(ids) - 1] if answers else []
        for answer in answers:
            assert len(answer) > 0
            answer_starts.append(len(ids))
            predict.append(end)
            predict += range(len(outputs), len(outputs) + len(answer) - 1)
            outputs += range(len(ids), len(ids) + len(answer) - 1)
            targets += answer
            lengths.append(len(answer))
            ids += answer[:-1]
            positions += range(len(prompt), len(prompt) + len(answer) - 1)
        starts.append((start, answer_starts))
    return PackedBatch(
        trees=tuple((prompt, tuple(answers)) for prompt, answers in trees),
        input_ids=torch.tensor([ids], device=device),
        position_ids=torch.tensor([positions], device=device),
        layout=_layout(trees, starts, len(ids), device),
        outputs=torch.tensor(outputs, dtype=torch.long, device=device),
        predict_from=torch.tensor(predict, dtype=torch.long, device=device),
        targets=torch.tensor(targets, dtype=torch.long, device=device),
        lengths=tuple(lengths),
    )


def _layout(
    trees: Sequence[tuple[Tokens, Sequence[Tokens]]],
    starts: Sequence[tuple[int, Sequence[int]]],
    total: int,
    device: torch.device | str,
) -> Layout:
    shapes = [(len(prompt), len(answers), max((len(a) - 1 for a in answers), default=0)) for prompt, answers in trees]
    buckets, order = [], []
    for members in _bucket(shapes):
        long_prompt, num_answers, long_answer = (max(shapes[m][axis] for m in members) for axis in range(3))
        prompts = torch.full((len(members), long_prompt), -1)
        own = torch.full((len(members), num_answers, long_answer), -1)
        for row, member in enumerate(members):
            start, answer_starts = starts[member]
            prompt, answers = trees[member]
            prompts[row, : len(prompt)] = start + torch.arange(len(prompt))
            for column, (answer, answer_start) in enumerate(zip(answers, answer_starts)):
                own[row, column, : len(answer) - 1] = answer_start + torch.arange(len(answer) - 1)
        order += [prompts.flatten(), own.flatten()]
        real = prompts >= 0
        buckets.append(
            Bucket(
                prompts=(len(members), long_prompt),
                answers=(len(members), num_answers, long_answer),
                ends=(real.sum(1) - 1).to(device),
                own_mask=torch.ones(long_answer, long_answer, dtype=torch.bool, device=device).tril(),
                prompt_mask=None if real.all() else real.to(device),
            )
        )
    places = torch.cat(order)
    inverse = torch.empty(total, dtype=torch.long)
    inverse[places[places >= 0]] = (places >= 0).nonzero()[:, 0]
    return Layout(
        buckets=tuple(buckets),
        order=places.clamp(min=0).to(device),
        inverse=inverse.to(device),
        padding=(places < 0).nonzero()[:, 0].to(device),
        longest=max(prompt + answer for prompt, _, answer in shapes),
    )


def _bucket(
    shapes: Sequence[tuple[int, int, int]], most_waste: float = 1.25, most_scores: int = 1 << 21
) -> list[list[int]]:
    """Indices of trees grouped so that padding costs at most `most_waste` times the attention scores themselves,
    and one bucket holds at most `most_scores` of them per head (memory), a single tree excepted."""

    def area(prompt: int, answers: int, answer: int) -> int:
        return prompt * prompt // 2 + answers * answer * (prompt + answer) + 32 * (prompt + answers * answer)

    order = sorted(range(len(shapes)), key=lambda i: (shapes[i], i))
    buckets: list[list[int]] = []
    real = 0
    widest = (0, 0, 0)
    for index in order:
        shape = shapes[index]
        wider = tuple(max(a, b) for a, b in zip(widest, shape))
        padded = area(*wider) * (len(buckets[-1]) + 1) if buckets else 0
        if buckets and padded <= most_waste * (real + area(*shape)) and padded <= most_scores:
            buckets[-1].append(index)
            real += area(*shape)
            widest = wider  # type: ignore[assignment]
        else:
            buckets.append([index])
            real, widest = area(*shape), shape
    return buckets


def split_by_tokens(
    trees: Sequence[tuple[Tokens, Sequence[Tokens]]], most: int, repeated: bool = False
) -> list[list[int]]:
    """Indices of trees in order, cut so that each part forwards at most `most` tokens (a single tree excepted).

    repeated: count each prompt once for each of its answers, as the ordinary path runs it.
    """
    parts: list[list[int]] = []
    room = 0
    for index, (prompt, answers) in enumerate(trees):
        size = (len(answers) if repeated else 1) * len(prompt) + sum(len(answer) - 1 for answer in answers)
        if not parts or size > room:
            parts.append([])
            room = most
        parts[-1].append(index)
        room -= size
    return parts
