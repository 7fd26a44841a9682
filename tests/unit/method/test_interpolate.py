"""Between the weights that a stage starts from and those that it taught; the models are tables of one number."""

import json

import pytest
from fakes import Weights, stage_of

from redone.config import load_config
from redone.method import interpolate as module
from redone.method.interpolate import fell, interpolate


@pytest.fixture
def lab_of(make_lab, monkeypatch):
    """A lab whose domain falls clearly beyond some share of the start, and the shares that were tried."""

    def make(bound, *sets):
        tried = []

        def standing(answerer, tasks, score_all, records, reference, path, *, label, **more):
            share = float(path.name.removesuffix(".jsonl.gz"))
            tried.append(share)
            assert {record.split for record in records} == {"probe"}
            assert {tasks[record.task].part for record in records} == {"domain"}
            assert (reference is None) is (share == 0.0)
            low, high = (-9.0, -1.0) if share > bound else (-1.0, 1.0)
            averages = {"domain": {"difference": -1.0, "interval": [low, high]}}
            return module.Standing({"tone": []}, {}, {} if reference is None else {"averages": averages})

        monkeypatch.setattr(module, "standing", standing)
        lab = make_lab(*sets)
        (lab.out / "target").mkdir(parents=True)
        monkeypatch.setattr(type(lab), "load", lambda lab, model: Weights(0.0, 10.0) if model == "explore" else None)
        return lab, tried

    return make


@pytest.mark.parametrize(("cost", "share"), [(0.99, 0.0), (1.0, 0.75)])
def test_what_a_fall_may_cost_is_stated(lab_of, cost, share):
    lab, _ = lab_of(0.0, SHARES, f"target.interpolate_cost={cost}")
    interpolate(lab, stage_of(lab, "target"), Weights(4.0, 4.0))
    assert json.loads((lab.out / "target" / "interpolation.json").read_text())["share"] == share


SHARES = "target.interpolate=[0.25, 0.75, 0.5]"


@pytest.mark.parametrize(
    ("bound", "share", "at", "wanted"),
    [
        (0.6, 0.5, [2.0, 7.0], [0.0, 0.75, 0.5]),
        (0.9, 0.75, [1.0, 8.5], [0.0, 0.75]),
        (0.1, 0.0, [4.0, 4.0], [0.0, 0.75, 0.5, 0.25]),
    ],
)
def test_the_largest_share_that_costs_nothing_on_probe_is_kept(lab_of, bound, share, at, wanted):
    lab, tried = lab_of(bound, SHARES)
    policy = Weights(4.0, 4.0)
    interpolate(lab, stage_of(lab, "target"), policy)
    assert tried == wanted
    assert policy.at == at
    said = json.loads((lab.out / "target" / "interpolation.json").read_text())
    assert said["share"] == share
    assert sorted(map(float, said["tried"]), reverse=True) == wanted[1:]


def test_what_falls_is_wholly_below_zero():
    assert fell({"difference": -1.5, "interval": [-3.0, -0.1]})
    assert not fell({"difference": -1.5, "interval": [-3.0, 0.0]})
    assert not fell({"difference": -1.5, "interval": None})
    assert not fell(None)


def test_an_adapter_is_not_interpolated():
    with pytest.raises(ValueError, match=r"--set target\.interpolate: .* leave it out, or \[lora\]"):
        load_config([], [SHARES, "lora.rank=8"])
    with pytest.raises(ValueError, match=r"target\.interpolate"):
        load_config([], ["target.interpolate=[1.0]"])
