"""Answers chosen by log-likelihood, where nothing is generated."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from redone.data.encode import Encoder
from redone.model.policy import Policy
from redone.model.trees import pack, split_by_tokens
from redone.records import Prompt, Text

_PREFILL = 8192  # tokens that are run at once


class Chooser:
    """The choice to which the policy gives the highest probability, summed over its tokens, after the prompt; the first
    of equals. There is no thinking and no end token."""

    def __init__(self, policy: Policy, encoder: Encoder) -> None:
        self.policy, self.encoder = policy, encoder

    def ask(self, prompts: Sequence[Prompt]) -> Iterator[list[Text]]:
        trees, cut = [], []
        prompts = [replace(prompt, think=False) for prompt in prompts]
        for prompt, tokens in zip(prompts, self.encoder.encode(prompts)):
            choices = [self._tokens(choice) for choice in prompt.choices]
            longest = max(map(len, choices))
            seen = tokens if self.policy.context is None else tokens[-(self.policy.context - longest) :]
            trees.append((seen, choices))
            cut.append(len(tokens) - len(seen))
        order = sorted(range(len(trees)), key=lambda i: len(trees[i][0]))
        for part in split_by_tokens([trees[i] for i in order], _PREFILL, repeated=not self.policy.packed):
            mine = [order[i] for i in part]
            batch = pack([trees[i] for i in mine], self.policy.device)
            with torch.no_grad():
                logprobs, _ = self.policy.token_logprobs(batch)
            sums = iter([float(one.sum()) for one in logprobs.split(batch.lengths)])
            found = []
            for i in mine:
                likelihoods = {choice: next(sums) for choice in prompts[i].choices}
                best = max(likelihoods, key=lambda choice: likelihoods[choice])
                found.append(Text(prompts[i].key, 0, best, True, cut=cut[i], likelihoods=likelihoods))
            yield found

    def _tokens(self, choice: str) -> tuple[int, ...]:
        """Without a chat template the prompt's text goes on."""
        written = self.encoder.written(choice) if self.encoder.chats else f" {choice}"
        return self.encoder.ended(written)[:-1]
