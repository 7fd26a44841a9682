"""A run that measures drift: what is asked of which model, what lies on disk, and what is skipped."""

import json
from dataclasses import replace

import pytest

from redone.config import load_config
from redone.data.encode import Encoder
from redone.data.load import Dataset
from redone.files import read_jsonl, write_jsonl
from redone.method.drift import drift_of, held_out, measure_drift, risen
from redone.model.policy import Policy
from redone.run.lab import Lab
from redone.sample.local import make_sampler


@pytest.fixture
def lab(make_lab, tiny_model, make_tokenizer, tmp_path, monkeypatch, dataset):
    """A lab whose base is the tiny model and whose target is the base with one weight moved."""
    loaded = []

    def load(lab, model):
        loaded.append(model)
        policy = Policy.load(tiny_model)
        if model != "base":
            policy.model.get_input_embeddings().weight.data[:, 0] += 0.05
        return policy

    monkeypatch.setattr(Lab, "load", load)
    monkeypatch.setattr("redone.sample.local.make_sampler", make_sampler)  # no script: a model
    write_jsonl(tmp_path / "texts.jsonl", [{"t": f"a text of number {i}"} for i in range(4)])
    settings = ('stages=["target"]', "drift.most=6", "drift.tokens=5", "eval.records=3")
    named = 'drift.texts={news={file="texts.jsonl", text="{t}"}}'
    made = replace(make_lab(*settings, named, f'data.root="{tmp_path}"'), encoder=Encoder(make_tokenizer()))
    held, _ = held_out(made.config, dataset, made.encoder, 256)
    made = replace(made, drift=held)
    object.__setattr__(made, "loaded", loaded)
    return made


def test_the_base_answers_once_and_every_model_is_measured_along_its_answers(lab):
    for _ in range(2):
        for model in ("base", "target"):
            measure_drift(lab, model)
    assert lab.loaded == ["base", "target", "base"]  # and nothing the second time
    folder = lab.out / "eval"
    answers = list(read_jsonl(folder / "base" / "drift" / "answers.jsonl"))
    assert sorted(row["key"] for row in answers) == [f"sums/eval/{i}" for i in range(3)]  # of the general task alone
    assert max(len(row["tokens"]) for row in answers) <= 5
    lines = list(read_jsonl(folder / "target" / "drift" / "lines.jsonl"))
    assert [row["of"] for row in lines] == ["news"] * 4 + [""] * 3
    assert [row["tokens"] for row in lines[4:]] == [len(row["tokens"]) for row in answers]
    assert not (folder / "target" / "drift" / "items.jsonl").exists()  # which would be taken for an evaluation


def test_the_scores_are_those_of_the_models(lab):
    measure_drift(lab, "base")
    measure_drift(lab, "target")
    found = drift_of(lab)
    assert found == {m: json.loads((lab.out / "eval" / m / "drift" / "scores.json").read_text()) for m in found}
    assert list(found) == ["base", "target"]
    assert found["base"]["kl"] is None
    assert found["target"]["kl"]["nats"] > 0
    news = {model: mine["texts"]["news"]["nats"] for model, mine in found.items()}
    assert found["target"]["texts"]["news"]["rise"] == pytest.approx(news["target"] - news["base"])
    assert news["target"] != news["base"]


def test_a_stop_leaves_nothing_half_measured(lab):
    measure_drift(lab, "base")
    (lab.out / "eval" / "base" / "drift" / "scores.json").unlink()
    before = (lab.out / "eval" / "base" / "drift" / "lines.jsonl").read_bytes()
    measure_drift(lab, "base")
    assert (lab.out / "eval" / "base" / "drift" / "lines.jsonl").read_bytes() == before


def test_without_a_table_nothing_is_measured_and_with_nothing_to_measure_on_it_is_said(make_lab, dataset):
    lab = make_lab()
    measure_drift(lab, "base")
    assert not lab.out.exists()
    assert drift_of(lab) == {}
    assert held_out(lab.config, dataset, lab.encoder, 256) == (None, [])
    tasks = {name: task for name, task in dataset.tasks.items() if task.part == "domain"}
    given = Dataset(tasks, {name: dataset.records[name] for name in tasks}, dict.fromkeys(tasks, 0))
    with pytest.raises(ValueError, match="there are no general tasks; give it texts, or prompts"):
        held_out(load_config([], ["drift.most=6"]), given, lab.encoder, 256)


def test_where_settings_are_chosen_prompts_are_those_of_tune(make_lab, dataset):
    lab = make_lab("drift.most=6", "eval.split=tune")
    held, _ = held_out(lab.config, dataset, lab.encoder, 256)
    assert [key for key, _ in held.prompts] == ["sums/tune/0", "sums/tune/1"]


def test_prompts_may_be_a_files_and_texts_alone_are_measured_without_any(lab, tmp_path, dataset):
    more = [
        *(f'data.root="{tmp_path}"', "drift.most=6", "drift.tokens=5"),
        'drift.prompts={file="texts.jsonl", prompt="{t}"}',
    ]
    held, _ = held_out(load_config([], more), dataset, lab.encoder, 256)
    assert sorted(key for key, _ in held.prompts) == [f"texts.jsonl:{i}" for i in range(1, 5)]
    assert held.texts == {}
    alone = replace(lab, drift=replace(lab.drift, prompts=()))
    for model in ("base", "target"):
        measure_drift(alone, model)
    assert lab.loaded == ["base", "target"]  # the base not once more, for there is nothing to be apart on
    assert not (lab.out / "eval" / "base" / "drift" / "answers.jsonl").exists()
    assert drift_of(alone)["target"]["kl"] is None


def test_how_far_texts_rose_is_above_the_model_before(lab, make_lab):
    for model in ("base", "target"):
        measure_drift(lab, model)
    rise = drift_of(lab)["target"]["texts"]["news"]["rise"]
    assert risen(lab, "base", "target")["news"]["rise"] == pytest.approx(rise)
    assert risen(lab, "target", "base")["news"]["rise"] == pytest.approx(-rise)
    assert risen(make_lab(), "base", "target") == {}
