"""Cosines between texts under an embedding model, where the model is on disk already."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch.nn import functional

_BATCH = 32
_LONGEST = 512  # tokens, as BAAI/bge-large-en-v1.5 has them


def cosines(model: str, texts: Sequence[str], references: Sequence[str]) -> list[float] | None:
    """The cosine of each text with its reference; None where the model (folder, or hub id in the cache) is not there.

    As sentence-transformers computes it for the bge models: the first token's last hidden state, of unit length.
    """
    loaded = _load(model)
    if loaded is None:
        return None
    ours, theirs = (_embedded(loaded, mine) for mine in (texts, references))
    return (ours * theirs).sum(-1).tolist()


@cache
def _load(model: str) -> tuple[Any, Any] | None:
    from transformers import AutoModel, AutoTokenizer

    how: Any = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(model, **how)
        return tokenizer, AutoModel.from_pretrained(model, **how).eval()
    except OSError:
        return None


@torch.no_grad()
def _embedded(loaded: tuple[Any, Any], texts: Sequence[str]) -> torch.Tensor:
    """[texts, width], of unit length."""
    tokenizer, encoder = loaded
    most = min(_LONGEST, encoder.config.max_position_embeddings)
    rows = []
    for first in range(0, len(texts), _BATCH):
        batch = list(texts[first : first + _BATCH])
        tokens = tokenizer(batch, padding=True, truncation=True, max_length=most, return_tensors="pt")
        rows.append(functional.normalize(encoder(**tokens).last_hidden_state[:, 0].float(), dim=-1))
    return torch.cat(rows)
