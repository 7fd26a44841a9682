"""The pack of English posts reads, scores and fits a model that speaks English. The data are no part of the project."""

import os
from pathlib import Path

import pytest

from redone.commands import prepare
from redone.config import load_config
from redone.run.log import Log

DATA = os.environ.get("REDONE_DATA")
CONFIG = Path(__file__).parents[2] / "configs" / "smollm2.toml"


@pytest.mark.slow
@pytest.mark.skipif(DATA is None, reason="REDONE_DATA does not name a folder with the real data sets")
def test_english_posts_pass_every_check(smollm2: Path) -> None:
    sets = [f'model.path="{smollm2}"', f'data.root="{DATA}"', "data.limit=100", "data.tune=20"]
    dataset = prepare.check(load_config([CONFIG], sets), Log()).dataset
    parts = [task.part for task in dataset.tasks.values()]
    assert (parts.count("domain"), parts.count("general")) == (10, 4)
    targets = {record.fields["target"] for record in dataset.records["stance"]["eval"]}
    assert len(targets) == 5
    assert all(mine["tune"] for mine in dataset.records.values())
