"""Model families as data (cases/templates.toml): small tokenizers with their chat templates and control tokens."""

import tomllib
from pathlib import Path
from typing import Any

FAMILIES: dict[str, dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "cases" / "templates.toml").read_text(encoding="utf-8")
)


def tokenizer_of(family: dict[str, Any], make_tokenizer: Any) -> Any:
    """A byte-level tokenizer with the family's template and control tokens."""
    others = tuple(token for token in family["special"] if token not in (family["eos"], "<|user|>", "<|assistant|>"))
    tokenizer = make_tokenizer(family["template"], family["eos"], others)
    tokenizer.bos_token = family.get("bos")
    return tokenizer


def generation_of(family: dict[str, Any], tokenizer: Any) -> list[int]:
    """The ids of the end tokens that the family's generation config names."""
    return [tokenizer.convert_tokens_to_ids(token) for token in family.get("generation", ())]
