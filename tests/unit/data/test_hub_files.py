"""Rows that a pack names on the hub: which files a name stands for, and what is read by the hub's client from a small
server of our own, or from its cache."""

import http.server
import io
import json
import threading
from urllib.parse import unquote

import pytest

from redone.data import hub_files
from redone.data.hub_files import Listing, chosen, hub_file_rows, hub_name
from redone.data.load import build, read_pack

huggingface_hub = pytest.importorskip("huggingface_hub")
FIRST, SECOND, COPY = "1" * 40, "2" * 40, "3" * 40
PACK = """
[tasks.mood]
part = "domain"
family = "content understanding"
prompt = "post : {text}"
answer = "{mood}"
reward = "exact"
files = {train = "hub:me/moods:train", probe = "hub:me/moods:validation@FIRST", eval = "mood.jsonl"}
"""


def rows(*texts):
    return "".join(json.dumps({"text": text, "mood": "glad"}) + "\n" for text in texts).encode()


def parquet(*texts):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    file = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist([{"text": text, "mood": "glad"} for text in texts]), file)
    return file.getvalue()


class Hub:
    """What the client asks of the hub. sets: repository to revision to (commit, path to content)."""

    def __init__(self):
        self.sets, self.asked = {}, []
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                hub.answer(self)

            do_HEAD = do_GET

            def log_message(self, *told):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request):
        self.asked.append(request.path)
        parts = [unquote(part) for part in request.path.partition("?")[0].split("/")[1:]]
        api = parts[0] == "api"
        owner, name, _, revision, *rest = parts[2 if api else 1 :]
        revisions = self.sets.get(f"{owner}/{name}")
        at = revisions and (revisions.get(revision) or next((r for r in revisions.values() if r[0] == revision), None))
        if at is None or (not api and "/".join(rest) not in at[1]):
            code = "RepoNotFound" if revisions is None else "RevisionNotFound" if at is None else "EntryNotFound"
            return self.send(request, 404, b"", {"X-Error-Code": code})
        commit, files = at
        if api:
            told = {"id": f"{owner}/{name}", "sha": commit, "siblings": [{"rfilename": path} for path in files]}
            return self.send(request, 200, json.dumps(told).encode(), {})
        body = files["/".join(rest)]
        return self.send(request, 200, body, {"ETag": f'"{commit[:4]}{abs(hash(body))}"', "X-Repo-Commit": commit})

    def send(self, request, code, body, headers):
        request.send_response(code)
        for key, value in {**headers, "Content-Length": str(len(body)), "Content-Type": "application/json"}.items():
            request.send_header(key, value)
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(body)


def forget():
    hub_files._listing.cache_clear()
    hub_files._decided.cache_clear()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    hub = Hub()
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    forget()
    yield hub
    forget()
    hub.server.shutdown()
    hub.server.server_close()


def read(name):
    return [(where, row["text"]) for where, row in hub_file_rows(name)]


def test_rows_of_all_files_of_a_split_are_read_and_named_by_the_commit(hub):
    files = {
        "data/train-00000-of-00002.parquet": parquet("tea", "cake"),
        "data/train-00001-of-00002.parquet": parquet("film"),
        "data/test-00000-of-00001.parquet": parquet("book"),
    }
    hub.sets["me/moods"] = {"main": (FIRST, files)}
    where = f"hub:me/moods:train@{FIRST}"
    assert read("hub:me/moods:train") == [(f"{where}:1", "tea"), (f"{where}:2", "cake"), (f"{where}:3", "film")]
    assert [text for _, text in read("hub:me/moods:test")] == ["book"]


def test_a_pack_reads_the_hub_beside_files_and_its_fingerprint_names_the_commits(hub, tmp_path):
    old = {"train.jsonl": rows("old"), "validation.jsonl": rows("film")}
    hub.sets["me/moods"] = {"main": (SECOND, {"train.jsonl": rows("tea", "cake")}), FIRST: (FIRST, old)}
    (tmp_path / "pack.toml").write_text(PACK.replace("FIRST", FIRST), encoding="utf-8")
    (tmp_path / "mood.jsonl").write_bytes(rows("book"))
    dataset = build([read_pack(tmp_path / "pack.toml")], limit=None, probe=0.1, evaluation=0.1)
    found = {split: [r.fields["text"] for r in mine] for split, mine in dataset.records["mood"].items()}
    assert found == {"train": ["tea", "cake"], "probe": ["film"], "tune": [], "eval": ["book"]}
    read_from = [f"hub:me/moods:train@{SECOND}", f"hub:me/moods:validation@{FIRST}"]
    assert dataset.fingerprint()["mood"]["hub"] == read_from
    assert dataset.records["mood"]["train"][1].source == f"hub:me/moods:train@{SECOND}:2"


def test_what_main_does_not_hold_as_data_is_read_from_the_hubs_own_copy(hub):
    copy = {"default/train/0000.parquet": parquet("tea"), "default/partial-test/0000.parquet": parquet("book")}
    hub.sets["me/moods"] = {"main": (FIRST, {"moods.py": b"", "README.md": b""}), hub_files.CONVERTED: (COPY, copy)}
    assert read("hub:me/moods:train") == [(f"hub:me/moods:train@{COPY}:1", "tea")]
    with pytest.raises(ValueError, match=r"hub:me/moods:test: no data file of that split is there; there are none"):
        read("hub:me/moods:test")  # a part of it alone was copied


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        (b"---\nconfigs:\n- {config_name: x, data_files: [{split: train, path: kept/*}]}\n---\n# Moods\n", ["tea"]),
        (b"---\nconfigs: none\n---\n# Moods\n", ["cake"]),
        (b"---\n{{{ no YAML\n---\n", ["cake"]),
        (b"# Moods\n", ["cake"]),
    ],
)
def test_a_card_says_which_files_are_the_splits_and_one_that_does_not_is_passed_over(hub, card, expected):
    files = {"README.md": card, "kept/1.jsonl": rows("tea"), "train.jsonl": rows("cake")}
    hub.sets["me/moods"] = {"main": (FIRST, files)}
    assert [text for _, text in read("hub:me/moods:train")] == expected


def test_offline_the_cache_is_read_and_what_is_not_in_it_is_said(hub, monkeypatch):
    from huggingface_hub import constants

    files = {"train-00000-of-00002.jsonl": rows("tea"), "train-00001-of-00002.jsonl": rows("cake")}
    hub.sets["me/moods"] = {"main": (FIRST, {**files, "test.jsonl": rows("book")})}
    before = read("hub:me/moods:train")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    forget()
    hub.asked.clear()
    assert read("hub:me/moods:train") == before
    assert not hub.asked
    with pytest.raises(ValueError, match="no data file of that split is there"):
        read("hub:me/moods:test")
    with pytest.raises(ValueError, match=r"hub:me/other:train: it is not in the cache, .*HF_HUB_OFFLINE"):
        read("hub:me/other:train")


def test_what_is_not_on_the_hub_is_one_sentence(hub):
    hub.sets["me/moods"] = {"main": (FIRST, {"train.jsonl": rows("tea"), "notes.txt": b""})}
    for name, said in (
        ("hub:me/other:train", r"hub:me/other:train: the hub has no such data set, or wants a token"),
        ("hub:me/moods:train@v2", r"hub:me/moods:train: the hub has no revision v2"),
        ("hub:me/moods:test", r"hub:me/moods:test: no data file of that split is there; there are train\.jsonl$"),
        ("hub:me/moods", r"rows of the hub are hub:OWNER/NAME:SPLIT"),
    ):
        with pytest.raises(ValueError, match=said):
            read(name)


def test_a_set_that_changes_while_it_is_read_is_refused(hub):
    hub.sets["me/moods"] = {"main": (FIRST, {"train.jsonl": rows("tea")})}
    found = hub_files.hub_file_rows("hub:me/moods:train")
    hub_files._decided("hub:me/moods:train", hub_name("hub:me/moods:train"))
    hub.sets["me/moods"] = {"main": (SECOND, {"train.jsonl": rows("cake")})}
    with pytest.raises(ValueError, match="me/moods changed while it was read"):
        list(found)


def test_a_name_that_is_none_is_refused_when_the_pack_is_read(tmp_path):
    (tmp_path / "pack.toml").write_text(PACK.replace("hub:me/moods:train", "hub:moods"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"task mood: files.train: hub:moods: rows of the hub are"):
        read_pack(tmp_path / "pack.toml")


CARD = [
    {"config_name": "en", "data_files": [{"split": "train", "path": "a/*.csv"}, {"split": "test", "path": ["b.csv"]}]},
    {"config_name": "de", "data_files": "c.csv"},
]


@pytest.mark.parametrize(
    ("name", "paths", "card", "expected"),
    [
        ("hub:a/b/en:train", ["a/1.csv", "a/2.csv", "b.csv", "c.csv"], CARD, ["a/1.csv", "a/2.csv"]),
        ("hub:a/b/en:test", ["a/1.csv", "b.csv"], CARD, ["b.csv"]),
        ("hub:a/b/de:train", ["a/1.csv", "c.csv"], CARD, ["c.csv"]),
        ("hub:a/b/de:test", ["a/1.csv", "c.csv"], CARD, []),
        ("hub:a/b:test", ["a/1.csv", "b.csv"], [{**CARD[0], "default": True}, CARD[1]], ["b.csv"]),
        ("hub:a/b/en:train", ["en/train-0.parquet", "de/train-0.parquet"], [], ["en/train-0.parquet"]),
        ("hub:a/b/en:train", ["en_train.jsonl", "english_train.jsonl", "de_train.jsonl"], [], ["en_train.jsonl"]),
        ("hub:a/b:test", ["test/1.json", "test/2.json", "latest.json"], [], ["test/1.json", "test/2.json"]),
        ("hub:a/b:train", ["train.parquet", "train.csv", "train.txt"], [], ["train.parquet"]),
        ("hub:a/b:train", ["train.jsonl.gz", "README.md"], [], ["train.jsonl.gz"]),
    ],
)  # fmt: skip
def test_which_files_a_name_stands_for(name, paths, card, expected):
    assert chosen(name, hub_name(name), Listing(FIRST, paths, card)) == expected


@pytest.mark.parametrize(
    ("name", "paths", "card", "said"),
    [
        ("hub:a/b:train", ["en/train.csv", "de/train.csv"], [], "configurations de, en, as in hub:a/b/de:train"),
        ("hub:a/b:train", ["c.csv"], CARD, "name one of its configurations de, en"),
        ("hub:a/b/fr:train", ["c.csv"], CARD, "its configurations are de, en"),
        ("hub:a/b:train", ["train.csv", "train.jsonl"], [], "files of several kinds"),
        ("hub:a/b:train", ["train-00000-of-00003.csv"], [], "1 of the 3 files of train are there"),
    ],
)  # fmt: skip
def test_names_that_may_stand_for_several_things_are_refused(name, paths, card, said):
    with pytest.raises(ValueError, match=said):
        chosen(name, hub_name(name), Listing(FIRST, paths, card))
