import hashlib
import json
import subprocess
import sys
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


def test_the_two_newest_checkpoints_are_kept(tmp_path):
    store = Store(tmp_path)
    for number in (9, 10, 100):
        store.save(number, {"from": number})
    assert checkpoints(store) == ["step-000010.pt", "step-000010.sha256", "step-000100.pt", "step-000100.sha256"]
    assert store.resume()["from"] == 100


def test_the_checkpoints_before_stay_until_the_new_one_is_whole(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.save(1, {"from": 1})
    store.save(2, {"from": 2})

    def dies_half_way(state, file):
        file.write(b"half of a file")
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", dies_half_way)
        with pytest.raises(OSError, match="no space"):
            store.save(3, {"from": 3})
    assert Store(tmp_path).resume()["from"] == 2
    store.save(4, {"from": 4})
    assert checkpoints(store) == ["step-000002.pt", "step-000002.sha256", "step-000004.pt", "step-000004.sha256"]


def test_a_disk_that_is_full_is_said_as_the_system_says_it(tmp_path):
    """torch has a sentence of its own for it, about positions in a file."""
    code = (
        "import resource, torch; from pathlib import Path; from redone.run.store import Store\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        f"store = Store(Path({str(tmp_path)!r})); store.save(1, {{}})\n"
        "try: store.save(2, {'w': torch.ones(1 << 20)})\n"
        "except OSError as error: print(error.strerror)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "File too large\n"
    assert Store(tmp_path).resume()["step"] == 1


def test_an_older_checkpoint_goes_only_after_the_new_one_has_its_name(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.save(1, {})
    store.save(2, {})
    there = []
    monkeypatch.setattr(type(tmp_path), "unlink", lambda path: there.append((path.name, checkpoints(store))))
    store.save(3, {})
    assert [name for name, _ in there] == ["step-000001.pt", "step-000001.sha256"]
    assert all("step-000003.pt" in names for _, names in there)


def cut(path):
    path.write_bytes(path.read_bytes()[:-9])


def zeroed(path):
    path.write_bytes(bytes(path.stat().st_size))


def emptied(path):
    path.write_bytes(b"")


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("harm", [cut, zeroed, emptied, flipped])
def test_a_damaged_checkpoint_is_said_and_the_one_before_it_gone_on_from(harm, tmp_path):
    straight, hurt = Store(tmp_path / "straight"), Store(tmp_path / "hurt")
    for store in (straight, hurt):
        for number in (1, 2, 3):
            step(store, number)
            store.save(number, {"from": number})
    harm(hurt.folder / "checkpoints" / "step-000003.pt")
    said = []
    again = Store(tmp_path / "hurt")
    assert again.resume(said.append)["from"] == 2
    [line] = said
    assert "step-000003.pt: damaged" in line
    assert line.endswith("going on from the checkpoint before it")
    step(again, 3)
    again.save(3, {"from": 3})
    assert contents(again) == contents(straight)
    assert Store(tmp_path / "hurt").resume()["from"] == 3


def test_a_stage_whose_checkpoints_are_all_damaged_says_what_to_do_and_stays_as_it_is(tmp_path):
    store = Store(tmp_path)
    for number in (1, 2):
        step(store, number)
        store.save(number, {})
        cut(tmp_path / "checkpoints" / f"step-00000{number}.pt")
    before = contents(store)
    with pytest.raises(
        ValueError, match=r"step-000002.pt: damaged.*step-000001.pt: damaged.*or remove .* begins again"
    ):
        Store(tmp_path).resume()
    assert contents(store) == before


def test_a_checkpoint_without_its_checksum_is_not_taken(tmp_path):
    Store(tmp_path).save(1, {})
    (tmp_path / "checkpoints" / "step-000001.sha256").unlink()
    with pytest.raises(ValueError, match=r"without its step-000001\.sha256"):
        Store(tmp_path).resume()


def test_the_checksum_is_one_that_sha256sum_reads(tmp_path):
    Store(tmp_path).save(1, {})
    folder = tmp_path / "checkpoints"
    digest = hashlib.sha256((folder / "step-000001.pt").read_bytes()).hexdigest()
    assert (folder / "step-000001.sha256").read_text() == f"{digest}  step-000001.pt\n"


@pytest.mark.parametrize("name", ["metrics.jsonl", "rollouts.jsonl.gz"])
@pytest.mark.parametrize(
    ("harm", "flaw"),
    [
        (lambda path: path.unlink(), r"[\d,]+ bytes are missing"),
        (cut, "9 bytes are missing"),
        (flipped, "changed since a checkpoint"),
    ],
)
def test_a_file_that_is_not_what_the_checkpoint_says_is_not_gone_on_with(name, harm, flaw, tmp_path):
    store = Store(tmp_path)
    step(store, 1)
    store.save(1, {})
    harm(tmp_path / name)
    before = contents(store)
    with pytest.raises(ValueError, match=rf"{name}: .*{flaw}"):
        Store(tmp_path).resume()
    assert contents(store) == before


def test_a_file_that_lost_its_last_step_alone_is_gone_on_with_from_the_checkpoint_before(tmp_path):
    store = Store(tmp_path)
    for number in (1, 2):
        step(store, number)
        store.save(number, {"from": number})
    cut(store.growing[0])
    said = []
    assert Store(tmp_path).resume(said.append)["from"] == 1
    assert "bytes are missing" in said[0]


def test_the_marks_of_a_run_that_was_gone_on_with_are_those_of_the_whole_files(tmp_path):
    store = Store(tmp_path)
    step(store, 1)
    store.save(1, {})
    again = Store(tmp_path)
    again.resume()
    step(again, 2)
    again.save(2, {})
    assert Store(tmp_path).resume()["step"] == 2


def test_checkpoints_that_a_kill_left_after_the_end_are_removed(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.save(1, {})
    with monkeypatch.context() as patched:
        patched.setattr(Store, "tidy", lambda self: None)
        store.finish(1.0)
    assert (tmp_path / "checkpoints").exists()
    Store(tmp_path).tidy()
    assert not (tmp_path / "checkpoints").exists()


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


@pytest.mark.parametrize("said", ["", "{}", "[]", '{"seconds": "long"}'])
def test_an_end_that_does_not_say_how_long_it_took_is_named(said, tmp_path):
    (tmp_path / "DONE").write_text(said)
    with pytest.raises(ValueError, match=r"DONE: .*; put it back, or remove"):
        _ = Store(tmp_path).seconds
