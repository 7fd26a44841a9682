"""The method is a list of stages: other lists are configurations, and end with all their models measured."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from redone.cli import main
from redone.files import read_jsonl


def run(path: Path, out: Path, *sets: str) -> dict:
    options = [part for one in sets for part in ("--set", one)]
    assert main(["run", str(path), "--out", str(out), *options]) == 0
    assert (out / "report.md").is_file()
    return json.loads((out / "results.json").read_text(encoding="utf-8"))


def weights(out: Path, stage: str) -> bytes:
    return (out / stage / "model" / "model.safetensors").read_bytes()


def test_a_run_may_stop_after_its_first_stage(tiny_run, tmp_path):
    results = run(tiny_run, tmp_path / "out", 'stages=["explore"]')
    assert list(results["models"]) == ["base", "explore"]
    assert not (tmp_path / "out" / "target").exists()


@pytest.mark.slow
def test_reinforcement_twice_is_two_tables(tiny_run, tmp_path):
    out = tmp_path / "out"
    more = ["more.kind=reinforce", "more.prompts=4", "more.group=4", "more.updates=1", "more.steps=2"]
    results = run(tiny_run, out, 'stages=["explore", "more"]', *more, "more.learning_rate=1e-2", "more.warmup=0")
    assert list(results["models"]) == ["base", "explore", "more"]
    assert [row["step"] for row in read_jsonl(out / "more" / "metrics.jsonl")] == [1, 2]
    assert set(results["seconds"]) >= {"explore", "more", "eval more"}


@pytest.mark.parametrize("choose", ["findings", "random", pytest.param("all", marks=pytest.mark.slow)])
def test_fine_tuning_comes_first_where_the_stages_say_so(tiny_run, tmp_path, choose):
    """By findings the base itself is diagnosed; otherwise nothing is probed, and the tasks are taught evenly."""
    out = tmp_path / "out"
    results = run(tiny_run, out, 'stages=["target", "refine"]', f"target.choose={choose}", "target.soft_labels=gold")
    assert list(results["models"]) == ["base", "target", "refine"]
    taught = {row["task"] for row in read_jsonl(out / "target" / "data.jsonl.gz")}
    assert (out / "target" / "findings.json").exists() == (choose == "findings")
    assert ("diagnosis" in results["seconds"]) == (choose == "findings")
    if choose == "random":  # one of the two domain tasks, and the general one
        assert len(taught) == 2
    else:
        assert taught == {"size", "german", "next"}
    assert weights(out, "target") != weights(out, "refine")


def tensors(folder):
    return {name: tensor.tolist() for name, tensor in load_file(folder / "model.safetensors").items()}


def test_a_stage_starts_from_the_model_that_it_names(tiny_run, tiny_model, tmp_path):
    """Of no steps, a stage leaves the model that it started from."""
    out = tmp_path / "out"
    run(tiny_run, out, "target.epochs=0", "refine.start=base", "refine.steps=0")
    assert weights(out, "explore") == weights(out, "target")
    assert tensors(out / "refine" / "model") == tensors(tiny_model) != tensors(out / "explore" / "model")


def test_a_task_that_is_held_out_is_measured_and_never_trained(tiny_run, tmp_path):
    out = tmp_path / "out"
    results = run(tiny_run, out, 'data.held_out=["german", "next"]')
    assert results["models"]["refine"]["tasks"].keys() == {"size", "german", "next"}
    assert {row["task"] for row in read_jsonl(out / "target" / "data.jsonl.gz")} == {"size"}
    assert {name.split("/")[0] for name in json.loads((out / "refine" / "difficulty.json").read_text())} == {"size"}
    for stage in ("explore", "refine"):
        drawn = {task for row in read_jsonl(out / stage / "metrics.jsonl") for task in row["tasks"]}
        assert drawn == {"size"}


def only_evaluated(folder, *tasks):
    """The pack with these tasks only evaluated, of eval rows alone."""
    text = (folder / "pack.toml").read_text()
    for task in tasks:
        text = text.replace(f"[tasks.{task}]\n", f"[tasks.{task}]\ntrain = false\n")
        text = text.replace(f'train = "{task}.train.jsonl", probe = "{task}.probe.jsonl", ', "")
    (folder / "pack.toml").write_text(text)


def test_a_task_that_is_only_evaluated_is_measured_and_never_trained_diagnosed_or_needed(tiny_run, tmp_path, capsys):
    only_evaluated(tmp_path, "german", "next")
    assert main(["check", str(tiny_run)]) == 0
    printed = capsys.readouterr().out
    assert [line.split()[:4] for line in printed.splitlines() if line.startswith("german ")] == [
        ["german", "-", "-", "4"]
    ]
    out = tmp_path / "out"
    results = run(tiny_run, out)
    assert results["models"]["refine"]["tasks"].keys() == {"size", "german", "next"}
    assert {row["task"] for row in read_jsonl(out / "target" / "data.jsonl.gz")} == {"size"}
    assert [row["task"] for row in json.loads((out / "target" / "findings.json").read_text())] == ["size"]
    assert (out / "report.html").exists()


def test_a_pack_of_tasks_that_are_only_evaluated_is_measured_and_not_run(tiny_run, tmp_path, capsys):
    only_evaluated(tmp_path, "size", "german", "next")
    assert main(["run", str(tiny_run), "--out", str(tmp_path / "out")]) == 2
    assert "nothing is trained: every task is held out (data.held_out) or only evaluated" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main(["check", str(tiny_run), "--rewards"]) == 0
    command = ["eval", "base", "--config", str(tiny_run), "--out", str(tmp_path / "scores")]
    assert main(command) == 0
    tasks = json.loads((tmp_path / "scores" / "results.json").read_text())["models"]["model"]["tasks"]
    assert {name: (row["n"], row["baseline_answer"]) for name, row in tasks.items()} == {
        "size": (4, "empty"), "german": (4, "empty"), "next": (4, "empty")
    }  # fmt: skip
    probe = ["eval", "base", "--config", str(tiny_run), "--split", "probe", "--out", str(tmp_path / "probe")]
    capsys.readouterr()
    assert main(probe) == 2
    assert "no task has records in probe" in capsys.readouterr().err


BENCHMARK = """
title = "Sizes"
folder = "sizes"

[readings.whole]
reward = "exact"

[subsets.even]
prompt = "{n} big ?"
answer = "{size}"
file = "even.jsonl"
budget = 4
"""


def test_benchmarks_may_be_part_of_a_run_and_are_compared_stage_by_stage(tiny_run, tmp_path, capsys):
    """The base and every stage answer them; their folders are evaluations like any other."""
    (tmp_path / "sizes.toml").write_text(BENCHMARK, encoding="utf-8")
    (tmp_path / "sizes").mkdir()
    rows = [{"n": n, "size": "yes" if n % 2 else "no"} for n in range(900, 912)]
    (tmp_path / "sizes" / "even.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    out = tmp_path / "out"
    name = str(tmp_path / "sizes.toml")
    asked = [f"data.root={tmp_path}", f'eval.benchmarks=["{name}"]', "eval.benchmark_items=10"]
    results = run(tiny_run, out, *asked)
    [(found, scores)] = results["benchmarks"].items()
    assert list(scores) == ["base", "explore", "target", "refine"]
    assert {one["n"] for one in scores.values()} == {10}
    for change in results["changes"]:
        ends = [scores[change[side]]["score"] for side in ("before", "after")]
        assert [change["benchmarks"][found][side] for side in ("a", "b")] == ends
    folders = [str(out / "eval" / model) for model in ("base", "refine")]
    capsys.readouterr()
    assert main(["compare", *folders]) == 0
    shown = capsys.readouterr().out
    assert "Sizes" in shown
    assert "Tasks" in shown


def test_a_benchmark_whose_data_are_missing_stops_a_run_before_it_begins(tiny_run, tmp_path, capsys):
    (tmp_path / "sizes.toml").write_text(BENCHMARK, encoding="utf-8")
    sets = ["--set", f"data.root={tmp_path}", "--set", f'eval.benchmarks=["{tmp_path / "sizes.toml"}"]']
    assert main(["run", str(tiny_run), "--out", str(tmp_path / "out"), *sets]) == 2
    assert "Sizes" in (said := capsys.readouterr().err) or "sizes" in said
    assert not (tmp_path / "out").exists()
