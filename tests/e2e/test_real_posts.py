"""The pack over real posts reads, scores and fits. The data are no part of the project; see docs/data.md."""

import os

import pytest

from redone.commands import prepare
from redone.config import load_config
from redone.run.log import Log

DATA = os.environ.get("REDONE_DATA")


@pytest.mark.skipif(DATA is None, reason="REDONE_DATA does not name a folder with the real data sets")
def test_real_posts_pass_every_check() -> None:
    path = prepare.PACKS.parents[2] / "configs" / "real_posts.toml"
    checked = prepare.check(load_config([path], [f'data.root="{DATA}"', "data.limit=300"]), Log())
    assert set(checked.dataset.tasks) == {"clickbait", "irony", "entities"}
    assert {len(checked.dataset.records[name]["eval"]) for name in checked.dataset.tasks} == {300}
