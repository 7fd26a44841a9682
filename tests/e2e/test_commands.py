"""The commands as a person gives them: a run that is stopped and goes on, eval, report, another model family."""

import json
import os
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest
from fakes import FakeJudge

from redone import cli
from redone.cli.run import DEMO
from redone.commands.prepare import prepare
from redone.config import load_config
from redone.files import read_jsonl
from redone.run.log import Log
from redone.sandbox.isolate import unavailable


def test_eval_writes_outputs_and_scores_of_the_chosen_split(tiny_run: Path, tiny_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores"
    command = ["eval", str(tiny_model), "--config", str(tiny_run), "--split", "probe", "--out", str(out)]
    assert cli.main(command) == 0
    rows = list(read_jsonl(out / "tasks" / "predictions.jsonl"))
    assert {row["id"].split("/")[1] for row in rows} == {"probe"}
    assert len(rows) == 3 * 4
    table = json.loads((out / "results.json").read_text())["models"]["model"]
    assert {"domain", "translation", "general", "unrehearsed"} <= set(table["averages"])
    left = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    lost = (out / "tasks" / "scores.json", out / "tasks" / "items.jsonl", out / "results.json")
    for path in lost:
        path.unlink()
    answers = out / "tasks" / "predictions.jsonl"
    answers.write_bytes(answers.read_bytes()[:100])  # killed while it wrote
    assert cli.main(command) == 0
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == left
    assert cli.main([*command[:-3], "eval", *command[-2:]]) == 2  # the other split into the same folder
    assert cli.main(["compare", str(out), str(out)]) == 0
    page = (out / "report.html").read_bytes()
    (out / "report.html").unlink()
    assert cli.main(["report", str(out)]) == 0
    assert (out / "report.html").read_bytes() == page
    assert cli.main(["report", str(out), str(out)]) == 2  # several go into a folder of their own
    shutil.copytree(out, tmp_path / "other")
    assert cli.main(["report", str(out), str(tmp_path / "other"), "--out", str(tmp_path / "both")]) == 0
    assert "2 models" in (tmp_path / "both" / "report.html").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--config", "CONFIG", "--likelihood"], "--likelihood chooses among a benchmark's options"),
        (["--config", "CONFIG", "--think", "9"], "--think is for benchmarks"),
        (["--config", "CONFIG", "--temperature", "0.5"], "--temperature is of several samples"),
        (["--config", "CONFIG", "--seed", "1"], "--seed is of several samples"),
        (["--config", "CONFIG", "--concurrent", "2"], "--concurrent is of an endpoint"),
        (["--benchmark", "gsm8k", "--set", "seed=1"], "--set is of a configuration"),
        (["--benchmark", "gsm8k", "--split", "probe"], "--split is of a configuration's tasks"),
        (["--benchmark", "gsm8k", "--likelihood", "--samples", "2"], "--likelihood chooses one answer"),
        (["--benchmark", "gsm8k", "--likelihood", "--base-url", "http://127.0.0.1:9/v1"],
         "--likelihood needs the model itself"),
        (["--config", "CONFIG", "--think-in-words"], "--think-in-words is of an endpoint"),
        (["--benchmark", "gsm8k", "--think-in-words", "--base-url", "http://127.0.0.1:9/v1"], "nothing thinks"),
        (["--benchmark", "gsm8k", "--lm-eval-chat"], "--lm-eval-chat is of --lm-eval"),
        (["--benchmark", "gsm8k", "--lm-eval-include", "x"], "--lm-eval-include is of --lm-eval"),
        (["--lm-eval", "arc_easy", "--samples", "2"], "leave out --samples"),
        (["--lm-eval", "arc_easy", "--think", "9"], "say themselves how they are answered"),
        (["--lm-eval", "arc_easy", "--data", "x"], "leave out --data"),
        (["--lm-eval", "arc_easy", "--base-url", "http://127.0.0.1:9/v1"], "is of a model that is loaded"),
    ],
)  # fmt: skip
def test_an_option_of_eval_that_does_not_apply_is_refused(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    given = [str(tiny_run) if option == "CONFIG" else option for option in options]
    assert cli.main(["eval", "base", *given, "--out", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("package", ["lm_eval", "sqlitedict"])
def test_without_lm_evaluation_harness_its_tasks_are_a_sentence_that_says_how_to_get_it(
    package: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert cli.main(["eval", "base", "--lm-eval", "arc_easy", "--out", str(tmp_path / "out")]) == 2
    assert "pip install 'redone[lm-eval]'" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--think-in-words"]])
def test_a_served_model_is_measured_on_a_configurations_tasks(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """Several samples, of a few records each; no model lies here. One task thinks."""
    pytest.importorskip("openai", reason="the endpoint's client is not installed")
    served = FakeJudge(lambda number, text: {"content": "yes", "reasoning_content": "well"})
    out = tmp_path / "out"
    options = ["--samples", "2", "--limit", "3", "--base-url", served.url, "--out", str(out), *words]
    try:
        assert cli.main(["eval", "some-model", "--config", str(tiny_run), *options]) == 0
    finally:
        served.close()
    assert len(served.asked) == 3 * 3 * 2
    assert len({body["seed"] for body in served.asked}) == 18
    asked = [body["messages"][-1]["content"] for body in served.asked]
    assert sum("Think step by step between <think>" in text for text in asked) == (6 if words else 0)
    printed = capsys.readouterr()
    assert ("--think-in-words asks it to" in printed.err) == (not words)
    alarm = 'model, size: 100 % of the answers are "yes"'
    assert [printed.out.count(alarm), (printed.out + printed.err).count("nearly a constant")] == [1, 1]
    results = json.loads((out / "results.json").read_text())
    assert results["model"] == "some-model"
    assert {row["n"] for row in results["models"]["model"]["tasks"].values()} == {3}
    assert {len(row["readings"]["score"]) for row in read_jsonl(out / "tasks" / "items.jsonl")} == {2}


def test_ctrl_c_stops_at_a_step_saves_and_says_how_to_go_on(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    command = ["run", str(tiny_run), "--out", str(out)]
    monkeypatch.setattr("sys.argv", ["redone", *command])
    line = Log.line

    def interrupt_after_the_first_step(self: Log, text: str) -> None:
        line(self, text)
        if text.startswith("explore    1/"):
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Log, "line", interrupt_after_the_first_step)
    assert cli.main(command) == 130
    said = capsys.readouterr().err
    assert f"Go on with: redone {' '.join(command)}" in " ".join(said.split())
    assert not (out / "explore" / "DONE").exists()
    monkeypatch.setattr(Log, "line", line)
    assert cli.main(command) == 0
    assert [row["step"] for row in read_jsonl(out / "explore" / "metrics.jsonl")] == [1, 2, 3]


def test_a_report_can_be_made_again(finished_run: Path, tmp_path: Path) -> None:
    out = shutil.copytree(finished_run, tmp_path / "out")
    (out / "report.html").unlink()
    assert cli.main(["report", str(out)]) == 0
    assert (out / "report.html").stat().st_size > 10_000


def test_data_that_changed_since_the_run_began_are_refused(tiny_run: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    with prepare(load_config([tiny_run]), out, Log()):
        pass  # the run has begun, and was stopped at once
    path = tmp_path / "size.train.jsonl"
    path.write_text(path.read_text().replace('"n": 101', '"n": 999'))
    assert cli.main(["run", str(tiny_run), "--out", str(out)]) == 2
    assert "the records of size have changed" in capsys.readouterr().err


def test_a_model_that_the_packed_engine_does_not_serve_goes_the_whole_way_too(
    tiny_run: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch
    from transformers import AutoTokenizer, GPTNeoConfig, GPTNeoForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    torch.manual_seed(0)
    config = GPTNeoConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_layers=2,
        attention_types=[[["global", "local"], 1]],
        num_heads=4,
        max_position_embeddings=256,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    folder = tmp_path / "neo"
    GPTNeoForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    out = tmp_path / "out"
    assert cli.main(["run", str(tiny_run), "--model", str(folder), "--out", str(out)]) == 0
    assert "GPTNeoForCausalLM: prompts are repeated for every answer" in capsys.readouterr().err
    assert json.loads((out / "manifest.json").read_text())["packed_engine"] is False
    assert json.loads((out / "results.json").read_text())["models"]["refine"]["averages"]["general"] is not None


def test_check_prints_what_cheats_would_earn(capsys: pytest.CaptureFixture[str]):
    sets = ["--set", 'data.packs=["support"]', "--set", "data.held_out=[]"]
    assert cli.main(["check", str(DEMO), *sets, "--rewards"]) == 0
    said = capsys.readouterr().out
    assert "answer twice" in said
    assert re.search(r"^route +100 ", said, re.MULTILINE)
    assert "No reward pays a cheat." in said


def test_check_prints_which_protections_of_the_sandbox_are_active(capsys: pytest.CaptureFixture[str]):
    if why := unavailable():
        pytest.skip(why)
    assert cli.main(["check", "--sandbox"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^yes +pid namespace", said, re.MULTILINE)
    assert not re.search(r"^NO", said, re.MULTILINE)


def test_check_of_nothing_is_a_mistake(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["check"]) == 2
    assert "--sandbox" in capsys.readouterr().err
