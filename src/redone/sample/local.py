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
    """Rows are (prompt, answer) pairs: row = prompt * group + answer."""

    def __init__(
        self, policy: Policy, encoder: Encoder, *, group: int, temperature: float, seeds: Seeds, rows: int
    ) -> None:
        self.encoder = encoder
        self.group = group
        self.temperature = temperature
        self.seeds = seeds
        self.rows = rows
        self.requests: list[Request] = []
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

        def empty(*shape: int, dtype: torch.dtype = torch.long) -> Tensor:
            return torch.zeros(*shape, dtype=dtype, device=policy.device)

        self.count = empty(0)  # [rows] tokens sampled
        self.budget = empty(0)  # [rows]
        self.start = empty(0)  # [rows] the prompt's length
        self.alive = empty(0, dtype=torch.bool)  # [rows]
        self.ended = empty(0, dtype=torch.bool)  # [rows] the end token was sampled
        self.tokens = empty(0, 0)  # [rows, longest budget]
        self.logprobs = empty(0, 0, dtype=torch.float32)
        self.inside = empty(0, 0, dtype=torch.bool)  # [N, Lp] True at the prompts' real tokens
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
        lengths = torch.tensor([len(request.prompt) for request in requests], device=self.policy.device)
        ends = lengths.cumsum(0)
        hidden = self.policy.packed_hidden(batch.input_ids, batch.position_ids, prefill, ends - 1, self.weights)
        self._append_rows(requests, lengths)
        self._join(prefill, ends - lengths, lengths)
        rows = torch.arange(first, len(self.count), device=hidden.device)
        self._record(rows, hidden.repeat_interleave(self.group, 0))

    @torch.no_grad()
    def step(self) -> list[Completed]:
        """Sample one more token of every live answer; the groups that are complete."""
        rows = self.alive.nonzero()[:, 0]
        if len(rows):
            last = self.tokens[rows, self.count[rows] - 1]
            positions = self.start[rows] + self.count[rows] - 1
            state = self._state(rows, positions)
            hidden = self.policy.packed_hidden(last[None], positions[None], state, weights=self.weights)
            self._record(rows, hidden)
        done, self.done = self.done, []
        return done

    def _state(self, rows: Tensor, positions: Tensor) -> DecodeState:
        """What attention needs for this step, with room for one more own token."""
        longest = int(self.count[rows].max())
        capacity = next(iter(self.own.values()))[0].shape[3]
        if longest > capacity:
            for layer, pair in self.own.items():
                self.own[layer] = (_widen(pair[0], 3, 2 * capacity), _widen(pair[1], 3, 2 * capacity))
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
        if any(request.may_stop for request in self.requests):
            self._look(rows)
        live = self.alive.view(-1, self.group).any(1).tolist()
        if sum(live) <= 0.75 * len(live):  # moving the others costs about as much as a step
            self._compact()

    def _look(self, rows: Tensor) -> None:
        """End the answers that may stop, at every 16th token."""
        for row in rows[self.alive[rows] & (self.count[rows] % LOOK == 0)].tolist():
            may_stop = self.requests[row // self.group].may_stop
            if may_stop is not None:
                self.alive[row] = not may_stop(self.tokens[row, : int(self.count[row])].tolist())

    def _compact(self) -> None:
        """Move complete prompts out and close the gaps they leave."""
        live = self.alive.view(-1, self.group).any(1)
        if bool(live.all()):
            return
        for prompt in (~live).nonzero()[:, 0].tolist():
            rows = range(prompt * self.group, (prompt + 1) * self.group)
            self.done.append((self.requests[prompt], tuple(self._answer(row) for row in rows)))
        keep = live.nonzero()[:, 0]
        self.requests = [self.requests[i] for i in keep.tolist()]
        kept_rows = live.repeat_interleave(self.group)
        for name in ("count", "budget", "start", "alive", "ended", "tokens", "logprobs"):
            setattr(self, name, getattr(self, name)[kept_rows])
        self.inside = self.inside[keep]
        if not self.requests:
            self.prompts, self.own, self.inside = {}, {}, self.inside[:, :0]
        for states in (self.prompts, self.own):
            for layer, (k, v) in states.items():  # one layer after another: never all of them twice
                states[layer] = (k[keep], v[keep])

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
        width = max(self.inside.shape[1], int(lengths.max()))
        here = torch.arange(width, device=lengths.device)
        inside = here < lengths[:, None]
        index = (starts[:, None] + here).masked_fill(~inside, 0)
        for layer, pair in prefill.kept.items():
            new = [states[index].transpose(1, 2).contiguous() for states in pair]  # [N, Hkv, width, D]
            n, hkv, _, d = new[0].shape
            capacity = self.own[layer][0].shape[3] if layer in self.own else asking.CAPACITY
            room = [states.new_zeros(n, hkv, self.group, capacity, d) for states in new]
            if layer in self.own:
                new = [torch.cat([_widen(o, 2, width), x]) for o, x in zip(self.prompts[layer], new)]
                room = [torch.cat([o, x]) for o, x in zip(self.own[layer], room)]
            self.prompts[layer] = (new[0], new[1])
            self.own[layer] = (room[0], room[1])
        self.inside = torch.cat([_widen(self.inside, 1, width), inside])


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
    return tokens[:, 0], probs.gather(1, tokens)[:, 0].log()


def _widen(states: Tensor, axis: int, size: int) -> Tensor:
    """The tensor with zeros after it along an axis, up to `size`."""
    if states.shape[axis] >= size:
        return states
    shape = list(states.shape)
    shape[axis] = size - shape[axis]
    return torch.cat([states, states.new_zeros(shape)], axis)
