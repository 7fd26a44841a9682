"""Write docs/architectures.md from small random models of every architecture that transformers reads as a causal
language model: `.venv/bin/python docs/generate_architectures.py` (some minutes)."""

import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from transformers import CONFIG_MAPPING, AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from tiny import gradient, reference_logprobs, relative

from redone.model.policy import Policy
from redone.model.trees import pack
from redone.model.trial import BREAKS, strengthened
from redone.sample.local import make_sampler
from redone.sample.protocol import Request

HEAD = """\
# Architectures

<!-- Made by docs/generate_architectures.py, which tries a small random model of each kind: run it again. -->

Every model is tried when it is loaded, in float32 and on texts that outgrow its windows, and runs on the fastest path
that gives what the model itself gives for one text alone: *by hand* (on a CPU) or *packed*, where a prompt is computed
once for all of its answers; *ordinary*, where it is repeated for each; *apart*, where texts of different lengths are
not computed side by side either, since padding would change them. A model that no path serves is refused, with the
reason. Below is what became of a small random model of each kind that transformers {version} reads, with texts of up to
{longest} tokens and windows of {window}: the largest gap of a log-probability in scoring and in sampling, and the gap
of a gradient as a share of it, all against the plainest loop.

| model type | class | path | scoring | sampler | gradient |
|---|---|---|---|---|---|
"""
TAIL = """
Not tried, because no small model of them could be built by the sizes of the others, or because it is too slow: {kinds}.
"""
LONGEST, WINDOW, VOCABULARY = 120, 32, 128
BOUNDS = (1e-4, 5e-4, 1e-3)  # of scoring, sampler, gradient
SIZE = {
    **dict.fromkeys(("vocab_size", "vocab_size_per_layer_input"), VOCABULARY),
    **dict.fromkeys(("hidden_size", "d_model", "n_embd", "embedding_size", "embed_dim", "lru_width"), 64),
    **dict.fromkeys(("word_embed_proj_dim", "input_embedding_size", "output_embedding_size"), 64),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "ffn_hidden_size", "dff", "decoder_ffn_dim"), 96),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size", "encoder_ffn_dim"), 32),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers"), 4),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads"), 4),
    **dict.fromkeys(("encoder_layers", "n_group", "topk_group", "num_expert_group", "mamba_n_groups"), 1),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"), 4),
    **dict.fromkeys(("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k", "top_k_experts"), 2),
    **dict.fromkeys(("num_key_value_heads", "linear_num_key_heads", "index_n_heads"), 2),
    **dict.fromkeys(("head_dim", "v_head_dim", "qk_rope_head_dim", "qk_nope_head_dim", "kv_lora_rank"), 16),
    **dict.fromkeys(("linear_key_head_dim", "linear_value_head_dim", "index_head_dim", "state_size"), 16),
    **dict.fromkeys(("mamba_d_state", "mamba_d_head", "mamba_head_dim", "hidden_size_per_layer_input"), 16),
    **dict.fromkeys(("sliding_window", "window_size", "attention_window_size", "attention_chunk_size"), WINDOW),
    **{"q_lora_rank": 32, "rotary_dim": 8, "index_topk": 16, "linear_num_value_heads": 4, "encoder_attention_heads": 4},
    **{"mamba_n_heads": 8, "mamba_num_heads": 8, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
}
SPECIAL: dict[str, dict[str, Any]] = {  # what these sizes leave wrong
    "bamba": {"attn_layer_indices": [1, 3]},
    "falcon_h1": {"mamba_d_ssm": 64, "mamba_n_heads": 4},
    "gpt_neo": {"attention_types": [[["global", "local"], 2]]},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "mamba2": {"num_heads": 8, "n_groups": 1},
    "dots3_note_text": {"num_key_value_heads": 4},
    "gemma3n_text": {"num_kv_shared_layers": 0},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"] * 2},
    "rwkv": {"attention_hidden_size": 64},
    "zaya": {"num_experts_per_tok": 1},
}
LEFT_OUT = ((), ("rotary_dim",), ("num_key_value_heads",), ("head_dim",), ("mamba_n_heads", "mamba_num_heads"))
SLOW = {"kimi_linear"}  # minutes a text on a CPU
MOST = 20_000_000  # weights of a model that is small enough


class Row(NamedTuple):
    kind: str
    name: str
    path: str  # or why there is none; "" where no small model can be built
    gaps: tuple[float, ...] = ()


def kinds() -> list[str]:
    return sorted(set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES) - SLOW)


def row(kind: str) -> Row:
    """What becomes of a small model of this type."""
    name = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[kind]
    model = small(kind)
    if model is None:
        return Row(kind, name, "")
    try:
        policy = Policy(model, context=LONGEST)
    except ValueError as error:
        return Row(kind, name, f"refused: {str(error).partition(': ')[2].partition(';')[0].partition(' (')[0]}")
    path = "by hand" if policy.by_hand else "packed" if policy.packed else "ordinary" if policy.pads else "apart"
    return Row(kind, name, path, tuple(gaps(policy)))


def small(kind: str) -> Any:
    """A random model of this type, or None where these sizes do not make one."""
    make = CONFIG_MAPPING[kind]
    fields = tried(lambda: make().to_dict()) or {}
    for given in ({k for k, v in fields.items() if v is not None}, set(fields)):
        for left_out in LEFT_OUT:
            sizes = {k: v for k, v in SIZE.items() if k in given and k not in left_out}
            if fields and (model := tried(partial(built, make, {**sizes, **SPECIAL.get(kind, {})}))) is not None:
                return model
    return None


def built(make: Callable[..., Any], sizes: Mapping[str, Any]) -> Any:
    """A random model of these sizes that has run once, or None where it is not small."""
    config = make(**sizes)
    with torch.device("meta"):
        size = sum(p.numel() for p in AutoModelForCausalLM.from_config(config).parameters())
    if size > MOST:
        return None
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = strengthened(AutoModelForCausalLM.from_config(config).float().eval())
    with torch.no_grad():
        model(input_ids=torch.tensor([[3, 4, 5]]), use_cache=False)
    return model


def tried(act: Callable[[], Any]) -> Any:
    """What it returns, or None where a model's own code breaks, or asks for a package that is not here."""
    try:
        return act()
    except (*BREAKS, ImportError):
        return None


def gaps(policy: Policy) -> Iterator[float]:
    """Of scoring, sampler and gradient, against the plainest loop."""
    random = torch.Generator().manual_seed(2)

    def tokens(count: int) -> list[int]:
        return torch.randint(3, VOCABULARY - 1, (count,), generator=random).tolist()

    prompts = [tokens(count) for count in (7, 90, 28, 7)]
    trees = [(prompt, [tokens(20), tokens(3)]) for prompt in prompts]
    found, _ = policy.token_logprobs(pack(trees))
    expected = reference_logprobs(policy.model, trees)
    yield float((found - expected).detach().abs().max())
    signs = torch.linspace(-1, 1, len(found))
    slope = relative(gradient(policy.model, (signs * found).sum()), gradient(policy.model, (signs * expected).sum()))
    encoder: Any = SimpleNamespace(eos_ids=frozenset((5,)))
    sampler = make_sampler(policy, encoder, group=2, temperature=1.0, seeds=lambda version: version)
    sampler.admit([Request(key, tuple(prompt), LONGEST - 90) for key, prompt in enumerate(prompts)])
    done = []
    while sampler.in_flight:
        done += sampler.step()
    drawn = [(list(request.prompt), [list(answer.tokens) for answer in answers]) for request, answers in done]
    with torch.no_grad():
        scored = reference_logprobs(policy.model, drawn)
    sampled = torch.tensor([p for _, answers in done for answer in answers for p in answer.logprobs])
    yield float((sampled - scored).abs().max())
    yield slope


def render(rows: Sequence[Row]) -> str:
    import transformers

    parts = [HEAD.format(version=transformers.__version__, longest=LONGEST, window=WINDOW)]
    for kind, name, path, gaps in (row for row in rows if row.path):
        parts.append(f"| `{kind}` | {name} | {path} | {' | '.join(f'{gap:.0e}' for gap in gaps) or ' | | '} |\n")
    parts.append(TAIL.format(kinds=", ".join(sorted([row.kind for row in rows if not row.path] + [*SLOW]))))
    return "".join(parts)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    rows = []
    for kind in sys.argv[1:] or kinds():
        rows.append(row(kind))
        print(*rows[-1], flush=True)
    if not sys.argv[1:]:
        Path(__file__).with_name("architectures.md").write_text(render(rows), encoding="utf-8")
