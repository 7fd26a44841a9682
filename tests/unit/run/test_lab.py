"""Where a run's models are, how they are loaded, and what of the data is trained on."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from transformers import AutoTokenizer

from redone.config import load_config
from redone.data.encode import Encoder
from redone.data.load import Dataset
from redone.files import write_json
from redone.records import Record, Task
from redone.run import lab as module
from redone.run.lab import Lab
from redone.run.log import Log
from redone.run.marks import marks
from redone.run.store import Store

TASKS = {
    name: Task(name, "domain", "dialogue", "{q}", "{a}", "exact", train=name == "tone") for name in ("tone", "topic")
}


@pytest.fixture
def lab(tmp_path, make_tokenizer):
    splits = ("train", "probe", "eval")
    records = {t: {s: (Record(f"{t}/{s}/0", t, (), "a", s, "test"),) for s in splits} for t in TASKS}
    config = load_config([], ["refine.start=explore"])
    (tmp_path / "run").mkdir()
    encoder = Encoder(make_tokenizer())
    return Lab(
        config,
        Dataset(TASKS, records, {}),
        encoder,
        tmp_path / "base",
        tmp_path / "run",
        Log(),
        "cpu",
        "mixed",
        99,
        list,
    )


def test_a_model_is_loaded_from_its_own_folder_as_the_configuration_says(lab, monkeypatch, tmp_path):
    loaded = []
    monkeypatch.setattr(module.Policy, "load", lambda *given: loaded.append(given) or SimpleNamespace())
    assert all(lab.load(model).recompute == lab.config.recompute for model in lab.models)
    folders = [tmp_path / "base", *(tmp_path / "run" / name / "model" for name in ("explore", "target", "refine"))]
    assert loaded == [(folder, "mixed", "cpu", 99, False) for folder in folders]


def test_memory_is_given_back_before_a_model_is_loaded(lab, monkeypatch):
    happened = []
    monkeypatch.setattr(module, "give_back", lambda: happened.append("given back"))
    monkeypatch.setattr(module.Policy, "load", lambda *given: happened.append("loaded") or SimpleNamespace())
    lab.load("base")
    lab.policy(lab.stages[0])
    assert happened == ["given back", "loaded"] * 2


def test_what_is_asked_of_a_benchmark_may_fill_the_models_own_context(lab, monkeypatch):
    monkeypatch.setattr(module.Policy, "load", lambda *given: SimpleNamespace(context=given[3], own_context=2048))
    assert [lab.load("explore", whole).context for whole in (False, True)] == [99, 2048]


@pytest.mark.parametrize("each_stage", [False, True])
def test_where_products_round_an_adapter_is_measured_beside_what_lies_under_it(lab, monkeypatch, tmp_path, each_stage):
    """Merged into the weights much of it would be rounded away; in float32 nothing is, and the merged model serves."""
    seen = []

    class Loaded:
        def __init__(self, *given):
            self.folder = given[0]

        def attach(self, *given, base, start):
            assert base == str(self.folder)
            seen.append((self.folder, start))

    monkeypatch.setattr(module.Policy, "load", lambda *given: Loaded(*given))
    adapted = replace(lab, config=load_config([], ["lora.rank=4", f"lora.each_stage={str(each_stage).lower()}"]))
    adapted.load("target")
    base, out = tmp_path / "base", tmp_path / "run"
    assert seen == [(out / "explore" / "model" if each_stage else base, out / "target" / "adapter")]
    adapted.load("base")
    assert replace(adapted, dtype="float32").load("target").folder == out / "target" / "model"
    assert len(seen) == 1


def test_stages_have_the_kind_start_and_settings_of_their_own_tables(lab):
    assert [(s.name, s.kind, s.start) for s in lab.stages] == [
        ("explore", "reinforce", "base"),
        ("target", "teach", "explore"),
        ("refine", "reinforce", "explore"),
    ]
    assert all(stage.settings is lab.config.stage(stage.name) for stage in lab.stages)


def test_what_is_trained_on_is_the_train_split_of_tasks_that_are_not_only_evaluated(lab):
    assert list(lab.trained) == ["tone"]
    assert {task: [r.id for r in mine] for task, mine in lab.train_records().items()} == {"tone": ["tone/train/0"]}


def test_a_stage_is_done_when_its_model_and_tokenizer_are_there(lab):
    store = Store(lab.out / "explore")

    class Learner:
        def save(self, folder):
            assert not store.done
            folder.mkdir()

    lab.finish(store, Learner(), 2.5)
    assert store.seconds == 2.5
    assert len(AutoTokenizer.from_pretrained(store.folder / "model")) == len(lab.encoder.tokenizer)


def test_finished_folders_are_looked_at_before_a_run_goes_on(lab):
    said = []
    lab = replace(lab, log=SimpleNamespace(line=said.append))
    for name in ("explore", "eval/base"):
        (lab.out / name).mkdir(parents=True)
        (lab.out / name / "items.jsonl").write_text("{}")
        write_json(lab.out / name / "DONE", {"seconds": 1.0, "files": marks(lab.out / name)})
    (lab.out / "explore" / "checkpoints").mkdir()  # of a kill after the end
    lab.look_back()
    assert said == []
    assert not (lab.out / "explore" / "checkpoints").exists()
    (lab.out / "explore" / "items.jsonl").unlink()
    lab.look_back()
    assert said == [f"{lab.out / 'explore'}: no longer there: items.jsonl"]
    (lab.out / "eval" / "base" / "items.jsonl").write_text("")
    with pytest.raises(ValueError, match=r"eval/base: items\.jsonl changed after it was finished"):
        lab.look_back()


def test_time_spent_adds_up_over_interruptions(lab):
    path = lab.out / "timings.json"
    path.write_text('{"diagnosis": 100.0}', encoding="utf-8")
    with pytest.raises(KeyboardInterrupt), lab.timed("diagnosis"):
        raise KeyboardInterrupt
    assert 100.0 <= json.loads(path.read_text(encoding="utf-8"))["diagnosis"] < 200.0


@pytest.mark.parametrize("said", ['{"diagnosis": 1', "[]", '{"diagnosis": "long"}', '{"diagnosis": null}'])
def test_timings_that_are_damaged_are_named_before_anything_is_done(lab, said):
    (lab.out / "timings.json").write_text(said, encoding="utf-8")
    with pytest.raises(ValueError, match=r"timings\.json: not .*; put it back, or remove it"):
        lab.look_back()
