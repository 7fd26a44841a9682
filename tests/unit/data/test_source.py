"""Which rows of a file a task of a pack takes, and what stands beside them."""

import json

import pytest

from redone.data.load import read_pack

TABLE = """
[tasks.kind]
part = "domain"
family = "dialogue"
prompt = "{text}"
answer = "{kind}"
reward = "exact"
"""
ROWS = [
    {"text": "tea", "kind": "drink", "hot": 1},
    {"text": "cake", "kind": "food", "hot": 0},
    {"text": "hot chocolate", "kind": "drink", "hot": 1},
    {"text": "a fork", "kind": "tool", "hot": 0},
]


def taken(folder, keys, rows=ROWS, split="train"):
    """The rows of a task with these more keys."""
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "rows.jsonl").write_text(text, encoding="utf-8")
    files = "" if "files" in keys else 'files = {train = "rows.jsonl"}\n'
    (folder / "pack.toml").write_text(TABLE + files + keys, encoding="utf-8")
    return list(read_pack(folder / "pack.toml").rows("kind", split))


def texts(*arguments, **named):
    return [row["text"] for _, row in taken(*arguments, **named)]


def refusal(*arguments):
    with pytest.raises(ValueError) as error:
        taken(*arguments)
    return str(error.value)


def test_rows_are_kept_by_a_value_one_of_several_or_a_length(tmp_path):
    assert texts(tmp_path, 'only = {kind = "drink"}') == ["tea", "hot chocolate"]
    assert texts(tmp_path, 'only = {kind = ["food", "tool"]}') == ["cake", "a fork"]
    assert texts(tmp_path, "only = {text = {most = 4}}") == ["tea", "cake"]
    assert texts(tmp_path, 'only = {text = {most = 6}, kind = ["drink", "tool"]}') == ["tea", "a fork"]


def test_conditions_of_a_file_that_are_no_table_are_refused_with_an_example(tmp_path):
    keys = 'files = {train = [{file = "rows.jsonl", only = "drink"}]}'
    assert 'files.train: only is a table of fields, as in only = {kind = "post"}' in refusal(tmp_path, keys)


def test_a_row_without_a_value_is_not_short(tmp_path):
    rows = [{"text": "tea", "kind": None}, {"text": "cake", "kind": "food"}]
    assert texts(tmp_path, "only = {kind = {most = 9}}", rows=rows) == ["cake"]


def test_a_kept_row_is_named_by_its_line_in_the_file(tmp_path):
    assert [where for where, _ in taken(tmp_path, 'only = {kind = "tool"}')] == ["rows.jsonl:4"]


def test_a_condition_on_a_made_field_is_asked_after_it_is_made(tmp_path):
    keys = 'only = {hot = "yes"}\nconvert = {hot = {map = {0 = "no", 1 = "yes"}}}'
    assert texts(tmp_path, keys) == ["tea", "hot chocolate"]


def test_rows_that_are_not_kept_need_not_be_convertible(tmp_path):
    rows = [{"kind": "story"}, {"kind": "talk", "turns": ["hi"]}]
    keys = 'only = {kind = "talk"}\nconvert = {text = {at = ["turns", 0]}}'
    assert texts(tmp_path, keys, rows=rows) == ["hi"]


def test_the_other_row_is_one_of_those_that_are_kept(tmp_path):
    found = taken(tmp_path, 'only = {kind = "drink"}\nother = "text"')
    assert [(row["text"], row["other_text"], row["other_kind"]) for _, row in found] == [
        ("tea", "hot chocolate", "drink"),
        ("hot chocolate", "tea", "drink"),
    ]


def test_a_file_may_have_rows_and_fields_of_its_own_before_those_of_the_task(tmp_path):
    keys = """
only = {text = {most = 5}}
convert = {text = {cut = ["text", 5]}}

[tasks.kind.files]
eval = "rows.jsonl"

[tasks.kind.files.train]
file = "rows.jsonl"
only = {hot = 1}
convert = {text = {fill = "{text} and {kind}"}}
"""
    assert texts(tmp_path, keys) == ["tea a", "hot c"]
    assert texts(tmp_path, keys, split="eval") == ["tea", "cake", "hot c", "a for"]


def test_a_split_may_be_several_files_one_after_another(tmp_path):
    keys = """
[tasks.kind.files]
train = ["rows.jsonl", {file = "rows.jsonl", only = {hot = 1}, convert = {text = {fill = "{text}!"}}}]
"""
    plain = texts(tmp_path, 'files = {train = "rows.jsonl"}')
    found = taken(tmp_path, keys)
    assert [row["text"] for _, row in found] == [*plain, "tea!", "hot chocolate!"]
    assert [where for where, _ in found][-2:] == ["rows.jsonl:1", "rows.jsonl:3"]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("only = {text = {least = 3}}", "task kind: only.text is a value, a list of values, or {most = LENGTH}"),
        ("only = {colour = 3}", "rows.jsonl:1: no field colour, which `only` of task kind needs"),
        ('other = "colour"', "task kind: other = colour: no field 'colour'"),
        ('texts = "text"', "task kind: texts = 'text'; it is a list"),
        ("files = {train = {only = {hot = 1}}}", "task kind: files.train is a file, a table of file, only and"),
        ('files = {train = {file = "rows.jsonl", onyl = {}}}', "task kind: files.train is a file, a table of file"),
    ],
)
def test_what_cannot_be_followed_is_named(tmp_path, keys, said):
    assert said in refusal(tmp_path, keys)


def test_other_needs_two_values(tmp_path):
    assert "task kind: other = kind: there are no two rows" in refusal(
        tmp_path, 'only = {kind = "tool"}\nother = "kind"'
    )
