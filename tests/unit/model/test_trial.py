import pytest
import torch
from test_policy import objective
from tiny import gradient, reference_logprobs, relative, some_trees, tiny

from redone.model import llama, trial
from redone.model.policy import Policy
from redone.model.trees import pack

SCALED = {
    "rope_type": "yarn",
    "rope_theta": 10000.0,
    "factor": 4.0,
    "original_max_position_embeddings": 2048,
    "llama_4_scaling_beta": 0.5,
}


def test_a_model_that_only_decoding_shows_to_be_wrong_takes_the_ordinary_path():
    """DiffLlama's packed log-probabilities and gradient are right; what its layers do with one token a row is not."""
    policy = Policy(tiny("DiffLlama"))
    assert not policy.packed
    assert "in decoding" in policy.note
    found, _ = policy.token_logprobs(pack(some_trees()), packed=True)
    assert relative(found, reference_logprobs(policy.model, some_trees())) < 1e-5


def test_a_model_that_only_long_texts_show_to_be_wrong_is_told_by_the_runs_own_length():
    """Ministral 3 scales its queries beyond the context that it was first trained on; by hand nothing does."""
    model = tiny("Ministral3", max_position_embeddings=8192, rope_parameters=SCALED)
    short, long = Policy(model, context=2048), Policy(model, context=8192)
    assert short.by_hand
    assert not long.by_hand
    random = torch.Generator().manual_seed(0)
    trees = [(torch.randint(0, 40, (2100,), generator=random).tolist(), [[1, 2, 3]])]
    expected = reference_logprobs(model, trees)
    assert (long.token_logprobs(pack(trees))[0] - expected).abs().max() < 1e-4
    assert (short.token_logprobs(pack(trees))[0] - expected).abs().max() > 1e-3


def test_a_path_whose_gradient_is_off_is_not_taken(monkeypatch):
    backward = llama._SwiGLU.backward
    monkeypatch.setattr(llama._SwiGLU, "backward", staticmethod(lambda ctx, grad: 1.01 * backward(ctx, grad)))
    monkeypatch.setattr(trial, "_seen", {})
    policy = Policy(tiny("Qwen3"))
    assert policy.packed
    assert not policy.by_hand


def test_bfloat16_turns_no_model_away():
    """Its roundings are no reason: the arithmetic is tried in float32."""
    for kind in ("Qwen3", "Llama", "GPT2"):
        assert Policy(tiny(kind, num_hidden_layers=8).to(torch.bfloat16)).packed


def test_opt_has_the_plain_gradient():
    policy = Policy(tiny("OPT", ffn_dim=48, word_embed_proj_dim=32))
    assert policy.packed
    trees = some_trees()
    found, expected = policy.token_logprobs(pack(trees))[0], reference_logprobs(policy.model, trees)
    ours = gradient(policy.model, objective(found, trees))
    assert relative(ours, gradient(policy.model, objective(expected, trees))) < 1e-5


def test_a_model_that_padding_changes_scores_texts_of_different_lengths_apart():
    policy = Policy(tiny("RecurrentGemma", attention_window_size=32, lru_width=32, num_hidden_layers=3), context=64)
    assert not policy.packed
    assert not policy.pads
    assert "texts of different lengths are run apart" in policy.note
    trees = some_trees()
    assert relative(policy.token_logprobs(pack(trees))[0], reference_logprobs(policy.model, trees)) < 1e-5
    assert {len({len(p) + len(a) for p, a in part}) for part in policy._ordinary_parts(pack(trees))} == {1}


def test_a_model_that_no_path_serves_is_refused_in_a_sentence():
    """BERT looks ahead, so that what it gives a token in decoding is not what it gives it in a whole text."""
    with pytest.raises(
        ValueError, match=r"BertLMHeadModel: single texts are off by .* in decoding; no way to run it"
    ) as refused:
        Policy(tiny("Bert"))
    assert "\n" not in str(refused.value)


def test_a_twin_keeps_every_kind_of_layer_and_outgrows_what_the_runs_texts_do():
    kinds = ["sliding_attention"] * 5 + ["full_attention"]
    model = tiny("Gemma3Text", num_hidden_layers=12, layer_types=kinds * 2, sliding_window=48)
    assert set(trial._twin(model, 64).config.layer_types) == set(kinds)
    assert trial._twin(model, 64).config.num_hidden_layers < 12
    assert trial._twin(model, 64).config.sliding_window < 48
    assert trial._twin(model, 48).config.sliding_window == 48
    assert model.config.num_hidden_layers == 12


def test_a_twin_is_tried_once_for_all_models_of_its_configuration(monkeypatch):
    monkeypatch.setattr(trial, "_seen", {})
    made = []
    twin = trial._twin
    monkeypatch.setattr(trial, "_twin", lambda model, context: made.append(context) or twin(model, context))
    before = torch.random.get_rng_state()
    for seed in (0, 1):
        Policy(tiny("Qwen3", seed=seed))
    Policy(tiny("Qwen3"), context=32)
    assert made == [64, 32]
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.is_grad_enabled()
