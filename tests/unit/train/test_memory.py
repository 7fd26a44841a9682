"""Bytes are counted by running a step's own code on tensors without contents."""

import gc
from itertools import product
from pathlib import Path

import pytest
import torch
import transformers
from tiny import tiny

from redone.model.policy import Policy
from redone.model.trees import pack
from redone.model.trial import Path as Path_
from redone.train.memory import Meter, imagined

TREES = [([1] * 40, [[2] * 6] * 4), ([1] * 30, [[2] * 8] * 4), ([1] * 9, [[2] * 3] * 4)]
GEMMA = {"hidden_size_per_layer_input": 0, "global_head_dim": 16, "sliding_window": 8}
SLOW = pytest.mark.slow
LORA = {"rank": 4, "alpha": 8.0, "targets": ["all-linear"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model")
    Policy(tiny("Qwen3", hidden_size=64, num_hidden_layers=3)).save(path)
    return path


def test_what_lives_is_counted_once_and_what_is_freed_no_more():
    there = torch.zeros(100)
    with Meter([there]) as meter:
        view = there[10:]
        made = there + 1
        assert meter.live == 400
        other = made.view(10, 10)[2:]
        twice = made * other.sum()
        del made, other
        gc.collect()
        assert meter.live == 400
        assert meter.most >= 800
        del twice
    assert view.shape == (90,)
    assert meter.live == 0


def really(folder, dtype, adapter, again):
    """The most that lives in a pass, of a model that is there."""
    policy = Policy.load(folder, dtype)
    if adapter:
        policy.attach(**adapter, seed=0, base="")
    policy.recompute = again
    with Meter([*policy.model.parameters(), *policy.model.buffers()]) as meter:
        policy.token_logprobs(pack(TREES))[0].sum().backward()
    return meter.most, policy


@pytest.mark.parametrize(
    ("dtype", "adapter", "again"),
    [
        ("float32", None, False),
        ("mixed", LORA, True),
        *(pytest.param(*way, marks=SLOW) for way in product(("float32", "mixed"), (None, LORA), (False, True))),
    ],
)
def test_without_contents_a_pass_takes_what_it_takes_with_them(folder, dtype, adapter, again):
    most, policy = really(folder, dtype, adapter, again)
    with imagined(folder, dtype, 64, adapter=adapter, again=again) as model:
        found = model.updating(TREES, 10_000)
        assert model.policy.by_hand == policy.by_hand
        trained = sum(p.numel() for p in policy.trainable().values())
        assert model.held == (sum(p.nbytes for p in policy.model.parameters()), 8 * trained, 4 * trained)
    assert found["gradients"] == 4 * trained
    assert sum(found.values()) == pytest.approx(most, rel=0.02)


def test_more_tokens_take_more_and_running_layers_again_less(folder):
    def activations(tokens=10_000, again=False):
        with imagined(folder, "float32", 64, again=again) as model:
            return model.updating(TREES, tokens)["activations"]

    assert activations(60) < activations()
    assert activations(again=True) < 0.7 * activations()


def test_keys_and_values_are_those_of_the_sampler_and_less_in_bfloat16(folder):
    """By hand: 2 x 3 layers x 2 heads x 8 numbers a token; the prompts once, each answer's room doubled to 32."""
    found = {}
    for dtype in ("float32", "mixed"):
        with imagined(folder, dtype, 64) as model:
            found[dtype] = model.answering([(20, 17), (10, 3)], group=4, rows=8)
    assert found["float32"]["keys and values"] == 2 * (20 + 4 * 32) * (2 * 3 * 2 * 8) * 4
    assert 2 * found["mixed"]["keys and values"] == found["float32"]["keys and values"]
    assert found["mixed"]["copies"] < found["float32"]["copies"]


@pytest.mark.parametrize(
    ("kind", "changes", "packed"),
    [
        ("GPT2", {}, True),
        pytest.param("OPT", {}, True, marks=SLOW),
        pytest.param("Mixtral", {"num_local_experts": 4}, True, marks=SLOW),
        ("Mistral", {"sliding_window": 8}, False),
        pytest.param("GPTNeo", {}, False, marks=SLOW),
        pytest.param("FalconMamba", {"time_step_rank": 4}, False, marks=SLOW),
        pytest.param(
            "Gemma4Text",
            {"hidden_size_per_layer_input": 0, "global_head_dim": 16, "sliding_window": 8},
            False,
            marks=pytest.mark.slow,
        ),
    ],
)
def test_models_of_every_path_are_counted(tmp_path, kind, changes, packed):
    Policy(tiny(kind, **changes), path=Path_(packed=packed)).save(tmp_path)
    with imagined(tmp_path, "float32", 64) as model:
        assert (model.policy.packed, model.policy.by_hand) == (packed, False)
        found = model.updating(TREES, 10_000)
        sampled = model.answering([(20, 17), (10, 3)], group=4, rows=8)
    policy = Policy.load(tmp_path)
    with Meter([*policy.model.parameters(), *policy.model.buffers()]) as meter:
        policy.token_logprobs(pack(TREES))[0].sum().backward()
    assert policy.packed == packed
    assert sum(found.values()) == pytest.approx(meter.most, rel=0.05)
    assert sampled["keys and values"] > 0


def test_a_model_that_sees_is_counted_whole(tmp_path):
    text = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "vocab_size": 40,
    }
    sight = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.LlavaConfig(
        text_config={**text, "model_type": "llama"},
        vision_config={**sight, "model_type": "clip_vision_model", "image_size": 28, "patch_size": 14},
        image_token_index=39,
    )
    model = transformers.LlavaForConditionalGeneration(config)
    model.save_pretrained(tmp_path)
    with imagined(tmp_path, "float32", 64) as found:
        assert found.held.weights == sum(p.nbytes for p in model.parameters())
        assert found.policy.packed
        assert found.updating(TREES, 10_000)["activations"] > 0


def test_nothing_is_loaded(folder, monkeypatch):
    (folder / "model.safetensors").rename(folder / "gone")
    try:
        with imagined(folder, "float32", 64) as model:
            assert model.updating(TREES, 100)["activations"] > 0
    finally:
        (folder / "gone").rename(folder / "model.safetensors")
