import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from redone.files import numbered_jsonl, read_jsonl, write_json, write_jsonl
from redone.records import Group, Record, Rollout, Verdict, group_from_json, group_to_json

ROWS: list[dict[str, Any]] = [
    {"id": "ner/train/0", "score": 0.1, "parts": {"hits": 2}, "note": None},
    {"text": '小红书 #穿搭 🙂\nsecond line\r\u2028\u0085\ttab \\ "quoted" \x00', "list": [1, 2.5, True]},
    {},
]


def group(old_logprobs: tuple[tuple[float, ...], ...] | None) -> Group:
    messages = ({"role": "system", "content": "Answer."}, {"role": "user", "content": "Names in: Ana 去北京"})
    fields = {"post": "Ana 去北京", "names": ["Ana"], "nested": {"a": [1, None]}}
    return Group(
        record=Record("ner/train/0", "ner", messages, "Ana", "train", "posts.jsonl:1", "It says Ana.", fields),
        prompt=(7, 8, 9),
        rollouts=(
            Rollout("ner/train/0", (5, 9, 2), (-0.1, -1e-7, -1 / 3), "Ana", True, 12),
            Rollout("ner/train/0", (), (), "", False, 12),
        ),
        verdicts=(Verdict(1.0, "right", {"hits": 1.0, "gold": 1.0}, "ana = ana"), Verdict(0.0, "truncated")),
        old_logprobs=old_logprobs,
    )


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_rows_come_back_as_they_were_written(tmp_path: Path, name: str):
    write_jsonl(tmp_path / name, iter(ROWS))
    assert list(read_jsonl(tmp_path / name)) == ROWS


def test_a_file_is_gzip_when_its_name_says_so(tmp_path: Path):
    write_jsonl(tmp_path / "rows.jsonl", ROWS)
    write_jsonl(tmp_path / "rows.jsonl.gz", ROWS)
    plain = (tmp_path / "rows.jsonl").read_bytes()
    assert gzip.decompress((tmp_path / "rows.jsonl.gz").read_bytes()) == plain
    assert plain.decode("utf-8").count("\n") == len(ROWS)  # one line per row, whatever the texts hold
    assert "小红书" in plain.decode("utf-8")


def test_equal_rows_are_equal_bytes_under_any_name_and_at_any_time(tmp_path: Path):
    write_jsonl(tmp_path / "first.jsonl.gz", ROWS)
    write_jsonl(tmp_path / "second.jsonl.gz", ROWS)
    data = (tmp_path / "first.jsonl.gz").read_bytes()
    assert data == (tmp_path / "second.jsonl.gz").read_bytes()
    assert data[4:8] == bytes(4)  # gzip's time stamp (RFC 1952)


def test_empty_lines_are_passed_over_but_counted(tmp_path: Path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n\n  \n{"a": 2}\n{"a": \n', encoding="utf-8")
    rows = read_jsonl(path)
    assert [next(rows), next(rows)] == [{"a": 1}, {"a": 2}]
    with pytest.raises(ValueError, match=r"rows\.jsonl:5: not JSON"):
        next(rows)


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{'a': 1}", "not JSON .* column 2"),
        ('{"a": 1} {"a": 2}', "not JSON"),
        ("[1, 2]", "expected a JSON object, found list"),
        ('"text"', "expected a JSON object, found str"),
        ("null", "expected a JSON object, found NoneType"),
    ],
)
def test_a_bad_line_is_named_by_file_and_line(tmp_path: Path, name: str, line: str, message: str):
    path = tmp_path / name
    data = f'{{"a": 1}}\n{line}\n'.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    with pytest.raises(ValueError, match=message) as caught:
        list(read_jsonl(path))
    assert str(caught.value).startswith(f"{path}:2: ")


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_rows_that_fail_halfway_leave_the_old_file_whole(tmp_path: Path, name: str):
    path = tmp_path / name
    write_jsonl(path, ROWS)

    def failing():
        yield {"a": 1}
        raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"):
        write_jsonl(path, failing())
    assert list(read_jsonl(path)) == ROWS
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_a_full_disk_leaves_the_old_files_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_jsonl(tmp_path / "rows.jsonl", ROWS)
    write_json(tmp_path / "results.json", {"a": 1})
    write = Path.write_bytes

    def half(path: Path, data: bytes | str, **_: object) -> None:
        write(path, (data if isinstance(data, bytes) else data.encode())[:10])
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(OSError, match="No space"):
        write_jsonl(tmp_path / "rows.jsonl", ROWS[:1])
    with pytest.raises(OSError, match="No space"):
        write_json(tmp_path / "results.json", {"a": "other, and longer"})
    assert list(read_jsonl(tmp_path / "rows.jsonl")) == ROWS
    assert json.loads((tmp_path / "results.json").read_bytes()) == {"a": 1}


def test_writing_replaces_the_file_makes_its_folder_and_leaves_nothing_beside_it(tmp_path: Path):
    folder = tmp_path / "eval" / "base"
    for rows in (ROWS, ROWS[:1]):
        write_jsonl(folder / "rows.jsonl", rows)
        write_json(folder / "results.json", rows)
    assert list(read_jsonl(folder / "rows.jsonl")) == ROWS[:1]
    assert json.loads((folder / "results.json").read_text(encoding="utf-8")) == ROWS[:1]
    assert sorted(entry.name for entry in folder.iterdir()) == ["results.json", "rows.jsonl"]


@pytest.mark.parametrize("old_logprobs", [None, ((-0.1, -2e-7, -2 / 3), ())])
def test_a_group_comes_back_from_json_as_it_was(old_logprobs: tuple[tuple[float, ...], ...] | None):
    original = group(old_logprobs)
    returned = group_from_json(json.loads(json.dumps(group_to_json(original))))
    assert returned == original
    assert hash(returned.rollouts) == hash(original.rollouts)  # tuples again, no lists


def test_a_groups_scores_are_those_of_its_verdicts_in_order():
    assert group(None).scores == (1.0, 0.0)


def test_the_text_of_a_prompt_names_who_says_what_where_it_has_several_messages():
    record = group(None).record
    assert record.prompt_text == "system: Answer.\nuser: Names in: Ana 去北京"
    assert replace(record, messages=record.messages[1:]).prompt_text == "Names in: Ana 去北京"


def test_an_empty_line_does_not_shift_the_numbers_of_those_after_it(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n\n{"a": 2}\nnonsense\n')
    rows = numbered_jsonl(path)
    assert [next(rows), next(rows)] == [(1, {"a": 1}), (3, {"a": 2})]
    with pytest.raises(ValueError, match=r"rows\.jsonl:4: not JSON"):
        next(rows)


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_is_a_finite_number(score):
    with pytest.raises(ValueError, match=r"a verdict of (nan|inf), from which nothing can be learned"):
        Verdict(score, "wrong")
