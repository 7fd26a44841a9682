"""A task is learned, because of its rewards, and a run that was stopped learns the same.

An order lacks a thing or a place, and in words that the embedded base was never asked in it is to say which. It begins
little above what one answer to all would have, and nothing but the rewards leads to the right answers.
"""

import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import go_on

from redone.commands.prepare import prepare
from redone.config import load_config
from redone.files import read_jsonl
from redone.run.lab import Lab
from redone.run.log import Log
from redone.world.catalogue import read_catalogue
from redone.world.generate import rows

PROMPT = "order : {message}\nwhat is open ? item , place , price"
CONFIG = """
threads = 1
stages = ["explore", "target"]

[data]
packs = ["pack.toml"]

[explore]
steps = 16
prompts = 16
group = 8
updates = 2
learning_rate = 5e-4
warmup = 1
general_share = 0

[target]
start = "base"
choose = "all"
records = 96
batch = 16
epochs = 3
learning_rate = 1e-3
general_share = 0
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, without_report: None) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("learning")
    catalogue = read_catalogue("social")
    task = catalogue.tasks["missing"]
    for split, most in (("train", 320), ("probe", 40), ("eval", 160)):
        mine = [row for row in rows(catalogue, "missing", split, most) if row["answer"] in ("item", "place")]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in mine), encoding="utf-8")
    files = ", ".join(f'{split} = "{split}.jsonl"' for split in ("train", "probe", "eval"))
    pack = {"part": "domain", "family": task.family, "prompt": PROMPT, "answer": "{answer}", "reward": "exact"}
    lines = [f"{key} = {json.dumps(value)}" for key, value in pack.items()]
    text = "\n".join(["[tasks.missing]", *lines, f"budget = {task.budget}", f"files = {{{files}}}\n"])
    (folder / "pack.toml").write_text(text, encoding="utf-8")
    (folder / "run.toml").write_text(CONFIG, encoding="utf-8")
    with prepare(load_config([folder / "run.toml"]), folder / "whole", Log()) as lab:
        assert go_on(lab)[0] is not None
        yield lab


def score(out: Path, model: str) -> float:
    return json.loads((out / "results.json").read_text())["models"][model]["tasks"]["missing"]["score"]


def learned(out: Path, stage: str) -> tuple[bytes, list[float], float]:
    """What must not depend on a stop: the weights, the losses on the way, the score."""
    losses = [row["loss"] for row in read_jsonl(out / stage / "metrics.jsonl")]
    return (out / stage / "model" / "model.safetensors").read_bytes(), losses, score(out, stage)


def test_reinforcement_and_teaching_learn_a_task_from_under_70_to_over_90(lab: Lab) -> None:
    assert score(lab.out, "base") < 70
    assert score(lab.out, "explore") > 90
    assert score(lab.out, "target") > 90


def test_nothing_is_learned_where_a_groups_rewards_are_dealt_to_its_answers_at_random(lab: Lab, tmp_path: Path) -> None:
    chance = random.Random(0)
    dealt = replace(
        lab,
        out=tmp_path,
        config=lab.config.model_copy(update={"stages": ("explore",)}),
        score_all=lambda asked: [chance.sample(verdicts, len(verdicts)) for verdicts in lab.score_all(asked)],
    )
    assert go_on(dealt)[0] is not None
    assert score(tmp_path, "explore") < 75


@pytest.mark.parametrize("stop_at", [pytest.param("explore    7/16", marks=pytest.mark.slow), "target    7/18"])
def test_a_run_that_is_stopped_inside_a_stage_learns_the_same(lab: Lab, tmp_path: Path, stop_at: str) -> None:
    stage = stop_at.split()[0]
    if stage == "target":  # the stages before it need not be made again
        for folder in ("eval", "explore"):
            shutil.copytree(lab.out / folder, tmp_path / folder, ignore=shutil.ignore_patterns("target*"))
    until = lab.config.stages[: lab.config.stages.index(stage) + 1]
    stopped = replace(lab, out=tmp_path, config=lab.config.model_copy(update={"stages": until}))
    assert go_on(stopped, stop_at)[0] is None
    assert 0 < len(list(read_jsonl(tmp_path / stage / "metrics.jsonl"))) < len(learned(lab.out, stage)[1])
    assert go_on(stopped)[0] is not None
    assert learned(tmp_path, stage) == learned(lab.out, stage)
