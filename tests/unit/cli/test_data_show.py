"""Rows of a pack as they are asked, with what their reference answers earn."""

import json
from pathlib import Path

import pytest

from redone import cli

PACK = """
[tasks.add]
part = "domain"
family = "sums"
system = "Be short."
prompt = "What is {a} and {a}?"
answer = "{sum}"
reward = "exact"
options = {kind = "number"}
files = {train = "sums.jsonl"}

[tasks.style]
part = "domain"
family = "sums"
prompt = "Say {a} well."
answer = "{sum}"
reward = "judge"
options = {rubric = "Is it well said?"}
files = {train = "sums.jsonl"}
"""


@pytest.fixture
def pack(tmp_path: Path) -> str:
    rows = [{"a": a, "sum": "many" if a > 2 else str(2 * a)} for a in range(1, 60)]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "pack.toml").write_text(PACK, encoding="utf-8")
    return str(tmp_path / "pack.toml")


def test_a_configuration_in_a_packs_place_is_named_with_its_packs(pack, tmp_path, capsys):
    run = tmp_path / "run.toml"
    run.write_text('[data]\npacks = ["pack.toml", "general"]\n', encoding="utf-8")
    assert cli.main(["data", "show", str(run)]) == 2
    said = f"{run}: a run's configuration and no pack; its packs are {pack}, general\n"
    assert capsys.readouterr().err == f"redone: {said}"
    run.write_text('stages = ["explore"]\n', encoding="utf-8")
    assert cli.main(["data", "show", str(run)]) == 2
    assert "no pack; it names no packs, and reads those of the embedded world" in capsys.readouterr().err
    run.write_text("data = 3\n", encoding="utf-8")
    assert cli.main(["data", "show", str(run)]) == 2
    assert "its tasks are to be tables" in capsys.readouterr().err


def test_rows_are_shown_with_prompt_reference_and_what_it_earns(pack, capsys):
    assert cli.main(["data", "show", pack, "--rows", "4"]) == 0
    shown = capsys.readouterr().out
    assert "add/train/0, sums.jsonl:1: its reference answer earns 1 (exact)\n" in shown
    assert "  system: Be short.\n  user: What is 1 and 1?\n  ⟦2⟧\n" in shown
    assert "its reference answer earns 0, error: ValueError: add/train/" in shown
    assert "the reference answer 'many' is not one number" in shown
    assert "style/train/0, sums.jsonl:1: a judge decides what its reference answer earns (judge)\n" in shown
    assert shown.count("its reference answer earns") == 2 * 4


def test_with_a_model_they_are_shown_as_it_reads_them_and_of_one_task_alone(pack, tiny_model, capsys):
    assert cli.main(["data", "show", pack, "--task", "add", "--rows", "1", "--model", str(tiny_model)]) == 0
    shown = capsys.readouterr().out
    assert "style/" not in shown
    assert "<|system|>Be short.<|user|>What is 1 and 1?<|assistant|>" in shown
    assert "⟦2<|end|>⟧" in shown
    assert "and 2 that are taught" in shown


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--task", "ad"], "data.tasks: there is no task ad; did you mean add?"),
        (["--data", "nowhere"], "--data nowhere: there is no such folder"),
    ],
)
def test_what_is_not_there_is_said(pack, capsys, options, said):
    assert cli.main(["data", "show", pack, *options]) == 2
    assert said in capsys.readouterr().err
