import copy
import json
from dataclasses import replace

import pytest
from fakes import small_config

from redone.commands import begun
from redone.commands.begun import as_begun, begun_with, code_mark, same_configuration, same_inputs
from redone.data.load import Dataset
from redone.experiment.sharing import keys_of
from redone.files import write_json
from redone.records import Task

MANIFEST = {
    "versions": {"redone": "0.1.0", "torch": "2.13.0", "code": "abc"},
    "dtype": "mixed",
    "chat_template": "872be49d",
    "weights": "f00",
    "data": {"irony": {"sha256": "1"}, "hate": {"sha256": "2"}},
    "tasks": {"irony": "a", "hate": "b"},
    "files": {"config.json": "1", "tokenizer.json": "2"},
    "measured": {"gsm8k": "1", "drift": "2"},
}


def changed(**parts):
    now = copy.deepcopy(MANIFEST)
    for key, value in parts.items():
        now[key] = {**now[key], **value} if isinstance(value, dict) else value
    return now


def test_where_numbers_are_sent_is_no_setting_of_the_run_and_may_change(tmp_path):
    write_json(tmp_path / "config.json", small_config().model_dump(mode="json"))
    (tmp_path / "explore").mkdir()
    other = small_config('track.to=["tensorboard"]')
    assert same_configuration(tmp_path, other) == ["track.to: [] -> ['tensorboard']"]
    assert keys_of(other) == keys_of(small_config())  # and what arms of an experiment share


def test_equal_inputs_are_gone_on_with_in_silence(tmp_path):
    assert same_inputs(tmp_path, MANIFEST, changed()) == []


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (changed(data={"hate": {"sha256": "3"}}), "begun with other data: the records of hate have changed"),
        (changed(tasks={"irony": "c"}), "begun with other tasks: irony changed since"),
        (changed(chat_template="none"), r"begun with another chat template \(872be49d -> none\)"),
        (changed(weights="f01"), "begun with other weights"),
        (changed(files={"tokenizer.json": "3"}), "other files of the base model: tokenizer.json changed since"),
        (changed(measured={"drift": "3"}), "other files that models are measured on: drift changed since"),
    ],
)
def test_what_a_run_reads_may_not_change(now, said, tmp_path):
    with pytest.raises(ValueError, match=rf"{said}.*another --out"):
        same_inputs(tmp_path, MANIFEST, now)
    with pytest.raises(ValueError, match=r"or begin anew$"):
        same_inputs(tmp_path, MANIFEST, now, "begin anew")


def test_other_versions_are_named_and_gone_on_with(tmp_path):
    now = changed(versions={"torch": "2.14.0", "code": "abd"})
    assert same_inputs(tmp_path, MANIFEST, now) == ["torch: 2.13.0 -> 2.14.0", "code: abc -> abd"]


def test_what_an_older_version_did_not_keep_is_not_compared(tmp_path):
    old = {key: value for key, value in MANIFEST.items() if key in ("versions", "dtype", "data")}
    old["versions"] = {"redone": "0.1.0", "torch": "2.13.0"}
    assert same_inputs(tmp_path, old, changed()) == []


TASK = Task("ask", "domain", "family", "{q}", "{a}", "exact", options={"case": True}, budget=16)


@pytest.mark.parametrize("other", [{"reward": "choice"}, {"budget": 17}, {"metric": "macro_f1"}, {"options": {}}])
def test_the_mark_of_a_task_is_of_all_that_it_says(other):
    mark = Dataset({"ask": TASK}, {}, {}).definitions()["ask"]
    assert Dataset({"ask": replace(TASK)}, {}, {}).definitions()["ask"] == mark
    assert Dataset({"ask": replace(TASK, **other)}, {}, {}).definitions()["ask"] != mark


def test_the_mark_of_the_code_is_of_every_file_of_it(tmp_path, monkeypatch):
    for name in ("commands/begun.py", "config.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1")
    monkeypatch.setattr(begun, "__file__", str(tmp_path / "commands" / "begun.py"))
    mark = code_mark()
    assert code_mark() == mark
    (tmp_path / "config.py").write_text("x = 2")
    assert code_mark() != mark


@pytest.mark.parametrize("left", [(), ("manifest.json.part",), ("manifest.json",), (".lock", "config.json.part")])
def test_a_folder_in_which_a_run_was_killed_before_it_began_can_be_begun_in(left, tmp_path):
    for name in left:
        (tmp_path / name).write_text('{"dty')
    assert same_configuration(tmp_path, small_config()) == []
    assert begun_with(tmp_path) == {}
    assert as_begun(tmp_path, small_config()).model.dtype == "auto"


def test_a_run_that_has_begun_goes_on_in_its_numbers(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps(MANIFEST))
    assert as_begun(tmp_path, small_config()).model.dtype == "auto"
    (tmp_path / "config.json").write_text("{}")
    assert as_begun(tmp_path, small_config()).model.dtype == "mixed"
    assert as_begun(tmp_path, small_config('model.dtype="float32"')).model.dtype == "float32"


def test_a_manifest_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    for text in ("", "[1", "3", "{}", '{"dtype": "mixed", "versions": {}, "data": 3}'):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(ValueError, match=r"manifest\.json: not .*; so the run cannot be matched: put it back"):
            begun_with(tmp_path)
