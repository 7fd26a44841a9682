"""Sampling with `model.generate`, for models that the prefix-tree path does not serve."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, StoppingCriteria

from redone.data.encode import Encoder
from redone.model.heap import give_back
from redone.model.policy import Policy, Weights
from redone.model.precision import placed
from redone.records import Prompt, Text
from redone.sample import asking
from redone.sample.protocol import LOOK, Answer, Completed, MayStop, Request, Seeds


class OrdinarySampler:
    """Prompts are repeated for every answer, and all that waits is answered in one step, or in one a length."""

    def __init__(
        self, policy: Policy, encoder: Encoder, *, group: int, temperature: float, seeds: Seeds, rows: int
    ) -> None:
        if group > 1 and temperature == 0:
            raise ValueError("greedy decoding gives one answer per prompt")
        self.encoder = encoder
        self.group = group
        self.temperature = temperature
        self.seeds = seeds
        self.rows = rows
        self.eos = sorted(encoder.eos_ids)
        self.waiting: list[Request] = []
        self.load(policy, 0)

    def load(self, policy: Policy, version: int) -> None:
        """Sample with the policy's weights as they are now."""
        assert not self.in_flight, "answers of other weights are in flight"
        self.policy = policy
        self.version = version
        self.seed = self.seeds(version)
        self.copies: Weights = ()  # those before go first: never two copies
        give_back()  # with what an update has left in pieces
        self.copies = policy.copies()

    def ask(self, prompts: Sequence[Prompt]) -> Iterator[list[Text]]:
        return asking.ask(
            self,
            self.encoder,
            prompts,
            group=self.group,
            rows=self.rows,
            room=asking.cache_room(self.policy),
            context=self.policy.context,
            copies=self.group,
        )

    @property
    def in_flight(self) -> int:
        return len(self.waiting)

    def admit(self, requests: Sequence[Request]) -> None:
        self.waiting += requests

    @torch.no_grad()
    def step(self) -> list[Completed]:
        """Every waiting request, answered; of a model that is not to be padded those whose prompts are as long as the
        first one's."""
        alike = [self.policy.pads or len(r.prompt) == len(self.waiting[0].prompt) for r in self.waiting]
        requests = [request for request, now in zip(self.waiting, alike) if now]
        self.waiting = [request for request, now in zip(self.waiting, alike) if not now]
        if not requests:
            return []
        width = max(len(request.prompt) for request in requests)
        ids = torch.zeros(len(requests), width, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, request in enumerate(requests):
            ids[row, width - len(request.prompt) :] = torch.tensor(request.prompt)
            mask[row, width - len(request.prompt) :] = 1
        watch = _Watch(self.temperature or 1.0)
        longest = max(request.budget for request in requests)
        asked = [request for request in requests for _ in range(self.group)]
        stop = _Stop([request.may_stop for request in asked], width, longest)
        sampling = {"temperature": self.temperature, "top_k": 0, "top_p": 1.0} if self.temperature else {}
        settings = GenerationConfig(
            max_new_tokens=longest,
            num_return_sequences=self.group,
            do_sample=self.temperature > 0,
            eos_token_id=self.eos or None,
            pad_token_id=0,
            **sampling,
        )
        with torch.random.fork_rng(), placed(self.copies):
            torch.manual_seed(self.seed)
            self.seed += 1
            out = self.policy.generate(ids, mask, settings, watch, stop)
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
    """Ends answers that may stop, and takes down after how many tokens (`longest` where they go on)."""

    def __init__(self, may_stop: Sequence[MayStop | None], width: int, longest: int) -> None:
        self.may_stop, self.width = may_stop, width
        self.lengths = [longest] * len(may_stop)

    def __call__(self, input_ids: Tensor, scores: Any, **more: Any) -> Any:
        count = input_ids.shape[1] - self.width
        if count % LOOK == 0:
            for row, may_stop in enumerate(self.may_stop):
                if may_stop and self.lengths[row] > count and may_stop(input_ids[row, self.width :].tolist()):
                    self.lengths[row] = count
        return torch.tensor([length <= count for length in self.lengths], device=input_ids.device)
