"""A run in which a judge decides a task, from check to report."""

import json
import shutil
from pathlib import Path

import pytest
from fakes import FakeJudge

from redone import cli

pytest.importorskip("openai", reason="the judge's client is not installed")


def test_a_run_with_a_judge_goes_the_whole_way_and_asks_nothing_twice(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The judge likes even numbers of letters: its grades differ within groups, as rewards must."""

    def says(number: int, text: str) -> str:
        answer = text.split("Answer:\n")[1].split("\n\nHow well")[0]
        return json.dumps({"why": "its length", "grade": 10 if len(answer) % 2 == 0 else 0})

    court = FakeJudge(says)
    folder = shutil.copytree(tiny_run.parent, tmp_path / "given")
    pack = (folder / "pack.toml").read_text()
    judged = 'reward = "judge"\noptions = {rubric = "An even number of letters."}'
    (folder / "pack.toml").write_text(pack.replace('reward = "chrf"\npass_at = 0.5', judged))
    command = ["run", str(folder / tiny_run.name), "--out", str(tmp_path / "run")]
    assert cli.main(command) == 2, "no judge is named"
    capsys.readouterr()
    named = ["--set", f'judge.base_url="{court.url}"', "--set", 'judge.model="m"']
    assert cli.main(["check", *command[1:2], *named, "--rewards"]) == 0
    assert "Not tried, because a judge decides: german." in capsys.readouterr().out
    assert court.asked == []
    assert cli.main([*command, *named]) == 0
    results = json.loads((tmp_path / "run" / "results.json").read_text())["models"]
    assert all(0 <= results[model]["tasks"]["german"]["score"] <= 100 for model in results)
    assert all(results[model]["tasks"]["german"]["errors"] == 0 for model in results)
    asked = [body["messages"][-1]["content"] for body in court.asked]
    assert len(asked) > 10
    assert len(list((tmp_path / "run" / "judge").glob("*.json"))) == len(set(asked))
    before = len(court.asked)
    assert cli.main([*command, *named]) == 0
    assert len(court.asked) == before
    court.close()
