"""What a learner changes, keeps, saves and takes back."""

import copy

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tiny import tiny

from redone.model.learner import Learner
from redone.model.places import Place, load
from redone.model.policy import Policy

FROZEN = "model.layers.0.mlp.up_proj.weight"


def learner(freeze=(), learning_rate=1e-2, weight_decay=0.1):
    model = tiny("Qwen3")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in freeze)
    return Learner(Policy(model), learning_rate=learning_rate, weight_decay=weight_decay)


def fill(mine, value=1.0):
    """The same gradient everywhere, but for a sign that depends on the place."""
    for parameter in mine.weights.values():
        parameter.grad = value * torch.linspace(-1.0, 1.0, parameter.numel()).view_as(parameter)


def weights(mine):
    return {name: value.detach().clone() for name, value in mine.policy.model.named_parameters()}


def same(one, other):
    return {name for name in one if torch.equal(one[name], other[name])}


def test_what_is_frozen_stays_frozen_and_is_in_no_optimiser_and_no_checkpoint():
    mine = learner(freeze=[FROZEN])
    before = weights(mine)
    fill(mine)
    mine.step(1e-2, 1.0, 0.5)
    assert same(before, weights(mine)) == {FROZEN}
    held = sum(len(table["params"]) for table in mine.optimizer.param_groups)
    assert held == len(before) - 1
    assert set(mine.state()["model"]) == set(before) - {FROZEN}


def test_a_step_is_that_of_adamw_with_decay_on_matrices_alone():
    """The first step: vectors by rate x sign (decay would pull them to zero by as much again), matrices by rate x sign
    and rate x decay x weight."""
    mine = learner(weight_decay=0.5)
    before = weights(mine)
    fill(mine)
    signs = {name: p.grad.sign() for name, p in mine.weights.items()}
    mine.step(0.1, 1e9, 0.5)
    for name, after in weights(mine).items():
        decay = 0.5 * 0.1 if after.ndim >= 2 else 0.0
        expected = before[name] * (1 - decay) - 0.1 * signs[name]
        assert torch.allclose(after, expected, atol=1e-3), name


def test_a_steps_rate_is_the_one_it_is_given():
    mine = learner(learning_rate=1e-2)
    before = weights(mine)
    fill(mine)
    mine.step(0.0, 1.0, 0.5)
    assert same(before, weights(mine)) == set(before)


def test_a_gradient_is_clipped_to_the_largest_norm_and_told_as_it_was():
    mine = Learner(
        Policy(tiny("Qwen3")),
        learning_rate=1.0,
        weight_decay=0.0,
        optimizer=lambda named, rate, decay: torch.optim.SGD(named.values(), lr=rate),
    )
    before = weights(mine)
    fill(mine)
    norm = mine.step(1.0, 0.25, 0.5)
    moved = torch.cat([(before[name] - after).flatten() for name, after in weights(mine).items()])
    assert moved.norm() == pytest.approx(0.25, rel=1e-3)
    assert norm > 1.0
    assert all(p.grad is None for p in mine.weights.values()), "nothing is left for the next step"


@pytest.mark.parametrize(("loss", "value"), [(float("nan"), 1.0), (0.5, float("inf"))])
def test_a_loss_or_a_gradient_that_is_not_finite_stops_before_the_weights_change(loss, value):
    mine = learner()
    before = weights(mine)
    fill(mine, value)
    with pytest.raises(FloatingPointError, match="not stepped"):
        mine.step(1e-2, 1.0, loss)
    assert same(before, weights(mine)) == set(before)


def test_weights_that_a_step_itself_ruins_are_found_before_they_can_be_saved():
    """Loss and gradient are finite, and the step is not."""
    mine = learner()
    fill(mine)
    with pytest.raises(FloatingPointError, match=r"after an update .* 1e\+40 \d+ weights hold NaN or infinite .*embed"):
        mine.step(1e40, 1.0, 0.5)


def test_a_checkpoint_whose_weights_are_not_finite_is_refused():
    mine = learner()
    state = copy.deepcopy(mine.state())
    state["model"][FROZEN][0, 0] = float("nan")
    with pytest.raises(FloatingPointError, match=f"in the checkpoint .* 1 weights .* first {FROZEN}"):
        mine.restore(state)


def test_a_restored_learner_goes_on_to_the_last_bit():
    """Without the optimiser's moments, or without the weights, the third step would end elsewhere."""
    whole, other = learner(), learner()
    for mine, value in ((whole, 1.0), (whole, -0.3)):
        fill(mine, value)
        mine.step(1e-2, 1.0, 0.5)
    other.restore(copy.deepcopy(whole.state()))
    for mine in (whole, other):
        fill(mine, 0.7)
        mine.step(1e-2, 1.0, 0.5)
    assert same(weights(whole), weights(other)) == set(weights(whole))


def test_a_restored_learner_keeps_nothing_of_what_it_was_restored_from():
    """Its file may go, and its memory too."""
    whole, other = learner(), learner()
    fill(whole)
    whole.step(1e-2, 1.0, 0.5)
    state = copy.deepcopy(whole.state())
    other.restore(state)
    for mine in state["optimizer"]["state"].values():
        mine["exp_avg"].fill_(9.0)
    for value in state["model"].values():
        value.fill_(9.0)
    for mine in (whole, other):
        fill(mine, 0.7)
        mine.step(1e-2, 1.0, 0.5)
    assert same(weights(whole), weights(other)) == set(weights(whole))


def test_weights_are_taken_over_whole_or_not_at_all():
    mine = learner()
    saved = {name: value + 1 for name, value in weights(mine).items()}
    before = weights(mine)
    for wrong, said in (
        ({k: v for k, v in saved.items() if k != FROZEN}, "missing or unknown, first model.layers.0.mlp.up_proj"),
        ({**saved, "more": torch.zeros(1)}, "first more"),
        ({**saved, FROZEN: torch.zeros(2)}, "another shape, first model.layers.0.mlp.up_proj"),
    ):
        with pytest.raises(ValueError, match=said):
            mine.policy.load_weights(wrong)
    assert same(before, weights(mine)) == set(before)
    mine.policy.load_weights(saved)
    assert same(saved, weights(mine)) == set(before)


@pytest.fixture
def folder(tmp_path):
    tiny("Qwen3", tie_word_embeddings=True).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def rewrite(folder, change):
    path = folder / "model.safetensors"
    kept = {new: value for name, old in load_file(path).items() for new, value in change(name, old)}
    save_file(kept, path, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda name, old: [(name.replace("q_proj.", "q_proj.base_layer."), old)],
            r"2 missing .*2 unknown .*base_layer",
        ),
        (lambda name, old: [(name, old)] if name != FROZEN else [], r"1 missing \(model.layers.0.mlp.up_proj.weight\)"),
        (lambda name, old: [(name, old[:4].clone() if name == FROZEN else old)], r"1 of another shape \(.*up_proj"),
        (lambda name, old: [(name, old), (f"{name}.lora_A", torch.ones(1))], r"unknown \(.*lora_A"),
    ],
)
def test_a_folder_whose_weights_do_not_fit_is_refused_by_name(folder, change, said):
    """Without this the layers would be random, and a note be printed."""
    Policy.load(folder)
    rewrite(folder, change)
    with pytest.raises(ValueError, match=rf"model: its weights do not fit its config.json: .*{said}.*save_pretrained"):
        Policy.load(folder)


@pytest.mark.parametrize("tied", [True, False])
def test_a_classifiers_folder_is_refused(tmp_path, tied):
    config = tiny("Qwen3", tie_word_embeddings=tied).config
    transformers.Qwen3ForSequenceClassification(config).save_pretrained(tmp_path / "classifier")
    with pytest.raises(ValueError, match=r"classifier: its weights do not fit .*1 unknown \(score.weight\)"):
        Policy.load(tmp_path / "classifier")


def test_a_checkpoint_of_a_stage_lies_over_its_folder_and_has_to_be_whole(folder, tmp_path):
    mine = Learner(Policy.load(folder), learning_rate=1e-2, weight_decay=0.0)
    fill(mine)
    mine.step(1e-2, 1.0, 0.5)
    path = tmp_path / "step-000001.pt"
    torch.save(mine.state(), path)
    found = load(Place(folder, path))
    assert same(weights(mine), dict(found.model.named_parameters())) == set(weights(mine))
    state = mine.state()
    torch.save({"model": {k: v for k, v in state["model"].items() if k != FROZEN}}, path)
    with pytest.raises(ValueError, match=r"step-000001.pt: no checkpoint of .*up_proj"):
        load(Place(folder, path))


def test_a_policy_leaves_its_folder_in_the_number_format_asked_for(tmp_path):
    policy = Policy(tiny("Qwen3"))
    policy.save(tmp_path / "half", "bfloat16")
    policy.save(tmp_path / "whole")
    kinds = {
        name: {t.dtype for t in load_file(tmp_path / name / "model.safetensors").values()} for name in ("half", "whole")
    }
    assert kinds == {"half": {torch.bfloat16}, "whole": {torch.float32}}
    assert policy.model.dtype == torch.float32
