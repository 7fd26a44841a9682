"""Every pack of docs/howto.md loads with its row, whose reference answer scores 1 and whose broken one does not."""

import re
import tomllib
from pathlib import Path

import pytest

import redone
from redone.config import load_config
from redone.data.load import make_record, read_pack
from redone.rewards import validate_options
from redone.sandbox.isolate import unavailable

PAGE = (Path(__file__).parents[2] / "docs" / "howto.md").read_text(encoding="utf-8")
KINDS = re.findall(r"^## ([^\n]+)\n\n```toml\n(.*?)```\n\n```json\n(.*?)\n```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("kind", "pack", "row"), KINDS, ids=[kind for kind, _, _ in KINDS])
def test_the_pack_of_a_kind_loads_and_tells_right_from_wrong(tmp_path: Path, kind: str, pack: str, row: str) -> None:
    if kind == "Code" and (why := unavailable()):
        pytest.skip(why)
    [(name, told)] = tomllib.loads(pack)["tasks"].items()
    (tmp_path / "mine.toml").write_text(pack, encoding="utf-8")
    (tmp_path / told["files"]["train"]).write_text(row + "\n", encoding="utf-8")
    mine = read_pack(tmp_path / "mine.toml")
    task = mine.tasks[name]
    validate_options(task)
    [(place, found)] = mine.rows(name, "train")
    record = make_record(task, "train", 0, place, found)
    assert redone.score(task, record, record.gold_text).score == 1.0
    assert redone.score(task, record, "<think>x</think>neither" if task.think else "neither").score < task.pass_at


def test_the_page_has_every_kind_that_it_lists() -> None:
    assert [kind for kind, _, _ in KINDS] == re.findall(r"^- \[(.+)\]\(#", PAGE, re.MULTILINE)


def test_the_configurations_of_the_guides_are_right(tmp_path: Path) -> None:
    *_, run = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    gpu = (Path(__file__).parents[2] / "docs" / "gpu.md").read_text(encoding="utf-8")
    [lora] = re.findall(r"```toml\n(.*?)```", gpu, re.DOTALL)
    for text in (run, lora):
        (tmp_path / "run.toml").write_text(text, encoding="utf-8")
        assert load_config([tmp_path / "run.toml"]).model.path.startswith("Qwen/")


def test_the_pack_of_the_tutorial_loads_and_scores(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")
    [pack] = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    [table] = re.findall(r"```csv\n(.*?)```", page, re.DOTALL)
    (tmp_path / "tickets").mkdir()
    (tmp_path / "tickets" / "pack.toml").write_text(pack, encoding="utf-8")
    (tmp_path / "tickets.csv").write_text(table, encoding="utf-8")
    task = read_pack(tmp_path / "tickets" / "pack.toml").tasks["tickets"]
    heads, *rows = (line.split(",") for line in table.splitlines())
    assert len(rows) == 3
    for number, row in enumerate(rows):
        record = make_record(task, "train", number, "tickets.csv", dict(zip(heads, row, strict=True)))
        assert redone.score(task, record, record.answer).score == 1.0
        assert record.answer in task.prompt
