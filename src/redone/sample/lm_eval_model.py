"""A policy as lm-evaluation-harness asks it: log-likelihoods over prefix trees, and answers by our own samplers.

The harness is an extra, so this module is imported only where it is used.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from lm_eval.api.model import TemplateLM
from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs, postprocess_generated_text
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from redone.data.encode import Encoder
from redone.model.policy import Policy
from redone.model.trees import PackedBatch, pack, split_by_tokens
from redone.sample.asking import cache_room, fitted, scheduled
from redone.sample.local import make_sampler
from redone.sample.protocol import MayStop, Request

_PREFILL = 8192  # tokens that are run at once
_CONTEXT = 2048  # tokens of a model that does not say how many it has room for, as the harness has it
_ANSWER = 256  # tokens of an answer to a task that does not say, likewise
_KNOWN = {"do_sample", "temperature", "until", "max_gen_toks"}
_NEUTRAL = {"top_p": 1.0, "top_k": 0, "min_p": 0.0, "num_beams": 1, "repetition_penalty": 1.0}
_OF_SAMPLING = {"top_p", "top_k", "min_p"}  # which greedy answers do not depend on

Scored = tuple[float, bool]  # log-likelihood, and whether greedy decoding gives just that


class HarnessModel(TemplateLM):
    """What it is asked is text, which stands in a chat template already where it is to.

    bar: of a label and a total, a context whose value has `advance`. rows: most answers decoded at once.
    """

    def __init__(
        self,
        policy: Policy,
        encoder: Encoder,
        bar: Callable[[str, int], AbstractContextManager[Any]],
        rows: int = 64,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.policy, self.encoder, self.bar, self.rows, self.seed = policy, encoder, bar, rows, seed
        self.tokenizer: Any = encoder.tokenizer
        # the last token of a text is not run, but on the ordinary path
        self.max_length = (policy.context or _CONTEXT) - (0 if policy.packed else 1)

    @property
    def eot_token_id(self) -> int:
        end = self.tokenizer.eos_token_id
        return self.encoder.end if end is None else int(end)

    @property
    def prefix_token_id(self) -> int:
        begin = self.tokenizer.bos_token_id
        return self.eot_token_id if begin is None else int(begin)

    @property
    def tokenizer_name(self) -> str:
        return f"{self.encoder.chat.name}-{self.encoder.chat.mark}".replace("/", "__")

    def apply_chat_template(self, chat_history: Any, add_generation_prompt: bool = True) -> str:
        """Asked not to think, as everywhere where nothing else is said. Without a generation prompt the last message is
        the beginning of an answer."""
        return str(
            self.tokenizer.apply_chat_template(
                chat_history,
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                continue_final_message=not add_generation_prompt,
                enable_thinking=False,
            )
        )

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **more: Any) -> list[int]:
        """With the tokens that begin a text, unless it spells them, as one in a chat template does."""
        if add_special_tokens is None:
            add_special_tokens = not string.startswith(self.tokenizer.decode(self.prefix_token_id))
        return list(self.tokenizer(string, add_special_tokens=add_special_tokens)["input_ids"])

    def loglikelihood(self, requests: Sequence[Any], disable_tqdm: bool = True) -> list[Scored]:
        """As the harness does it, but for its bar: tokens of the texts, then `_loglikelihood_tokens`."""
        return list(super().loglikelihood(requests, disable_tqdm=True))

    @torch.no_grad()
    def _loglikelihood_tokens(self, requests: Sequence[Any], disable_tqdm: bool = False, **more: Any) -> list[Scored]:
        """Of each (texts or None, tokens of the context, tokens of what follows). Contexts lose their beginnings where
        the model has no room for them; each is run once for all that follows it."""
        trees: dict[tuple[int, ...], dict[tuple[int, ...], list[int]]] = {}  # context -> what follows -> requests
        for place, (texts, context, following) in enumerate(requests):
            if not 0 < len(following) <= self.max_length:
                raise ValueError(
                    f"lm-evaluation-harness asks how likely {len(following)} tokens are, and the model has room for 1 "
                    f"to {self.max_length} ({texts!s:.100})"
                )
            tokens = (*context, *following)[-(self.max_length + 1) :]
            mine = trees.setdefault(tokens[: -len(following)], {})
            mine.setdefault(tokens[-len(following) :], []).append(place)
        contexts = sorted(trees, key=len)
        found: dict[int, Scored] = {}
        with self.bar("log-likelihoods", len(requests)) as bar:
            for part in split_by_tokens([(c, [*trees[c]]) for c in contexts], _PREFILL, not self.policy.packed):
                alike = [places for i in part for places in trees[contexts[i]].values()]
                batch = pack([(contexts[i], [*trees[contexts[i]]]) for i in part], self.policy.device)
                for places, scored in zip(alike, self._scored(batch), strict=True):
                    for place in places:
                        found[place] = scored
                        if (texts := requests[place][0]) is not None:
                            self.cache_hook.add_partial("loglikelihood", texts, scored)
                bar.advance(sum(map(len, alike)))
        return [found[place] for place in range(len(requests))]

    def _scored(self, batch: PackedBatch) -> list[Scored]:
        """Of each of the batch's answers."""
        logprobs, greedy, at = [], [], 0
        for logits in self.policy.logits(batch, self.policy.packed):  # [n, V]
            targets = batch.targets[at : at + len(logits)]
            at += len(logits)
            logprobs.append(logits.log_softmax(-1).gather(1, targets[:, None])[:, 0])
            greedy.append(logits.argmax(-1) == targets)
        parts = zip(torch.cat(logprobs).double().cpu().split(batch.lengths), torch.cat(greedy).split(batch.lengths))
        return [(float(one.sum()), bool(best.all())) for one, best in parts]

    def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:
        """Of whole texts, each token once, in windows of the model's context."""
        windows = []
        for place, request in enumerate(requests):
            whole = get_rolling_token_windows(
                token_list=self.tok_encode(request.args[0]),
                prefix_token=self.prefix_token_id,
                max_seq_len=self.max_length,
                context_len=1,
            )
            windows += [(place, (None, *make_disjoint_window(window))) for window in whole]
        sums = [0.0] * len(requests)
        for (place, _), (logprob, _) in zip(windows, self._loglikelihood_tokens([window for _, window in windows])):
            sums[place] += logprob
        for request, total in zip(requests, sums):
            self.cache_hook.add_partial("loglikelihood_rolling", request.args, total)
        return sums

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Answers up to the first of the texts in `until`; greedy, or drawn at the task's temperature."""
        told = [self._told(*request.args) for request in requests]
        waves: dict[float, list[Request]] = defaultdict(list)
        for place, (temperature, until, budget) in enumerate(told):
            tokens = tuple(self.tok_encode(requests[place].args[0]))
            seen, room = fitted(tokens, budget, self.max_length)
            waves[temperature].append(Request(place, seen, room, self._stops(until)))
        texts = [""] * len(requests)
        with self.bar("answers", len(requests)) as bar:
            for temperature, wave in waves.items():
                sampler = make_sampler(
                    self.policy,
                    self.encoder,
                    group=1,
                    temperature=temperature,
                    seeds=lambda version: self.seed,
                    rows=self.rows,
                )
                room = cache_room(self.policy)
                for completed in scheduled(sampler, wave, group=1, at_once=self.rows, room=room, copies=1):
                    for request, [answer] in completed:
                        text = self._text(answer.tokens)
                        texts[request.key] = postprocess_generated_text(text, told[request.key][1], None)
                        self.cache_hook.add_partial("generate_until", requests[request.key].args, texts[request.key])
                    bar.advance(len(completed))
        return texts

    def _told(self, context: str, settings: Mapping[str, Any]) -> tuple[float, list[str], int]:
        """Temperature, texts that end an answer, most tokens of one. Raises ValueError for what no sampler here has."""
        told: dict[str, Any] = {**normalize_gen_kwargs(dict(settings), _ANSWER)}
        temperature = float(told.get("temperature", 1.0)) if told["do_sample"] else 0.0
        for key in told.keys() - _KNOWN - (_OF_SAMPLING if temperature == 0 else set()):
            if key not in _NEUTRAL or told[key] != _NEUTRAL[key]:
                raise ValueError(
                    f"a task of lm-evaluation-harness sets {key} = {told[key]!r:.50} in its generation_kwargs, which "
                    "the sampler here does not have; take it out in a task of your own, with --lm-eval-include"
                )
        end = self.tokenizer.decode([self.eot_token_id], skip_special_tokens=False)
        return temperature, handle_stop_sequences(told["until"], eos=end), told["max_gen_toks"]

    def _stops(self, until: Sequence[str]) -> MayStop:
        return lambda tokens: any(one in self._text(tokens) for one in until if one)

    def _text(self, tokens: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True))
