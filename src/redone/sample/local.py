"""Sampling over prefix trees: one copy of a prompt's keys and values for all of its answers.

Rows that finish leave the batch, and requests admitted later join it. What is sampled is determined by the version's
seed and the order of calls.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from redone.data.encode import Encoder
from redone.model.attention import DecodeState, Prefill
from redone.model.heap import give_back
from redone.model.policy import Policy, Weights
from redone.model.trees import pack
from redone.records import Prompt, Text
from redone.sample import asking
from redone.sample.ordinary import OrdinarySampler
from redone.sample.protocol import LOOK, Answer, Completed, Request, Seeds, TrainingSampler

ROWS = 1024  # rows whose logits exist at once


def make_sampler(
    policy: Policy,
    encoder: Encoder,
    *,
    group: int,
    temperature: float,
    seeds: Seeds,
    rows: int = 64,
    packed: bool | None = None,
) -> TrainingSampler:
    """A sampler of `group` answers per request, with the policy's weights as version 0; temperature 0 is greedy.

    rows: most answers decoded at once when it is asked for texts. packed: as the policy says, if not given.
    """
    kind = TreeSampler if (policy.packed if packed is None else packed) else OrdinarySampler
    return kind(policy, encoder, group=group, temperature=temperature, seeds=seeds, rows=rows)


class TreeSampler:
    """Rows are (prompt, answer) pairs: row = slot * group + answer.

    A prompt whose answers are complete leaves its slot to the next one, whose keys and values are written over those
    that are there: moving those of all others costs about as much as a step.
    """

    def __init__(
        self, policy: Policy, encoder: Encoder, *, group: int, temperature: float, seeds: Seeds, rows: int
    ) -> None:
        self.encoder = encoder
        self.group = group
        self.temperature = temperature
        self.seeds = seeds
        self.rows = rows
        self.requests: list[Request | None] = []  # by slot; None where it is free
        self.done: list[Completed] = []
        self.load(policy, 0)

    def load(self, policy: Policy, version: int) -> None:
        """Sample with the policy's weights as they are now."""
        assert not self.in_flight, "answers of other weights are in flight"
        self.policy = policy
        self.version = version
        self.random = torch.Generator(device=policy.device).manual_seed(self.seeds(version))
        self.eos = torch.tensor(sorted(self.encoder.eos_ids), dtype=torch.long, device=policy.device)
        self.weights: Weights = ()  # those before go first: never two copies
        give_back()  # with what an update has left in pieces
        with torch.no_grad():
            self.weights = policy.packed_weights()

        self._clear()

    def _clear(self) -> None:
        def empty(*shape: int, dtype: torch.dtype = torch.long) -> Tensor:
            return torch.zeros(*shape, dtype=dtype, device=self.policy.device)

        self.requests = []
        self.count = empty(0)  # [rows] tokens sampled
        self.budget = empty(0)  # [rows]
        self.start = empty(0)  # [rows] the prompt's length
        self.alive = empty(0, dtype=torch.bool)  # [rows]
        self.ended = empty(0, dtype=torch.bool)  # [rows] the end token was sampled
        self.tokens = empty(0, 0)  # [rows, longest budget]
        self.logprobs = empty(0, 0, dtype=torch.float32)
        self.inside = empty(0, 0, dtype=torch.bool)  # [slots, Lp] True at the prompts' real tokens
        self.capacity = asking.CAPACITY  # own tokens that there is room for
        self.prompts: dict[int, tuple[Tensor, Tensor]] = {}  # see DecodeState
        self.own: dict[int, tuple[Tensor, Tensor]] = {}

    def ask(self, prompts: Sequence[Prompt]) -> Iterator[list[Text]]:
        return asking.ask(
            self,
            self.encoder,
            prompts,
            group=self.group,
            rows=self.rows,
            room=asking.cache_room(self.policy),
            context=self.policy.context,
        )

    @property
    def in_flight(self) -> int:
        return self.taken + len(self.done)

    @property
    def taken(self) -> int:
        return sum(request is not None for request in self.requests)

    @torch.no_grad()
    def admit(self, requests: Sequence[Request]) -> None:
        """Run the prompts once and sample every answer's first token."""
        if not requests:
            return
        batch = pack([(request.prompt, ()) for request in requests], self.policy.device)
        prefill = Prefill(batch.layout)
        lengths = torch.tensor([len(request.prompt) for request in requests], device=self.policy.device)
        ends = lengths.cumsum(0)
        hidden = self.policy.packed_hidden(batch.input_ids, batch.position_ids, prefill, ends - 1, self.weights)
        rows = self._place(requests, prefill, ends - lengths, lengths)
        self._record(rows, hidden.repeat_interleave(self.group, 0))

    @torch.no_grad()
    def step(self) -> list[Completed]:
        """Sample one more token of every live answer; the groups that are complete."""
        if self.taken:
            self._make_room()
            rows = self.alive.nonzero()[:, 0]
            last = self.tokens[rows, self.count[rows] - 1]
            positions = self.start[rows] + self.count[rows] - 1
            state = self._state(rows, positions)
            hidden = self.policy.packed_hidden(last[None], positions[None], state, weights=self.weights)
            self._record(rows, hidden)
        done, self.done = self.done, []
        return done

    def _make_room(self) -> None:
        """For one more own token of each answer. Free slots go where all would be moved anyway, or most are free."""
        longest = int(self.count[self.alive].max())
        if longest > self.capacity or 2 * self.taken <= len(self.requests):
            self._compact()
        if longest > self.capacity:
            self.capacity *= 2
            for layer, pair in self.own.items():
                slots, hkv, _, _, d = pair[0].shape
                self.own[layer] = _wider(pair, (slots, hkv, self.group, self.capacity, d))

    def _state(self, rows: Tensor, positions: Tensor) -> DecodeState:
        """What attention needs for this step."""
        longest = int(self.count[rows].max())
        shape = len(self.requests), self.group
        later = torch.arange(longest, device=rows.device) >= self.count.view(*shape, 1)
        outside = ~self.inside[:, None].expand(*shape, -1)
        return DecodeState(
            prompts=self.prompts,
            own=self.own,
            prompt=rows // self.group,
            answer=rows % self.group,
            place=self.count[rows] - 1,
            hidden=torch.cat([outside, later], -1)[:, None, :, None],
            longest=int(positions.max()) + 1,
        )

    def _record(self, rows: Tensor, hidden: Tensor) -> None:
        """Sample a token for each row; rows that end die, prompts without live rows are complete."""
        drawn = [sample(self.policy.next_logits(h), self.temperature, self.random) for h in hidden.split(ROWS)]
        picked, logprobs = (torch.cat(parts) for parts in zip(*drawn))
        self.tokens[rows, self.count[rows]] = picked
        self.logprobs[rows, self.count[rows]] = logprobs
        self.count[rows] += 1
        ended = torch.isin(picked, self.eos)
        self.ended[rows] = ended
        self.alive[rows] = ~ended & (self.count[rows] < self.budget[rows])
        self._look(rows)
        live = self.alive.view(-1, self.group).any(1).tolist()
        for slot, request in enumerate(self.requests):
            if request is not None and not live[slot]:
                mine = range(slot * self.group, (slot + 1) * self.group)
                self.done.append((request, tuple(self._answer(row) for row in mine)))
                self.requests[slot] = None
        if not self.taken:
            self._clear()

    def _look(self, rows: Tensor) -> None:
        """End the answers that may stop, at every 16th token."""
        if not any(request and request.may_stop for request in self.requests):
            return
        for row in rows[self.alive[rows] & (self.count[rows] % LOOK == 0)].tolist():
            request = self.requests[row // self.group]
            if request and request.may_stop:
                self.alive[row] = not request.may_stop(self.tokens[row, : int(self.count[row])].tolist())

    def _compact(self) -> None:
        """Close the gaps that free slots leave."""
        slots = [slot for slot, request in enumerate(self.requests) if request is not None]
        if len(slots) == len(self.requests):
            return
        keep = torch.tensor(slots, dtype=torch.long, device=self.alive.device)
        rows = self._rows(keep)
        self.requests = [self.requests[slot] for slot in slots]
        for name in ("count", "budget", "start", "alive", "ended", "tokens", "logprobs"):
            setattr(self, name, getattr(self, name)[rows])
        self.inside = self.inside[keep]
        for states in (self.prompts, self.own):
            for layer, (k, v) in states.items():  # one layer after another: never all of them twice
                states[layer] = (k[keep], v[keep])

    def _rows(self, slots: Tensor) -> Tensor:
        return (slots[:, None] * self.group + torch.arange(self.group, device=slots.device)).flatten()

    def _answer(self, row: int) -> Answer:
        count = int(self.count[row])
        return Answer(
            tokens=tuple(self.tokens[row, :count].tolist()),
            logprobs=tuple(self.logprobs[row, :count].tolist()),
            finished=bool(self.ended[row]),
        )

    def _place(self, requests: Sequence[Request], prefill: Prefill, starts: Tensor, lengths: Tensor) -> Tensor:
        """Give each request a slot and its prompt's keys and values, [T, Hkv, D] from `starts`, there. -> its rows"""
        width, budget = int(lengths.max()), max(request.budget for request in requests)
        if self.taken + len(requests) > len(self.requests) or width > self.inside.shape[1]:
            self._compact()
            self._grow(len(self.requests) + len(requests), width, prefill)
        free = [slot for slot, request in enumerate(self.requests) if request is None][: len(requests)]
        for slot, request in zip(free, requests):
            self.requests[slot] = request
        slots = torch.tensor(free, device=lengths.device)
        rows = self._rows(slots)
        self.tokens = _widened(self.tokens, (len(self.tokens), max(self.tokens.shape[1], budget)))
        self.logprobs = _widened(self.logprobs, self.tokens.shape)
        self.count[rows] = 0
        self.budget[rows] = torch.tensor([r.budget for r in requests], device=rows.device).repeat_interleave(self.group)
        self.start[rows] = lengths.repeat_interleave(self.group)
        self.alive[rows] = True
        here = torch.arange(self.inside.shape[1], device=lengths.device)
        inside = here < lengths[:, None]
        self.inside[slots] = inside
        index = (starts[:, None] + here).masked_fill(~inside, 0)
        for layer, pair in prefill.kept.items():
            for states, new in zip(self.prompts[layer], pair):
                states[slots] = new[index].transpose(1, 2)
        return rows

    def _grow(self, slots: int, width: int, prefill: Prefill) -> None:
        """Have so many slots, for prompts of at least this length."""
        rows, width = slots * self.group, max(width, self.inside.shape[1])
        self.requests += [None] * (slots - len(self.requests))
        for name in ("count", "budget", "start", "alive", "ended", "tokens", "logprobs"):
            states = getattr(self, name)
            setattr(self, name, _widened(states, (rows, *states.shape[1:])))
        self.inside = _widened(self.inside, (slots, width))
        for layer, pair in prefill.kept.items():
            hkv, d = pair[0].shape[1:]
            none = pair[0].new_zeros(0, hkv, 0, d)
            shape = slots, hkv, self.group, self.capacity, d
            self.prompts[layer] = _wider(self.prompts.get(layer, (none, none)), (slots, hkv, width, d))
            self.own[layer] = _wider(self.own.get(layer, (none[:, :, None], none[:, :, None])), shape)


def sample(logits: Tensor, temperature: float, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """A token for each row of logits [rows, V] and its log-probability; greedy (and scored at 1) at temperature 0.

    One uniform number per row, looked up in the cumulated probabilities (in float64, so that rare tokens keep their
    share), is far cheaper on CPU than a random number per token (multinomial, Gumbel, exponential race).
    """
    probs = torch.softmax(logits / temperature if temperature not in (0.0, 1.0) else logits, -1)
    if temperature == 0:
        tokens = probs.argmax(-1, keepdim=True)
    else:
        summed = probs.cumsum(-1, dtype=torch.float64)
        uniform = torch.rand(len(probs), 1, dtype=torch.float64, device=probs.device, generator=random)
        tokens = torch.searchsorted(summed, uniform * summed[:, -1:], right=True)
        tokens.clamp_(max=probs.shape[1] - 1)  # beyond the last where a probability is nan
    return tokens[:, 0], probs.gather(1, tokens)[:, 0].log()


def _widened(states: Tensor, shape: Sequence[int]) -> Tensor:
    """The tensor at the beginning of one of zeros, of this shape."""
    if states.shape == tuple(shape):
        return states
    wide = states.new_zeros(shape)
    wide[tuple(slice(size) for size in states.shape)] = states
    return wide


def _wider(pair: tuple[Tensor, Tensor], shape: Sequence[int]) -> tuple[Tensor, Tensor]:
    return _widened(pair[0], shape), _widened(pair[1], shape)
