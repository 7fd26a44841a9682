"""Prompts in, texts out: what a model is shown, in which order and how many at once, where answers end."""

from types import SimpleNamespace

import pytest
import torch
from tiny import tiny

from redone.data.encode import Encoder
from redone.model.policy import Policy
from redone.model.trial import Path
from redone.records import Prompt
from redone.sample import asking
from redone.sample.asking import cut_at, fitted, scheduled
from redone.sample.choosing import Chooser
from redone.sample.local import TreeSampler, make_sampler
from redone.sample.protocol import Request
from redone.sample.scripted import ScriptedSampler


@pytest.fixture
def encoder(make_tokenizer):
    return Encoder(make_tokenizer())


@pytest.fixture
def plain(make_tokenizer):
    return Encoder(make_tokenizer(template=None))


def prompt(key, text="is it ?", budget=12, **more):
    return Prompt(key, ({"role": "user", "content": text},), budget, **more)


def model(encoder, **changes):
    size = {"vocab_size": len(encoder.tokenizer), "max_position_embeddings": 256, **changes}
    return Policy(tiny("Qwen3", seed=2, **size))


def collected(asks, prompts):
    return {(text.key, text.sample): text for texts in asks.ask(prompts) for text in texts}


class Watched(ScriptedSampler):
    """Takes down what flies after every admission, in requests and in tokens, and the admissions themselves."""

    def __init__(self, group=1):
        super().__init__(lambda prompt, n: (0,) * 99, group=group)
        self.flying, self.waves = [], []

    def admit(self, requests):
        super().admit(requests)
        self.waves.append([request.key for request in requests])
        self.flying.append(sum(len(r.prompt) + self.group * r.budget for r in self.waiting))


def some(count, budget=lambda i: 5 + i % 7, length=lambda i: 1 + i % 4):
    return [Request(i, (0,) * length(i), budget(i)) for i in range(count)]


def run(sampler, requests, at_once, room=1 << 40, copies=1):
    settings = {"group": sampler.group, "at_once": at_once, "room": room, "copies": copies}
    return [request.key for done in scheduled(sampler, requests, **settings) for request, _ in done]


def test_requests_go_by_budget_then_length_then_place_and_join_when_half_are_done():
    """Budgets 3 and 9 in turns: the long ones first. Four at once; two more when two have come back."""
    sampler = Watched()
    requests = some(10, budget=lambda i: 9 if i % 2 else 3, length=lambda i: 5 - i // 2)
    found = run(sampler, requests, at_once=4)
    assert sampler.waves == [[9, 7, 5, 3], [1, 8], [6, 4], [2, 0]]
    assert sorted(found) == list(range(10))
    assert sampler.most == 4


def test_equal_requests_go_in_their_order():
    sampler = Watched()
    run(sampler, some(5, budget=lambda i: 2, length=lambda i: 2), at_once=2)
    assert [key for wave in sampler.waves for key in wave] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("copies", [1, 3])
def test_keys_and_values_stay_within_their_room_and_a_request_too_large_goes_alone(copies):
    sampler = Watched(group=3)
    requests = some(20)
    size = {r.key: copies * len(r.prompt) + 3 * r.budget for r in requests}
    flown = []
    admit = sampler.admit
    sampler.admit = lambda wave: (admit(wave), flown.append(sum(size[r.key] for r in sampler.waiting)))
    assert sorted(run(sampler, requests, at_once=64, room=150, copies=copies)) == list(range(20))
    assert 75 < max(flown) <= 150
    alone = Watched(group=3)
    run(alone, some(3), at_once=64, room=1)
    assert alone.most == 1


def test_no_more_is_admitted_while_more_than_half_the_room_is_taken():
    """Each takes 10 of 40: four fly; the next come when two are back, not when one is."""
    sampler = Watched()
    run(sampler, some(8, budget=lambda i: 9, length=lambda i: 1), at_once=64, room=40)
    assert [len(wave) for wave in sampler.waves] == [4, 2, 2]


def test_prompts_are_admitted_in_parts_of_bounded_length(monkeypatch):
    monkeypatch.setattr(asking, "_PREFILL", 10)
    sampler = Watched()
    run(sampler, some(6, budget=lambda i: 2, length=lambda i: 4), at_once=6)
    assert [len(wave) for wave in sampler.waves] == [2, 2, 2]


@pytest.mark.parametrize(("rows", "most"), [(8, 4), (6, 3), (1, 1), (1000, 20)])
def test_at_most_so_many_answers_are_decoded_at_once(encoder, rows, most):
    sampler = ScriptedSampler(lambda text, n: "yes", encoder, group=2, rows=rows)
    found = collected(sampler, [prompt(str(i)) for i in range(20)])
    assert len(found) == 40
    assert sampler.most == most


def test_the_room_on_a_cpu_is_that_of_two_gibibytes(encoder):
    """2 layers of 2 heads of 8 numbers of 4 bytes, for keys and values, are 256 bytes a token."""
    policy = model(encoder)
    assert policy.bytes_per_token == 256
    assert asking.cache_room(policy) == 2**23


def test_layers_unlike_each_other_are_added_up_and_a_model_without_heads_is_as_wide_as_it_is():
    same = {"hidden_size_per_layer_input": 0, "sliding_window": 8, "head_dim": 8, "num_hidden_layers": 3}
    mixed = tiny("Gemma4Text", **same, layer_types=["sliding_attention"] * 2 + ["full_attention"], global_head_dim=16)
    recurrent = tiny("FalconMamba", **dict.fromkeys(("num_attention_heads", "num_key_value_heads", "head_dim")))
    found = [Policy(model, path=Path(packed=False)).bytes_per_token for model in (mixed, recurrent)]
    assert found == [2 * 4 * (2 * 2 * 8 + 2 * 16), 2 * 4 * 2 * 32]  # both, bytes, and of each layer heads and size


def test_the_room_on_a_gpu_is_a_quarter_of_its_memory_beside_what_training_holds_whatever_is_free(encoder, monkeypatch):
    """Or else a run would not repeat: what is sampled depends on the order in which requests go in."""
    real = model(encoder)
    policy = SimpleNamespace(device=torch.device("cuda"), model=real.model, bytes_per_token=real.bytes_per_token)
    weights = 4 * real.num_parameters
    rooms = []
    for free in (1 << 30, 1 << 10):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, 1024 * 4000 + 4 * weights))
        rooms.append(asking.cache_room(policy, held=3 * weights))
    assert rooms == [4000, 4000]
    assert asking.cache_room(policy, held=1 << 40) == 0


def test_a_sampler_has_room_for_no_more_tokens_than_are_counted(encoder):
    """The widest of either kind, for every prompt: 3 x (2 x 9 + 2 x 64), and for 2 short ones 2 x (3 + 2 x 16)."""
    mixed = [Request(i, (1,) * length, budget) for i, (length, budget) in enumerate([(9, 35), (2, 40), (5, 36)])]
    assert asking.kept(mixed, 2, copies=2) == 438
    assert asking.kept([Request(0, (1,) * 3, 5), Request(1, (1,), 2)], 2, copies=1) == 70
    policy = model(encoder)
    sampler = TreeSampler(policy, SimpleNamespace(eos_ids=[]), group=2, temperature=1.0, seeds=lambda v: 0, rows=9)
    sampler.admit(mixed)
    most = 0
    while sampler.in_flight:
        kept = [*sampler.prompts.values(), *sampler.own.values()]
        most = max(most, sum(states.nbytes for pair in kept for states in pair))
        sampler.step()
    assert most == asking.kept(mixed, 2, copies=1) * policy.bytes_per_token


@pytest.mark.parametrize(
    ("length", "budget", "expected"),
    [
        (10, 20, (10, 20)),  # room for both
        (90, 20, (80, 20)),  # the prompt has to leave the budget
        (70, 40, (70, 30)),  # a quarter of the context is enough: what the prompt leaves
        (75, 60, (75, 25)),
        (300, 60, (75, 25)),
        (100, 1, (99, 1)),
    ],
)
def test_a_prompt_loses_its_beginning_and_an_answer_its_budget_where_the_context_is_short(length, budget, expected):
    tokens = tuple(range(length))
    seen, left = fitted(tokens, budget, 100)
    assert (len(seen), left) == expected
    assert seen == tokens[length - len(seen) :]
    assert fitted(tokens, budget, None) == (tokens, budget)


@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [
        ("tea", ["milk"], ("tea", False)),
        ("tea\n\nQuestion: milk", ["Q:", "\n\n", "Question:"], ("tea", True)),
        ("<think>why? Q:</think> tea Q: more", ["Q:"], ("<think>why? Q:</think> tea ", True)),
        ("so</think>\n\ntea\n\nmore", ["\n\n"], ("so</think>\n\ntea", True)),
        ("so</think>\n\ntea\n\n", ["\n\n"], ("so</think>\n\ntea\n\n", False)),
        ("<think>on and on Q:", ["Q:"], ("<think>on and on Q:", False)),
        ("    return 1\ndef f", ["\ndef"], ("    return 1", True)),
        ("tea", [], ("tea", False)),
    ],
)
def test_an_answer_ends_at_the_first_stop_text_after_its_thinking(text, stop, expected):
    assert cut_at(text, stop) == expected


@pytest.mark.parametrize("packed", [True, False])
def test_a_model_without_a_chat_template_is_stopped_soon_after_a_stop_text(plain, packed):
    plain.eos_ids = frozenset()  # it runs on
    policy = model(plain)
    settings = {"group": 1, "temperature": 0.0, "seeds": lambda version: 0, "packed": packed}
    [free] = collected(make_sampler(policy, plain, **settings), [prompt("a", budget=100)]).values()
    assert not free.finished
    stop = free.text[20:23]
    sampler = make_sampler(policy, plain, **settings)
    [cut] = collected(sampler, [prompt("a", budget=100, stop=[stop])]).values()
    assert cut.text == free.text.partition(stop)[0]
    assert cut.finished
    assert len(cut.logprobs) < 100, "it did not run on to the budget"


def test_a_model_that_chats_ends_its_answers_itself(encoder):
    sampler = ScriptedSampler(lambda text, n: "tea Q: more", encoder, group=1)
    [text] = collected(sampler, [prompt("a", budget=40, stop=["Q:"])]).values()
    assert (text.text, text.finished) == ("tea Q: more", True)


def test_without_a_chat_template_a_prompt_is_a_line_or_the_beginning_of_one(plain):
    shown = []
    sampler = ScriptedSampler(lambda text, n: shown.append(text) or "x", plain, group=1)
    collected(sampler, [prompt("a", "Q: it\nA:"), prompt("b", "Q: it\nA:", go_on=True)])
    assert sorted(shown) == ["Q: it\nA:", "Q: it\nA:\n"]


def test_with_a_chat_template_a_prompt_is_what_the_template_makes_of_it(encoder):
    shown = {}
    sampler = ScriptedSampler(lambda text, n: shown.setdefault(n, text) and "yes", encoder, group=1)
    collected(sampler, [prompt("a", go_on=True, think=True)])
    assert shown[0] == "<|user|>is it ?<|assistant|><think>"


def test_texts_carry_key_number_end_log_probabilities_and_the_tag_that_the_prompt_opened(encoder):
    """Budget 4: "no" and the end token are 3 tokens, "maybe" has 5 letters."""
    sampler = ScriptedSampler(lambda text, n: ("no", "maybe")[n], encoder, group=2, logprob=-0.5)
    found = collected(sampler, [prompt("a", budget=4, think=True), prompt("b", budget=4)])
    assert {(k, n): (t.text, t.finished, t.logprobs) for (k, n), t in found.items()} == {
        ("a", 0): ("<think>no", True, (-0.5,) * 3),
        ("a", 1): ("<think>mayb", False, (-0.5,) * 4),
        ("b", 0): ("no", True, (-0.5,) * 3),
        ("b", 1): ("mayb", False, (-0.5,) * 4),
    }


@pytest.mark.parametrize("packed", [True, False])
def test_asking_gives_the_texts_of_the_tokens_that_the_same_seed_samples(encoder, packed):
    policy = model(encoder)
    settings = {"group": 3, "temperature": 1.0, "seeds": lambda version: 5, "packed": packed}
    asked = [prompt("a"), prompt("b", "what is it then ?", think=True)]
    found = collected(make_sampler(policy, encoder, **settings), asked)
    sampler = make_sampler(policy, encoder, **settings)
    sampler.admit([Request(i, tokens, 12) for i, tokens in enumerate(encoder.encode(asked))])
    while sampler.in_flight:
        for request, answers in sampler.step():
            for n, answer in enumerate(answers):
                text = found[asked[request.key].key, n]
                assert text.text == encoder.decode(answer.tokens, asked[request.key].think)
                assert text.logprobs == answer.logprobs
    assert len({text.text for text in found.values()}) == 6


@pytest.mark.parametrize("kind", ["sampled", "chosen"])
def test_a_prompt_longer_than_the_context_loses_its_beginning_and_says_how_much(encoder, kind):
    policy = model(encoder)
    asks = Chooser(policy, encoder) if kind == "chosen" else make_sampler(
        policy, encoder, group=1, temperature=0.0, seeds=lambda version: 0
    )  # fmt: skip
    asked = [prompt("a", "x" * 400, choices=("A", "none")), prompt("b", choices=("A", "none"))]
    whole = len(encoder.encode(asked)[0])
    found = collected(asks, asked)
    assert found["a", 0].cut == whole - (256 - (4 if kind == "chosen" else 12))
    assert found["b", 0].cut == 0


def test_the_likeliest_choice_follows_the_prompt_without_thinking(encoder):
    policy = model(encoder)
    [text] = collected(Chooser(policy, encoder), [prompt("a", choices=("no", "yes"), think=True)]).values()
    ids = encoder.tokenizer("<|user|>is it ?<|assistant|>", add_special_tokens=False)["input_ids"]
    for choice in ("no", "yes"):
        answer = encoder.tokenizer(choice, add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            rows = policy.model(torch.tensor([[*ids, *answer]])).logits[0, len(ids) - 1 : -1].log_softmax(-1)
        expected = sum(float(row[token]) for row, token in zip(rows, answer))
        assert text.likelihoods[choice] == pytest.approx(expected, abs=1e-4)
    assert text.text == max(text.likelihoods, key=text.likelihoods.get)


def test_a_sampler_with_answers_in_flight_is_not_asked(encoder):
    sampler = ScriptedSampler(lambda text, n: "x", encoder, group=1)
    sampler.admit([Request(0, (1,), 2)])
    with pytest.raises(AssertionError, match="in flight"):
        next(sampler.ask([prompt("a")]))
