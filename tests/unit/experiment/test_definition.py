"""The file of an experiment: what it means, and what is refused before anything runs."""

import re
from pathlib import Path

import pytest

from redone.cli import main
from redone.cli.run import DEMO
from redone.experiment.definition import read_plan

ROOT = Path(__file__).parents[3]
FILE = """
name = "x"
config = "demo"
seeds = 2
reference = "one"

[set.target]
start = "base"

[arms.one]
about = "fine-tuning"
stages = ["target"]
target.epochs = 3

[arms.two]
stages = ["target", "refine"]

[[questions]]
name = "q"
arm = "two"
measure = ["domain", "origin"]
stage = "refine"
fails = "it does"
"""


def written(folder: Path, text: str = FILE) -> Path:
    path = folder / "x.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_arm_is_laid_over_what_is_set_and_that_over_the_configuration(tmp_path):
    plan = read_plan(written(tmp_path), DEMO, sets=["diagnose.records=5"])
    assert [job.name for job in plan.jobs] == ["one-0", "two-0", "one-1", "two-1"]
    one, two = (plan.job(name).config for name in ("one-1", "two-1"))
    assert (one.seed, one.stages, one.target.epochs, one.target.start) == (1, ("target",), 3, "base")
    assert (two.stages, two.target.epochs, two.refine.steps) == (("target", "refine"), 4, 40)
    assert one.diagnose.records == two.diagnose.records == 5
    assert one.threads == 1  # the embedded base is small
    assert len(read_plan(written(tmp_path), DEMO, seeds=3).jobs) == 6


def test_what_is_set_of_a_stage_is_for_the_arms_that_have_it(tmp_path):
    plan = read_plan(written(tmp_path), DEMO, sets=["refine.steps=5", "target.epochs=4"])
    one, two = (plan.job(name).config for name in ("one-0", "two-0"))
    assert (one.stages, one.target.epochs) == (("target",), 4)
    assert (two.target.epochs, two.refine.steps) == (4, 5)
    with pytest.raises(ValueError, match=r"--set explore\.steps: explore is not among the stages"):
        read_plan(written(tmp_path), DEMO, sets=["explore.steps=5"])


def test_configurations_are_beside_the_file_and_threads_that_are_set_stay(tmp_path):
    (tmp_path / "a.toml").write_text("threads = 2\n[explore]\nsteps = 3\n")
    (tmp_path / "b.toml").write_text("[explore]\nsteps = 4\n")
    config = 'config = ["a.toml", "b.toml"]'
    plan = read_plan(written(tmp_path, FILE.replace('config = "demo"', config)), DEMO)
    assert plan.jobs[0].config.threads == 2
    assert read_plan(ROOT / "configs" / "experiments" / "table3.toml", DEMO).jobs[0].config.data.packs[0] == "social"


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("seeds = 2", "seds = 2", ["unknown key seds", "did you mean seeds?"]),
        ("seeds = 2", "", ["seeds is missing"]),
        ("seeds = 2", "seeds = 0", ["seeds = 0"]),
        ('fails = "it does"', "", ["questions.0.fails is missing"]),
        ('fails = "it does"', 'fail = "it does"\nfails="x"', ["unknown key questions.0.fail", "did you mean fails?"]),
        ("target.epochs = 3", "target.epoch = 3", ["arms.one", "unknown key target.epoch", "mean target.epochs?"]),
        ('[set.target]\nstart = "base"', "[set.targt]\nepochs = 3", ["set: unknown key targt", "mean target?"]),
        ('reference = "one"', 'reference = "ones"', ["there is no arm ones; did you mean one?"]),
        ('arm = "two"', 'arm = "tow"', ["question 'q': there is no arm tow; did you mean two?"]),
        ('arm = "two"', 'arm = "two"\nagainst = "zzz"', ["there is no arm zzz; there are one, two, base"]),
        ('stage = "refine"', 'stage = "refin"', ["the arm two has no stage refin; did you mean refine?"]),
        ("[arms.two]", "[arms.base]", ["cannot be called 'base'"]),
        ("[arms.two]", '[arms."a/b"]', ["cannot be called 'a/b'"]),
        ('["domain", "origin"]', '"sns"', ["question 'q': there is no measure sns; it is called domain"]),
        ('["domain", "origin"]', '"orign"', ["question 'q': there is no measure orign; did you mean origin?"]),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_file_and_what_was_meant(tmp_path, capsys, old, new, parts):
    assert FILE.count(old) == 1
    path = written(tmp_path, FILE.replace(old, new))
    assert main(["experiment", str(path), "--out", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert str(path) in message
    assert len(message.strip().splitlines()) == 1
    for part in parts:
        assert part in message
    assert not (tmp_path / "out").exists()


def test_the_example_of_the_page_is_an_experiment(tmp_path):
    text = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")
    [table] = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    plan = read_plan(written(tmp_path, table), DEMO)
    assert plan.job("whole-2").config.target.start == "explore"
    assert plan.job("sft_then_rl-0").config.refine.start == "target"


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "experiments").glob("*.toml")), ids=lambda path: path.name)
def test_every_experiment_that_is_shipped_can_be_read(path, tiny_model):
    assert read_plan(path, DEMO, sets=[f'model.path="{tiny_model}"']).jobs
