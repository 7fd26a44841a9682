"""The gate and its actions; the models are tables of two numbers, and what falls is said by where they are."""

import json
from dataclasses import replace

import pytest
import torch
from fakes import Weights, stage_of

from redone.config import load_config
from redone.files import write_json, write_jsonl
from redone.method import gate as module
from redone.method.drift import held_out
from redone.method.gate import Repeat, as_repeated, guard, look, notes_of, reject, texts_of
from redone.model.policy import Policy
from redone.run.store import Store

MADE, EARLIER, START = [4.0, 4.0], [3.0, 4.0], [0.0, 8.0]


@pytest.fixture
def lab_of(make_lab, monkeypatch):
    """A lab whose stage passes the gate where its first weight is at most `most`, and the labels that were asked."""

    def make(most, *sets):
        asked = []

        def look(lab, gate, policy, path, label, base):
            asked.append(label)
            if base is None:
                return module.Seen({}, {}, {}, [])
            low, high = (-9.0, -2.1) if policy.at[0] > most else (-3.0, -1.9)
            return module.Seen({"unrehearsed": {"difference": -5.0, "interval": [low, high]}}, {}, {}, [])

        monkeypatch.setattr(module, "look", look)
        lab = make_lab(*sets)
        monkeypatch.setattr(type(lab), "load", lambda lab, model: Weights(*START) if model == "explore" else None)
        return lab, asked

    return make


def with_checkpoints(lab):
    store = Store(lab.out / "target")
    for step, values in ((10, EARLIER), (20, MADE)):
        store.save(step, {"model": {f"w{i}": torch.tensor(v) for i, v in enumerate(values)}})
    return store


@pytest.mark.parametrize(
    ("most", "actions", "at", "asked"),
    [
        (9.0, ["earlier"], MADE, ["made"]),
        (3.5, ["earlier", "interpolate"], EARLIER, ["made", "step-000010"]),
        (2.5, ["earlier", "interpolate"], [2.0, 6.0], ["made", "step-000010", "25 % back", "50 % back"]),
        (3.5, ["interpolate", "earlier"], [3.0, 5.0], ["made", "25 % back"]),
        (-1.0, ["earlier", "interpolate"], MADE, ["made", "step-000010", "25 % back", "50 % back", "75 % back"]),
        (3.5, ["warn", "earlier"], MADE, ["made"]),
    ],
)
def test_actions_follow_in_their_order_until_one_passes(lab_of, most, actions, at, asked):
    lab, labels = lab_of(most, f"gate.actions={json.dumps(actions)}")
    with_checkpoints(lab)
    policy = Weights(*MADE)
    guard(lab, stage_of(lab, "target"), policy)
    assert policy.at == at
    assert labels == ["gate base", *(f"gate target {what}" for what in asked)]
    found = json.loads((lab.out / "target" / "gate.json").read_text())
    assert [one["what"] for one in found["tried"]] == asked
    assert found["left"] == ("as it was made" if at == MADE else asked[-1])


def test_an_earlier_checkpoint_that_is_damaged_is_passed_over(lab_of):
    lab, labels = lab_of(3.5, 'gate.actions=["earlier"]')
    with_checkpoints(lab)
    (lab.out / "target" / "checkpoints" / "step-000010.pt").write_bytes(b"cut")
    policy = Weights(*MADE)
    guard(lab, stage_of(lab, "target"), policy)
    assert (policy.at, labels) == (MADE, ["gate base", "gate target made"])


def test_a_run_without_a_gate_looks_at_nothing(lab_of):
    lab, labels = lab_of(0.0)
    guard(lab, stage_of(lab, "target"), Weights(*MADE))
    assert labels == []
    assert notes_of(lab, stage_of(lab, "target")) == []


def test_a_run_that_is_to_stop_says_what_fell_and_leaves_what_was_saved(lab_of):
    lab, _ = lab_of(3.5, 'gate.actions=["stop"]')
    store = with_checkpoints(lab)
    said = r"target: does not pass the gate: forgets: unrehearsed: -5\.0 \[-9\.0, -2\.1\] points.*The run stops"
    with pytest.raises(ValueError, match=said):
        guard(lab, stage_of(lab, "target"), Weights(*MADE))
    assert store.resume()["step"] == 20
    assert not store.done


def test_a_stage_is_taught_again_with_twice_the_general_records_and_then_what_follows(lab_of):
    lab, _ = lab_of(2.5, 'gate.actions=["repeat", "repeat", "interpolate"]', "target.general_share=0.15")
    stage = stage_of(lab, "target")
    (lab.out / "target" / "probe").mkdir(parents=True)
    shares = []
    for attempt in (1, 2):
        shares.append(as_repeated(lab, stage).settings.general_share)
        with_checkpoints(lab)
        with pytest.raises(Repeat):
            guard(lab, as_repeated(lab, stage), Weights(*MADE))
        reject(lab, stage)
        aside = lab.out / "target" / f"rejected-{attempt}"
        assert sorted(path.name for path in aside.iterdir()) == ["gate.json"]  # no checkpoints, which are large
        assert (lab.out / "target" / "probe").exists()
    shares.append(as_repeated(lab, stage).settings.general_share)
    assert shares == [0.15, 0.3, 0.5]  # not more than half
    policy = Weights(*MADE)
    guard(lab, as_repeated(lab, stage), policy)
    assert policy.at == [2.0, 6.0]
    first, second, last = notes_of(lab, stage)
    assert first == second
    assert "taught again, with more general records" in first
    assert last.endswith("Tried: 25 % back, 50 % back. It is left 50 % back, which passes.")


def test_reinforcement_is_not_taught_again(lab_of):
    lab, _ = lab_of(2.5, 'gate.actions=["repeat"]')
    policy = Weights(*MADE)
    guard(lab, stage_of(lab, "refine"), policy)
    assert policy.at == MADE
    [note] = notes_of(lab, stage_of(lab, "refine"))
    assert note.endswith("It is left as it was made.")


def test_what_a_kill_left_half_set_aside_is_set_aside_first(lab_of):
    lab, _ = lab_of(2.5, 'gate.actions=["repeat"]')
    stage = stage_of(lab, "target")
    for name in (".rejecting/data.jsonl.gz", "gate.json"):
        write_json(lab.out / "target" / name, {})
    as_repeated(lab, stage)
    assert sorted(path.name for path in (lab.out / "target").iterdir()) == ["rejected-1"]
    assert sorted(path.name for path in (lab.out / "target" / "rejected-1").iterdir()) == [
        "data.jsonl.gz",
        "gate.json",
    ]


def test_an_adapter_is_not_led_back():
    with pytest.raises(ValueError, match=r"gate\.actions: interpolate is between weights .* leave it out, or \[lora\]"):
        load_config([], ['gate.actions=["interpolate"]', "lora.rank=8"])


def test_a_gate_with_nothing_to_look_at_is_refused(make_lab):
    lab = make_lab("gate.records=4")
    with pytest.raises(ValueError, match=r"\[gate\] has nothing to look at: hold general tasks .* out of training"):
        texts_of(lab.config, lab.dataset, lab.encoder, 256, None)


def test_it_looks_at_probe_records_of_tasks_that_no_stage_trains_beside_the_base(make_lab, samplers):
    samplers.says = lambda model, prompt, number: "yes" if model == "base" else "no"
    lab = make_lab('data.held_out=["sums"]', "gate.records=9")
    base = look(lab, lab.config.gate, "base", lab.out / "gate" / "base.jsonl.gz", "gate base", None)
    assert (base.averages, base.texts) == ({}, {})
    assert sorted(item.id for item in base.items["sums"]) == [f"sums/probe/{i}" for i in range(4)]
    path = lab.out / "explore" / "gate" / "made.jsonl.gz"
    found = look(lab, lab.config.gate, "explore", path, "made", base).averages["unrehearsed"]
    assert (found["a"], found["b"], found["difference"]) == (50.0, 50.0, 0.0)
    assert found["interval"][0] < 0.0 < found["interval"][1]
    assert {made.temperature for made in samplers.made} == {0.0}


@pytest.fixture
def texts(tmp_path):
    """A file of six texts, and settings by which results are measured on two of them."""
    write_jsonl(tmp_path / "texts.jsonl", [{"t": f"a text of number {i}"} for i in range(6)])
    held = '{news={file="texts.jsonl", text="{t}"}}'
    return [f"drift.texts={held}", "drift.most=2", f"gate.texts={held}", "gate.most=3", f'data.root="{tmp_path}"']


def test_the_gate_reads_none_of_the_texts_that_results_are_measured_on(make_lab, texts):
    lab = make_lab(*texts)
    measured, _ = held_out(lab.config, lab.dataset, lab.encoder, 256)
    mine, notes = texts_of(lab.config, lab.dataset, lab.encoder, 256, measured)
    keys = [{passage.key for passage in held.texts["news"]} for held in (measured, mine)]
    assert [len(one) for one in keys] == [2, 3]
    assert not keys[0] & keys[1]
    assert notes == []
    lab = make_lab(*texts, "drift.most=6")
    measured, _ = held_out(lab.config, lab.dataset, lab.encoder, 256)
    with pytest.raises(ValueError, match=r"gate\.texts\.news: .* no text that \[drift\] does not measure"):
        texts_of(lab.config, lab.dataset, lab.encoder, 256, measured)


def test_a_rise_of_its_texts_is_what_it_says(make_lab, texts, tiny_model, monkeypatch):
    lab = make_lab(*texts)
    lab = replace(lab, guard=texts_of(lab.config, lab.dataset, lab.encoder, 256, None)[0])
    monkeypatch.setattr(type(lab), "load", lambda lab, model: Policy.load(tiny_model))
    base = look(lab, lab.config.gate, "base", lab.out / "gate" / "base.jsonl.gz", "gate base", None)
    worse = Policy.load(tiny_model)
    worse.model.get_input_embeddings().weight.data[:, 0] += 0.5
    for policy, rises in ((Policy.load(tiny_model), False), (worse, True)):
        path = lab.out / "explore" / "gate" / f"{rises}.jsonl.gz"
        rise = look(lab, lab.config.gate, policy, path, "made", base).texts["news"]["rise"]
        assert (abs(rise) > 1e-3) is rises
        assert look(lab, lab.config.gate, "not asked again", path, "made", base).texts["news"]["rise"] == rise
