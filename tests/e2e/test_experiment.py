"""An experiment from its file to its table: interrupted and gone on with, and made again from its records alone."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from redone.cli import main

FILE = """
name = "small"
config = "run.toml"
seeds = 1
reference = "taught"

[set]
threads = 1

[set.target]
start = "base"
choose = "all"

[arms.taught]
stages = ["target"]

[arms.both]
stages = ["target", "refine"]

[[questions]]
name = "reinforcement helps"
arm = "both"
measure = "domain"
fails = "the interval holds 0"
unclear = "fails"
primary = true

[[questions]]
name = "what is said is still likely"
arm = "both"
against = "base"
measure = "likelihood"
above = -1000
fails = "it is not"

[set.drift.texts.words]
file = "size.eval.jsonl"
text = "Is {n} odd? {size}"

[set.data]
root = "ROOT"
"""


@pytest.fixture
def file(tiny_run: Path) -> Path:
    path = tiny_run.with_name("small.toml")
    path.write_text(FILE.replace("ROOT", str(tiny_run.parent)), encoding="utf-8")
    return path


def table(out: Path) -> dict:
    """What came out, without what depends on the clock and on which run folders are there."""
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    for arm in results["arms"].values():
        arm.get("costs", {}).pop("seconds", None)
    return results


def test_an_experiment_trains_what_arms_share_once_and_its_records_alone_make_its_table(
    file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole, again = tmp_path / "whole", tmp_path / "again"
    assert main(["experiment", str(file), "--out", str(whole)]) == 0
    said = capfd.readouterr()
    assert said.err.index("Fails if the interval holds 0") < said.err.index("taught-0: begun")
    assert "| reinforcement helps |" in said.out

    # the shared stage is trained once
    shared = [path.stat() for path in whole.glob("*/target/model/model.safetensors")]
    assert len(shared) == 2
    assert len({one.st_ino for one in shared}) == 1
    logs = [(whole / "logs" / f"{name}.log").read_text() for name in ("taught-0", "both-0")]
    assert [sum(line.startswith("target    ") for line in log.splitlines()) > 0 for log in logs] == [True, False]
    assert {"base: shared", "target: shared"} <= {line.partition(" with")[0] for line in logs[1].splitlines()}

    # what is measured beside the averages is asked like them
    results = table(whole)
    assert results["measures"] == ["domain", "translation", "general", "lenient", "likelihood"]
    scores = {name: one["value"] for name, one in results["arms"]["both"]["scores"].items()}
    drift = json.loads((whole / "both-0" / "eval" / "refine" / "drift" / "scores.json").read_text())
    assert scores["likelihood"] == pytest.approx(-100 * drift["texts"]["words"]["nats"])
    run = json.loads((whole / "both-0" / "results.json").read_text())
    assert scores["lenient"] == pytest.approx(run["models"]["refine"]["lenient"]["score"])
    assert results["questions"][1]["value"] == pytest.approx(-100 * drift["texts"]["words"]["rise"])

    # the records are enough, below the experiment's folder or beside its file
    shutil.copytree(whole / "records", file.with_suffix(".records"))
    for name in ("taught-0", "both-0"):
        shutil.rmtree(whole / name)
    for out in (whole, again):
        before = table(whole)
        assert main(["experiment", str(file), "--out", str(out)]) == 0
        assert "begun" not in capfd.readouterr().err
        assert table(out) == before
        assert (out / "table.svg").stat().st_size > 1000
        assert (out / "table.png").read_bytes().startswith(b"\x89PNG")

    # records that were made with other settings are not taken for these
    file.write_text(file.read_text().replace('choose = "all"', 'choose = "random"'), encoding="utf-8")
    assert main(["experiment", str(file), "--out", str(again)]) == 2
    assert "target.choose: 'all' -> 'random'" in capfd.readouterr().err


@pytest.mark.slow
def test_an_experiment_that_is_killed_goes_on_to_the_same_table(
    file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert main(["experiment", str(file), "--out", str(whole)]) == 0
    start = [sys.executable, "-m", "redone.cli", "experiment", str(file), "--out", str(broken)]
    with subprocess.Popen(start, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any(line.startswith("taught-0: done") for line in process.stderr)
        os.kill(process.pid, signal.SIGKILL)
    first = (broken / "logs" / "taught-0.log").read_text()
    assert not (broken / "results.json").exists()
    assert main(["experiment", str(file), "--out", str(broken)]) == 0
    assert "2 runs, 1 of them done" in capfd.readouterr().err
    assert (broken / "logs" / "taught-0.log").read_text() == first
    assert table(broken) == table(whole)


@pytest.mark.slow
def test_a_run_that_fails_leaves_the_others_alone(
    file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = (
        file.read_text()
        .replace('arm = "both"', 'arm = "broken"')
        .replace("[arms.both]", "[arms.broken]\nmodel.max_context = 300")
    )
    file.write_text(text, encoding="utf-8")
    out = tmp_path / "out"
    assert main(["experiment", str(file), "--out", str(out)]) == 2
    said = capfd.readouterr()
    assert (
        said.err.rstrip()
        .splitlines()[-1]
        .startswith("redone: 1 of 2 runs failed (broken-0); broken-0: model.max_context")
    )
    assert "Not run yet: broken-0" in said.out
    assert sorted(path.name for path in (out / "records").iterdir()) == ["taught-0.jsonl.gz"]


def test_a_run_ends_with_the_process_that_started_it(file: Path, tmp_path: Path) -> None:
    start = [sys.executable, "-m", "redone.cli", "experiment", str(file), "--out", str(tmp_path / "out")]
    done = subprocess.run([*start, "--tethered", "--only", "taught-0"], stdin=subprocess.DEVNULL, timeout=300)
    assert done.returncode == 1
    assert not (tmp_path / "out" / "records").exists()
