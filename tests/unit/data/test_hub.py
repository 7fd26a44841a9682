"""Rows from the hub, by the client's own loader over local folders that are laid out as on the hub."""

import json

import pytest

from redone.data.hub import hub_rows
from redone.data.load import build, read_pack

datasets = pytest.importorskip("datasets")

PACK = """
[tasks.mood]
part = "domain"
family = "content understanding"
prompt = "post : {{text}}\\nmood ?"
answer = "{{mood}}"
reward = "exact"
files = {{train = "mood.train.jsonl", eval = "mood.test.jsonl"}}
hub = {{path = "{path}", splits = {{train = "train", probe = "validation", eval = "test"}}{more}}}
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def converted_parquet(folder):
    """As the hub's own conversion leaves a set: <configuration>/<split>/0000.parquet, classes named in the schema."""
    features = datasets.Features(
        tokens=datasets.Sequence(datasets.Value("string")),
        tags=datasets.Sequence(datasets.ClassLabel(names=["B-person", "O"])),
        label=datasets.ClassLabel(names=["sad", "glad"]),
    )
    for split, names in {"train": ["Ann", "Bob", "Cem"], "validation": ["Dee"], "test": ["Eva"]}.items():
        path = folder / "default" / split / "0000.parquet"
        path.parent.mkdir(parents=True)
        table = {
            "tokens": [["hi", name] for name in names],
            "tags": [[1, 0]] * len(names),
            "label": [1] * len(names),
        }
        datasets.Dataset.from_dict(table, features=features).to_parquet(str(path))
    return folder


def jsonl_folder(folder):
    folder.mkdir()
    for split, texts in {"train": ["tea", "cake"], "validation": ["film"], "test": ["book"]}.items():
        rows = [{"post": text, "mood": f"{text} mood"} for text in texts]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def test_class_numbers_are_read_by_their_names_and_fields_made_by_rules(tmp_path):
    path = str(converted_parquet(tmp_path / "set"))
    hub = {"path": path, "named": ["tags", "label"], "convert": {"text": {"join": "tokens"}}}
    where, rows = hub_rows(hub, "train")
    assert where == f"{path} (train)"
    assert rows == [
        {"tokens": ["hi", name], "tags": ["O", "B-person"], "label": "glad", "text": f"hi {name}"}
        for name in ("Ann", "Bob", "Cem")
    ]


def test_the_split_of_the_table_goes_before_that_of_the_argument(tmp_path):
    path = str(jsonl_folder(tmp_path / "set"))
    assert [row["post"] for row in hub_rows({"path": path, "split": "train[:1]"}, "test")[1]] == ["tea"]
    assert [row["post"] for row in hub_rows({"path": path})[1]] == ["book"]


def test_a_column_without_classes_has_no_names(tmp_path):
    with pytest.raises(ValueError, match=r"\(train\): column mood has no names of classes"):
        hub_rows({"path": str(jsonl_folder(tmp_path / "set")), "named": ["mood"]}, "train")


def test_a_set_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere \(test\): could not be loaded from the hub"):
        hub_rows({"path": str(tmp_path / "nowhere")})


def mood_pack(tmp_path, more=', convert = {text = {same = "post"}}'):
    path = tmp_path / "pack" / "pack.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(PACK.format(path=jsonl_folder(tmp_path / "set"), more=more), encoding="utf-8")
    return path


def test_without_a_data_folder_a_task_reads_the_splits_that_its_hub_id_names(tmp_path):
    pack = read_pack(mood_pack(tmp_path))
    dataset = build([pack], limit=None, probe=0.1, evaluation=0.1)
    found = {split: [r.fields["text"] for r in mine] for split, mine in dataset.records["mood"].items()}
    assert found == {"train": ["tea", "cake"], "probe": ["film"], "tune": [], "eval": ["book"]}
    assert dataset.records["mood"]["eval"][0].source == f"{tmp_path / 'set'} (test):0"


def test_with_a_data_folder_the_files_are_read_and_must_be_there(tmp_path):
    path = mood_pack(tmp_path)
    (tmp_path / "data").mkdir()
    with pytest.raises(ValueError, match=r"there is no .*mood\.train\.jsonl; say where the data lie with --data"):
        read_pack(path, tmp_path / "data")
    for split in ("train", "test"):
        row = {"text": f"file {split}", "mood": "glad"}
        (tmp_path / "data" / f"mood.{split}.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    [(_, row)] = read_pack(path, tmp_path / "data").rows("mood", "eval")
    assert row["text"] == "file test"


def test_a_hub_table_without_path_or_splits_is_refused(tmp_path):
    path = tmp_path / "pack.toml"
    path.write_text(PACK.format(path="x/y", more="").replace("splits =", "parts ="), encoding="utf-8")
    with pytest.raises(ValueError, match='task mood: hub needs path = "OWNER/NAME" and splits'):
        read_pack(path)
