import pytest

from redone.files import write_json
from redone.run.marks import gone, marks


@pytest.fixture
def finished(tmp_path):
    (tmp_path / "model").mkdir()
    for name in ("metrics.jsonl", "model/weights", "model/size"):
        (tmp_path / name).write_text(name)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "step-000001.pt").write_text("1")
    write_json(tmp_path / "DONE", {"files": marks(tmp_path)})
    return tmp_path


def test_a_folder_is_as_it_was_finished(finished):
    assert gone(finished) == []
    (finished / "report.html").write_text("made later")
    (finished / "checkpoints" / "step-000001.pt").unlink()
    assert gone(finished) == []


def test_what_is_gone_is_named(finished):
    (finished / "metrics.jsonl").unlink()
    (finished / "model" / "weights").unlink()
    assert gone(finished) == ["metrics.jsonl", "model/weights"]


@pytest.mark.parametrize("text", ["", "model/weight!", "model/weights and more"])
def test_what_has_changed_is_refused_by_name(text, finished):
    (finished / "model" / "weights").write_text(text)
    with pytest.raises(ValueError, match=r"model/weights changed after it was finished.*remove .* to do it again"):
        gone(finished)


def test_a_folder_whose_end_does_not_say_what_it_held_is_taken_as_it_is(finished):
    for said in ({}, {"seconds": 1.0}):
        write_json(finished / "DONE", said)
        (finished / "metrics.jsonl").write_text("other")
        assert gone(finished) == []


@pytest.mark.parametrize("said", ["", "3", "[1]", '{"files": 3}'])
def test_an_end_that_is_damaged_is_named(said, finished):
    (finished / "DONE").write_text(said)
    with pytest.raises(ValueError, match=r"DONE: not .*; put it back, or remove .* to do it again"):
        gone(finished)
