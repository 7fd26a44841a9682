"""The executable explanation is short, learns, and computes what the package computes."""

import importlib.util
from pathlib import Path
from statistics import fmean
from types import ModuleType

import pytest
import torch

from redone.algo import dapo

PATH = Path(__file__).parents[2] / "examples" / "minimal_dapo.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("minimal_dapo", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    threads = torch.get_num_threads()
    spec.loader.exec_module(module)
    yield module
    torch.set_num_threads(threads)  # the example runs on one


def test_the_example_fits_into_250_lines():
    assert len(PATH.read_text(encoding="utf-8").splitlines()) <= 250


@pytest.mark.slow
def test_the_example_learns(example: ModuleType, capsys: pytest.CaptureFixture[str]):
    results = example.main(steps=14, seed=2)
    before, after = (fmean(scores) for scores in zip(*results.values()))
    assert before < 0.75  # there was something left to learn
    assert after > before + 0.15


def test_its_loss_and_gradient_are_those_of_the_package(example: ModuleType):
    generator = torch.Generator().manual_seed(3)
    lengths = [1, 5, 3, 5, 2, 4]
    mask = torch.arange(5)[None] < torch.tensor(lengths)[:, None]
    old = -3 * torch.rand(mask.shape, generator=generator, dtype=torch.float64)
    moved = old + 0.4 * torch.randn(mask.shape, generator=generator, dtype=torch.float64)  # beyond both bounds
    advantage = torch.randn(len(lengths), generator=generator, dtype=torch.float64)

    ours = moved.clone().requires_grad_()
    loss, clipped = example.dapo_loss(ours, old, advantage, mask)
    loss.backward()

    theirs = moved.clone().requires_grad_()
    weights = dapo.token_weights(lengths, range(len(lengths)), "token").double()
    spread = advantage.repeat_interleave(torch.tensor(lengths))
    expected, statistics = dapo.dapo_loss(theirs[mask], old[mask], spread, weights)
    expected.backward()

    assert 0 < clipped < 1
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=0)
    assert clipped == pytest.approx(statistics["clip_fraction"], rel=1e-6)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-6, atol=0)


def test_what_a_row_holds_beyond_its_answer_leaves_no_trace(example: ModuleType):
    mask = torch.tensor([[True, True, False], [True, False, False]])
    inside = torch.tensor([[-1.0, -2.0, 0.0], [-0.5, 0.0, 0.0]])
    polluted = inside.masked_fill(~mask, 1e4).requires_grad_()  # exp of it is infinite
    loss, _ = example.dapo_loss(polluted, torch.zeros_like(inside), torch.tensor([1.0, -1.0]), mask)
    loss.backward()
    clean, _ = example.dapo_loss(inside, torch.zeros_like(inside), torch.tensor([1.0, -1.0]), mask)
    assert loss.item() == clean.item()
    assert polluted.grad is not None
    assert bool((polluted.grad[~mask] == 0).all())


def test_its_advantages_and_length_penalty_are_those_of_the_package(example: ModuleType):
    rewards = torch.tensor([[0.0, 1.0, 0.5, 0.25], [0.9, 1.0, 1.0, 0.0]])
    torch.testing.assert_close(example.advantages(rewards), dapo.advantages(rewards, example.FLOOR))
    lengths = range(1, example.BUDGET + 1)
    expected = [dapo.overlong_penalty(length, example.BUDGET, example.CACHE) for length in lengths]
    assert example.overlong_penalty(torch.tensor(list(lengths))).tolist() == pytest.approx(expected)


def test_reference_answers_score_1_and_are_never_called_long(example: ModuleType):
    rng = example.random.Random(0)
    for task in example.TASKS:
        for record in (example.draw(rng, [task]) for _ in range(200)):
            assert example.score(record, record.answer + example.END) == 1.0
            assert example.score(record, record.answer) == 0.0  # cut off
            assert len(record.answer) + 1 <= example.BUDGET - example.CACHE


def test_dynamic_sampling_fills_the_step_and_keeps_the_surplus(example: ModuleType, monkeypatch: pytest.MonkeyPatch):
    """Every second group is dead. A refill asks for REFILL prompts at least, so that some groups are left over."""
    sampled: list[object] = []

    def sample(model, records):
        texts = []
        for start in range(0, len(records), example.GROUP):
            dead = len(sampled) % 2 == 0
            sampled.append(records[start])
            for i, record in enumerate(records[start : start + example.GROUP]):
                texts.append(("" if dead or i else record.answer) + example.END)
        return torch.zeros(len(records), example.PROMPT + example.BUDGET, dtype=torch.long), texts

    monkeypatch.setattr(example, "sample", sample)
    monkeypatch.setattr(example, "token_logprobs", lambda model, tokens: torch.zeros(len(tokens), example.BUDGET))
    rng = example.random.Random(0)
    # 16 sampled, 8 alive; 8 more, 4 alive; then 4, 2 alive; then REFILL = 4 for the last 2, 2 alive.
    groups, surplus, fresh = example.dynamic_sampling(None, rng, [])
    assert (len(groups), len(surplus), len(fresh)) == (16, 0, 32)
    # With 15 in hand one is missing; 4 are asked for, 2 are alive, 1 is left over. Those in hand come first.
    again, surplus, fresh = example.dynamic_sampling(None, rng, groups[:15])
    assert (len(again), len(surplus), len(fresh)) == (16, 1, 4)
    assert all(left is right for left, right in zip(again, groups[:15]))
    assert all(example.is_informative(group.scores) for group in [*groups, *again, *surplus])
