"""How likely texts are to a model, and how far its next tokens are from another model's; nothing is trained."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from redone.data.encode import Passage
from redone.model.policy import Policy
from redone.model.trees import PackedBatch, pack, split_by_tokens


def nats(policy: Policy, passages: Sequence[Passage], most: int, advance: Callable[[int], None]) -> list[float]:
    """Minus the log-probability of each passage's tokens after what stands before them, summed. most: tokens that are
    forwarded at once."""
    found = dict[int, float]()
    for places, batch in _parts(passages, most, policy.device, repeated=not policy.packed):
        with torch.no_grad():
            logprobs, _ = policy.token_logprobs(batch)
        found |= zip(places, _sums(-logprobs, batch))
        advance(len(places))
    return [found[i] for i in range(len(passages))]


def divergences(
    base: Policy, policy: Policy, passages: Sequence[Passage], most: int, advance: Callable[[int], None]
) -> list[float]:
    """KL(base || policy) of the next token over the whole vocabulary, at the place of each token of a passage, summed
    over them: sum_t sum_v p(v | before t) (log p(v | before t) - log q(v | before t)). Both have one vocabulary."""
    packed = base.packed and policy.packed
    found = dict[int, float]()
    for places, batch in _parts(passages, most, policy.device, repeated=not packed):
        both = zip(base.logits(batch, packed), policy.logits(batch, packed), strict=True)
        found |= zip(places, _sums(torch.cat([_divergence(p, q) for p, q in both]), batch))
        advance(len(places))
    return [found[i] for i in range(len(passages))]


def _divergence(p: Tensor, q: Tensor) -> Tensor:  # [n, V], [n, V] logits -> [n]
    log_p, log_q = p.log_softmax(-1), q.log_softmax(-1)
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def _parts(
    passages: Sequence[Passage], most: int, device: torch.device, repeated: bool
) -> Iterator[tuple[list[int], PackedBatch]]:
    """Places of passages and their batch, those of a length together."""
    order = sorted(range(len(passages)), key=lambda i: len(passages[i].before) + len(passages[i].tokens))
    trees = [(passages[i].before, [passages[i].tokens]) for i in order]
    for part in split_by_tokens(trees, most, repeated):
        yield [order[i] for i in part], pack([trees[i] for i in part], device)


def _sums(values: Tensor, batch: PackedBatch) -> list[float]:  # [K] -> one for each answer
    return [float(one.sum()) for one in values.double().cpu().split(batch.lengths)]
