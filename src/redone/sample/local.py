"""Decoders: they take requests at any time and give back finished groups of answers.

`TreeDecoder` keeps one copy of a prompt's keys and values for all of its answers; rows that finish leave the
batch, and requests admitted later join it. `OrdinaryDecoder` does the same work with `model.generate` for
models that the prefix-tree path does not serve. Both are deterministic given their seed and the order of calls.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

from redone.model.attention import DecodeState, Prefill
from redone.model.policy import Policy
from redone.model.trees import pack


@dataclass(frozen=True, slots=True)
class Request:
    key: Any  # the caller's, given back with the answers
    prompt: tuple[int, ...]
    budget: int  # most tokens of an answer


@dataclass(frozen=True, slots=True)
class Answer:
    tokens: tuple[int, ...]  # with the end token if it was sampled
    logprobs: tuple[float, ...]  # of the tokens, at the sampling temperature (at 1 when greedy)
    finished: bool  # False: cut off by the budget, or stopped before it sampled an end token


_ROWS = 1024  # rows whose logits exist at once
_CAPACITY = 16  # own tokens that a decoder has room for at first
_LOOK = 16  # tokens of an answer between two looks at whether it may stop

Completed = tuple[Request, tuple[Answer, ...]]
MayStop = Callable[[Any, Sequence[int]], bool]  # a request's key and the tokens of an answer so far


class Decoder(Protocol):
    @property
    def in_flight(self) -> int:
        """Prompts admitted whose answers have not been given back yet."""

    def admit(self, requests: Sequence[Request]) -> None: ...

    def step(self) -> list[Completed]: ...


def make_decoder(
    policy: Policy,
    *,
    group: int,
    temperature: float,
    seed: int,
    eos_ids: Collection[int],
    packed: bool | None = None,
    may_stop: MayStop | None = None,
) -> Decoder:
    """A decoder that samples `group` answers per request; temperature 0 is greedy.

    may_stop: asked of an answer after every 16 tokens; it ends there where that says so.
    """
    kind = TreeDecoder if (policy.packed if packed is None else packed) else OrdinaryDecoder
    return kind(policy, group=group, temperature=temperature, seed=seed, eos_ids=eos_ids, may_stop=may_stop)


class TreeDecoder:
    """Decoding over prefix trees. Rows are (prompt, answer) pairs: row = prompt * group + answer."""

    def __init__(
        self,
        policy: Policy,
        *,
        group: int,
        temperature: float,
        seed: int,
        eos_ids: Collection[int],
        may_stop: MayStop | None = None,
    ) -> None:
        self.policy = policy
        self.group = group
        self.temperature = temperature
        self.may_stop = may_stop
        self.random = torch.Generator(device=policy.device).manual_seed(seed)
        self.eos = torch.tensor(sorted(eos_ids), dtype=torch.long, device=policy.device)
        with torch.no_grad():
            self.layers = policy.layers()  # weights do not change while a decoder lives
        self.requests: list[Request] = []
        self.done: list[Completed] = []

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
        hidden = self.policy.packed_hidden(batch.input_ids, batch.position_ids, prefill, ends - 1, self.layers)
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
            hidden = self.policy.packed_hidden(last[None], positions[None], state, layers=self.layers)
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
        drawn = [sample(self.policy.next_logits(h), self.temperature, self.random) for h in hidden.split(_ROWS)]
        picked, logprobs = (torch.cat(parts) for parts in zip(*drawn))
        self.tokens[rows, self.count[rows]] = picked
        self.logprobs[rows, self.count[rows]] = logprobs
        self.count[rows] += 1
        ended = torch.isin(picked, self.eos)
        self.ended[rows] = ended
        self.alive[rows] = ~ended & (self.count[rows] < self.budget[rows])
        if self.may_stop is not None:
            for row in rows[self.alive[rows] & (self.count[rows] % _LOOK == 0)].tolist():
                key, tokens = self.requests[row // self.group].key, self.tokens[row, : int(self.count[row])].tolist()
                self.alive[row] = not self.may_stop(key, tokens)
        live = self.alive.view(-1, self.group).any(1).tolist()
        if sum(live) <= 0.75 * len(live):  # moving the others costs about as much as a step
            self._compact()

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
        self.prompts = {layer: (k[keep], v[keep]) for layer, (k, v) in self.prompts.items()}
        self.own = {layer: (k[keep], v[keep]) for layer, (k, v) in self.own.items()}

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
            capacity = self.own[layer][0].shape[3] if layer in self.own else _CAPACITY
            room = [states.new_zeros(n, hkv, self.group, capacity, d) for states in new]
            if layer in self.own:
                new = [torch.cat([_widen(o, 2, width), x]) for o, x in zip(self.prompts[layer], new)]
                room = [torch.cat([o, x]) for o, x in zip(self.own[layer], room)]
            self.prompts[layer] = (new[0], new[1])
            self.own[layer] = (room[0], room[1])
        self.inside = torch.cat([_widen(self.inside, 1, width), inside])


class OrdinaryDecoder:
    """The same through `model.generate`: prompts are repeated for every answer, groups complete together."""

    def __init__(
        self,
        policy: Policy,
        *,
        group: int,
        temperature: float,
        seed: int,
        eos_ids: Collection[int],
        may_stop: MayStop | None = None,
    ) -> None:
        if group > 1 and temperature == 0:
            raise ValueError("greedy decoding gives one answer per prompt")
        self.policy = policy
        self.group = group
        self.temperature = temperature
        self.may_stop = may_stop
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
        """Every waiting request, answered."""
        requests, self.waiting = self.waiting, []
        if not requests:
            return []
        model: Any = self.policy.model
        width = max(len(request.prompt) for request in requests)
        ids = torch.zeros(len(requests), width, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, request in enumerate(requests):
            ids[row, width - len(request.prompt) :] = torch.tensor(request.prompt)
            mask[row, width - len(request.prompt) :] = 1
        watch = _Watch(self.temperature or 1.0)
        longest = max(request.budget for request in requests)
        asked = [request for request in requests for _ in range(self.group)]
        stop = _Stop(self.may_stop, [request.key for request in asked], width, longest)
        sampling = {"temperature": self.temperature, "top_k": 0, "top_p": 1.0} if self.temperature else {}
        settings = GenerationConfig(
            max_new_tokens=longest,
            num_return_sequences=self.group,
            do_sample=self.temperature > 0,
            eos_token_id=self.eos or None,
            pad_token_id=0,
            **sampling,
        )
        with _only(model, settings), torch.random.fork_rng():
            torch.manual_seed(self.seed)
            self.seed += 1
            out = model.generate(
                ids.to(model.device),
                attention_mask=mask.to(model.device),
                logits_processor=LogitsProcessorList([watch]),
                stopping_criteria=StoppingCriteriaList([stop]),
            )
        watch.score(out[:, -1])
        rows = zip(out[:, width:].tolist(), torch.stack(watch.logprobs, 1).tolist(), asked, stop.lengths)
        answers = [self._trim(tokens, logprobs, min(r.budget, most)) for tokens, logprobs, r, most in rows]
        return [(request, tuple(answers[i * self.group : (i + 1) * self.group])) for i, request in enumerate(requests)]

    def _trim(self, tokens: list[int], logprobs: list[float], budget: int) -> Answer:
        end = next((i + 1 for i, token in enumerate(tokens[:budget]) if token in self.eos), None)
        length = end or min(budget, len(tokens))
        return Answer(tuple(tokens[:length]), tuple(logprobs[:length]), end is not None)


class _Watch(LogitsProcessor):
    """Takes down the log-probability of each token that `generate` picks, and changes nothing."""

    def __init__(self, temperature: float) -> None:
        self.temperature = temperature
        self.logits: Tensor | None = None  # that the next token is picked from
        self.logprobs: list[Tensor] = []  # [rows] each

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if self.logits is not None:
            self.score(input_ids[:, -1])
        self.logits = scores
        return scores

    def score(self, picked: Tensor) -> None:
        assert self.logits is not None
        logprobs = torch.log_softmax(self.logits.float() / self.temperature, -1)
        self.logprobs.append(logprobs.gather(1, picked[:, None])[:, 0])


class _Stop(StoppingCriteria):
    """Ends answers as `may_stop` says, and takes down after how many tokens (`longest` where it does not)."""

    def __init__(self, may_stop: MayStop | None, keys: Sequence[Any], width: int, longest: int) -> None:
        self.may_stop, self.keys, self.width = may_stop, keys, width
        self.lengths = [longest] * len(keys)

    def __call__(self, input_ids: Tensor, scores: Any, **more: Any) -> Any:
        count = input_ids.shape[1] - self.width
        if self.may_stop is not None and count % _LOOK == 0:
            for row, key in enumerate(self.keys):
                if self.lengths[row] > count and self.may_stop(key, input_ids[row, self.width :].tolist()):
                    self.lengths[row] = count
        return torch.tensor([length <= count for length in self.lengths], device=input_ids.device)


@contextmanager
def _only(model: Any, settings: GenerationConfig) -> Iterator[None]:
    """`generate` fills what a call leaves open from the model's own configuration (Qwen's has a repetition penalty);
    the policy that is trained has none of it."""
    before = model.generation_config
    model.generation_config = settings
    try:
        yield
    finally:
        model.generation_config = before


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
