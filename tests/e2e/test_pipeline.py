"""The run's files are an interface (docs/data.md): what is promised of them, on a small run of the whole method."""

import gc
import json
import shutil
import weakref
from hashlib import sha256
from pathlib import Path

import pytest
from fakes import small_config, small_run
from transformers import AutoModelForCausalLM, AutoTokenizer

from redone.commands import prepare
from redone.files import read_jsonl
from redone.model.policy import Policy
from redone.run.log import Log
from redone.world.catalogue import read_catalogue

GENERAL = read_catalogue("general").tasks
TASKS = 15 + len(GENERAL)  # of the support and the general pack
AVERAGES = {"domain", "translation", "general", "unrehearsed", "general, reworded"}

STAGES = ("explore", "target", "refine")
MODELS = ("base", *STAGES)


@pytest.fixture
def run(finished_run: Path) -> Path:
    return finished_run


def test_results_hold_every_model_task_and_average(run: Path) -> None:
    results = json.loads((run / "results.json").read_text())
    assert list(results["models"]) == list(MODELS)
    assert results["domain"] == "support"
    for table in results["models"].values():
        assert set(table["averages"]) == AVERAGES
        assert len(table["tasks"]) == TASKS
        for row in table["tasks"].values():
            assert 0 <= row["interval"][0] <= row["score"] <= row["interval"][1] <= 100
            assert row["n"] == 4
            assert 0 <= row["baseline"] <= 100
            assert ("family" in row) != ("group" in row)
            assert row["metric"]


def test_the_averages_are_the_means_they_say_they_are(run: Path) -> None:
    table = json.loads((run / "results.json").read_text())["models"]["refine"]
    rows = table["tasks"].values()
    domain = [r["score"] for r in rows if r.get("family") not in (None, "translation")]
    translation = [r["score"] for r in rows if r.get("family") == "translation"]
    groups: dict[str, list[float]] = {}
    for name, row in table["tasks"].items():
        if name in GENERAL and GENERAL[name].train:
            groups.setdefault(row["group"], []).append(row["score"])
    assert len(groups) == 7
    assert table["averages"]["domain"] == pytest.approx(sum(domain) / len(domain))
    assert table["averages"]["translation"] == pytest.approx(sum(translation) / len(translation))
    means = [sum(values) / len(values) for values in groups.values()]
    assert table["averages"]["general"] == pytest.approx(sum(means) / 7)


def test_every_rl_step_has_a_line_of_metrics(run: Path) -> None:
    for stage in ("explore", "refine"):
        rows = list(read_jsonl(run / stage / "metrics.jsonl"))
        assert [row["step"] for row in rows] == [1, 2, 3, 4]
        for row in rows:
            keys = {"reward", "loss", "seconds", "entropy", "clip_fraction", "grad_norm", "sampler_gap", "tasks"}
            assert keys <= set(row)
            for task in row["tasks"].values():
                assert {"reward", "pass_rate", "filtered", "length"} <= set(task)


def test_of_an_ordinary_run_no_monitor_says_more_than_which_tasks_were_never_right(run: Path) -> None:
    for stage in ("explore", "target", "refine"):
        said = [one for row in read_jsonl(run / stage / "metrics.jsonl") for one in row["alarms"]]
        assert all(one.startswith("never right: ") for one in said), said


def test_the_engine_that_samples_and_the_one_that_trains_agree(run: Path) -> None:
    gaps = [row["sampler_gap"] for row in read_jsonl(run / "explore" / "metrics.jsonl") if row["groups"]]
    assert gaps
    assert max(gaps) < 1e-3


def test_rollouts_tell_what_each_answer_earned_and_why(run: Path) -> None:
    rows = list(read_jsonl(run / "explore" / "rollouts.jsonl.gz"))
    assert rows
    for row in rows:
        assert {"step", "id", "task", "text", "score", "reason", "advantage"} <= set(row)
    trained = [row for row in rows if row["advantage"] is not None]
    groups: dict[tuple[int, str], list[dict[str, float]]] = {}
    for row in trained:
        groups.setdefault((row["step"], row["id"]), []).append(row)
    for group in groups.values():  # informative, and the better answer never has the smaller advantage
        assert len({row["score"] for row in group}) > 1
        ordered = sorted(group, key=lambda row: row["score"])
        assert ordered[0]["advantage"] < ordered[-1]["advantage"]


def test_the_targeted_set_keeps_its_provenance_and_holds_no_eval_record(run: Path) -> None:
    rows = list(read_jsonl(run / "target" / "data.jsonl.gz"))
    plan = json.loads((run / "target" / "plan.json").read_text())
    assert {row["split"] for row in rows} == {"train"}
    assert all({"id", "task", "source", "labels", "why", "messages", "target"} <= set(row) for row in rows)
    counts = {name: sum(row["task"] == name for row in rows) for name in plan["quotas"]}
    assert all(0 < counts[name] <= quota for name, quota in plan["quotas"].items())


def test_findings_say_of_every_task_what_it_is_and_why(run: Path) -> None:
    findings = json.loads((run / "target" / "findings.json").read_text())
    assert len(findings) == TASKS
    for finding in findings:
        assert finding["why"].endswith(".")
        assert finding["pass1"] <= finding["passk"]
        assert finding["pass1_interval"][0] <= finding["pass1"] <= finding["pass1_interval"][1]


def test_outputs_are_kept_for_every_eval_record(run: Path) -> None:
    for model in MODELS:
        rows = list(read_jsonl(run / "eval" / model / "tasks" / "predictions.jsonl"))
        assert len({row["id"] for row in rows}) == 4 * TASKS
        assert all({"id", "output", "finished"} <= set(row) for row in rows)
        items = list(read_jsonl(run / "eval" / model / "tasks" / "items.jsonl"))
        assert {row["id"] for row in items} == {row["id"] for row in rows}
        assert all({"score", "reason"} <= set(row) for row in items)
        assert all("/eval/" in row["id"] for row in rows)


def test_every_stage_leaves_an_ordinary_hugging_face_folder(run: Path) -> None:
    for stage in STAGES:
        assert (run / stage / "DONE").exists()
        AutoModelForCausalLM.from_pretrained(run / stage / "model")
        tokenizer = AutoTokenizer.from_pretrained(run / stage / "model")
        assert tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False) == "<|user|>hi"


def test_config_and_manifest_say_what_made_the_run(run: Path) -> None:
    assert json.loads((run / "config.json").read_text()) == small_config().model_dump(mode="json")
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["packed_engine"] is True
    assert manifest["chat_template"] == sha256(manifest["chat_template_text"].encode()).hexdigest()[:8]
    assert set(manifest["versions"]) >= {"python", "torch", "transformers", "redone"}
    assert len(manifest["data"]) == TASKS


def test_the_report_is_one_file_that_needs_no_network(run: Path) -> None:
    page = (run / "report.html").read_text()
    assert "<svg" in page
    assert not any(mark in page for mark in ("<script src", "<link", "@import", 'src="http', "url(http"))
    assert (run / "report.md").read_text().startswith("# ")


def test_the_same_command_again_trains_nothing(finished_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*.safetensors")}
    _, lines = small_run(run)
    assert not [line for line in lines if line.startswith(STAGES)]
    assert before == {path: path.stat().st_mtime_ns for path in run.rglob("*.safetensors")}


def test_a_run_holds_no_model_that_no_step_uses(tmp_path, monkeypatch):
    real, loaded = Policy.load, []

    def load(*given):
        policy = real(*given)
        loaded.append(weakref.ref(policy))
        return policy

    monkeypatch.setattr(Policy, "load", load)
    with prepare.prepare(small_config(), tmp_path / "run", Log()):
        gc.collect()
        assert [one() for one in loaded] == [None]
