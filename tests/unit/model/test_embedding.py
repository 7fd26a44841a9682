"""Cosines under a tiny BERT made here, against its hidden states taken one text at a time."""

import pytest
import torch
from transformers import BertConfig, BertModel, BertTokenizer

from redone.model.embedding import cosines


@pytest.fixture
def folder(tmp_path):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "flute", "xiao", "learn", "how", "to"]
    (tmp_path / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=12,
        initializer_range=1.0,
    )
    BertModel(config).save_pretrained(tmp_path)
    BertTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    return tmp_path


def test_a_cosine_is_that_of_the_first_tokens_states(folder):
    texts, references = ["how to learn flute", "xiao", "flute " * 40], ["learn xiao", "xiao", "to"]
    model, tokenizer = BertModel.from_pretrained(folder).eval(), BertTokenizer.from_pretrained(folder)

    def state(text):
        tokens = tokenizer(text, truncation=True, max_length=12, return_tensors="pt")
        with torch.no_grad():
            return model(**tokens).last_hidden_state[0, 0]

    wanted = [torch.cosine_similarity(state(a), state(b), dim=0).item() for a, b in zip(texts, references)]
    assert cosines(str(folder), texts, references) == pytest.approx(wanted, abs=1e-5)
    assert wanted[1] == pytest.approx(1.0)
    assert wanted[0] < 0.999


def test_a_model_that_is_not_on_disk_gives_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert cosines("nobody/has-this-embedder", ["a"], ["b"]) is None
    assert cosines(str(tmp_path / "none"), ["a"], ["b"]) is None
