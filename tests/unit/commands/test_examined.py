"""What `redone check` finds beyond what reading a configuration and its data tells."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from redone.commands import examine
from redone.config import load_config
from redone.model.places import not_finite
from redone.records import Task

JUDGED = Task("style", "domain", "f", "{q}", "{a}", "judge", options={"rubric": "Is it kind?"})


def test_weights_that_are_no_numbers_are_found_in_the_files(tmp_path):
    good = {"a": torch.ones(3), "b": torch.ones(2, 2, dtype=torch.bfloat16), "n": torch.ones(2, dtype=torch.int64)}
    save_file(good, tmp_path / "model-1.safetensors")
    small = torch.ones(2, dtype=torch.float8_e4m3fn)
    save_file({"small": small}, tmp_path / "model-2.safetensors")
    config = load_config([], ["model.path='here'"])
    assert not_finite(tmp_path) == []
    examine._check_weights(config, tmp_path)
    broken = {"b": good["b"].clone(), "c": torch.tensor([1.0, float("inf")])}
    broken["b"][0, 1] = float("nan")
    save_file({**good, **broken}, tmp_path / "model-1.safetensors")
    assert not_finite(tmp_path) == ["b", "c"]
    with pytest.raises(ValueError, match=r"^here: 2 weights hold NaN or infinite numbers, first b, c; the files are"):
        examine._check_weights(config, tmp_path)
    (tmp_path / "model-2.safetensors").write_bytes(b"no weights")
    with pytest.raises(ValueError, match=r"^here: no model could be loaded: "):
        examine._check_weights(config, tmp_path)


@pytest.mark.parametrize(("asked", "why", "said"), [(True, "refused", True), (True, "", False), (False, "x", False)])
def test_a_judge_that_does_not_answer_is_told_of_where_a_task_asks_it(asked, why, said, monkeypatch):
    tried: list[Any] = []
    monkeypatch.setattr("redone.served.client.silent", lambda service: tried.append(service) or why)
    config = load_config([], ['judge.base_url="http://localhost:1/v1"', 'judge.model="m"'])
    dataset: Any = SimpleNamespace(tasks={"style": JUDGED if asked else replace(JUDGED, reward="exact")})
    found = examine._silent_judge(config, dataset)
    assert len(tried) == asked
    if said:
        assert found == ["the judge at http://localhost:1/v1 does not answer now, and a run would wait for it: refused"]
        assert tried[0].seconds == 5.0
    else:
        assert found == []
