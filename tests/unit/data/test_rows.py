"""Data files of every kind become the same rows, and what is wrong with one is told by file and place."""

import gzip
import json
import sys

import pytest

from redone.data.load import build, read_pack
from redone.data.rows import numbered_rows

ROWS = [{"text": "two lines,\nand a comma", "team": "tech"}, {"text": 'so "it" is: 苹果', "team": "007"}]
CSV = 'text,team\n"two lines,\nand a comma",tech\n"so ""it"" is: 苹果",007\n'


def read(folder, name, data):
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return list(numbered_rows(folder / name))


def refusal(*arguments):
    with pytest.raises(ValueError) as error:
        read(*arguments)
    return str(error.value)


def test_a_table_an_array_lines_and_parquet_are_the_same_rows(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.Table.from_pylist(ROWS), tmp_path / "rows.parquet")
    for name, data in {
        "rows.csv": CSV,
        "rows.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS),
        "rows.json": "\n " + json.dumps(ROWS, indent=2),
        "lines.json": "".join(json.dumps(row) + "\n" for row in ROWS),
        "rows.tsv": CSV.replace("text,team", "text\tteam").replace('",', '"\t'),
        "rows.JSON.gz": gzip.compress(json.dumps(ROWS).encode(), mtime=0),
        "rows.CSV.gz": gzip.compress(CSV.encode(), mtime=0),
    }.items():
        assert [row for _, row in read(tmp_path, name, data)] == ROWS, name
    assert list(numbered_rows(tmp_path / "rows.parquet")) == [(1, ROWS[0]), (2, ROWS[1])]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_table_may_begin_with_a_mark_end_its_lines_in_any_way_and_hold_empty_rows(tmp_path, end):
    text = "text , team\na,b\n\n,\n c,d".replace("\n", end)
    assert read(tmp_path, "rows.csv", b"\xef\xbb\xbf" + text.encode()) == [
        (2, {"text": "a", "team": "b"}),
        (5, {"text": " c", "team": "d"}),
    ]


def test_a_row_is_at_the_line_that_it_begins_in(tmp_path):
    assert [number for number, _ in read(tmp_path, "rows.csv", CSV)] == [2, 4]


def test_a_table_of_semicolons_is_one(tmp_path):
    assert read(tmp_path, "rows.csv", "text;team\na, b;c\n") == [(2, {"text": "a, b", "team": "c"})]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.csv", "text,team\na,b\nc,d,e\n", "a.csv:3: the row that begins here has 3 values, and the header 2"),
        ("a.csv", 'text,team\n"a\nb",c\nd\n', "a.csv:4: the row that begins here has 1 values"),
        ("a.csv", ",text\n0,a\n", "a.csv:1: column 1 has no name"),
        ("a.csv", "text, text\na,b\n", "a.csv:1: two columns are called 'text'"),
        ("a.csv", "", "a.csv: it is empty"),
        ("a.csv", 'text,team\na,b\n"c,d\n', "a.csv:3: the row that begins here is no CSV"),
        ("a.csv", 'text,team\n"a" b,c\n', "a.csv:2: the row that begins here is no CSV"),
        ("a.csv", b"text,team\na,b\nc,\xe9\n", "a.csv:3: not UTF-8"),
        ("a.csv", b"text,team\na,\0\n", "a.csv:2: a NUL byte"),
        ("a.csv", "text,team\na,b\n".encode("utf-16"), "a.csv: it is UTF-16"),
        ("a.csv", gzip.compress(CSV.encode(), mtime=0)[:-9], "the gzip file is damaged or cut off"),
        ("a.json", gzip.compress(json.dumps(ROWS).encode(), mtime=0)[:-9], "the gzip file is damaged or cut off"),
        ("a.json", '[{"text": "a"}, 3]', "a.json: item 2: expected a JSON object, found int"),
        ("a.json", '[{"text": "a"},]', "a.json: not JSON"),
        ("a.parquet", "text,team\n", "a.parquet: not Parquet, or damaged"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_told_by_its_place(tmp_path, name, data, said):
    assert said in refusal(tmp_path, name, data)


@pytest.mark.parametrize(
    ("data", "looks", "ending"),
    [
        ("text,team\na,b\n", "a table", ".csv"),
        ("text\tteam\na\tb\n", "a table with tabs", ".tsv"),
        ('[{"text": "a"}]', "a JSON array", ".json"),
    ],
)
def test_another_kind_of_file_under_the_name_of_lines_is_told_by_its_looks_and_the_endings_that_are_read(
    tmp_path, data, looks, ending
):
    said = refusal(tmp_path, "a.jsonl", data)
    assert f"it looks like {looks}, where JSON Lines are wanted" in said
    assert said.endswith(f"it is read where its name ends in {ending} (.csv, .tsv, .json, .parquet are read)")
    assert len(read(tmp_path, f"a{ending}", data)) == 1


def test_a_web_page_is_read_under_no_name(tmp_path):
    assert refusal(tmp_path, "a.jsonl", "<html>\n").endswith("a web page, perhaps of a download that failed")


def test_without_a_reader_of_parquet_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "pip install 'redone[benchmarks]'" in refusal(tmp_path, "a.parquet", "PAR1")


def test_a_task_reads_a_table_as_it_reads_lines(tmp_path):
    cells = "".join(f"note {i},{i % 2},{i % 3}\n" for i in range(60))
    (tmp_path / "notes.csv").write_text("text,right,stars\n" + cells, encoding="utf-8")
    lines = (json.dumps({"text": f"note {i}", "right": i % 2, "stars": i % 3}) + "\n" for i in range(60))
    (tmp_path / "notes.jsonl").write_text("".join(lines), encoding="utf-8")
    found = {}
    for name in ("notes.csv", "notes.jsonl"):
        pack = f"""
            [tasks.note]
            part = "domain"
            family = "notes"
            prompt = "{{text}}, {{stars}} stars"
            answer = "{{letter}} {{word}}"
            reward = "exact"
            files = {{train = "{name}"}}
            only = {{stars = [0, 2]}}

            [tasks.note.convert]
            letter = {{letter = "right"}}
            word = {{named = {{of = "right", names = {{0 = "no", 1 = "yes"}}}}}}
            """
        (tmp_path / "pack.toml").write_text(pack, encoding="utf-8")
        dataset = build([read_pack(tmp_path / "pack.toml")], limit=None, probe=0.2, evaluation=0.2)
        found[name] = [
            (r.id, r.prompt_text, r.answer) for split in ("train", "probe", "eval") for r in dataset.split(split)
        ]
    assert len(found["notes.csv"]) == 40
    assert "B yes" in {answer for *_, answer in found["notes.csv"]}
    assert found["notes.csv"] == found["notes.jsonl"]
