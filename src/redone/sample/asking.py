"""Texts of a sampler that answers in tokens: prompts encoded, requests scheduled, answers decoded."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence

import torch

from redone.data.encode import Encoder
from redone.model.policy import Policy
from redone.model.trees import split_by_tokens
from redone.records import Prompt, Text
from redone.sample.protocol import Answer, Completed, Request, Sampler
from redone.thinking import split_thinking

_PREFILL = 1 << 15  # tokens of prompts that are admitted at once
CAPACITY = 16  # own tokens that a sampler has room for at first
_CACHE = 2 << 30  # bytes that keys and values may take on a CPU


def ask(
    sampler: Sampler,
    encoder: Encoder,
    prompts: Sequence[Prompt],
    *,
    group: int,
    rows: int,
    room: int,
    context: int | None = None,
    copies: int = 1,
) -> Iterator[list[Text]]:
    """`group` texts to each prompt, those of a prompt together, after each of the sampler's steps.

    rows: most answers decoded at once. room: tokens whose keys and values may be kept. context: tokens that the model
    has room for. copies: how often a prompt's keys and values are kept for its group.
    """
    assert not sampler.in_flight, "the sampler has answers in flight"
    requests, cut = [], []
    for ticket, (prompt, tokens) in enumerate(zip(prompts, encoder.encode(prompts))):
        seen, budget = fitted(tokens, prompt.budget, context)
        requests.append(Request(ticket, seen, budget, _may_stop(encoder, prompt)))
        cut.append(len(tokens) - len(seen))
    at_once = max(1, rows // group)
    for completed in scheduled(sampler, requests, group=group, at_once=at_once, room=room, copies=copies):
        yield [
            _text(encoder, prompts[request.key], n, answer, cut[request.key])
            for request, answers in completed
            for n, answer in enumerate(answers)
        ]


def scheduled(
    sampler: Sampler, requests: Sequence[Request], *, group: int, at_once: int, room: int, copies: int
) -> Iterator[list[Completed]]:
    """What each of the sampler's steps completes, until every request is answered.

    Requests of similar work go together, and new ones join when at most half as many as may be are in flight and at
    most half the room is taken: every admission costs a pass of its own.
    """
    waiting = deque(sorted(requests, key=lambda r: (-r.budget, len(r.prompt), r.key)))
    flying: dict[int, int] = {}  # key -> tokens whose keys and values are kept
    while waiting or flying:
        if 2 * len(flying) <= at_once and 2 * sum(flying.values()) <= room:
            wave = []
            while waiting and len(flying) < at_once:
                size = copies * len(waiting[0].prompt) + group * waiting[0].budget
                if flying and sum(flying.values()) + size > room:
                    break
                wave.append(waiting.popleft())
                flying[wave[-1].key] = size
            admit(sampler, wave)
        completed = sampler.step()
        for request, _ in completed:
            del flying[request.key]
        yield completed


def admit(sampler: Sampler, wave: Sequence[Request]) -> None:
    """Give the sampler the requests, so many at once as a pass over their prompts may have tokens."""
    for part in split_by_tokens([(request.prompt, ()) for request in wave], _PREFILL):
        sampler.admit([wave[i] for i in part])


def cache_room(policy: Policy, held: int = 0) -> int:
    """Tokens whose keys and values a sampler may keep: 2 GiB on a CPU; on a GPU a quarter of what its memory has beside
    the policy's weights and `held` bytes.

    What happens to be free does not count: what is sampled depends on the order in which requests go in, and a run has
    to repeat on its machine.
    """
    if policy.device.type != "cuda":
        return _CACHE // policy.bytes_per_token
    weights = sum(parameter.nbytes for parameter in policy.model.parameters())
    return max(0, torch.cuda.mem_get_info(policy.device)[1] - weights - held) // 4 // policy.bytes_per_token


def kept(requests: Sequence[Request], group: int, copies: int) -> int:
    """Most tokens that a sampler has room for when it answers the requests together: for each as for the longest, where
    the room for answers is doubled as they grow."""
    longest = max(len(request.prompt) for request in requests)
    budget = max(CAPACITY, *(request.budget for request in requests))
    return len(requests) * (copies * longest + group * (1 << (budget - 1).bit_length()))


def fitted(prompt: tuple[int, ...], budget: int, context: int | None) -> tuple[tuple[int, ...], int]:
    """The prompt's last tokens that a context has room for, and the budget of the answer.

    An answer has what the prompt leaves of the context. The prompt loses its beginning where it would not leave the
    budget, or a quarter of the context if that is less.
    """
    if context is None:
        return prompt, budget
    seen = prompt[-(context - min(budget, context // 4)) :]
    return seen, min(budget, context - len(seen))


def cut_at(text: str, stop: Sequence[str]) -> tuple[str, bool]:
    """The text up to the first stop text in its answer, and whether there was one. Thinking that never closes has no
    answer yet."""
    answer = split_thinking(text)[1] or ""
    places = [place for one in stop if (place := answer.find(one)) >= 0]
    if not places:
        return text, False
    return text[: text.rindex(answer) + min(places)], True


def _may_stop(encoder: Encoder, prompt: Prompt) -> Callable[[Sequence[int]], bool] | None:
    """Stop texts are for models that complete a text; one that chats ends its answers itself."""
    if encoder.chats or not prompt.stop:
        return None
    return lambda tokens: cut_at(encoder.decode(tokens, prompt.think), prompt.stop)[1]


def _text(encoder: Encoder, prompt: Prompt, n: int, answer: Answer, cut: int) -> Text:
    text, stopped = cut_at(encoder.decode(answer.tokens, prompt.think), () if encoder.chats else prompt.stop)
    return Text(prompt.key, n, text, answer.finished or stopped, answer.logprobs, cut=cut)
