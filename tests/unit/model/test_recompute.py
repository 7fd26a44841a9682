"""Layers that run again in the backward pass give the same gradient, and keep less."""

import pytest
import torch
from tiny import gradient, relative, some_trees, tiny

from redone.model import attention, llama, recompute
from redone.model.policy import Policy
from redone.model.trees import pack


def loss_and_gradient(policy, packed=None):
    logprobs, _ = policy.token_logprobs(pack(some_trees()), packed=packed)
    loss = (logprobs * torch.linspace(-1, 1, len(logprobs))).sum()
    return loss, gradient(policy.model, loss)


@pytest.mark.parametrize(
    ("kind", "packed", "by_hand"),
    [("Qwen3", True, True), ("Qwen3", True, False), ("GPT2", True, False), ("Mistral", False, False)],
)
def test_the_gradient_is_the_same_and_every_layer_runs_twice(kind, packed, by_hand, monkeypatch):
    policy = Policy(tiny(kind))
    policy.by_hand = by_hand
    runs = []
    module, name = (llama, "attend") if by_hand else (attention, "attend")
    real = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *given, **more: runs.append(1) or real(*given, **more))
    once = loss_and_gradient(policy, packed)
    first = len(runs)
    policy.recompute = True
    again = loss_and_gradient(policy, packed)
    assert torch.equal(once[0], again[0])
    assert relative(again[1], once[1]) < 1e-6
    assert len(runs) == (3 * first if packed else 0)  # attention ran `first` times, then twice that


def test_attention_is_that_of_trees_when_a_layer_runs_again_and_the_models_own_afterwards():
    policy = Policy(tiny("Qwen3"))
    policy.by_hand, policy.recompute = False, True
    before = policy.model.config._attn_implementation
    ordinary = Policy(policy.model)
    ordinary.recompute = False
    assert relative(loss_and_gradient(policy, True)[1], loss_and_gradient(ordinary, False)[1]) < 1e-5
    assert policy.model.config._attn_implementation == before
    assert all("forward" not in vars(layer) for layer in recompute.layers_of(policy.model))


@pytest.mark.parametrize("by_hand", [True, False])
def test_less_is_kept_for_the_backward_pass(by_hand):
    policy = Policy(tiny("Qwen3", num_hidden_layers=4))
    policy.by_hand = by_hand

    def kept():
        sizes = {}

        def pack_(saved):
            sizes[saved.untyped_storage().data_ptr()] = saved.untyped_storage().nbytes()
            return saved

        with torch.autograd.graph.saved_tensors_hooks(pack_, lambda saved: saved):
            policy.token_logprobs(pack(some_trees()))
        return sum(sizes.values())

    whole = kept()
    policy.recompute = True
    assert kept() < 0.6 * whole


def test_without_gradients_nothing_is_set_up_to_run_again(monkeypatch):
    policy = Policy(tiny("Qwen3"))
    policy.recompute = True
    asked = []
    monkeypatch.setattr(llama, "recomputed", lambda *given, **more: asked.append(given))
    monkeypatch.setattr(recompute, "recomputed", lambda *given, **more: asked.append(given))
    with torch.no_grad():
        for policy.by_hand in (True, False):
            policy.token_logprobs(pack(some_trees()))
    assert not asked


def test_an_adapter_learns_with_it_too():
    policy = Policy(tiny("Qwen3"))
    policy.attach(4, 8.0, ["all-linear"], 0, base="base")
    for weight in policy.trainable().values():
        torch.nn.init.normal_(weight, std=0.1, generator=torch.Generator().manual_seed(0))
    for by_hand in (True, False):
        policy.by_hand = by_hand
        found = []
        for again in (False, True):
            policy.recompute = again
            logprobs, _ = policy.token_logprobs(pack(some_trees()))
            found.append(
                torch.cat([g.flatten() for g in torch.autograd.grad(logprobs.sum(), [*policy.trainable().values()])])
            )
        assert relative(found[1], found[0]) < 1e-6


def test_a_model_without_such_layers_is_said():
    with pytest.raises(ValueError, match="no layers that can be run again"):
        recompute.layers_of(torch.nn.Linear(2, 2))
