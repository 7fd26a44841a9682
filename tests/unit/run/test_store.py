import json
from pathlib import Path

import pytest
import torch

from redone.files import read_jsonl
from redone.run import store as module
from redone.run.store import Store


def step(store, number):
    store.append({"step": number, "loss": 0.5}, [{"step": number, "text": f"好 {number}"}])


def contents(store):
    return [path.read_bytes() if path.exists() else b"" for path in store.growing]


def checkpoints(store):
    return sorted(path.name for path in (store.folder / "checkpoints").iterdir())


def test_what_is_appended_can_be_read_line_by_line(tmp_path):
    store = Store(tmp_path / "run" / "explore")
    for number in (1, 2):
        step(store, number)
    assert [row["step"] for row in read_jsonl(store.folder / "metrics.jsonl")] == [1, 2]
    assert [row["text"] for row in read_jsonl(store.folder / "rollouts.jsonl.gz")] == ["好 1", "好 2"]


def test_a_stage_without_rollouts_has_no_file_of_them(tmp_path):
    Store(tmp_path).append({"step": 1})
    assert not (tmp_path / "rollouts.jsonl.gz").exists()


def test_a_checkpoint_brings_back_the_state_exactly(tmp_path):
    weights = torch.randn(3, 4, dtype=torch.float64)
    state = {"model": {"w": weights}, "mix": {"draws": 7, "taken": {"ask": 3}}, "surplus": [{"old": None}]}
    Store(tmp_path).save(12, state)
    found = Store(tmp_path).resume()
    assert found["step"] == 12
    assert torch.equal(found["model"]["w"], weights)
    assert (found["mix"], found["surplus"]) == (state["mix"], state["surplus"])


def test_a_checkpoint_is_not_read_into_memory_before_it_is_used(tmp_path):
    """Or else a resume would need room for the weights and moments twice."""

    def own():
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("RssAnon")))

    Store(tmp_path).save(1, {"w": torch.ones(1 << 24)})
    before = own()
    found = Store(tmp_path).resume()
    assert own() - before < 1 << 15  # KiB, of 64 MiB
    assert float(found["w"].sum()) == 1 << 24


def test_files_are_cut_back_to_the_checkpoint_and_grow_on_as_if_never_interrupted(tmp_path):
    straight, stopped = Store(tmp_path / "straight"), Store(tmp_path / "stopped")
    for number in (1, 2, 3, 4):
        step(straight, number)
    for number in (1, 2):
        step(stopped, number)
    stopped.save(2, {})
    step(stopped, 3)  # and then it was killed, in the middle of a line
    with stopped.growing[0].open("a") as file:
        file.write('{"step": 4, "lo')
    again = Store(tmp_path / "stopped")
    assert again.resume()["step"] == 2
    for number in (3, 4):
        step(again, number)
    assert contents(again) == contents(straight)


def test_files_of_a_stage_that_never_reached_a_checkpoint_are_emptied(tmp_path):
    store = Store(tmp_path)
    step(store, 1)
    assert Store(tmp_path).resume() is None
    assert contents(store) == [b"", b""]


def test_a_file_that_began_after_the_checkpoint_is_emptied(tmp_path):
    store = Store(tmp_path)
    store.append({"step": 1})
    store.save(1, {})
    step(store, 2)
    store.resume()
    assert [row["step"] for row in read_jsonl(store.growing[0])] == [1]
    assert list(read_jsonl(store.growing[1])) == []


def test_the_newest_checkpoint_alone_is_kept(tmp_path):
    store = Store(tmp_path)
    for number in (9, 10, 100):
        store.save(number, {"from": number})
    assert checkpoints(store) == ["step-000100.pt"]
    assert store.resume()["from"] == 100


def test_the_checkpoint_before_stays_until_the_new_one_is_whole(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.save(1, {"from": 1})

    def dies_half_way(state, file):
        file.write(b"half of a file")
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", dies_half_way)
        with pytest.raises(OSError, match="no space"):
            store.save(2, {"from": 2})
    assert Store(tmp_path).resume()["from"] == 1
    store.save(3, {"from": 3})
    assert checkpoints(store) == ["step-000003.pt"]


def test_the_checkpoint_before_goes_only_after_the_new_one_has_its_name(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.save(1, {})
    there = []
    monkeypatch.setattr(type(tmp_path), "unlink", lambda path: there.append((path.name, checkpoints(store))))
    store.save(2, {})
    assert there == [("step-000001.pt", ["step-000001.pt", "step-000002.pt"])]


def test_a_finished_stage_keeps_no_checkpoint_and_says_how_long_it_took(tmp_path):
    store = Store(tmp_path)
    step(store, 1)
    store.save(1, {})
    before = contents(store)
    assert not store.done
    store.finish(12.34567)
    assert Store(tmp_path).done
    assert Store(tmp_path).seconds == 12.346
    assert not (tmp_path / "checkpoints").exists()
    assert contents(store) == before


def test_a_stage_without_a_checkpoint_can_finish(tmp_path):
    Store(tmp_path).finish(0.0)
    assert Store(tmp_path).done


def test_checkpoints_go_only_after_the_stage_is_marked_as_done(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.save(5, {"from": 5})

    def dies(path, value):
        raise OSError("killed")

    monkeypatch.setattr(module, "write_json", dies)
    with pytest.raises(OSError, match="killed"):
        store.finish(1.0)
    assert not store.done
    assert store.resume()["from"] == 5


def test_a_number_that_json_does_not_know_is_not_written(tmp_path):
    store = Store(tmp_path)
    store.append({"step": 1})
    with pytest.raises(ValueError, match="JSON"):
        store.append({"step": 2, "loss": float("nan")})
    assert [json.loads(line)["step"] for line in store.growing[0].read_text().splitlines()] == [1]
