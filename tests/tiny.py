"""Models of several architectures, small enough to compare gradients of, trees to compare them on, and a tokenizer."""

from typing import Any

import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

VOCABULARY = 40
_SIZE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
}
_GPT2 = {"vocab_size": VOCABULARY, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
_GPT_NEO = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_layers": 2,
    "num_heads": 4,
    "attention_types": [[["global", "local"], 1]],
    "window_size": 6,
    "max_position_embeddings": 64,
}
_SIZES = {"GPT2": _GPT2, "GPTNeo": _GPT_NEO}


def tiny(kind: str, seed: int = 0, **changes: Any) -> Any:
    """A random model, with weights large enough for every token to depend strongly on the ones before it."""
    ends = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
    size = {**_SIZES.get(kind, _SIZE), **ends, "initializer_range": 0.3, **changes}
    config = getattr(transformers, f"{kind}Config")(**size)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return transformers.AutoModelForCausalLM.from_config(config)


def some_trees(seed: int = 0) -> list[tuple[list[int], list[list[int]]]]:
    """Prompts of 1 to 17 tokens with 1 to 4 answers of 1 to 9 tokens; two prompts are alike in shape."""
    random = torch.Generator().manual_seed(seed)

    def tokens(count: int) -> list[int]:
        return torch.randint(0, VOCABULARY, (count,), generator=random).tolist()

    shapes = [(9, (4, 1, 7)), (1, (3, 3)), (17, (9, 2, 5, 1)), (8, (5, 2, 6)), (12, (1,))]
    return [(tokens(prompt), [tokens(answer) for answer in answers]) for prompt, answers in shapes]


def reference_logprobs(model: Any, trees: list[tuple[list[int], list[list[int]]]], temperature: float = 1.0) -> Any:
    """Log-probabilities [K] of all answers' tokens, by the plainest loop: one sequence at a time, nothing shared."""
    parts = []
    for prompt, answers in trees:
        for answer in answers:
            logits = (
                model(torch.tensor([[*prompt, *answer]]), use_cache=False).logits[0, len(prompt) - 1 : -1] / temperature
            )
            parts.append(torch.log_softmax(logits, -1)[torch.arange(len(answer)), torch.tensor(answer)])
    return torch.cat(parts)


def gradient(model: Any, loss: Any) -> Any:
    """The gradient of the loss with respect to all weights that have one, as one vector."""
    weights = [p for p in model.parameters() if p.requires_grad]
    found = torch.autograd.grad(loss, weights, allow_unused=True)
    return torch.cat([torch.zeros(p.numel()) if g is None else g.flatten() for p, g in zip(weights, found)])


def relative(found: Any, expected: Any) -> float:
    """The norm of the difference over the norm of what was expected."""
    return float((found - expected).detach().norm() / expected.detach().norm())


def bytes_tokenizer(template: str | None, end: str = "<|end|>", special: tuple[str, ...] = ()) -> Any:
    """A byte-level tokenizer, one token a byte, with the given chat template."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|pad|>", end, "<|user|>", "<|assistant|>", *special])
    tags = [tag for tag in ("<think>", "</think>") if tag not in special]
    tokenizer.add_tokens([AddedToken(tag, normalized=False) for tag in tags])
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=end, pad_token="<|pad|>")
    fast.chat_template = template
    return fast
