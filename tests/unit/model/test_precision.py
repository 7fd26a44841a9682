"""Products in bfloat16 over float32 weights: as exact as they can be, the same in both samplers, and able to learn."""

import pytest
import torch
import transformers
from test_policy import objective
from tiny import gradient, relative, some_trees, tiny

from redone.model import precision, products
from redone.model.learner import Learner, adamw
from redone.model.policy import Policy
from redone.model.trees import pack
from redone.sample.local import make_sampler
from redone.sample.protocol import Request

# by hand, through transformers' modules, and by the ordinary path
KINDS = [("Qwen3", {}, "hand"), ("Llama", {}, "hand"), ("Qwen2", {}, "hand"), ("Qwen3", {}, "modules")]
KINDS += [("GPT2", {}, "modules"), ("Llama", {"attention_bias": True}, "modules"), ("Mixtral", {}, "modules")]
KINDS += [("Mistral", {"sliding_window": 8}, "ordinary"), ("Qwen3", {}, "ordinary")]


class Endless:
    eos_ids = ()


def made(kind, changes, path, dtype="mixed"):
    policy = Policy(tiny(kind, **changes))
    policy.compute_in(dtype)
    policy.by_hand = policy.by_hand and path == "hand"
    policy.packed = policy.packed and path != "ordinary"
    assert (policy.packed, policy.by_hand) == (path != "ordinary", path == "hand")
    return policy


def answered(policy):
    """Answers of 20 tokens to every prompt, and the sampler's log-probabilities of them [400]."""
    sampler = make_sampler(policy, Endless(), group=4, temperature=1.0, seeds=lambda version: 3)
    sampler.admit([Request(i, tuple(prompt), 20) for i, (prompt, _) in enumerate(some_trees())])
    done = []
    while sampler.in_flight:
        done += sampler.step()
    done.sort(key=lambda completed: completed[0].key)
    trees = [(request.prompt, [answer.tokens for answer in answers]) for request, answers in done]
    return trees, torch.tensor([x for _, answers in done for answer in answers for x in answer.logprobs])


def scored(policy, trees):
    with torch.no_grad():
        return policy.token_logprobs(pack(trees))[0]


@pytest.mark.parametrize(("kind", "changes", "path"), KINDS)
def test_a_gradient_has_the_direction_and_length_of_that_in_float32(kind, changes, path):
    trees = some_trees()
    exact, mixed = made(kind, changes, path, "float32"), made(kind, changes, path)
    expected = gradient(exact.model, objective(exact.token_logprobs(pack(trees))[0], trees))
    found = gradient(mixed.model, objective(mixed.token_logprobs(pack(trees))[0], trees))
    assert found.dtype == torch.float32
    assert torch.cosine_similarity(found, expected, 0) > 0.996
    assert 0.005 < relative(found, expected) < 0.08  # below: nothing was rounded at all


@pytest.mark.parametrize(("kind", "changes", "path"), KINDS)
def test_sampler_and_update_round_alike(kind, changes, path):
    """And not where one of them computes in float32: these models' weights are far larger than those of real ones."""
    mixed, exact = made(kind, changes, path), made(kind, changes, path, "float32")
    trees, logprobs = answered(mixed)
    assert (logprobs - scored(mixed, trees)).abs().mean() < 0.006
    assert (logprobs - scored(exact, trees)).abs().mean() > 0.01
    trees, logprobs = answered(exact)
    assert (logprobs - scored(mixed, trees)).abs().mean() > 0.01


@pytest.mark.parametrize("path", ["hand", "modules", "ordinary"])
def test_weights_that_are_kept_rounded_give_the_same_numbers(path):
    mixed, rounded = made("Qwen3", {}, path), made("Qwen3", {}, path, "bfloat16")
    assert answered(mixed)[0] == answered(rounded)[0]
    assert torch.equal(answered(mixed)[1], answered(rounded)[1])
    assert torch.equal(scored(mixed, some_trees()), scored(rounded, some_trees()))


@pytest.mark.parametrize("path", ["hand", "modules", "ordinary"])
def test_a_sampler_takes_the_weights_as_they_are_when_they_are_loaded(path):
    policy = made("Qwen3", {}, path)
    sampler = make_sampler(policy, Endless(), group=1, temperature=1.0, seeds=lambda version: 3)

    def draw():
        sampler.admit([Request(0, (1, 2, 3), 8)])
        done = []
        while sampler.in_flight:
            done += sampler.step()
        return done[0][1][0]

    draw()
    assert all(weight.dtype == torch.float32 for weight in policy.model.parameters())  # what is trained
    with torch.no_grad():
        for weight in policy.model.parameters():
            weight.mul_(0.5)
    sampler.load(policy, 1)
    answer = draw()
    assert torch.allclose(torch.tensor(answer.logprobs), scored(policy, [((1, 2, 3), [answer.tokens])]), atol=0.03)


@pytest.mark.parametrize("path", ["hand", "modules", "ordinary"])
def test_logits_keep_the_digits_of_float32(path, monkeypatch):
    policy = made("Qwen3", {}, path)
    seen = []
    policy._read(pack(some_trees()), lambda logits: seen.append(logits) or (logits[:, 0],))
    logits = torch.cat(seen)
    assert (logits == logits.bfloat16()).float().mean() < 0.05


def test_keys_and_values_are_kept_in_bfloat16():
    for path in ("hand", "modules"):
        sampler = make_sampler(made("Qwen3", {}, path), Endless(), group=2, temperature=1.0, seeds=lambda version: 3)
        sampler.admit([Request(0, (1, 2, 3), 8)])
        sampler.step()
        assert {states.dtype for pair in (*sampler.prompts.values(), *sampler.own.values()) for states in pair} == {
            torch.bfloat16
        }
        assert sampler.policy.bytes_per_token == 2 * 2 * 2 * 8 * 2  # both, layers, heads, size, bytes


def test_steps_of_a_small_learning_rate_move_float32_weights_and_leave_bfloat16_where_they_are():
    policy, trees = made("Qwen3", {"initializer_range": 0.02}, "hand"), some_trees()
    learner = Learner(policy, learning_rate=5e-6, weight_decay=0.0)
    before = {name: weight.detach().clone() for name, weight in learner.weights.items()}
    coarse = {name: torch.nn.Parameter(weight.bfloat16()) for name, weight in before.items()}
    optimizer = adamw(coarse, 5e-6, 0.0)
    for _ in range(5):
        loss = -policy.token_logprobs(pack(trees))[0].mean()
        loss.backward()
        for name, weight in learner.weights.items():
            coarse[name].grad = weight.grad.bfloat16()
        optimizer.step()
        learner.step(5e-6, 1.0, loss.item())

    def moved(now, then):
        return sum(int((now[name] != then[name]).sum()) for name in now) / sum(w.numel() for w in then.values())

    assert moved(learner.weights, before) > 0.99
    assert moved(coarse, {name: weight.bfloat16() for name, weight in before.items()}) < 0.2


def test_what_is_kept_in_bfloat16_are_the_weights_of_linear_layers_alone():
    policy = made("Qwen3", {"tie_word_embeddings": True}, "modules", "bfloat16")
    kept = {name.split(".")[-2] for name, p in policy.model.named_parameters() if p.dtype == torch.bfloat16}
    assert kept == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


@pytest.mark.parametrize("dtype", ["mixed", "bfloat16"])
def test_an_adapter_in_float32_stands_beside_rounded_weights_and_not_in_them(dtype):
    """Added to them, what is less than half the distance between two of their numbers would be gone."""
    policy, exact = (made("Qwen3", {"initializer_range": 0.1}, "hand", kind) for kind in (dtype, "float32"))
    effects = []
    for one in (policy, exact):
        one.attach(rank=4, alpha=8.0, targets=("all-linear",), seed=0, base="base")
        before = scored(one, some_trees())
        with torch.no_grad():
            random = torch.Generator().manual_seed(1)
            for name, weight in one.trainable().items():
                assert weight.dtype == torch.float32
                weight.copy_(torch.randn(weight.shape, generator=random) * (0.3 if "lora_A" in name else 1e-3))
        effects.append(scored(one, some_trees()) - before)
    assert torch.cosine_similarity(*effects, 0) > 0.9
    assert exact.by_hand
    assert not policy.by_hand
    base = {name: weight.clone() for name, weight in policy.model.named_parameters() if not weight.requires_grad}
    learner = Learner(policy, learning_rate=1e-3, weight_decay=0.1)
    (loss := -policy.token_logprobs(pack(some_trees()))[0].mean()).backward()
    learner.step(1e-3, 1.0, loss.item())
    assert all(torch.equal(weight, base[n]) for n, weight in policy.model.named_parameters() if n in base)
    trees, logprobs = answered(policy)
    assert (logprobs - scored(policy, trees)).abs().mean() < 0.006


def test_auto_is_what_the_device_is_good_at(monkeypatch):
    for here, device, dtype in ((True, "cuda", "mixed"), (False, "cpu", "float32")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda here=here: here)
        assert precision.settle()[:2] == (device, dtype)
        assert precision.settle("cpu")[:2] == ("cpu", "float32")
        assert precision.settle("cpu", "mixed")[:2] == ("cpu", "mixed")
    with pytest.raises(ValueError, match='device = "cuda", but torch sees no such device'):
        precision.settle("cuda")
    with pytest.raises(ValueError, match='"4bit" needs a CUDA device'):
        precision.settle("auto", "4bit")


def test_a_processor_without_instructions_for_bfloat16_is_said_to_be_slow(monkeypatch):
    for said, slow in (("fpu avx512f avx512_bf16", False), ("fpu amx_bf16", False), ("fpu avx512f", True)):
        monkeypatch.setattr(products, "_said", lambda key, said=said: said if key == "flags" else "")
        assert ("slow" in precision.Machine("cpu", "mixed", "").line) == slow
        assert "slow" not in precision.Machine("cpu", "float32", "").line
        assert "slow" not in precision.Machine("cuda", "mixed", "").line


def test_weights_that_are_no_numbers_are_named(tmp_path):
    model = tiny("Qwen3")
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[3, 4] = float("nan")
        model.model.norm.weight[0] = float("inf")
    model.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"2 weights hold NaN or infinite numbers, first model.layers.1.mlp.up_proj"):
        Policy.load(tmp_path)


def test_a_device_never_holds_in_float32_what_is_rounded(tmp_path, monkeypatch):
    """What moves is rounded already, but for embedding, norms and head, and is served as it was."""
    Policy(tiny("Qwen3")).save(tmp_path)
    real, moved = torch.nn.Module.to, []

    def to(module, *given, **more):
        if isinstance(module, transformers.PreTrainedModel):
            moved.append({name: p.dtype for name, p in module.named_parameters()})
        return real(module, *given, **more)

    monkeypatch.setattr(torch.nn.Module, "to", to)
    policy = Policy.load(tmp_path, "bfloat16")
    assert policy.packed
    [dtypes] = moved
    assert {dtype for name, dtype in dtypes.items() if "_proj" in name} == {torch.bfloat16}
    assert {dtype for name, dtype in dtypes.items() if "_proj" not in name} == {torch.float32}


def test_weights_in_4_bits_are_asked_for_as_nf4_where_bitsandbytes_is_and_refused_where_it_is_not(
    tmp_path, monkeypatch
):
    tiny("Qwen3").save_pretrained(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(ValueError, match="needs bitsandbytes: pip install bitsandbytes"):
        precision.four_bit()
    asked = []

    class Loader:
        @staticmethod
        def from_pretrained(path, **more):
            asked.append(more)
            raise ValueError("not here")

    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    monkeypatch.setattr("redone.model.policy.AutoModelForCausalLM", Loader)
    with pytest.raises(ValueError, match="not here"):
        Policy.load(tmp_path, "4bit", "cuda")
    config = asked[0]["quantization_config"]
    assert asked[0]["device_map"] == "cuda"
    assert (config.load_in_4bit, config.bnb_4bit_quant_type, config.bnb_4bit_compute_dtype) == (
        True, "nf4", torch.bfloat16
    )  # fmt: skip
