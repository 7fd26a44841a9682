import math
import weakref
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from tiny import VOCABULARY, reference_logprobs, tiny
from transformers import GenerationConfig

from redone.model.policy import Policy
from redone.model.trees import pack
from redone.model.trial import Path
from redone.sample import local
from redone.sample import ordinary as padding
from redone.sample.local import TreeSampler, make_sampler, sample
from redone.sample.ordinary import OrdinarySampler
from redone.sample.protocol import Request

LENGTHS = (5, 11, 1, 17, 8, 3, 13)
BUDGETS = (20, 3, 25, 1, 40, 12, 33)


def requests(lengths=LENGTHS, budgets=BUDGETS, seed=0):
    random = torch.Generator().manual_seed(seed)
    prompts = [tuple(torch.randint(0, VOCABULARY, (n,), generator=random).tolist()) for n in lengths]
    return [Request(key, prompt, budget) for key, (prompt, budget) in enumerate(zip(prompts, budgets))]


def make(policy, *, seed=0, eos_ids=(), **settings):
    """A sampler of tokens alone: of an encoder it needs no more than the end tokens."""
    return make_sampler(policy, SimpleNamespace(eos_ids=frozenset(eos_ids)), seeds=lambda version: seed, **settings)


def ordinary(policy, **settings):
    return make(policy, packed=False, **settings)


def tree(policy, **settings):
    return make(policy, packed=True, **settings)


def finish(sampler, *waves, steps_between=0):
    """key -> answers of every request, the waves admitted a few steps apart."""
    done = []
    for wave in waves:
        sampler.admit(wave)
        for _ in range(steps_between):
            done += sampler.step()
    while sampler.in_flight:
        done += sampler.step()
    assert len(done) == sum(map(len, waves))
    return {request.key: answers for request, answers in done}


def greedy_of_transformers(model, request, eos):
    """The tokens that `model.generate` picks for one prompt alone."""
    settings = GenerationConfig(
        max_new_tokens=request.budget, do_sample=False, eos_token_id=sorted(eos) or None, pad_token_id=0
    )
    ids = torch.tensor([request.prompt])
    out = model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=settings)
    return tuple(out[0, len(request.prompt) :].tolist())


def a_common_end(model):
    """Two tokens at which greedy answers end early, late and not at all."""
    texts = [greedy_of_transformers(model, request, ()) for request in requests()]
    counts = Counter(token for text in texts for token in set(text))
    return [token for token, _ in counts.most_common(2)]


@pytest.mark.parametrize("kind", ["Qwen3", "Llama", "GPT2"])
def test_greedy_tree_decoding_equals_generate_for_prompts_admitted_at_different_times(kind):
    policy = Policy(tiny(kind))
    eos = a_common_end(policy.model)
    expected = [greedy_of_transformers(policy.model, request, eos) for request in requests()]
    lengths = [len(text) for text, budget in zip(expected, BUDGETS) if text[-1] in eos]
    assert len(set(lengths)) >= 3, "ends at different times"
    assert any(text[-1] not in eos for text in expected), "cut off by the budget"
    sampler = make(policy, group=1, temperature=0.0, seed=0, eos_ids=eos)
    assert isinstance(sampler, TreeSampler)
    mine = requests()
    found = finish(sampler, mine[:2], mine[2:3], mine[3:], steps_between=2)
    for request, text in zip(mine, expected):
        [answer] = found[request.key]
        assert answer.tokens == text
        assert answer.finished == (text[-1] in eos)


def test_a_prompt_takes_the_slot_of_one_that_is_answered_and_no_other_is_moved():
    policy = Policy(tiny("Qwen3"))
    waiting = requests((11, 5, 3, 8, 10, 7), (20, 2, 20, 3, 2, 20))
    sampler = tree(policy, group=1, temperature=0.0)
    sampler.admit(waiting[:3])
    waiting, done, taken = waiting[3:], [], 0
    while sampler.in_flight:
        if waiting and sampler.in_flight == 2:
            [place, *_] = [pair[0].data_ptr() for pair in sampler.own.values()]
            sampler.admit([waiting.pop(0)])
            assert place == next(iter(sampler.own.values()))[0].data_ptr()
            assert len(sampler.requests) == 3
            taken += 1
        done += sampler.step()
    assert taken == 3
    for request, answers in done:
        assert answers[0].tokens == greedy_of_transformers(policy.model, request, ())


def test_most_slots_are_given_up_when_most_are_free():
    sampler = tree(Policy(tiny("Qwen3")), group=2, temperature=0.0)
    sampler.admit(requests((5, 11, 3, 8), (2, 9, 2, 2)))
    sampler.step()
    assert [request and request.key for request in sampler.requests] == [None, 1, None, None]
    sampler.step()
    assert [request and request.key for request in sampler.requests] == [1]
    assert {states.shape[0] for pair in sampler.own.values() for states in pair} == {1}
    assert len([*complete(sampler, [])]) == 1
    assert not sampler.own
    assert not sampler.prompts


def test_greedy_answers_of_a_group_are_all_the_same():
    policy = Policy(tiny("Qwen3"))
    found = finish(make(policy, group=3, temperature=0.0, seed=0, eos_ids=[1]), requests())
    assert all(len({answer.tokens for answer in answers}) == 1 for answers in found.values())


@pytest.mark.parametrize("packed", [True, False])
def test_sampled_log_probabilities_are_those_of_the_trainer(packed):
    policy = Policy(tiny("Qwen3"))
    mine = requests()
    sampler = make(policy, group=4, temperature=0.7, seed=3, eos_ids=[1, 2, 3], packed=packed)
    found = finish(sampler, mine[:3], mine[3:], steps_between=3)
    trees = [(request.prompt, [answer.tokens for answer in found[request.key]]) for request in mine]
    expected, _ = policy.token_logprobs(pack(trees), 0.7)
    ours = torch.tensor([p for request in mine for answer in found[request.key] for p in answer.logprobs])
    assert (ours - expected).abs().max() < 1e-4
    assert any(answer.finished for answers in found.values() for answer in answers)


def test_a_model_that_padding_changes_samples_prompts_of_different_lengths_apart():
    """Recurrent layers remember padding that no mask hides."""
    policy = Policy(tiny("RecurrentGemma", attention_window_size=32, lru_width=32, num_hidden_layers=3), context=64)
    mine = requests((5, 11, 5, 17, 11), (20, 3, 25, 1, 12))
    found = finish(make(policy, group=2, temperature=0.7, seed=3, eos_ids=[1, 2, 3]), mine)
    trees = [(request.prompt, [answer.tokens for answer in found[request.key]]) for request in mine]
    ours = torch.tensor([p for request in mine for answer in found[request.key] for p in answer.logprobs])
    assert (ours - reference_logprobs(policy.model, trees, 0.7)).abs().max() < 1e-4
    policy.pads = True
    found = finish(make(policy, group=2, temperature=0.7, seed=3, eos_ids=[1, 2, 3]), mine)
    trees = [(request.prompt, [answer.tokens for answer in found[request.key]]) for request in mine]
    ours = torch.tensor([p for request in mine for answer in found[request.key] for p in answer.logprobs])
    assert (ours - reference_logprobs(policy.model, trees, 0.7)).abs().max() > 0.1


@pytest.mark.parametrize("packed", [True, False])
def test_answers_follow_the_models_distribution(packed):
    """Chi-square over the 144 pairs of two sampled tokens, against exact probabilities; the seed is fixed.

    Cells with an expectation below 5 are counted as one. The bound is the mean of the distribution plus four
    standard deviations: df + 4 sqrt(2 df).
    """
    policy = Policy(tiny("Qwen3", vocab_size=12, initializer_range=0.1))
    prompt, count, temperature = (3, 1, 4), 4000, 1.3
    sampler = make(policy, group=count, temperature=temperature, seed=0, eos_ids=[], packed=packed)
    [(_, answers)] = [*complete(sampler, [Request(0, prompt, 2)])]
    pairs = [(a, b) for a in range(12) for b in range(12)]
    trees = [(list(prompt), [list(pair) for pair in pairs])]
    with torch.no_grad():
        chances = reference_logprobs(policy.model, trees, temperature).view(-1, 2).sum(1).exp().tolist()
    seen = Counter(answer.tokens for answer in answers)
    cells = [(seen[pair], count * chance) for pair, chance in zip(pairs, chances)]
    large = [(found, expected) for found, expected in cells if expected >= 5]
    rest = [(found, expected) for found, expected in cells if expected < 5]
    large.append((sum(found for found, _ in rest), sum(expected for _, expected in rest) + 1e-9))
    chi_square = sum((found - expected) ** 2 / expected for found, expected in large)
    freedom = len(large) - 1
    assert freedom > 30
    assert chi_square < freedom + 4 * math.sqrt(2 * freedom)


def complete(sampler, wave):
    sampler.admit(wave)
    while sampler.in_flight:
        yield from sampler.step()


def test_tokens_are_drawn_in_proportion_to_their_probability_and_never_without_one():
    """100,000 draws: a token of probability p is seen within five standard deviations of p."""
    probs = torch.tensor([0.0, 0.5, 0.0, 0.3, 0.1999, 1e-4, 0.0])
    rows = 100_000
    tokens, logprobs = sample(probs.log().expand(rows, -1), 1.0, torch.Generator().manual_seed(0))
    share = torch.bincount(tokens, minlength=7) / rows
    assert (share[probs == 0] == 0).all()
    assert ((share - probs).abs() <= 5 * (probs * (1 - probs) / rows).sqrt()).all()
    assert torch.allclose(logprobs.exp(), probs[tokens], rtol=1e-5)


@pytest.mark.parametrize("packed", [True, False])
def test_the_same_seed_gives_the_same_answers_and_another_seed_others(packed):
    policy = Policy(tiny("Qwen3"))

    def run(seed):
        return finish(make(policy, group=2, temperature=1.0, seed=seed, eos_ids=[1], packed=packed), requests())

    assert run(0) == run(0)
    assert run(0) != run(1)


def test_sampling_leaves_the_global_random_state_alone():
    policy = Policy(tiny("Qwen3"))
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    for packed in (True, False):
        finish(make(policy, group=2, temperature=1.0, seed=0, eos_ids=[1], packed=packed), requests())
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("kind", ["Qwen3", "GPTNeo"])
def test_the_ordinary_sampler_picks_greedily_what_the_other_picks_or_generate_alone(kind):
    policy = Policy(tiny(kind))
    eos = a_common_end(policy.model)
    found = finish(ordinary(policy, group=1, temperature=0.0, seed=0, eos_ids=eos), requests())
    if policy.packed:
        assert {key: answers[0].tokens for key, answers in found.items()} == {
            key: answers[0].tokens
            for key, answers in finish(tree(policy, group=1, temperature=0.0, seed=0, eos_ids=eos), requests()).items()
        }
    for request in requests():
        assert found[request.key][0].tokens == greedy_of_transformers(policy.model, request, eos)


def test_models_that_are_not_served_get_the_ordinary_sampler():
    sampler = make(Policy(tiny("GPTNeo")), group=1, temperature=0.0, seed=0, eos_ids=[])
    assert isinstance(sampler, OrdinarySampler)


def test_the_ordinary_sampler_ignores_what_the_models_folder_says_about_sampling():
    """A repetition penalty or top-k in generation_config.json would sample from another policy than is trained."""
    policy = Policy(tiny("Qwen3"))
    plain = finish(ordinary(policy, group=2, temperature=1.0, seed=0, eos_ids=[1]), requests())
    policy.model.generation_config.update(
        do_sample=True, top_k=2, top_p=0.5, temperature=0.3, repetition_penalty=3.0, suppress_tokens=[5, 6, 7]
    )
    assert finish(ordinary(policy, group=2, temperature=1.0, seed=0, eos_ids=[1]), requests()) == plain
    assert policy.model.generation_config.top_k == 2, "and puts it back"


def test_answers_come_back_while_others_are_still_being_written():
    """One prompt of four with a budget of 2, the others of 9: it need not wait for them."""
    policy = Policy(tiny("Qwen3"))
    sampler = make(policy, group=2, temperature=1.0, seed=0, eos_ids=[])
    sampler.admit(requests((3, 3, 3, 3), (9, 2, 9, 9)))
    assert sampler.in_flight == 4
    [(request, answers)] = [done for _ in range(3) for done in sampler.step()]
    assert (request.key, [len(answer.tokens) for answer in answers]) == (1, [2, 2])
    assert sampler.in_flight == 3


def test_a_budget_of_one_token_needs_no_decoding_step():
    policy = Policy(tiny("Qwen3"))
    sampler = make(policy, group=2, temperature=1.0, seed=0, eos_ids=[])
    sampler.admit(requests((3, 4), (1, 1)))
    assert [len(answer.tokens) for _, answers in sampler.step() for answer in answers] == [1, 1, 1, 1]
    assert sampler.in_flight == 0


def test_every_prompt_runs_through_the_model_once_and_every_sampled_token_at_most_once():
    policy = Policy(tiny("Qwen3"))
    seen = []
    policy.model.get_input_embeddings().register_forward_hook(lambda module, inputs, _: seen.append(inputs[0].numel()))
    found = finish(make(policy, group=4, temperature=1.0, seed=0, eos_ids=[1, 2, 3]), requests())
    lengths = [len(answer.tokens) for answers in found.values() for answer in answers]
    assert sum(seen) == sum(LENGTHS) + sum(lengths) - len(lengths)


@pytest.mark.parametrize("packed", [True, False])
def test_an_answer_that_may_stop_ends_at_the_next_look_and_not_before(packed):
    """The looks are after 16 and 32 tokens; request 0 may stop from 7 tokens on, request 4 from 17, others never."""
    policy = Policy(tiny("Qwen3"))
    settings = {"group": 1, "temperature": 0.0, "seed": 0, "eos_ids": [], "packed": packed}
    free = finish(make(policy, **settings), requests())
    least = {0: 7, 4: 17}
    stopping = [
        replace(r, may_stop=lambda tokens, n=least[r.key]: len(tokens) >= n) if r.key in least else r
        for r in requests()
    ]
    found = finish(make(policy, **settings), stopping)
    lengths = dict(zip(range(7), BUDGETS)) | {0: 16, 4: 32}
    for key, [answer] in found.items():
        assert answer.tokens == free[key][0].tokens[: lengths[key]]
        assert len(answer.tokens) == len(answer.logprobs) == lengths[key]
        assert not answer.finished


@pytest.mark.parametrize("packed", [True, False])
def test_a_sampler_that_loads_a_version_samples_with_its_weights_and_its_seed_as_a_new_one_would(packed):
    """Twice version 2 is the same; version 3 has another seed; other weights answer otherwise at the same version."""
    settings = {"group": 2, "temperature": 1.0, "rows": 8, "packed": packed}
    encoder = SimpleNamespace(eos_ids=frozenset([1]))

    def new(policy):
        return make_sampler(policy, encoder, seeds=lambda version: 10 + version, **settings)

    policy, other = Policy(tiny("Qwen3")), Policy(tiny("Qwen3", seed=1))
    sampler = new(policy)
    found = {}
    for name, version in (("first", 2), ("again", 2), ("next", 3)):
        sampler.load(policy, version)
        assert sampler.version == version
        found[name] = finish(sampler, requests())
    assert found["first"] == found["again"] != found["next"]
    policy.load_weights(dict(other.trainable()))
    sampler.load(policy, 2)
    fresh = new(other)
    fresh.load(other, 2)
    assert finish(sampler, requests()) == finish(fresh, requests()) != found["first"]


@pytest.mark.parametrize("packed", [True, False])
def test_weights_are_not_exchanged_under_answers_in_flight(packed):
    policy = Policy(tiny("Qwen3"))
    sampler = make(policy, group=1, temperature=1.0, packed=packed)
    sampler.admit(requests())
    with pytest.raises(AssertionError, match="in flight"):
        sampler.load(policy, 1)


@pytest.mark.parametrize("packed", [True, False])
def test_weights_before_go_before_those_that_take_their_place_are_made(monkeypatch, packed):
    policy = Policy(tiny("Qwen3"), path=Path(packed=packed), dtype="mixed")
    sampler = make(policy, group=2, temperature=1.0)
    name = "weights" if packed else "copies"
    [kept, *_] = (weakref.ref(copy) for _, copy in getattr(sampler, name))
    copies = policy.copies
    there = []

    def made():
        there.append(("made", kept()))
        return copies()

    monkeypatch.setattr(policy, "copies", made)
    monkeypatch.setattr(local if packed else padding, "give_back", lambda: there.append(("given back", kept())))
    sampler.load(policy, 1)
    assert there == [("given back", None), ("made", None)]
    assert getattr(sampler, name)
