"""What ends an answer: the token that is taught, and all that stop a model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from redone.thinking import CLOSE, OPEN

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Ends(NamedTuple):
    taught: int  # what an answer that is trained on ends with
    stops: frozenset[int]  # what ends an answer that is sampled
    note: str  # where the model's files disagree, what is done about it; else ""


def ends_of(tokenizer: "PreTrainedTokenizerBase", after: str, named: Sequence[int]) -> Ends:
    """The token that the chat template writes after an answer, or the tokenizer's end-of-sequence token where that is
    none; every one that is named stops a model.

    after: what the template writes there. named: the end tokens of the generation config. Raises ValueError where there
    is no such token.
    """
    name, own = tokenizer.name_or_path or "the model", tokenizer.eos_token_id
    taught = _first(tokenizer, after)
    others = [token for token in (own, *named) if token is not None]
    if taught is None and not others:
        raise ValueError(
            f"{name}: the tokenizer has no end-of-sequence token, and no chat template that ends an answer with one; "
            "set eos_token in its tokenizer_config.json"
        )
    end = others[0] if taught is None else taught
    note = ""
    shown = {token: repr(tokenizer.convert_ids_to_tokens(token)) for token in (end, *others)}
    if taught is None and after:
        note = (
            f"its chat template ends an answer with {after[:40]!r}, which begins with no token; {shown[end]} is taught"
        )
    elif (own is not None and own != end) or (named and end not in named):
        files = [f"the tokenizer {shown[own]}"] if own is not None else []
        files += [f"the generation config {' and '.join(shown[token] for token in named)}"] if named else []
        whose = "its chat template ends" if taught is not None else "its tokenizer ends"
        note = f"{whose} an answer with {shown[end]}, which is taught; {', '.join(files)}; all of them end an answer"
    return Ends(end, frozenset((end, *others)), f"{name}: {note}" if note else "")


def _first(tokenizer: "PreTrainedTokenizerBase", after: str) -> int | None:
    """The control token that the text begins with; one that begins a text ends none."""
    begin, end = tokenizer.bos_token, tokenizer.eos_token
    tokens = {token.content: i for i, token in tokenizer.added_tokens_decoder.items() if token.content.strip()}
    fitting = [text for text in tokens if after.startswith(text) and text not in (OPEN, CLOSE)]
    found = max(fitting, key=len, default=None)
    return None if found is None or (found == begin and found != end) else tokens[found]
