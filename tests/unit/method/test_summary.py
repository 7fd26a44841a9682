"""What results.json says, from the files of evaluations that a script answered."""

import json
from types import SimpleNamespace

import pytest

from redone.files import write_json, write_jsonl
from redone.measure.compare import MEAN
from redone.measure.items import Item, item_line
from redone.measure.shape import Shape, SubsetShape
from redone.method.evaluate import earned_without_a_model, evaluate
from redone.method.summary import benchmark_scores, compared, summarise
from redone.records import Verdict
from redone.run.store import Store


@pytest.fixture
def lab(make_lab, samplers):
    """A run of three stages: explore is right on "tone", target on everything, refine on nothing."""
    knows = {"base": (), "explore": ("tone",), "target": ("tone", "topic", "sums"), "refine": ()}

    def says(model, prompt, number):
        task, _, place = prompt.removeprefix("<|user|>").split(" ?")[0].split()
        return ("yes" if int(place) % 2 else "no") if task in knows[model] else "neither"

    samplers.says = says
    lab = make_lab()
    trivial = earned_without_a_model(lab)
    for model in lab.models:
        evaluate(lab, model, trivial)
    for stage in lab.stages:
        Store(lab.out / stage.name).finish(4.0)
    made = {
        "near_duplicates_removed": {"tone": 2},
        "soft_labels": 6,
        "kind": "best_of_n",
        "passing": 3,
        "not_passing": 2,
        "by_reference": 1,
    }
    write_json(lab.out / "target" / "made.json", made)
    write_json(lab.out / "target" / "findings.json", [{"task": "topic", "kind": "reward suspect"}])
    return lab


def test_every_model_has_its_own_scores_and_every_stage_is_compared_with_the_model_it_started_from(lab):
    results = summarise(lab)
    assert json.loads((lab.out / "results.json").read_text()) == json.loads(json.dumps(results))
    domain = {model: table["averages"]["domain"] for model, table in results["models"].items()}
    assert domain == pytest.approx({"base": 0.0, "explore": 100 / 3, "target": 200 / 3, "refine": 0.0})
    changes = {(one["before"], one["after"]): one["averages"]["domain"]["difference"] for one in results["changes"]}
    assert changes == pytest.approx(
        {
            ("base", "explore"): 100 / 3,
            ("explore", "target"): 100 / 3,
            ("target", "refine"): -200 / 3,
            ("base", "refine"): 0.0,
        }
    )
    assert results["changes"][1]["tasks"]["topic"]["changed"] == 5


def test_a_stage_is_compared_with_its_start_and_no_pair_twice(make_lab):
    assert compared(make_lab('stages=["explore"]')) == [("base", "explore")]
    assert compared(make_lab("refine.start=explore")) == [
        ("base", "explore"),
        ("explore", "target"),
        ("explore", "refine"),
        ("base", "refine"),
    ]


def test_the_notes_say_what_a_reader_should_know(lab):
    dead = {"reward": 0.0, "groups": 6, "reasons": {"wrong": 20, "truncated": 28}}
    every = {"step": 1, "reward": 0.0, "reward_error": 0.1, "tasks": {"sums": dead}}
    metrics = [
        {"groups": 1, "rationale_share": 1.0, "general_share": 0.0, "starved": True, "resting": {}},
        {"groups": 3, "rationale_share": 0.5, "general_share": 0.2, "starved": False, "resting": {"topic": 0.1}},
        {"groups": 0, "rationale_share": None, "general_share": None, "starved": True, "resting": {"topic": 0.05}},
    ]
    metrics = [every | row for row in metrics]
    (lab.out / "refine" / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in metrics))
    taught = [{"step": i, "loss": 1.0 if i < 10 else 9.0, "grad_norm": 1.0} for i in range(20)]
    (lab.out / "target" / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in taught))
    notes = summarise(lab)["notes"]
    assert any(note.startswith("target: loss rises: from 1.00 to 9.00 nats") for note in notes)
    assert "target: 2 near-duplicates were left out of the targeted set." in notes
    assert "The reward of topic does not pass its own reference answers." in notes
    assert "refine: 62.5 % of the trained prompts reason (57.2 % wanted)." in notes
    assert "refine: 15.0 % of the trained prompts are general (6.2 % wanted)." in notes
    assert any(
        note.startswith("refine: hardly any group of these tasks (1) ") and note.endswith(": topic.") for note in notes
    )
    assert "refine: 2 of 3 steps found fewer informative groups than asked for." in notes
    assert any(
        "5 general records carry a soft label (best of n), 2 of them one that does not pass; 1 whose" in n
        for n in notes
    )
    [never] = [note for note in notes if "never right" in note]
    assert never.startswith("refine: never right: sums: no answer had any score. Most are cut off by")
    [lost] = [note for note in notes if "forgets" in note]
    assert lost.startswith("refine, against target: forgets: general: -100.0 [-100.0, -56.6] points. Lower")


def test_the_notes_of_a_stage_that_ended_early_and_of_one_that_was_taught_reference_answers(lab):
    idle = {
        "groups": 0,
        "pass_rate": 1.0,
        "rationale_share": None,
        "general_share": None,
        "starved": False,
        "resting": {},
    }
    tasks = {"sums": {"reward": 0.5, "groups": 6, "reasons": {"right": 24, "wrong": 24}}}
    rows = [{**idle, "step": i, "reward": 0.5, "reward_error": 0.1, "tasks": tasks} for i in range(1, 6)]
    (lab.out / "explore" / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_json(lab.out / "target" / "made.json", {"near_duplicates_removed": {}, "kind": "gold"})
    write_json(lab.out / "target" / "findings.json", [{"task": "topic", "kind": "unknown"}])
    notes = summarise(lab)["notes"]
    assert any(one.startswith("explore ended after step 5 of 100: in its last 5 steps no prompt had") for one in notes)
    assert not [one for one in notes if one.startswith("explore:") and ("fewer informative" in one or "reason" in one)]
    assert not [one for one in notes if "embedded judge" in one or "its own reference answers" in one]
    assert "target: 0 near-duplicates were left out of the targeted set." in notes
    (lab.out / "target" / "findings.json").unlink()  # of a stage that chooses by none
    assert "target: 0 near-duplicates were left out of the targeted set." in summarise(lab)["notes"]


def test_the_seconds_are_those_of_stages_and_phases(lab):
    seconds = summarise(lab)["seconds"]
    assert {stage: seconds[stage] for stage in lab.config.stages} == dict.fromkeys(lab.config.stages, 4.0)
    assert seconds.keys() >= {"eval base", "eval explore", "eval target", "eval refine"}


def test_the_mean_of_several_benchmarks_is_each_models_own_and_compared_item_by_item(lab, monkeypatch):
    """Of two benchmarks, of 4 items and of 2: target gets two items of the first right that the base does not."""
    prepared = []
    for name, count in (("sums", 4), ("facts", 2)):
        shape = Shape(name, name, {name: SubsetShape(name, {"right": "mean"})}, {"average": {name: [name]}})
        prepared.append(SimpleNamespace(benchmark=SimpleNamespace(name=name, shape=shape)))
        for model in lab.models:
            right = [int(i < 2 and model == "target") if name == "sums" else i for i in range(count)]
            verdicts = [Verdict(float(one), "right" if one else "wrong") for one in right]
            items = [Item(name, f"{name}/{i}", "", {"right": (v,)}) for i, v in enumerate(verdicts)]
            folder = lab.out / "eval" / model / name
            write_jsonl(folder / "items.jsonl", [item_line(name, item) for item in items])
            entry = {"n": count, "answers": count, "missing": {}, "cut_short": 0}
            write_json(folder / "scores.json", {"average": 0.0, "subsets": {name: entry}, "shape": shape.to_json()})
    object.__setattr__(lab, "benchmarks", prepared)
    results = summarise(lab)
    means = results["benchmarks_mean"]
    assert {model: mean["score"] for model, mean in means.items()} == {
        "base": 25.0,
        "explore": 25.0,
        "target": 50.0,
        "refine": 25.0,
    }
    assert means["target"]["interval"][0] < 50 < means["target"]["interval"][1]
    changes = {(one["before"], one["after"]): one["benchmarks"] for one in results["changes"]}
    assert changes["explore", "target"][MEAN]["difference"] == 25.0
    assert changes["explore", "target"][MEAN]["changed"] == 2
    assert changes["base", "refine"][MEAN]["difference"] == 0.0
    object.__setattr__(lab, "benchmarks", prepared[:1])
    assert summarise(lab)["benchmarks_mean"] == {}  # of one there is none


def test_a_benchmarks_average_is_each_models_own(make_lab):
    lab = make_lab()
    for i, model in enumerate(lab.models):
        one = {"n": 2, "answers": 2, "missing": {"cut off": 1}, "cut_short": 1}
        two = {"n": 3, "answers": 3, "missing": {"empty": 1, "cut off": 1}, "cut_short": 0}
        scores = {"average": 10.0 * i, "average_interval": [i, i + 1], "subsets": {"a": one, "b": two}}
        write_json(lab.out / "eval" / model / "bench" / "scores.json", scores)
    found = benchmark_scores(lab, "bench")
    assert [entry["score"] for entry in found.values()] == [0.0, 10.0, 20.0, 30.0]
    told = {"answers": 5, "missing": {"empty": 1, "cut off": 2}, "cut_short": 1}
    assert found["target"] == {"score": 20.0, "interval": [2, 3], "n": 5, **told}
