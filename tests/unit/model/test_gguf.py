"""GGUF files, written here by the format's own writer, against the models that they were made of."""

import json
from pathlib import Path

import pytest
import torch
from gguf import GGMLQuantizationType, GGUFWriter
from transformers import LlamaConfig, LlamaForCausalLM

from redone.model import gguf
from redone.model.places import model_path
from redone.model.policy import Policy

HEADS, KV_HEADS, WIDE = 4, 2, 32
NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def llama():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return LlamaForCausalLM(
            LlamaConfig(
                vocab_size=260,
                hidden_size=WIDE,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=HEADS,
                num_key_value_heads=KV_HEADS,
                max_position_embeddings=128,
                tie_word_embeddings=False,
            )
        ).eval()


def rotated(weight, heads):
    """llama.cpp keeps the two halves of each head's rotary pairs side by side."""
    out, into = weight.shape
    return weight.reshape(heads, 2, out // heads // 2, into).swapaxes(1, 2).reshape(out, into)


def write(path: Path, model: LlamaForCausalLM, without: str = "", architecture: str = "llama") -> Path:
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    writer = GGUFWriter(path, architecture)
    config = model.config
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_dimension_count(WIDE // HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *bytes_to_unicode().values(), "Ġt"]
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3] * 3 + [1] * 257)
    writer.add_token_merges(["Ġ t"])
    writer.add_eos_token_id(2)
    writer.add_chat_template("{% for m in messages %}<|im_start|>{{ m['content'] }}<|im_end|>{% endfor %}")
    for name, weight in model.state_dict().items():
        written = name.replace("model.layers.", "blk.")
        for theirs, ours in NAMES.items():
            written = written.replace(theirs, ours)
        if written == without:
            continue
        if "q_proj" in name or "k_proj" in name:
            weight = rotated(weight, HEADS if "q_proj" in name else KV_HEADS)
        writer.add_tensor(written, weight.numpy(), raw_dtype=GGMLQuantizationType.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(gguf.CACHE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_model_path_may_be_a_gguf_file_and_gives_the_model_that_it_was_made_of(tmp_path):
    model = llama()
    folder = model_path(str(write(tmp_path / "small.gguf", model)))
    ids = torch.tensor([[1, 40, 50, 60, 70, 80]])
    with torch.no_grad():
        gap = (Policy.load(folder).model(ids).logits - model(ids).logits).abs().max()
    assert gap < 1e-5
    assert json.loads((folder / gguf.ORIGIN).read_text()) == {"file": "small.gguf", "stored": "F32"}
    assert "stores them as F32" in gguf.note(folder)


def test_a_file_is_converted_once_and_another_of_the_same_name_apart(tmp_path, monkeypatch):
    path = write(tmp_path / "small.gguf", llama())
    first = gguf.folder_of(path)
    monkeypatch.setattr(gguf, "convert", None)  # would raise if it were called
    assert gguf.folder_of(path) == first
    monkeypatch.undo()
    monkeypatch.setenv(gguf.CACHE, str(tmp_path / "cache"))
    model = llama()
    with torch.no_grad():
        model.lm_head.weight += 1
    assert gguf.folder_of(write(path, model)) != first


def test_a_file_that_lacks_weights_is_refused_and_leaves_nothing(tmp_path, cache):
    path = write(tmp_path / "small.gguf", llama(), without="blk.1.ffn_up.weight")
    with pytest.raises(ValueError, match=r"small.gguf: it lacks 1 weights, first model.layers.1.mlp.up_proj.weight"):
        gguf.folder_of(path)
    assert not list(cache.glob("*"))


def test_a_damaged_file_and_an_unknown_architecture_are_sentences(tmp_path):
    path = write(tmp_path / "small.gguf", llama())
    whole = path.read_bytes()
    for cut in (whole[: len(whole) // 2], whole[:100], b"", b"GGUG" + whole[4:]):
        path.write_bytes(cut)
        with pytest.raises(ValueError, match=r"small.gguf: no whole GGUF file \(.*\); get it anew"):
            gguf.folder_of(path)
    with pytest.raises(ValueError, match=r"other.gguf: transformers does not read this GGUF file \(.*rwkv9"):
        gguf.folder_of(write(tmp_path / "other.gguf", llama(), architecture="rwkv9"))
