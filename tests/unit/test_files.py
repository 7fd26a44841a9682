"""What is read of files and of answers, and what is said instead: cases by hand (tests/cases/data.toml)."""

import errno
import gzip
import json
import os
import re
import tomllib
from contextlib import nullcontext
from pathlib import Path

import pytest

from redone.files import as_left, loads, numbered_jsonl, read_json, to_disk, write_json
from redone.mistakes import read_toml
from redone.records import Record
from redone.rewards import REWARDS

CASES = tomllib.loads((Path(__file__).parents[1] / "cases" / "data.toml").read_text(encoding="utf-8"))


def cases(kind):
    return [pytest.param(case, id=case["what"]) for case in CASES[kind]]


def written(text):
    """<x*9> is nine times x."""
    return re.sub(r"<(.{1,4}?)\*(\d+)>", lambda found: found[1] * int(found[2]), text)


def data_of(case):
    data = (
        bytes.fromhex(case["bytes"]) if "bytes" in case else written(case["text"]).encode(case.get("encoding", "utf-8"))
    )
    return gzip.compress(data) if case.get("gzip") else data


@pytest.mark.parametrize("case", cases("files"))
def test_a_file_is_read_rightly_or_its_flaw_is_named_with_file_and_line(case, tmp_path):
    path = tmp_path / case.get("name", "rows.jsonl")
    path.write_bytes(data_of(case))
    if "rows" in case:
        assert [row for _, row in numbered_jsonl(path)] == json.loads(written(case["rows"]))
        return
    with pytest.raises(ValueError) as error:
        list(numbered_jsonl(path))
    assert str(error.value).startswith(f"{path}:{case['line']}: " if "line" in case else f"{path}: ")
    assert case["says"] in str(error.value)


@pytest.mark.parametrize("case", cases("answers"))
def test_json_keys_and_json_schema_agree_about_what_is_json(case):
    answer, keys = written(case["text"]), case.get("keys", [])

    def verdict(reward, **fields):
        record = Record("a/eval/0", "a", ({"role": "user", "content": "?"},), "{}", "eval", "world", fields=fields)
        return REWARDS[reward](record, answer)

    ruled = verdict("pattern", rules=[{"rule": "json_keys", "keys": keys}])
    valid = verdict("json_schema", schema={"type": "object", "required": keys, "maxProperties": len(keys)})
    reason = "right" if "keys" in case else "unparsable"
    assert (ruled.reason, valid.reason) == (reason, reason)
    assert ruled.score == valid.score == float("keys" in case)


def test_a_long_line_is_read_and_keeps_its_number(tmp_path):
    path = tmp_path / "rows.jsonl"
    long = "x" * 5_000_000
    path.write_text(f'{{"a": "{long}"}}\n{{"a": NaN}}\n', encoding="utf-8")
    rows = numbered_jsonl(path)
    assert next(rows) == (1, {"a": long})
    with pytest.raises(ValueError, match=r"rows\.jsonl:2: "):
        next(rows)


def test_a_whole_file_of_json_is_read_as_strictly(tmp_path):
    path = tmp_path / "rows.json"
    for case in CASES["files"]:
        path.write_bytes(data_of(case))
        if len(json.loads(written(case.get("rows", "[]")))) == 1:
            assert [read_json(path)] == json.loads(written(case["rows"]))
        elif case.get("line") == 1 and not re.search("looks like|expected", case["says"]):
            with pytest.raises(ValueError, match=re.escape(str(path))):
                read_json(path)


def test_numbers_are_read_as_json_reads_them():
    assert loads("[0, -0, 1.50, 1e2, 12345678901234567890]") == [0, 0, 1.5, 100.0, 12345678901234567890]
    assert type(loads("1")) is int
    assert type(loads("1.0")) is float
    assert loads('{"a": true}')["a"] is True
    assert loads('"1\\u0032"') == "12"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'\xef\xbb\xbfname = "a"\r\n', ""),
        ('name = "a"\n'.encode("utf-16"), "not a TOML file: "),
        (b"name = " + b"[" * 20_000, "not a TOML file: "),
        (b"name = " + b"9" * 5_000, "not a TOML file: "),
        (b'name = "a"\nname = "b"\n', "not a TOML file: Cannot overwrite a value"),
        (b'name = "\\ud83d"\n', "not a TOML file: "),
    ],
)
def test_a_file_of_settings_is_read_or_named(data, said, tmp_path):
    path = tmp_path / "run.toml"
    path.write_bytes(data)
    if not said:
        assert read_toml(path, "pack") == {"name": "a"}
        return
    with pytest.raises(ValueError, match=rf"run\.toml: {said}"):
        read_toml(path, "pack")


def test_a_file_is_on_the_disk_before_it_has_its_name_and_then_its_name_is(tmp_path, monkeypatch):
    done = []
    replace = Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: done.append(Path(os.readlink(f"/proc/self/fd/{handle}")).name))
    monkeypatch.setattr(Path, "replace", lambda path, other: done.append(f"-> {other.name}") or replace(path, other))
    write_json(tmp_path / "new" / "a.json", {"a": 1})
    assert done == ["a.json.part", "-> a.json", "new"]
    assert read_json(tmp_path / "new" / "a.json") == {"a": 1}


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EIO])
def test_a_file_system_that_syncs_no_folders_is_no_mistake(number, tmp_path, monkeypatch):
    def refuse(handle):
        raise OSError(number, "no")

    monkeypatch.setattr(os, "fsync", refuse)
    with nullcontext() if number == errno.EINVAL else pytest.raises(OSError, match="no"):
        to_disk(tmp_path)


@pytest.mark.parametrize("use", [lambda made: made["stages"], lambda made: made[0], lambda made: dict(made["n"])])
def test_what_a_command_finds_otherwise_than_it_left_it_is_named_with_what_to_do(use, tmp_path):
    path = tmp_path / "plan.json"
    write_json(path, {"n": 3})
    with pytest.raises(ValueError, match=r"plan\.json: not as a command leaves it: .*; put it back"), as_left(path):
        use(read_json(path))
    path.write_text("{")
    with pytest.raises(ValueError, match=rf"^{path}: not JSON .*; remove it$"), as_left(path, "remove it"):
        read_json(path)


@pytest.mark.parametrize("kind", ["a folder", "a pipe", "a device"])
def test_what_is_no_file_is_said_at_once_and_never_waited_for(tmp_path, kind):
    """Nobody writes into the pipe, and the device has no end."""
    path = tmp_path / "rows.jsonl"
    {"a folder": path.mkdir, "a pipe": lambda: os.mkfifo(path), "a device": lambda: path.symlink_to("/dev/zero")}[
        kind
    ]()
    for read in (read_json, lambda path: list(numbered_jsonl(path)), lambda path: read_toml(path, "pack")):
        with pytest.raises(ValueError, match=rf"rows\.jsonl: it is {kind}, where a file is wanted"):
            read(path)
