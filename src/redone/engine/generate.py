"""Decoders: they take requests at any time and give back finished groups of answers.

`TreeDecoder` keeps one copy of a prompt's keys and values for all of its answers; rows that finish leave the
batch, and requests admitted later join it. `OrdinaryDecoder` does the same work with `model.generate` for
models that the prefix-tree path does not serve. Both are deterministic given their seed and the order of calls.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import GenerationConfig

from redone.data.pack import pack
from redone.engine.attention import DecodeState, Prefill
from redone.engine.policy import Policy


@dataclass(frozen=True, slots=True)
class Request:
    key: Any  # the caller's, given back with the answers
    prompt: tuple[int, ...]
    budget: int  # most tokens of an answer


@dataclass(frozen=True, slots=True)
class Answer:
    tokens: tuple[int, ...]  # with the end token if it was sampled
    logprobs: tuple[float, ...]  # of the tokens, at the sampling temperature (at 1 when greedy)
    finished: bool  # False: cut off by the budget


Completed = tuple[Request, tuple[Answer, ...]]


class Decoder(Protocol):
    """in_flight: prompts admitted whose answers have not been given back yet."""

    in_flight: int

    def admit(self, requests: Sequence[Request]) -> None: ...

    def step(self) -> list[Completed]: ...


def make_decoder(
    policy: Policy, *, group: int, temperature: float, seed: int, eos_ids: Collection[int], packed: bool | None = None
) -> Decoder:
    """A decoder that samples `group` answers per request; temperature 0 is greedy."""
    kind = TreeDecoder if (policy.packed if packed is None else packed) else OrdinaryDecoder
    return kind(policy, group=group, temperature=temperature, seed=seed, eos_ids=eos_ids)


class TreeDecoder:
    """Decoding over prefix trees. Rows are (prompt, answer) pairs: row = prompt * group + answer."""

    def __init__(
        self, policy: Policy, *, group: int, temperature: float, seed: int, eos_ids: Collection[int]
    ) -> None:
        self.policy = policy
        self.group = group
        self.temperature = temperature
        self.random = torch.Generator(device=policy.device).manual_seed(seed)
        self.eos = torch.tensor(sorted(eos_ids), dtype=torch.long, device=policy.device)
        self.requests: list[Request] = []
        self.done: list[Completed] = []
        self.state: DecodeState | None = None
        self._reset_rows()

    def _reset_rows(self) -> None:
        def empty(dtype: torch.dtype) -> Tensor:
            return torch.zeros(0, dtype=dtype, device=self.policy.device)

        self.count = empty(torch.long)  # [rows] tokens sampled
        self.budget = empty(torch.long)  # [rows]
        self.start = empty(torch.long)  # [rows] the prompt's length
        self.alive = empty(torch.bool)  # [rows]
        self.ended = empty(torch.bool)  # [rows] the end token was sampled
        self.tokens = empty(torch.long).view(0, 0)  # [rows, longest budget]
        self.logprobs = empty(torch.float32).view(0, 0)

    @property
    def in_flight(self) -> int:
        return len(self.requests) + len(self.done)

    @torch.no_grad()
    def admit(self, requests: Sequence[Request]) -> None:
        """Run the prompts once and sample every answer's first token."""
        if not requests:
            return
        self._compact()
        first = len(self.requests) * self.group
        batch = pack([(request.prompt, ()) for request in requests], self.policy.device)
        prefill = Prefill(batch.layout)
        hidden = self.policy.packed_hidden(batch.input_ids, batch.position_ids, prefill)
        lengths = torch.tensor([len(request.prompt) for request in requests], device=hidden.device)
        ends = lengths.cumsum(0)
        self._append_rows(requests, lengths)
        self._join(prefill, ends - lengths, lengths)
        logits = self.policy.next_logits(hidden[ends - 1]).repeat_interleave(self.group, 0)
        self._record(torch.arange(first, len(self.count), device=hidden.device), logits)

    @torch.no_grad()
    def step(self) -> list[Completed]:
        """Sample one more token of every live answer; the groups that are complete."""
        rows = self.alive.nonzero()[:, 0]
        if len(rows):
            state = self._ready(rows)
            last = self.tokens[rows, self.count[rows] - 1]
            positions = self.start[rows] + self.count[rows] - 1
            hidden = self.policy.packed_hidden(last[None], positions[None], state)
            self._record(rows, self.policy.next_logits(hidden))
        done, self.done = self.done, []
        return done

    def _ready(self, rows: Tensor) -> DecodeState:
        """The state of this step, with room for one more own token."""
        state = self.state
        assert state is not None
        state.active = rows
        state.lengths = self.count - 1
        state.longest = int(self.count[rows].max())
        capacity = next(iter(state.own.values()))[0].shape[2]
        if state.longest > capacity:
            for layer, pair in state.own.items():
                state.own[layer] = (_widen(pair[0], 2, 2 * capacity), _widen(pair[1], 2, 2 * capacity))
        return state

    def _record(self, rows: Tensor, logits: Tensor) -> None:
        """Sample a token for each row; rows that end die, prompts without live rows are complete."""
        picked, logprobs = sample(logits, self.temperature, self.random)
        self.tokens[rows, self.count[rows]] = picked
        self.logprobs[rows, self.count[rows]] = logprobs
        self.count[rows] += 1
        ended = torch.isin(picked, self.eos)
        self.ended[rows] = ended
        self.alive[rows] = ~ended & (self.count[rows] < self.budget[rows])
        live = self.alive.view(-1, self.group).any(1).tolist()
        if sum(live) <= 0.75 * len(live):
            self._compact()

    def _compact(self) -> None:
        """Move complete prompts out and close the gaps they leave."""
        live = self.alive.view(-1, self.group).any(1)
        if bool(live.all()):
            return
        keep = live.nonzero()[:, 0]
        for prompt in (~live).nonzero()[:, 0].tolist():
            rows = range(prompt * self.group, (prompt + 1) * self.group)
            self.done.append((self.requests[prompt], tuple(self._answer(row) for row in rows)))
        self.requests = [self.requests[i] for i in keep.tolist()]
        kept_rows = self.alive.new_zeros(len(live), self.group).logical_or(live[:, None]).flatten()
        for name in ("count", "budget", "start", "alive", "ended", "tokens", "logprobs"):
            setattr(self, name, getattr(self, name)[kept_rows])
        state = self.state
        if not self.requests:
            self.state = None
        elif state is not None:
            state.prompts = {layer: (k[keep], v[keep]) for layer, (k, v) in state.prompts.items()}
            state.own = {layer: (k[kept_rows], v[kept_rows]) for layer, (k, v) in state.own.items()}
            state.prompt_mask = state.prompt_mask[keep]

    def _answer(self, row: int) -> Answer:
        count = int(self.count[row])
        return Answer(
            tokens=tuple(self.tokens[row, :count].tolist()),
            logprobs=tuple(self.logprobs[row, :count].tolist()),
            finished=bool(self.ended[row]),
        )

    def _append_rows(self, requests: Sequence[Request], lengths: Tensor) -> None:
        budgets = torch.tensor([request.budget for request in requests], device=lengths.device)
        rows = len(requests) * self.group
        width = max(self.tokens.shape[1], int(budgets.max()))
        self.requests = [*self.requests, *requests]
        self.count = torch.cat([self.count, self.count.new_zeros(rows)])
        self.budget = torch.cat([self.budget, budgets.repeat_interleave(self.group)])
        self.start = torch.cat([self.start, lengths.repeat_interleave(self.group)])
        self.alive = torch.cat([self.alive, self.alive.new_ones(rows)])
        self.ended = torch.cat([self.ended, self.ended.new_zeros(rows)])
        self.tokens = torch.cat([_widen(self.tokens, 1, width), self.tokens.new_zeros(rows, width)])
        self.logprobs = torch.cat([_widen(self.logprobs, 1, width), self.logprobs.new_zeros(rows, width)])

    def _join(self, prefill: Prefill, starts: Tensor, lengths: Tensor) -> None:
        """Put the new prompts' keys and values beside those already there."""
        state = self.state
        old = 0 if state is None else state.prompt_mask.shape[1]
        width = max(old, int(lengths.max()))
        inside = torch.arange(width, device=lengths.device) < lengths[:, None]
        index = (starts[:, None] + torch.arange(width, device=lengths.device)).masked_fill(~inside, 0)
        prompts, own = {}, {}
        for layer, pair in prefill.kept.items():
            new = tuple(row[index].transpose(1, 2).contiguous() for row in pair)  # [N, Hkv, width, D]
            capacity = 16 if state is None else state.own[layer][0].shape[2]
            rows = len(lengths) * self.group
            room = tuple(n.new_zeros(rows, n.shape[1], capacity, n.shape[3]) for n in new)
            if state is not None:
                new = tuple(torch.cat([_widen(o, 2, width), n]) for o, n in zip(state.prompts[layer], new))
                room = tuple(torch.cat([o, n]) for o, n in zip(state.own[layer], room))
            prompts[layer], own[layer] = new, room
        mask = inside if state is None else torch.cat([_widen(state.prompt_mask, 1, width), inside])
        none = torch.zeros(0, dtype=torch.long, device=lengths.device)
        self.state = DecodeState(prompts, own, mask, self.group, none, none, 0)  # type: ignore[arg-type]


class OrdinaryDecoder:
    """The same through `model.generate`: prompts are repeated for every answer, groups complete together."""

    def __init__(
        self, policy: Policy, *, group: int, temperature: float, seed: int, eos_ids: Collection[int]
    ) -> None:
        self.policy = policy
        self.group = group
        self.temperature = temperature
        self.seed = seed
        self.eos = sorted(eos_ids)
        self.waiting: list[Request] = []

    @property
    def in_flight(self) -> int:
        return len(self.waiting)

    def admit(self, requests: Sequence[Request]) -> None:
        self.waiting += requests

    @torch.no_grad()
    def step(self) -> list[Completed]:
        requests, self.waiting = self.waiting, []
        if not requests:
            return []
        width = max(len(request.prompt) for request in requests)
        ids = torch.zeros(len(requests), width, dtype=torch.long)
        for row, request in enumerate(requests):
            ids[row, width - len(request.prompt) :] = torch.tensor(request.prompt)
        mask = torch.arange(width) >= torch.tensor([[width - len(request.prompt)] for request in requests])
        sampling = {"do_sample": True, "temperature": self.temperature, "top_k": 0, "top_p": 1.0}
        settings = GenerationConfig(
            max_new_tokens=max(request.budget for request in requests),
            num_return_sequences=self.group,
            eos_token_id=self.eos or None,
            pad_token_id=0,
            return_dict_in_generate=True,
            output_logits=True,
            **(sampling if self.temperature > 0 else {"do_sample": False}),
        )
        if self.group > 1 and self.temperature == 0:
            raise ValueError("greedy decoding gives one answer per prompt")
        model = self.policy.model
        with torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []):
            torch.manual_seed(self.seed)
            self.seed += 1
            out = model.generate(ids.to(model.device), attention_mask=mask.long().to(model.device), generation_config=settings)
        picked = out.sequences[:, width:]
        scale = self.temperature or 1.0
        logprobs = torch.stack(
            [
                torch.log_softmax(logits.float() / scale, -1).gather(1, picked[:, i : i + 1])[:, 0]
                for i, logits in enumerate(out.logits)
            ],
            1,
        )
        rows = [
            self._trim(tokens, scores, requests[row // self.group].budget)
            for row, (tokens, scores) in enumerate(zip(picked.tolist(), logprobs.tolist()))
        ]
        return [
            (request, tuple(rows[i * self.group : (i + 1) * self.group])) for i, request in enumerate(requests)
        ]

    def _trim(self, tokens: list[int], logprobs: list[float], budget: int) -> Answer:
        end = next((i + 1 for i, token in enumerate(tokens[:budget]) if token in self.eos), None)
        length = end or min(budget, len(tokens))
        return Answer(tuple(tokens[:length]), tuple(logprobs[:length]), end is not None)


def sample(logits: Tensor, temperature: float, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """A token for each row of logits [rows, V] and its log-probability; greedy (and scored at 1) at temperature 0.

    The exponential race arg-max(p / E), E ~ Exp(1), draws from p and is far cheaper than multinomial on CPU.
    """
    logprobs = torch.log_softmax(logits / temperature if temperature not in (0.0, 1.0) else logits, -1)
    if temperature == 0:
        tokens = logprobs.argmax(-1)
    else:
        race = torch.empty_like(logprobs).exponential_(generator=random)
        tokens = (logprobs.exp() / race).argmax(-1)
    return tokens, logprobs.gather(1, tokens[:, None])[:, 0]


def _widen(states: Tensor, axis: int, size: int) -> Tensor:
    """The tensor with zeros after it along an axis, up to `size`."""
    if states.shape[axis] >= size:
        return states
    shape = list(states.shape)
    shape[axis] = size - shape[axis]
    return torch.cat([states, states.new_zeros(shape)], axis)
