"""Likelihoods and divergences against transformers' own loss and the plainest loop in float64."""

import pytest
import torch
from tiny import VOCABULARY, some_trees, tiny

from redone.data.encode import Passage
from redone.model import policy as module
from redone.model.likelihood import divergences, nats
from redone.model.policy import Policy
from redone.model.trees import pack

PASSAGES = [
    Passage(f"{i}/{j}", tuple(prompt), tuple(answer))
    for i, (prompt, answers) in enumerate(some_trees())
    for j, answer in enumerate(answers)
]
KINDS = ["Qwen3", "GPT2", "GPTNeo"]  # by hand, through transformers, and with every prompt repeated


@pytest.fixture(params=["whole", "in chunks"])
def chunked(request, monkeypatch):
    if request.param == "in chunks":
        monkeypatch.setattr(module, "_CHUNK", 3 * VOCABULARY)


def slow_divergence(base, model, passage):
    """Over every place and the whole vocabulary, one sequence alone, in float64."""
    ids = torch.tensor([[*passage.before, *passage.tokens]])
    with torch.no_grad():
        p, q = (m.model.double()(ids).logits[0, len(passage.before) - 1 : -1].softmax(-1) for m in (base, model))
    for m in (base, model):
        m.model.float()
    return float(sum(p[t, v] * (p[t, v] / q[t, v]).log() for t in range(len(p)) for v in range(VOCABULARY)))


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_text_costs_is_the_loss_of_transformers(kind, chunked):
    policy = Policy(tiny(kind))
    advanced = []
    found = nats(policy, PASSAGES, 40, advanced.append)
    assert sum(advanced) == len(PASSAGES)
    for passage, value in zip(PASSAGES, found):
        ids = torch.tensor([[*passage.before, *passage.tokens]])
        labels = ids.clone()
        labels[0, : len(passage.before)] = -100
        with torch.no_grad():
            loss = policy.model(input_ids=ids, labels=labels).loss
        assert value == pytest.approx(float(loss) * len(passage.tokens), rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_divergence_is_that_of_the_whole_vocabulary_at_every_token(kind, chunked):
    base, policy = Policy(tiny(kind)), Policy(tiny(kind, seed=1))
    found = divergences(base, policy, PASSAGES, 40, lambda n: None)
    expected = [slow_divergence(base, policy, passage) for passage in PASSAGES]
    assert found == pytest.approx(expected, rel=1e-4)
    other_way = divergences(policy, base, PASSAGES, 40, lambda n: None)
    assert other_way != pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_has_no_divergence_from_itself(kind):
    policy = Policy(tiny(kind))
    assert divergences(policy, policy, PASSAGES, 40, lambda n: None) == [0.0] * len(PASSAGES)


def test_models_of_two_paths_are_compared_on_the_one_that_both_have():
    base, policy = Policy(tiny("Qwen3")), Policy(tiny("Qwen3", seed=1))
    expected = divergences(base, policy, PASSAGES, 40, lambda n: None)
    base.packed = False
    assert divergences(base, policy, PASSAGES, 40, lambda n: None) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("packed", [True, False])
def test_never_more_logits_are_held_than_a_chunk_has(packed, monkeypatch):
    monkeypatch.setattr(module, "_CHUNK", 4 * VOCABULARY)
    policy = Policy(tiny("Qwen3"))
    batch = pack([(p.before, [p.tokens]) for p in PASSAGES])
    chunks = [len(some) for some in policy.logits(batch, packed)]
    assert sum(chunks) == sum(len(p.tokens) for p in PASSAGES)
    assert max(chunks) <= (4 if packed else max(len(p.tokens) for p in PASSAGES))
