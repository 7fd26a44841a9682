"""Where a model lies: in a folder, on the hub, or in a run that may not be done."""

import json

import pytest
import torch

from redone.model.places import EMBEDDED, Place, load
from redone.model.policy import Policy
from redone.run.stages import Stage, model_place, stages_in
from redone.run.store import Store


@pytest.fixture
def run(tmp_path, tiny_model):
    """A run's folder that has not begun its first stage."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}", encoding="utf-8")
    tables = {
        "explore": {"kind": "reinforce", "start": "base"},
        "target": {"kind": "teach", "start": "explore"},
        "refine": {"kind": "reinforce", "start": "target"},
    }
    config = {"name": "x", "model": {"path": str(tiny_model)}, "stages": list(tables), **tables}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def done(folder, config):
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "config.json").write_text(config, encoding="utf-8")
    (folder / "DONE").write_text("{}", encoding="utf-8")


def test_a_folder_a_hub_id_and_the_embedded_base_are_models(tiny_model):
    assert model_place(str(tiny_model)) == Place(tiny_model)
    assert model_place("owner/name").folder.as_posix() == "owner/name"
    assert model_place("base") == Place(EMBEDDED)
    assert (EMBEDDED / "config.json").is_file()


def test_a_run_is_its_last_stage_that_has_a_model(run, tiny_model):
    with pytest.raises(ValueError, match=r"no model yet; its base is .*tiny"):
        model_place(str(run))
    done(run / "explore", "{}")
    assert model_place(str(run)) == model_place(str(run / "explore")) == Place(run / "explore" / "model")
    assert model_place(str(run / "explore" / "model")) == Place(run / "explore" / "model")
    with pytest.raises(ValueError, match="refine: this stage has no model and no checkpoint yet"):
        model_place(str(run / "refine"))
    Store(run / "target").save(20, {"model": {}})
    checkpoint = run / "target" / "checkpoints" / "step-000020.pt"
    assert model_place(str(run)) == Place(run / "explore" / "model", checkpoint)  # over the model it started from
    assert model_place(str(run / "explore")) == Place(run / "explore" / "model")
    done(run / "target", "{}")
    assert model_place(str(run)) == Place(run / "target" / "model")


def test_the_stages_of_a_run_are_those_of_its_configuration(run):
    found = stages_in(run)
    assert [stage.name for stage in found] == ["explore", "target", "refine"]
    assert found[1] == Stage("target", "teach", "explore", {"kind": "teach", "start": "explore"})


def test_a_checkpoint_is_the_bases_architecture_with_its_own_weights(run, tiny_model):
    policy = Policy.load(tiny_model)
    trained = {name: value + 1.0 for name, value in policy.trainable().items()}
    Store(run / "explore").save(3, {"model": trained, "optimizer": {"state": {}}})
    found = load(model_place(str(run))).trainable()
    assert all(torch.equal(found[name], trained[name]) for name in trained)


def test_a_checkpoint_that_is_damaged_or_of_another_model_is_said(run, tiny_model):
    Store(run / "explore").save(3, {"model": {"other": torch.zeros(1)}})
    place = model_place(str(run))
    with pytest.raises(ValueError, match=r"step-000003\.pt: no checkpoint of .*tiny"):
        load(place)
    whole = place.checkpoint.read_bytes()
    for damaged in (whole[:100], b"", b"not a checkpoint"):
        place.checkpoint.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"step-000003\.pt: no checkpoint of .*tiny"):
            load(place)


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "a/b/c", "nowhere"])
def test_a_folder_that_is_not_there_is_said(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=f"{name}: there is no such model folder"):
        model_place(name)


def test_a_folder_without_a_model_and_a_run_without_its_configuration_are_said(run, tmp_path):
    with pytest.raises(ValueError, match="no model lies there"):
        model_place(str(tmp_path))
    (run / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"config\.json: cannot be read"):
        model_place(str(run))
