"""What a published benchmark holds is not trained on, and the run says how much that was."""

import json
from pathlib import Path

import pytest

from redone import cli

PACK = """
[tasks.topic]
part = "domain"
family = "content understanding"
prompt = "note : {note}\\ntopic ?"
answer = "{topic}"
reward = "exact"
texts = ["note"]
files = {train = "train.jsonl", probe = "probe.jsonl", eval = "eval.jsonl"}
"""


def write(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    notes = {"train": ["Two cats, and three more?", "tea", "cake"], "probe": ["film"], "eval": ["book", "rain"]}
    for split, mine in notes.items():
        write(tmp_path / "data" / f"{split}.jsonl", [{"note": note, "topic": "tea"} for note in mine])
    for split, question in {"train": "One dog and one dog?", "test": "two cats and three more"}.items():
        write(tmp_path / "data" / "gsm8k" / f"{split}.jsonl", [{"question": question, "answer": "so #### 5"}])
    (tmp_path / "pack.toml").write_text(PACK, encoding="utf-8")
    (tmp_path / "run.toml").write_text(
        '[data]\npacks = ["pack.toml"]\nbenchmarks = ["gsm8k", "mmlu"]\n', encoding="utf-8"
    )
    return ["check", str(tmp_path / "run.toml"), "--data", str(tmp_path / "data")]


def test_train_records_that_a_benchmark_holds_are_left_out_and_counted(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(command) == 0
    printed = capsys.readouterr()
    assert ["topic", "2", "1", "2"] in [line.split()[:4] for line in printed.out.splitlines()]
    said = " ".join(printed.out.split())
    assert "records left out of train, tune and probe because a benchmark holds their text: gsm8k 1" in said
    assert "not compared with mmlu: their data are not in" in said


def test_a_benchmark_that_does_not_exist_is_named(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*command, "--set", 'data.benchmarks=["gsm9k"]']) == 2
    assert "there is no benchmark gsm9k; did you mean gsm8k?" in capsys.readouterr().err


def test_a_task_that_names_no_texts_is_said_not_to_be_compared(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pack.toml").write_text(PACK.replace('texts = ["note"]\n', ""), encoding="utf-8")
    assert cli.main(command) == 0
    assert "because they name no texts: topic" in " ".join(capsys.readouterr().out.split())
