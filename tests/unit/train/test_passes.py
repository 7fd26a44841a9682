"""Where a device's memory is not enough for a pass, the step is taken again from its beginning, in smaller ones."""

from functools import partial

import pytest
import torch
from tiny import VOCABULARY, tiny
from trainers import trainer_of

from redone.model.learner import Learner
from redone.model.policy import Policy
from redone.run.log import Log
from redone.run.store import Store
from redone.train import rl, sft
from redone.train.passes import Passes


class Small:
    """What a device with room for so many tokens does to a policy: it fails in the middle of a step, its first pass
    done, and of a pass."""

    def __init__(self, policy, room):
        self.real, self.room, self.failed, self.calls = policy.token_logprobs, room, 0, 0
        policy.token_logprobs = self

    def __call__(self, batch, *given, **more):
        found = self.real(batch, *given, **more)
        self.calls += 1
        if self.calls > 1 and batch.num_tokens > self.room:
            self.failed += 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 MiB.\nMore.")
        return found


def moved(trainer, groups, each):
    statistics = rl.update(trainer, groups, each, 1e-3)
    return statistics, torch.cat([p.detach().flatten() for p in trainer.policy.model.parameters()])


@pytest.fixture
def make_trainer(make_tokenizer):
    return partial(trainer_of, make_tokenizer(template=None))


@pytest.fixture
def groups_of(make_trainer):
    def made(trainer):
        collected = rl.sample_groups(trainer, 0, ())
        return (collected.groups + collected.dropped)[:6]

    return made


def test_an_update_is_that_of_smaller_passes(make_trainer, groups_of):
    trainer, other = make_trainer(tokens_per_pass=100), make_trainer(tokens_per_pass=50)
    groups = groups_of(trainer)
    each = torch.randn(len(groups), 4, generator=torch.Generator().manual_seed(0))
    said = []
    trainer.passes.say = said.append
    small = Small(trainer.policy, 75)
    found, weights = moved(trainer, groups, each)
    expected, wanted = moved(other, groups, each)
    assert small.failed == 1
    assert found == expected
    assert torch.equal(weights, wanted)
    assert trainer.passes.tokens == 50
    assert [line.split()[7] for line in said] == ["100"]
    again = groups_of(trainer)
    moved(trainer, again, torch.zeros(len(again), 4))
    assert small.failed == 1  # what was found out stays


def test_old_log_probabilities_are_taken_again_too(make_trainer, groups_of):
    trainer = make_trainer(tokens_per_pass=100)
    groups = groups_of(trainer)
    expected, forwarded = rl.add_old_logprobs(trainer, groups)
    small = Small(trainer.policy, 75)
    small.calls = 1
    found, again = rl.add_old_logprobs(trainer, groups)
    assert small.failed
    assert again == forwarded
    for mine, theirs in zip(found, expected):
        for a, b in zip(mine.old_logprobs, theirs.old_logprobs):
            assert a == pytest.approx(b, abs=1e-5)


def fitted(folder, tokens, room=None, steps=2):
    policy = Policy(tiny("Qwen3"))
    small = Small(policy, room) if room else None
    learner = Learner(policy, learning_rate=1e-3, weight_decay=0.0)
    random = torch.Generator().manual_seed(0)
    example = [torch.randint(0, VOCABULARY, (12,), generator=random).tolist() for _ in range(8)]
    settings = sft.Fit("target", steps, lambda step: 1e-3, 1.0, 1, tokens)
    sft.fit(learner, lambda step: [sft.Example(one[:8], one[8:]) for one in example], settings, Store(folder), Log())
    return torch.cat([p.detach().flatten() for p in policy.model.parameters()]), small


def test_fine_tuning_goes_on_in_smaller_passes_and_so_does_a_resume(tmp_path):
    weights, small = fitted(tmp_path / "a", 44, room=30)
    assert small.failed == 1
    assert torch.equal(weights, fitted(tmp_path / "b", 22)[0])
    _, small = fitted(tmp_path / "a", 44, room=30, steps=3)
    assert small.failed == 0


def test_a_prompt_that_never_fits_ends_the_run_in_a_sentence():
    passes = Passes(100, lambda line: None)

    def whole(tokens):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(ValueError, match="not enough for one prompt and its answers") as error:
        passes.run(whole)
    assert "\n" not in str(error.value)
