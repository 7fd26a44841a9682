"""Policy: a Hugging Face causal language model with the log-probabilities and the decoder that training needs.

Two paths compute the same numbers. The *packed* one runs every prompt once (`model.trees`, `model.attention`).
The *ordinary* one repeats the prompt for each answer and works with any causal language model. Which one a model
takes is decided when it is loaded (`model.trial`).
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers import (
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedModel,
    StoppingCriteria,
    StoppingCriteriaList,
)

from redone.model import adapter, attention, llama, precision, trial
from redone.model.places import config_of, refuse_not_finite
from redone.model.recompute import Around, recomputing
from redone.model.trees import PackedBatch, Tokens

_CHUNK = 1 << 24  # logits held at once, in numbers


Weights = Sequence[Any]  # `llama.Layer`s, or `precision.Copies`
Reader = Callable[..., tuple[Tensor, ...]]  # logits [n, V] and columns' rows [n, ...] -> tensors [n, ...]


class Policy:
    """A model and how it is run.

    packed: whether the prefix-tree path serves this model; note: the line that says why not, or "".
    by_hand: whether that path runs the layers itself (`model.llama`) rather than through transformers.
    dtype: in which numbers it computes (`model.precision`); `compute_in` sets it.
    pads: whether the ordinary path may run texts of different lengths side by side.
    recompute: whether layers run again in the backward pass (`model.recompute`).
    """

    dtype = "float32"
    recompute = False

    def __init__(
        self,
        model: PreTrainedModel,
        context: int | None = None,
        path: trial.Path | None = None,
        dtype: str = "float32",
    ) -> None:
        """context: most tokens of a prompt and its answer that this run has; the model's own limit if not given.
        path: the fastest that is right if not given; raises ValueError where none is. dtype: see `compute_in`.

        What is frozen stays frozen.
        """
        self.model = model
        self.context: int | None = context or self.own_context
        model.eval()  # dropout off, also in updates: the ratio of DAPO needs the policy, not a thinned copy of it
        self.note = ""
        if dtype != "float32":
            self.compute_in(dtype)
        if path is None:
            path, self.note = trial.choose(self)
        self.take(path)

    def take(self, path: trial.Path) -> None:
        self.by_hand, self.packed, self.pads = path

    @classmethod
    def load(
        cls,
        path: str | Path,
        dtype: str = "float32",
        device: str = "cpu",
        context: int | None = None,
        trust: bool = False,
    ) -> "Policy":
        """A model from a Hugging Face folder or hub id; its kind is tried in float32, whatever it computes in. One that
        sees is loaded whole, asked with texts alone, and saved whole. trust: run code that the folder brings.

        Raises ValueError where its weights are not all of this model's and no others (transformers would fill the gaps
        with random numbers, and say so in passing), or are no numbers."""
        packed: Any = {"quantization_config": precision.four_bit(), "device_map": device} if dtype == "4bit" else {}
        told: Any = {"trust_remote_code": trust, **packed}
        loaded: Any = loader(config_of(path, trust)).from_pretrained(
            path, dtype=torch.float32, output_loading_info=True, ignore_mismatched_sizes=True, **told
        )
        model, found = loaded
        refuse_misfits(path, model, found)
        refuse_not_finite(path, precision.not_finite(model))
        if dtype != "bfloat16":
            policy = cls(model if packed else model.to(device), context)
            policy.compute_in(dtype)
            return policy
        precision.round_frozen(model)  # before it moves: a GPU never has to hold it in float32
        return cls(model.to(device), context, dtype=dtype)

    def compute_in(self, dtype: str) -> None:
        """Multiply in these numbers from here on ("float32", "mixed", "bfloat16", "4bit"); the weights themselves are
        rounded for "bfloat16" alone."""
        self.dtype = dtype
        if dtype == "bfloat16":
            precision.round_frozen(self.model)
        if self.narrow and (head := self.model.get_output_embeddings()) is not None:
            precision.keep_float32(head)

    @property
    def own_context(self) -> int | None:
        """Most tokens that the model itself has room for, where it says so."""
        return getattr(self.model.config.get_text_config(), "max_position_embeddings", None)

    @property
    def narrow(self) -> bool:
        """Whether products are computed in bfloat16."""
        return self.dtype in precision.NARROW

    @property
    def device(self) -> torch.device:
        return self.model.device

    @property
    def vocabulary(self) -> int:
        embeddings: Any = self.model.get_input_embeddings()
        return embeddings.weight.shape[0]

    @property
    def architecture(self) -> str:
        return type(self.model).__name__

    @property
    def num_parameters(self) -> int:
        return sum(p.numel() for p in self.model.parameters())

    @property
    def bytes_per_token(self) -> int:
        """Of the keys and values that a sampler keeps of a token; of a model without heads as if it had one."""
        config: Any = self.model.config.get_text_config()
        each = torch.bfloat16 if self.packed and self.dtype in ("mixed", "bfloat16") else torch.float32
        layers = getattr(config, "per_layer_config", None) or [config] * config.num_hidden_layers
        return 2 * each.itemsize * sum(map(_kept_numbers, layers))

    def trainable(self) -> dict[str, torch.nn.Parameter]:
        """The weights that training may change, each once, by name."""
        return {name: p for name, p in self.model.named_parameters() if p.requires_grad}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take over saved trainable weights. Raises ValueError where they are not those of this model, all of them."""
        mine = self.trainable()
        if wrong := sorted(mine.keys() ^ weights.keys()):
            raise ValueError(f"{len(wrong)} weights are missing or unknown, first {', '.join(wrong[:3])}")
        if wrong := sorted(name for name, p in mine.items() if p.shape != weights[name].shape):
            raise ValueError(f"{len(wrong)} weights have another shape, first {', '.join(wrong[:3])}")
        with torch.no_grad():
            for name, parameter in mine.items():
                parameter.copy_(weights[name])

    def attach(
        self, rank: int, alpha: float, targets: Sequence[str], seed: int, base: str, start: Path | None = None
    ) -> None:
        """Freeze the weights and train an adapter beside them (`model.adapter.attach`); start: a folder that
        `save_adapter` left, from which it goes on."""
        adapter.attach(self.model, rank=rank, alpha=alpha, targets=targets, seed=seed, base=base)
        # by hand the adapter is added to the weights, where rounding takes what is smaller than half their spacing
        self.by_hand = self.by_hand and not self.narrow
        if start is not None:
            adapter.load(self.model, start)

    def save_adapter(self, folder: Path) -> None:
        """Leave the adapter alone, as PEFT and vLLM read it."""
        self.model.save_pretrained(folder)

    @property
    def adapted(self) -> bool:
        """Whether an adapter stands beside its weights (`model.adapter`)."""
        return bool(getattr(self.model, "_hf_peft_config_loaded", False))

    def save(self, folder: Path, dtype: str | None = None) -> None:
        """Leave a Hugging Face folder, an adapter merged into it; in another number format than the policy's if one is
        given."""
        if self.adapted:
            assert dtype is None, "a merged model is left in float32"
            with adapter.forgotten(self.model):
                self.model.save_pretrained(folder, state_dict=adapter.merged(self.model))
            return
        model = self.model if dtype is None else copy.deepcopy(self.model).to(getattr(torch, dtype))
        model.save_pretrained(folder)

    def generate(
        self,
        ids: Tensor,
        mask: Tensor,
        settings: GenerationConfig,
        watch: LogitsProcessor,
        stop: StoppingCriteria | None = None,
    ) -> Tensor:
        """transformers' `generate` by these settings alone: it fills what a call leaves open from the model's own
        configuration (Qwen's has a repetition penalty); the policy that is trained has none of it."""
        model: Any = self.model
        before = model.generation_config
        model.generation_config = settings
        try:
            with self._autocast():
                return model.generate(
                    ids.to(self.device),
                    attention_mask=mask.to(self.device),
                    logits_processor=LogitsProcessorList([watch]),
                    stopping_criteria=StoppingCriteriaList([stop] if stop else []),
                )
        finally:
            model.generation_config = before

    def token_logprobs(
        self, batch: PackedBatch, temperature: float = 1.0, packed: bool | None = None
    ) -> tuple[Tensor, Tensor]:
        """Log-probabilities of the batch's trained tokens [K] and their entropies [K], in float32.

        Log-probabilities are differentiable when gradients are enabled; entropies never carry a gradient.
        """
        return self._read(batch, partial(_from_logits, temperature), batch.targets, packed=packed)  # type: ignore[return-value]

    def expected_logprobs(self, batch: PackedBatch, ids: Tensor, shares: Tensor) -> Tensor:
        """Log-probabilities of the tokens ids [K, k] at each trained token's place, summed with weights shares [K, k].

        Minus this is the cross-entropy against a distribution over k tokens; differentiable.
        """
        [expected] = self._read(batch, _expected, ids, shares)
        return expected

    def top_tokens(self, batch: PackedBatch, k: int) -> tuple[Tensor, Tensor]:
        """The k likeliest tokens [K, k] at each trained token's place, and their shares [K, k] of what they sum to."""
        return self._read(batch, partial(_top, min(k, self.vocabulary)))  # type: ignore[return-value]

    @torch.no_grad()
    def logits(self, batch: PackedBatch, packed: bool) -> Iterator[Tensor]:
        """The logits [n, V] that predict the batch's trained tokens, in float32, chunk after chunk; policies of one
        vocabulary cut a batch alike."""
        if not packed:
            yield from map(self._sequence_logits, self._ordinary_parts(batch))
            return
        hidden = self.packed_hidden(batch.input_ids, batch.position_ids, batch.layout, batch.outputs)
        yield from map(self.next_logits, hidden.index_select(0, batch.predict_from).split(self._most_rows))

    @property
    def _most_rows(self) -> int:
        """Tokens whose logits are held at once."""
        return max(1, _CHUNK // self.vocabulary)

    def _read(
        self, batch: PackedBatch, read: Reader, *columns: Tensor, packed: bool | None = None
    ) -> tuple[Tensor, ...]:
        """What `read` makes of the logits [n, V] that predict n trained tokens and of the columns' rows for them;
        chunk after chunk, so that never more than a chunk's logits are held."""
        if not (self.packed if packed is None else packed):
            pairs = self._ordinary_parts(batch)
            counts = [sum(len(answer) for _, answer in part) for part in pairs]
            cut = zip(*(column.split(counts) for column in columns)) if columns else [()] * len(pairs)
            parts = [read(self._sequence_logits(part), *rows) for part, rows in zip(pairs, cut)]
        else:
            hidden = self.packed_hidden(batch.input_ids, batch.position_ids, batch.layout, batch.outputs)
            # a prompt's last position is picked once for every answer: indexing would add up their gradients in the
            # order in which threads come, and a run would not repeat to the last bit
            hidden = hidden.index_select(0, batch.predict_from)
            head = self.model.get_output_embeddings()

            def from_hidden(hidden: Tensor, *rows: Tensor) -> tuple[Tensor, ...]:
                return read(head(hidden).float(), *rows)

            if len(hidden) <= self._most_rows:
                return from_hidden(hidden, *columns)
            chunks = zip(*(column.split(self._most_rows) for column in (hidden, *columns)))
            parts = [checkpoint(from_hidden, *chunk, use_reentrant=False) for chunk in chunks]
        return tuple(torch.cat(part) for part in zip(*parts))

    def num_forwarded(self, batch: PackedBatch) -> int:
        """Tokens that `token_logprobs` runs through the model, padding included."""
        if self.packed:
            return batch.num_tokens
        return sum(len(part) * max(len(p) + len(a) for p, a in part) for part in self._ordinary_parts(batch))

    def packed_hidden(
        self,
        input_ids: Tensor,
        position_ids: Tensor,
        tree: Any,
        rows: Tensor | None = None,
        weights: Weights | None = None,
    ) -> Tensor:
        """Last hidden states of a row [1, T] under prefix-tree attention, at some of its places. -> [rows or T, d]

        weights: from `packed_weights`, for callers that run many rows with the same weights.
        """
        if self.by_hand:
            layers = weights or self.packed_weights()
            again = self.recompute and torch.is_grad_enabled()
            return llama.hidden(self.model, layers, input_ids, position_ids, tree, rows, again)
        around = partial(self._attention, attention.NAME)
        with around(), self._autocast(), precision.placed(weights or ()), self._recomputing(around):
            out = self.model.base_model(input_ids=input_ids, position_ids=position_ids, use_cache=False, tree=tree)
        hidden = out.last_hidden_state[0]
        return hidden if rows is None else hidden.index_select(0, rows)

    def packed_weights(self) -> Weights:
        """The weights as the packed path multiplies by them now."""
        if self.by_hand:
            return llama.layers(self.model, torch.bfloat16 if self.narrow else torch.float32)
        return self.copies()

    def copies(self) -> precision.Copies:
        """What products round the weights to, as they are now; none where they are multiplied by as they are."""
        return precision.copies(self.model) if self.dtype == "mixed" else ()

    def next_logits(self, hidden: Tensor) -> Tensor:  # [rows, d] -> [rows, V] in float32
        return self.model.get_output_embeddings()(hidden).float()

    def _recomputing(self, around: Around = nullcontext) -> AbstractContextManager[None]:
        return recomputing(self.model, around) if self.recompute else nullcontext()

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.narrow)

    @contextmanager
    def _attention(self, name: str) -> Iterator[None]:
        before = self.model.config._attn_implementation
        self.model.config._attn_implementation = name
        try:
            yield
        finally:
            self.model.config._attn_implementation = before

    def _ordinary_parts(self, batch: PackedBatch) -> list[list[tuple[Tokens, Tokens]]]:
        """(prompt, answer) pairs, cut so that the logits of a part, padded, are `_CHUNK` numbers or one pair's, and of
        one length where the model is not to be padded."""
        parts: list[list[tuple[Tokens, Tokens]]] = []
        width = 0
        for pair in ((prompt, answer) for prompt, answers in batch.trees for answer in answers):
            length = len(pair[0]) + len(pair[1])
            wider = max(width, length)
            fits = (len(parts[-1]) + 1) * wider * self.vocabulary <= _CHUNK if parts else False
            if fits and (self.pads or length == width):
                parts[-1].append(pair)
                width = wider
            else:
                parts.append([pair])
                width = length
        return parts

    def _sequence_logits(self, pairs: Sequence[tuple[Tokens, Tokens]]) -> Tensor:
        """Logits [n, V] that predict the pairs' answers, token after token, in float32."""
        width = max(len(prompt) + len(answer) for prompt, answer in pairs)
        ids = torch.zeros(len(pairs), width, dtype=torch.long)
        mask = torch.zeros_like(ids)
        rows: list[int] = []
        columns: list[int] = []
        for row, (prompt, answer) in enumerate(pairs):
            length = len(prompt) + len(answer)
            ids[row, :length] = torch.tensor([*prompt, *answer])
            mask[row, :length] = 1
            rows += [row] * len(answer)
            columns += range(len(prompt) - 1, length - 1)
        device = self.device
        with self._autocast(), self._recomputing():
            logits = self.model(input_ids=ids.to(device), attention_mask=mask.to(device), use_cache=False).logits
        return logits[torch.tensor(rows, device=device), torch.tensor(columns, device=device)].float()


def _kept_numbers(layer: Any) -> int:
    """Of a token's keys, by the layer's configuration."""
    every = getattr(layer, "num_attention_heads", None) or 1
    heads = getattr(layer, "num_key_value_heads", None) or every
    return int(heads * (getattr(layer, "head_dim", None) or layer.hidden_size // every))


def loader(config: Any) -> Any:
    """Which of transformers' classes makes a model of such a configuration: one that sees is made whole."""
    return AutoModelForImageTextToText if type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING else AutoModelForCausalLM


def refuse_misfits(path: str | Path, model: Any, found: Mapping[str, Any]) -> None:
    """Raises ValueError where transformers' loading report says that the folder's weights are not all of this model's
    and no others; heads tied to the embedding need no weights of their own."""
    kinds = {
        "missing": sorted(set(found["missing_keys"]) - set(model.all_tied_weights_keys)),
        "unknown": sorted(found["unexpected_keys"]),
        "of another shape": sorted(str(key[0]) for key in found["mismatched_keys"]),
    }
    if wrong := "; ".join(f"{len(names)} {kind} ({', '.join(names[:3])})" for kind, names in kinds.items() if names):
        raise ValueError(
            f"{path}: its weights do not fit its config.json: {wrong}. Give a folder as save_pretrained leaves it; "
            "an adapter has to be merged into its base first"
        )


def _expected(logits: Tensor, ids: Tensor, shares: Tensor) -> tuple[Tensor]:
    return ((shares * logits.gather(1, ids)).sum(-1) - shares.sum(-1) * logits.logsumexp(-1),)


def _top(k: int, logits: Tensor) -> tuple[Tensor, Tensor]:
    best, ids = logits.topk(k, -1)
    return ids, best.softmax(-1)


def _from_logits(temperature: float, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    logprobs, entropy = _LogProb.apply(logits / temperature if temperature != 1.0 else logits, targets)
    return logprobs, entropy


class _LogProb(torch.autograd.Function):
    """Log-probability of the target and entropy [K] of logits [K, V], from one pass of exponentials.

    The gradient of the log-probability is (1 at the target, else 0) - probability; the entropy has none.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        probs = torch.softmax(logits, -1)
        norm = logits.amax(-1) - probs.amax(-1).log()  # log-sum-exp: the largest logit has probability 1 / sum
        entropy = norm - torch.einsum("kv,kv->k", probs, logits)
        ctx.save_for_backward(probs, targets)
        ctx.mark_non_differentiable(entropy)
        return logits.gather(1, targets[:, None])[:, 0] - norm, entropy

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        probs, targets = ctx.saved_tensors
        into = probs * -grad[:, None]
        into[torch.arange(len(targets), device=grad.device), targets] += grad
        return into, None


def flatten(values: Sequence[Sequence[float]], device: torch.device) -> Tensor:
    return torch.tensor([x for row in values for x in row], dtype=torch.float32, device=device)
