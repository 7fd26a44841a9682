"""A run in mixed precision on a CPU: it says so, and goes on in the numbers that it was begun in."""

import json

from fakes import small_config

from redone.commands.begun import as_begun
from redone.commands.prepare import prepare
from redone.run.log import Log


def test_a_run_goes_on_in_the_numbers_that_it_was_begun_in(tmp_path):
    with prepare(small_config('model.dtype="mixed"'), tmp_path, Log()) as lab:
        assert lab.load("base").dtype == "mixed"
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["device"], manifest["dtype"]) == ("cpu", "mixed")
    auto = small_config()
    assert as_begun(tmp_path, auto).model.dtype == "mixed"  # whatever auto is by now
    assert as_begun(tmp_path / "other", auto) == auto
