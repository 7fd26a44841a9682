"""What is kept of a run: all that scores come from, and nothing of a machine."""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
from fakes import DEMO, small_config

from redone.benchmark.readings import AGGREGATES
from redone.data.load import make_record, make_task
from redone.experiment.analysis import measures
from redone.experiment.definition import read_plan
from redone.experiment.records import _sample, _verdicts, clusters_of, path_of, read_kept, settings_of
from redone.files import read_jsonl
from redone.measure.score import exact
from redone.measure.shape import shape_from_json
from redone.model.places import EMBEDDED
from redone.records import Verdict

TASK = {"part": "domain", "family": "x", "prompt": "{q}", "answer": "{a}", "reward": "exact", "cluster": "fact"}


def test_records_hang_together_by_the_field_that_their_task_names():
    tasks = {"facts": make_task("facts", TASK, "x"), "other": make_task("other", {**TASK, "cluster": ""}, "x")}
    rows = [
        {"q": "a ?", "a": "b", "fact": "one"},
        {"q": "c ?", "a": "d", "fact": 2},
        {"q": "e ?", "a": "f", "fact": "one"},
    ]
    records = tuple(make_record(tasks["facts"], "eval", i, "x", row) for i, row in enumerate(rows))
    dataset = SimpleNamespace(tasks=tasks, records={"facts": {"eval": records}, "other": {}})
    lab = SimpleNamespace(dataset=dataset, config=small_config())
    assert clusters_of(lab, "facts") == {"facts/eval/0": "one", "facts/eval/1": "2", "facts/eval/2": "one"}
    assert clusters_of(lab, "other") == clusters_of(lab, "a benchmark's subset") == {}
    with pytest.raises(ValueError, match="no field fact, which the cluster of task facts needs"):
        make_record(tasks["facts"], "eval", 0, "x", {"q": "a ?", "a": "b"})


def test_verdicts_come_back_with_the_parts_that_their_metric_counts():
    verdicts = [Verdict(1.0, "right", {"hits": 2.0, "gold": math.nan}), Verdict(0.25, "right", {})]
    kept = _sample(verdicts, "micro_f1")
    first, second = _verdicts(kept)
    assert (first.score, first.parts["hits"], second.score, second.parts) == (1.0, 2.0, 0.25, {})
    assert math.isnan(first.parts["gold"])
    assert _sample(verdicts, "mean") == {"scores": [1, 0.25]}


def test_the_likelier_text_is_the_higher_score_over_all_tokens():
    texts = [Verdict(0.0, "right", {"nats": nats, "tokens": tokens}) for nats, tokens in ((2.0, 4.0), (7.0, 6.0))]
    assert exact(AGGREGATES["nats"], [texts]) == {"score": pytest.approx(-90.0)}


def test_the_settings_say_nothing_of_where_things_lie_and_how_a_machine_runs_them():
    here = small_config(
        "data.root=here", "model.path=here/base", 'data.packs=["here/pack.toml"]', "name=a", "threads=1"
    )
    there = small_config("data.root=there", "model.path=base", 'data.packs=["there/pack.toml"]', "name=b", "threads=2")
    assert settings_of(here) == settings_of(there)
    assert settings_of(small_config("seed=1")) != settings_of(small_config())


def model_of(experiment: str, folder: Path) -> list[str]:
    """What sets its model, of which only the name counts."""
    if experiment != "smollm2":
        return []
    model = folder / "SmolLM2-135M-Instruct"
    model.symlink_to(EMBEDDED, target_is_directory=True)
    return [f'model.path="{model}"']


CONFIGS = Path(__file__).parents[3] / "configs" / "experiments"


@pytest.mark.parametrize("kept", sorted(CONFIGS.glob("*.records")), ids=lambda path: path.stem)
def test_the_records_in_the_repository_are_those_of_their_experiment_as_it_stands(kept, tmp_path):
    """Also where a key is newer than they are, at its default."""
    plan = read_plan(kept.with_suffix(".toml"), DEMO, sets=model_of(kept.stem, tmp_path))
    files = {path.name for path in kept.glob("*.jsonl.gz")}
    found = [path_of(job, plan, tmp_path) for job in plan.jobs]
    assert {path.name for path in found if path} == files
    assert files
    asked = {measure for question in plan.experiment.questions for measure in question.measures}
    for path in files:
        shapes = next(read_jsonl(kept / path))["shapes"]
        assert asked <= measures({name: shape_from_json(one, path) for name, one in shapes.items()}).keys()
    assert read_kept(kept / min(files)).subsets


def test_records_that_were_made_with_other_settings_are_not_taken_for_these(tmp_path):
    plan = read_plan(CONFIGS / "smollm2.toml", DEMO, sets=[*model_of("smollm2", tmp_path), "data.limit=7"])
    with pytest.raises(ValueError, match=r"made with other settings(.|\n)*  data\.limit: 1500 -> 7$"):
        path_of(plan.job("whole-0"), plan, tmp_path)
