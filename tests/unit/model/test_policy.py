import pytest
import torch
from tiny import VOCABULARY, gradient, reference_logprobs, relative, some_trees, tiny

from redone.algo.dapo import dapo_loss, token_weights
from redone.model import policy as module
from redone.model.policy import Policy
from redone.model.trees import pack

BY_HAND = [("Qwen3", {}), ("Llama", {}), ("Qwen2", {}), ("Llama", {"num_hidden_layers": 1})]
THROUGH_TRANSFORMERS = [("GPT2", {}), ("Llama", {"attention_bias": True}), ("Llama", {"hidden_act": "gelu"})]
SERVED = [*((*model, True) for model in BY_HAND), *((*model, False) for model in [*BY_HAND, *THROUGH_TRANSFORMERS])]
UNSERVED = [("GPTNeo", {}), ("Mistral", {"sliding_window": 8}), ("Gemma2", {"sliding_window": 8})]


def objective(logprobs, trees):
    """The DAPO loss of an off-policy step on these trees, with advantages of both signs."""
    lengths = [len(answer) for _, answers in trees for answer in answers]
    owners = [i for i, (_, answers) in enumerate(trees) for _ in answers]
    random = torch.Generator().manual_seed(5)
    old = logprobs.detach() + 0.8 * torch.rand(len(logprobs), generator=random) - 0.4
    each = torch.randn(len(lengths), generator=random).repeat_interleave(torch.tensor(lengths))
    return dapo_loss(logprobs, old, each, token_weights(lengths, owners, "token"))[0]


@pytest.mark.parametrize(("kind", "changes", "by_hand"), SERVED)
def test_packed_log_probabilities_and_gradient_equal_those_of_repeated_prompts(kind, changes, by_hand, monkeypatch):
    trees = some_trees()
    if (kind, changes) in BY_HAND and not by_hand:
        monkeypatch.setattr(module.llama, "fits", lambda model: False)
    policy = Policy(tiny(kind, **changes))
    assert policy.packed, policy.note
    assert policy.by_hand == by_hand
    found, _ = policy.token_logprobs(pack(trees))
    expected = reference_logprobs(policy.model, trees)
    assert relative(found, expected) < 1e-5
    ours = gradient(policy.model, objective(found, trees))
    assert relative(ours, gradient(policy.model, objective(expected, trees))) < 1e-5


@pytest.mark.parametrize(("kind", "changes"), UNSERVED)
def test_any_other_model_says_why_and_trains_through_the_ordinary_path(kind, changes):
    trees = some_trees()
    policy = Policy(tiny(kind, **changes))
    assert not policy.packed
    assert policy.note.startswith(f"{kind}ForCausalLM: prompts are repeated for every answer")
    assert "\n" not in policy.note
    found, _ = policy.token_logprobs(pack(trees))
    expected = reference_logprobs(policy.model, trees)
    assert relative(found, expected) < 1e-5
    ours = gradient(policy.model, objective(found, trees))
    assert relative(ours, gradient(policy.model, objective(expected, trees))) < 1e-5


def test_the_packed_path_would_be_wrong_on_a_model_with_an_attention_of_its_own():
    """GPT-Neo looks its attention up nowhere: what the check at loading saves us from."""
    policy = Policy(tiny("GPTNeo"))
    trees = some_trees()[:2]
    found, _ = policy.token_logprobs(pack(trees), packed=True)
    assert (found - reference_logprobs(policy.model, trees)).abs().max() > 0.1


def test_a_sliding_window_as_wide_as_the_longest_text_is_no_obstacle():
    """Nor one that is a token narrower: a text's last token looks at nothing."""
    assert Policy(tiny("Mistral", sliding_window=30), context=31).packed
    note = Policy(tiny("Mistral", sliding_window=30), context=32).note
    assert "reaches back 30 tokens and texts may have 32" in note


def test_without_a_context_a_sliding_window_is_held_against_the_models_own_limit():
    assert Policy(tiny("Mistral", sliding_window=63)).packed
    assert not Policy(tiny("Mistral", sliding_window=62)).packed


def test_a_model_that_looks_like_llama_and_computes_something_else_goes_through_transformers():
    """Granite has Llama's parts and scales what passes between them; its own code knows, ours does not."""
    policy = Policy(tiny("Granite", residual_multiplier=0.5, embedding_multiplier=3.0))
    assert module.llama.fits(policy.model)
    assert policy.packed
    assert not policy.by_hand


def test_weights_are_read_anew_for_each_batch():
    policy, other = Policy(tiny("Qwen3")), tiny("Qwen3", seed=1)
    policy.token_logprobs(pack(some_trees()))
    policy.model.load_state_dict(other.state_dict())
    found, _ = policy.token_logprobs(pack(some_trees()))
    assert relative(found, reference_logprobs(other, some_trees())) < 1e-5


def test_a_model_whose_own_code_fails_on_the_packed_path_takes_the_ordinary_one():
    model = tiny("GPT2")
    forward = model.transformer.forward

    def fussy(input_ids=None, attention_mask=None, **keywords):
        if attention_mask is None:
            raise RuntimeError("no mask")
        return forward(input_ids=input_ids, attention_mask=attention_mask, **keywords)

    model.transformer.forward = fussy
    assert "RuntimeError: no mask" in Policy(model).note


def test_the_temperature_divides_the_logits_on_both_paths():
    policy = Policy(tiny("Qwen3"))
    expected = reference_logprobs(policy.model, some_trees(), temperature=0.6)
    for packed in (True, False):
        found, _ = policy.token_logprobs(pack(some_trees()), 0.6, packed=packed)
        assert relative(found, expected) < 1e-5


def test_entropy_is_that_of_the_whole_distribution_and_carries_no_gradient():
    policy = Policy(tiny("Qwen3"))
    prompt, answer = [3, 1, 4, 1, 5], [9, 2, 6]
    _, entropy = policy.token_logprobs(pack([(prompt, [answer])]), 0.7)
    logits = policy.model(torch.tensor([[*prompt, *answer]])).logits[0, 4:-1] / 0.7
    expected = torch.distributions.Categorical(logits=logits.detach()).entropy()
    assert torch.allclose(entropy, expected, atol=1e-5)
    assert not entropy.requires_grad


@pytest.mark.parametrize("packed", [True, False])
def test_scoring_in_chunks_changes_neither_value_nor_gradient(packed, monkeypatch):
    trees = some_trees()
    policy = Policy(tiny("Qwen3"))
    whole, entropies = policy.token_logprobs(pack(trees), packed=packed)
    whole_gradient = gradient(policy.model, objective(whole, trees))
    monkeypatch.setattr(module, "_CHUNK", 7 * VOCABULARY)  # 7 packed tokens; less than one sequence of 30
    found, entropies_found = policy.token_logprobs(pack(trees), packed=packed)
    assert torch.allclose(found, whole, atol=1e-5)
    assert torch.allclose(entropies_found, entropies, atol=1e-5)
    assert relative(gradient(policy.model, objective(found, trees)), whole_gradient) < 1e-5


def test_very_improbable_tokens_keep_a_finite_log_probability():
    """Probabilities of exp(-200) vanish in float32; their logarithm must not."""
    logits = torch.tensor([[0.0, -200.0, 3.0]], requires_grad=True)
    logprob, _ = module._from_logits(1.0, logits, torch.tensor([1]))
    logprob.sum().backward()
    assert logprob.item() == pytest.approx(-203.0486, abs=1e-3)  # log(1 + e^3) = 3.0486
    assert logits.grad[0].tolist() == pytest.approx([-0.04743, 1.0, -0.95257], abs=1e-4)


@pytest.mark.parametrize("kind", ["Qwen3", "GPTNeo"])
def test_the_tokens_forwarded_are_counted_as_the_model_sees_them(kind):
    policy = Policy(tiny(kind))
    batch = pack(some_trees())
    seen = []
    policy.model.get_input_embeddings().register_forward_hook(lambda module, inputs, _: seen.append(inputs[0].numel()))
    policy.token_logprobs(batch)
    assert sum(seen) == policy.num_forwarded(batch)


def test_a_policy_in_training_has_no_dropout():
    policy = Policy(tiny("GPT2", resid_pdrop=0.5, embd_pdrop=0.5, attn_pdrop=0.5))
    first, _ = policy.token_logprobs(pack(some_trees()))
    second, _ = policy.token_logprobs(pack(some_trees()))
    assert torch.equal(first, second)


def test_a_saved_policy_is_an_ordinary_hugging_face_folder(tmp_path):
    from transformers import AutoModelForCausalLM

    policy = Policy(tiny("Qwen3"))
    policy.save(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    ids = torch.tensor([[1, 2, 3]])
    assert torch.equal(model(ids).logits, policy.model(ids).logits)
    assert Policy.load(tmp_path).packed


@pytest.mark.parametrize("kind", ["Qwen3", "GPTNeo"])
def test_a_gradient_repeats_to_the_last_bit_with_several_threads(kind):
    """Many answers are predicted from one prompt's last position: enough for two threads to have a part each."""
    answers = torch.randint(0, VOCABULARY, (600, 2), generator=torch.Generator().manual_seed(3)).tolist()
    trees = [([1, 2, 3], answers)]
    policy = Policy(tiny(kind, hidden_size=128))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        first, *others = (
            gradient(policy.model, objective(policy.token_logprobs(pack(trees))[0], trees)) for _ in range(6)
        )
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(first, other) for other in others)
