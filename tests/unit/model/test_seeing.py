"""Models that see are trained on texts and keep what sees."""

import pytest
import torch
import transformers
from safetensors.torch import load_file
from tiny import reference_logprobs, relative, some_trees

from redone.model.learner import Learner
from redone.model.policy import Policy
from redone.model.trees import pack

TEXT = {
    **{"vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "head_dim": 8},
    **{"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "initializer_range": 0.3},
    **{"bos_token_id": None, "eos_token_id": None, "pad_token_id": None},
}
SIGHT = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2}
ROTARY = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]}
KINDS = {
    "Llava": {
        "text_config": {**TEXT, "model_type": "llama"},
        "vision_config": {**SIGHT, "model_type": "clip_vision_model", "image_size": 28, "patch_size": 14},
        "image_token_index": 39,
    },
    "Qwen2_5_VL": {
        "text_config": {**TEXT, "rope_parameters": ROTARY},
        "vision_config": {"depth": 1, "hidden_size": 32, "out_hidden_size": 32, "num_heads": 2},
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_sees_is_packed_trained_on_texts_and_saved_whole(kind, tmp_path):
    config = getattr(transformers, f"{kind}Config")(**KINDS[kind])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        getattr(transformers, f"{kind}ForConditionalGeneration")(config).save_pretrained(tmp_path / "model")
    policy = Policy.load(tmp_path / "model")
    assert policy.packed, policy.note
    found, _ = policy.token_logprobs(pack(some_trees()))
    assert relative(found, reference_logprobs(policy.model, some_trees())) < 1e-5
    learner = Learner(policy, learning_rate=1e-2, weight_decay=0.1)
    (-found.mean()).backward()
    learner.step(1e-2, 1.0, 1.0)
    policy.save(tmp_path / "trained")
    before, after = (load_file(tmp_path / name / "model.safetensors") for name in ("model", "trained"))
    assert before.keys() == after.keys()
    assert type(Policy.load(tmp_path / "trained").model).__name__ == f"{kind}ForConditionalGeneration"
    changed = {name for name, weight in before.items() if not torch.equal(weight, after[name])}
    sight = {name for name in before if "vision" in name or "visual" in name}
    assert sight
    assert not changed & sight
    assert any("q_proj" in name for name in changed)
