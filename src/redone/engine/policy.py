"""Policy: a Hugging Face causal language model with the log-probabilities and the decoder that training needs.

Two paths compute the same numbers. The *packed* one runs every prompt once (`data.pack`, `engine.attention`).
The *ordinary* one repeats the prompt for each answer and works with any causal language model. Which one a model
takes is decided when it is loaded, by comparing both on two short trees.
"""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers import AutoModelForCausalLM, PreTrainedModel

from redone.data.pack import PackedBatch, Tokens, pack
from redone.engine import attention

_AGREE = {torch.float32: 1e-4, torch.bfloat16: 0.15}  # largest gap of a log-probability between the two paths
_CHUNK = 1 << 24  # logits held at once, in numbers


class Policy:
    """A model and how it is run.

    packed: whether the prefix-tree path serves this model; note: the line that says why not, or "".
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model
        model.eval()  # dropout off, also in updates: the ratio of DAPO needs the policy, not a thinned copy of it
        model.requires_grad_(True)
        self.ordinary_attention = model.config._attn_implementation
        self.note = ""
        self.packed = False
        self.packed, self.note = self._try_packed()

    @classmethod
    def load(cls, path: str | Path, dtype: str = "float32", device: str = "cpu") -> "Policy":
        """A model from a Hugging Face folder or hub id."""
        model = AutoModelForCausalLM.from_pretrained(path, dtype=getattr(torch, dtype))
        return cls(model.to(device))

    @property
    def device(self) -> torch.device:
        return self.model.device

    def save(self, folder: Path) -> None:
        self.model.save_pretrained(folder)

    def token_logprobs(
        self, batch: PackedBatch, temperature: float = 1.0, entropy: bool = False, packed: bool | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Log-probabilities of the batch's trained tokens [K], in float32, and their entropies [K] if asked.

        Differentiable when gradients are enabled; entropies never carry a gradient.
        """
        use = self.packed if packed is None else packed
        if not use:
            return self._ordinary_logprobs(batch, temperature, entropy)
        hidden = self.packed_hidden(batch.input_ids, batch.position_ids, batch.layout)[batch.predict_from]
        head = self.model.get_output_embeddings()
        rows = max(1, _CHUNK // head.weight.shape[0])
        parts = [
            (hidden[start : start + rows], batch.targets[start : start + rows]) for start in range(0, len(hidden), rows)
        ]
        if len(parts) <= 1:
            return _score(head, hidden, batch.targets, temperature, entropy)
        scored = [checkpoint(_score, head, h, t, temperature, entropy, use_reentrant=False) for h, t in parts]
        return torch.cat([s[0] for s in scored]), torch.cat([s[1] for s in scored]) if entropy else None

    def packed_hidden(self, input_ids: Tensor, position_ids: Tensor, tree: Any) -> Tensor:
        """Last hidden states [T, d] of a row [1, T] under prefix-tree attention."""
        with self._attention(attention.NAME):
            out = self.model.base_model(input_ids=input_ids, position_ids=position_ids, use_cache=False, tree=tree)
        return out.last_hidden_state[0]

    def next_logits(self, hidden: Tensor) -> Tensor:  # [rows, d] -> [rows, V] in float32
        return self.model.get_output_embeddings()(hidden).float()

    @contextmanager
    def _attention(self, name: str) -> Iterator[None]:
        before = self.model.config._attn_implementation
        self.model.config._attn_implementation = name
        try:
            yield
        finally:
            self.model.config._attn_implementation = before

    def _ordinary_logprobs(self, batch: PackedBatch, temperature: float, entropy: bool) -> tuple[Tensor, Tensor | None]:
        sequences = [(prompt, answer) for prompt, answers in batch.trees for answer in answers]
        width = max(len(prompt) + len(answer) for prompt, answer in sequences)
        ids = torch.zeros(len(sequences), width, dtype=torch.long)
        mask = torch.zeros_like(ids)
        rows, columns = [], []
        for row, (prompt, answer) in enumerate(sequences):
            length = len(prompt) + len(answer)
            ids[row, :length] = torch.tensor([*prompt, *answer])
            mask[row, :length] = 1
            rows += [row] * len(answer)
            columns += range(len(prompt) - 1, length - 1)
        device = self.device
        logits = self.model(input_ids=ids.to(device), attention_mask=mask.to(device), use_cache=False).logits
        picked = logits[torch.tensor(rows, device=device), torch.tensor(columns, device=device)]
        return _from_logits(picked, batch.targets, temperature, entropy)

    def _try_packed(self) -> tuple[bool, str]:
        """Whether both paths agree on two short trees, and if not the line that says so."""
        model = self.model
        kind = type(model).__name__
        fallback = f"{kind}: prompts are repeated for every answer (slower, same result), because "
        parameters = inspect.signature(model.base_model.forward).parameters.values()
        if model.base_model is model or not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return False, fallback + "the model does not pass keywords on to its attention"
        size = model.get_input_embeddings().weight.shape[0]
        random = torch.Generator().manual_seed(0)
        tokens = torch.randint(0, size, (40,), generator=random).tolist()
        batch = pack([(tokens[:9], [tokens[9:14], tokens[14:17]]), (tokens[17:23], [tokens[23:24], tokens[24:31]])])
        batch = to_device(batch, self.device)
        with torch.no_grad():
            ordinary, _ = self.token_logprobs(batch, packed=False)
            try:
                tree, _ = self.token_logprobs(batch, packed=True)
            except attention.UnsupportedAttention as error:
                return False, fallback + f"its attention asks for {error}"
        gap = float((ordinary - tree).abs().max())
        if not gap <= _AGREE[model.dtype]:  # also when it is nan
            return False, fallback + f"prefix-tree attention is off by {gap:.2g} on it"
        return True, ""


def to_device(batch: PackedBatch, device: torch.device) -> PackedBatch:
    return batch if device.type == "cpu" else pack(batch.trees, device)


def _score(head: Any, hidden: Tensor, targets: Tensor, temperature: float, entropy: bool) -> tuple[Tensor, Tensor | None]:
    return _from_logits(head(hidden), targets, temperature, entropy)


def _from_logits(logits: Tensor, targets: Tensor, temperature: float, entropy: bool) -> tuple[Tensor, Tensor | None]:
    logits = logits.float()
    if temperature != 1.0:
        logits = logits / temperature
    logprobs = -torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    if not entropy:
        return logprobs, None
    with torch.no_grad():
        full = torch.log_softmax(logits, -1)
        return logprobs, -(full.exp() * full).sum(-1)


def flatten(values: Sequence[Sequence[float]], device: torch.device) -> Tensor:
    return torch.tensor([x for row in values for x in row], dtype=torch.float32, device=device)


__all__ = ["Policy", "Tokens", "flatten", "to_device"]
