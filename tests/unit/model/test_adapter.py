"""LoRA: gradients against those of the full weights, merging, freezing, and going on."""

import json
from pathlib import Path

import pytest
import torch
from tiny import tiny
from transformers import AutoModelForCausalLM

from redone.model.learner import Learner
from redone.model.policy import Policy
from redone.model.trees import pack

TREES = [([5, 6, 7, 8], [[9, 10, 11], [12, 13]]), ([20, 21], [[22, 23, 24, 25]])]
LORA = {"rank": 4, "alpha": 8.0, "targets": ("all-linear",), "seed": 0, "base": "base"}


def adapted(folder, moved=True, by_hand=True, **changes):
    policy = Policy.load(folder)
    policy.by_hand = policy.by_hand and by_hand
    policy.attach(**{**LORA, **changes})
    if moved:  # an adapter begins as nothing: B is 0
        with torch.no_grad():
            random = torch.Generator().manual_seed(1)
            for weight in policy.trainable().values():
                weight.add_(torch.randn(weight.shape, generator=random), alpha=0.05)
    return policy


def logprobs(policy, packed=True):
    return policy.token_logprobs(pack(TREES, policy.device), packed=packed)[0]


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_new_adapter_changes_nothing_and_a_moved_one_the_same_on_every_path(tiny_model, by_hand):
    plain = Policy.load(tiny_model)
    with torch.no_grad():
        assert torch.equal(logprobs(adapted(tiny_model, moved=False, by_hand=by_hand), False), logprobs(plain, False))
        policy = adapted(tiny_model, by_hand=by_hand)
        assert policy.packed
        assert (logprobs(policy) - logprobs(plain)).abs().max() > 0.01
        assert torch.allclose(logprobs(policy), logprobs(policy, packed=False), atol=1e-5)


@pytest.mark.parametrize("by_hand", [True, False])
def test_its_gradient_is_the_full_gradient_projected(tiny_model, by_hand):
    """dL/dB = s G A^T and dL/dA = s B^T G, where G is the gradient of the merged weight."""
    policy = adapted(tiny_model, by_hand=by_hand)
    logprobs(policy).sum().backward()
    full = AutoModelForCausalLM.from_pretrained(tiny_model)
    full.load_state_dict(merged_weights(policy), strict=False)
    whole = Policy(full)
    logprobs(whole, packed=False).sum().backward()
    wanted = dict(full.named_parameters())
    checked = 0
    for name, weight in policy.trainable().items():
        owner, _, part = name.partition(".lora_")
        module = policy.model.get_submodule(owner)
        gradient, scale = wanted[f"{owner}.weight"].grad, module.scaling["default"]
        a, b = module.lora_A["default"].weight, module.lora_B["default"].weight
        projected = scale * (gradient @ a.T if part.startswith("B") else b.T @ gradient)
        assert torch.allclose(weight.grad, projected, atol=1e-5 * float(projected.detach().abs().max()) + 1e-7), name
        checked += 1
    assert checked == 2 * 7 * 2  # A and B of seven linear layers in each of two


def merged_weights(policy):
    from redone.model.adapter import merged

    return merged(policy.model)


def test_the_base_stays_frozen_and_a_checkpoint_holds_the_adapter_alone(tiny_model):
    policy = adapted(tiny_model, moved=False)
    before = {name: p.clone() for name, p in policy.model.named_parameters()}
    learner = Learner(policy, learning_rate=1e-2, weight_decay=0.1)
    for _ in range(2):
        loss = -logprobs(policy).sum()
        loss.backward()
        learner.step(1e-2, 1.0, loss.item())
    changed = {name for name, p in policy.model.named_parameters() if not torch.equal(p, before[name])}
    assert changed == set(policy.trainable())
    assert all(".lora_" in name for name in learner.state()["model"])


def test_the_merged_folder_and_the_adapter_give_the_same_model(tiny_model, tmp_path):
    policy = adapted(tiny_model)
    policy.save(tmp_path / "model")
    policy.save_adapter(tmp_path / "adapter")
    again = Policy.load(tiny_model)
    again.attach(**{**LORA, "seed": 5}, start=tmp_path / "adapter")
    with torch.no_grad():
        assert torch.equal(logprobs(again), logprobs(policy))
        assert torch.allclose(logprobs(Policy.load(tmp_path / "model")), logprobs(policy), atol=1e-5)
    assert policy.adapted  # saving leaves it as it was
    names = {path.name for path in (tmp_path / "adapter").iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json"} <= names


def test_a_seed_makes_the_same_adapter(tiny_model):
    one, two, other = (adapted(tiny_model, moved=False, seed=seed).trainable() for seed in (3, 3, 4))
    name = next(name for name in one if "lora_A" in name)
    assert torch.equal(one[name], two[name])
    assert not torch.equal(one[name], other[name])


def test_targets_that_match_nothing_and_adapters_of_other_shapes_are_sentences(tiny_model, tmp_path):
    with pytest.raises(
        ValueError, match=r"lora.targets: no linear layer of the model is called q_prj; there are down_"
    ):
        adapted(tiny_model, targets=("q_proj", "q_prj"))
    adapted(tiny_model).save_adapter(tmp_path / "adapter")
    for changes, words in (({"rank": 2}, "another rank"), ({"targets": ("q_proj",)}, "other targets")):
        policy = Policy.load(tiny_model)
        with pytest.raises(ValueError, match=words):
            policy.attach(**{**LORA, **changes}, start=Path(tmp_path / "adapter"))


def test_a_merged_model_is_saved_as_one_without_packed_weights_and_is_what_it_was_afterwards(tmp_path):
    """Of a base in 4 bits the adapter's folder says so, the merged model's does not."""
    policy = Policy(tiny("Qwen3"))
    policy.attach(4, 8.0, ["all-linear"], 0, base="base")
    policy.model.config.quantization_config = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    policy.save(tmp_path)
    assert "quantization_config" not in json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert policy.model.config.quantization_config["load_in_4bit"]
    assert policy.adapted
    again = Policy.load(tmp_path)
    assert not again.adapted
