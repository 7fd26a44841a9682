"""A run that trains an adapter: the method's three stages, stopped and gone on with, and what they leave."""

from pathlib import Path

import pytest
import torch
from fakes import go_on, small_config

from redone.commands.prepare import prepare
from redone.model.places import EMBEDDED, load
from redone.model.policy import Policy
from redone.model.trees import pack
from redone.run.log import Log
from redone.run.stages import model_place

SETS = (
    "lora.rank=4", "lora.times=100", "target.learning_rate=3e-5", 'data.packs=["support"]', "target.general_share=0.0",
    "explore.general_share=0.0", "refine.general_share=0.0",
)  # fmt: skip
STOPS = ("explore    1/4", "target    1/", "refine    3/4")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, without_report: None) -> Path:
    out = tmp_path_factory.mktemp("lora") / "whole"
    with prepare(small_config(*SETS), out, Log()) as lab:
        assert go_on(lab)[0] is not None
    return out


def logprobs(policy: Policy) -> torch.Tensor:
    with torch.no_grad():
        return policy.token_logprobs(pack([([5, 6, 7], [[8, 9], [10]])], policy.device))[0]


def test_one_adapter_goes_through_all_stages_and_each_leaves_it_and_a_whole_model(whole: Path) -> None:
    before = logprobs(Policy.load(EMBEDDED))
    for stage in ("explore", "target", "refine"):
        policy = Policy.load(EMBEDDED)
        policy.attach(4, 32.0, ("all-linear",), seed=9, base="", start=whole / stage / "adapter")
        after = logprobs(Policy.load(whole / stage / "model"))
        assert torch.allclose(logprobs(policy), after, atol=1e-4)  # a folder's weights are float32, added once
        assert (after - before).abs().max() > 1e-4
        before = after


@pytest.mark.slow
def test_stopping_in_each_stage_changes_nothing_and_a_checkpoint_can_be_measured(whole: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    with prepare(small_config(*SETS), broken, Log()) as lab:
        for stop, stage in zip(STOPS, ("explore", "target", "refine")):
            results, lines = go_on(lab, stop)
            assert results is None, lines
            place = model_place(str(broken / stage))
            assert place.checkpoint is not None
            assert load(place).adapted
        assert go_on(lab)[0] is not None
    for stage in ("explore", "target", "refine"):
        for file in ("model/model.safetensors", "adapter/adapter_model.safetensors"):
            assert (whole / stage / file).read_bytes() == (broken / stage / file).read_bytes(), (stage, file)


@pytest.mark.slow
def test_an_adapter_may_begin_anew_in_every_stage(tmp_path: Path) -> None:
    with prepare(small_config(*SETS, "lora.each_stage=true"), tmp_path, Log()) as lab:
        assert go_on(lab)[0] is not None
    for before, stage in (("explore", "target"), ("target", "refine")):
        policy = Policy.load(tmp_path / before / "model")
        policy.attach(4, 32.0, ("all-linear",), seed=9, base="", start=tmp_path / stage / "adapter")
        assert torch.allclose(logprobs(policy), logprobs(Policy.load(tmp_path / stage / "model")), atol=1e-4)
