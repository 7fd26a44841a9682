"""The pack over real posts of six families reads, scores and fits. The data are no part of the project."""

import os

import pytest
from fakes import FAMILIES

from redone.commands import prepare
from redone.config import load_config
from redone.run.log import Log

DATA = os.environ.get("REDONE_DATA")


@pytest.mark.slow
@pytest.mark.skipif(DATA is None, reason="REDONE_DATA does not name a folder with the real data sets")
def test_real_posts_of_six_families_pass_every_check() -> None:
    path = prepare.PACKS.parents[2] / "configs" / "social_posts.toml"
    sets = [f'data.root="{DATA}"', "data.limit=50", "data.benchmarks=[]"]
    dataset = prepare.check(load_config([path], sets), Log()).dataset
    social = [task for task in dataset.tasks.values() if task.part == "domain"]
    assert len(social) == 42
    assert {task.family for task in social} == FAMILIES
    assert all(len(dataset.records[task.name]["eval"]) >= 40 for task in social)
