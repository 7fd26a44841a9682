"""Whatever comes, what is written can be read again, what is shown obeys nobody, and what is broken is named."""

import gzip
import io
import json
import shutil
import sys

import pytest

from redone import cli
from redone.config import load_config
from redone.data.load import read_pack
from redone.files import dumps, loads, read_json, read_jsonl, write_json, write_jsonl, write_page
from redone.measure.ask import line_of
from redone.mistakes import name_flaw, read_toml
from redone.records import Record, Task, Text, Verdict
from redone.report.read import read_run
from redone.run.log import Log
from redone.run.scoring import Asked, in_process
from redone.run.store import Store
from redone.texts import MOST_NOTED, cut, visible

TASK = """[tasks.a]
part = "general"
family = "code"
prompt = "{q}"
answer = "{a}"
reward = "exact"
files = {eval = "e.jsonl"}
"""
ODD = (
    "half \ud83d, \udc00; NUL \0; bidi \u202eabc\u2066; lines \u2028\x85\r\x0b; 好 👩\u200d👩; "
    "\x1b[31m\ufeff\uffff \U000e0041"
)
KEPT = ODD.replace("\ud83d", "\ufffd").replace("\udc00", "\ufffd")


def test_any_code_point_is_written_and_read_by_every_way_there_is(tmp_path):
    assert loads(dumps({ODD: [ODD]})) == {KEPT: [KEPT]}
    for name in ("a.jsonl", "a.jsonl.gz"):
        write_jsonl(tmp_path / name, [{"text": ODD}] * 2)
        assert list(read_jsonl(tmp_path / name)) == [{"text": KEPT}] * 2
    write_json(tmp_path / "a.json", {"text": ODD})
    assert read_json(tmp_path / "a.json") == {"text": KEPT}


def test_a_step_with_any_code_point_is_kept(tmp_path):
    store = Store(tmp_path)
    store.append({"step": 1, "said": ODD}, [{"note": ODD}])
    store.append({"step": 2}, [{"note": "好"}])
    assert store.metrics() == [{"step": 1, "said": KEPT}, {"step": 2}]
    assert list(read_jsonl(tmp_path / "rollouts.jsonl.gz")) == [{"note": KEPT}, {"note": "好"}]
    assert "好" in gzip.decompress((tmp_path / "rollouts.jsonl.gz").read_bytes()).decode()


def test_an_answer_with_any_code_point_is_kept(tmp_path):
    line = line_of(Text("a", 0, f"<think>{ODD}</think>{ODD}", True, thinking=ODD, said=ODD))
    write_jsonl(tmp_path / "answers.jsonl", [line])
    [row] = read_jsonl(tmp_path / "answers.jsonl")
    assert (row["output"], row["thinking"], row["said"]) == (KEPT, KEPT, KEPT)


def test_what_is_no_number_of_json_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("raises", [False, True])
def test_a_note_is_kept_whole_of_halves_and_cut_where_it_is_long(raises):
    def score(task, record, text, finished):
        if raises:
            raise ValueError(text)
        return Verdict(0.0, "wrong", {}, text)

    record = Record("a/eval/0", "a", ({"role": "user", "content": "?"},), "b", "eval", "world")
    tasks = {"a": Task("a", "domain", "dialogue", "?", "b", "exact")}
    [[short, long]] = in_process(tasks, score)([Asked(record, [("x\ud83d", True), ("x" * 10**6, True)])])
    assert short.note.endswith("x\ufffd")
    assert len(long.note) < MOST_NOTED + 50
    assert raises or long.note == "x" * MOST_NOTED + " [... 1,000,000 characters in all]"
    assert cut("x" * MOST_NOTED, MOST_NOTED) == "x" * MOST_NOTED


def test_what_a_terminal_obeys_or_hides_is_spelled_out_and_the_rest_stays():
    said = visible(ODD)
    assert said.encode().decode() == said
    assert said == (
        "half \\ud83d, \\udc00; NUL \\x00; bidi \\u202eabc\\u2066; lines \\u2028\\x85\\r\\x0b; 好 👩\u200d👩; "
        "\\x1b[31m\\ufeff\\uffff \\U000e0041"
    )
    assert visible("a\n\tb «ç» مرحبا ﷽ ½") == "a\n\tb «ç» مرحبا ﷽ ½"


def test_pages_lines_of_a_run_and_mistakes_are_shown_so(tmp_path, capsys, monkeypatch):
    write_page(tmp_path / "a.md", ODD)
    assert (tmp_path / "a.md").read_text(encoding="utf-8") == visible(ODD)
    Log().line(f"[bold] {ODD}")
    assert capsys.readouterr().err == f"[bold] {visible(ODD)}\n"
    assert cli.main(["report", str(tmp_path / "\x1b]0;title\x07\ud83d")]) == 2
    assert "\\x1b]0;title\\x07\\ud83d: " in capsys.readouterr().err


def test_a_terminal_that_cannot_show_a_sign_ends_nothing(tmp_path, monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr("redone.cli.report.command", lambda options: print("好 \ud83d") or 0)
    assert cli.main(["report", str(tmp_path)]) == 0
    assert terminal.buffer.getvalue() == b"\\u597d \\ud83d\n"


def test_what_the_judge_says_is_kept_so_and_a_damaged_reply_is_named(tmp_path):
    from redone.served.client import Service
    from redone.served.judge import Judge, _structured, grading

    properties = {"why": {"type": "string"}, "grade": {"type": "integer", "minimum": 0, "maximum": 10}}
    found = _structured(json.dumps({"why": "x" * 10**6, "grade": 3}), properties)
    assert found is not None
    assert len(found["why"]) < MOST_NOTED + 50
    judge, question = Judge(Service("http://localhost:1", "m"), tmp_path, print), grading("r", "q", "a")
    path = judge._path(question)
    for data in (b'{"why": "', b'{"why": 3, "grade": 3}', b"[]", b'{"why": "", "grade": 1e1}'):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=path.name):
            judge([question])
    write_json(path, {"why": ODD, "grade": 3})
    assert judge([question]) == [{"why": KEPT, "grade": 3}]


@pytest.mark.parametrize(
    "name", ["..", ".", "../x", "a/b", "a\\b", "-a", "~a", "", " a", "a\n", "a\x1b[31m", "a\u202e", "a" * 101]
)
def test_what_files_are_called_by_is_no_path(name, tmp_path):
    assert name_flaw(name)
    if name:
        with pytest.raises(ValueError, match="name"):
            load_config([], [f"name={json.dumps(name)}"])
        with pytest.raises(ValueError, match="stages: a stage cannot be called"):
            load_config([], [f"stages=[{json.dumps(name)}]"])
    path = tmp_path / "pack.toml"
    path.write_text(f"[tasks.{json.dumps(name)}]\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"pack\.toml: a task cannot be called"):
        read_pack(path)
    path.write_text(f"name = {json.dumps(name)}\n{TASK}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"pack\.toml: a pack cannot be called"):
        read_pack(path)


@pytest.mark.parametrize("name", ["a", "好", "reply 2", "a.b-c_d", "social@2"])
def test_names_may_be_of_any_script(name):
    assert name_flaw(name) == ""


def test_settings_that_nest_without_end_are_refused_and_a_value_is_one_value(tmp_path):
    path = tmp_path / "run.toml"
    for text in ("[" + ".".join("a" * 3000) + "]\nb = 1\n", "a = " + "[" * 100_000):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"run\.toml: "):
            load_config([path])
    with pytest.raises(ValueError, match="--set seed: seed = "):
        load_config([], ["seed=1\nname='x'"])
    with pytest.raises(ValueError, match="--set seed: seed = "):
        load_config([], ["seed=" + "[" * 100_000])


def test_lines_and_files_beyond_a_bound_are_refused_before_they_are_read_whole(tmp_path, monkeypatch):
    for name, value in (("files.MOST_LINE", 1000), ("files.MOST_FILE", 2000), ("mistakes.MOST_TOML", 1000)):
        monkeypatch.setattr(f"redone.{name}", value)
    bomb = gzip.compress(b'{"a": 1}\n{"a": "' + b"x" * 10**8, 1)[:-100]  # whoever reads on finds that it is cut off
    (tmp_path / "rows.jsonl.gz").write_bytes(bomb)
    with pytest.raises(ValueError, match=r"rows\.jsonl\.gz:2: a line of more than"):
        list(read_jsonl(tmp_path / "rows.jsonl.gz"))
    with pytest.raises(ValueError, match=r"rows\.jsonl\.gz: not JSON \(more than"):
        read_json(tmp_path / "rows.jsonl.gz")
    with (tmp_path / "pack.toml").open("wb") as file:
        file.truncate(1 << 34)  # a file of holes, which takes no room
    with pytest.raises(ValueError, match="more than 0 MiB"):
        read_toml(tmp_path / "pack.toml", "pack")
    write_jsonl(tmp_path / "fits.jsonl", [{"a": "x" * 990}] * 3)
    assert len(list(read_jsonl(tmp_path / "fits.jsonl"))) == 3


def test_a_key_that_stands_twice_among_many_is_found_at_once():
    pairs = ",".join(f'"{i}": 0' for i in range(100_000))
    with pytest.raises(ValueError, match="the key '99999' stands twice"):
        loads(f'{{{pairs}, "99999": 1}}')


@pytest.mark.parametrize("data", [b"[]", b"null", b"[" * 100_000, b'{"models": NaN}', b"\xff\xfe", b""])
def test_files_of_a_run_that_are_damaged_are_named(tmp_path, data):
    write_json(tmp_path / "config.json", {"model": {"path": "base"}, "stages": []})
    (tmp_path / "results.json").write_bytes(data)
    with pytest.raises(ValueError, match=r"results\.json: "):
        read_run(tmp_path)
    (tmp_path / "config.json").write_bytes(data)
    with pytest.raises(ValueError, match=r"config\.json: "):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("config.json", b"null"), ("config.json", b"[" * 100_000), ("config.json", b"{}"), ("config.json", b"\xff"),
        ("config.json", b'{"model_type": "qwen3", "num_attention_heads": 0}'),
        ("config.json", b'{"model_type": "qwen3", "vocab_size": "a"}'),
        ("tokenizer.json", b"{}"), ("tokenizer.json", b"[" * 100_000), ("tokenizer.json", None),
        ("tokenizer_config.json", b"[]"), ("generation_config.json", b"[]"),
        ("generation_config.json", b'{"eos_token_id": "x"}'), ("model.safetensors", b"\xff" * 9),
        ("model.safetensors", None),
    ],
)  # fmt: skip
def test_a_model_folder_with_a_broken_piece_is_named(tmp_path, tiny_model, name, data):
    from redone.commands.base import reader_for
    from redone.model.places import Place, load, loading

    shutil.copytree(tiny_model, tmp_path / "m")
    (tmp_path / "m" / name).unlink()
    if data is not None:
        (tmp_path / "m" / name).write_bytes(data)

    def read_whole():
        with loading("m"):
            reader_for(load_config([], ["model.max_context=64"]), "m", tmp_path / "m")
            load(Place(tmp_path / "m"))

    with pytest.raises(ValueError, match=r"m: no model could be loaded: \S"):
        read_whole()


@pytest.mark.parametrize("kind", ["[]", "{}", "1"])
def test_a_stage_whose_kind_is_no_text_is_refused(kind):
    with pytest.raises(ValueError, match=r"--set one\.kind: one\.kind is "):
        load_config([], ["stages=['one']", f"one.kind={kind}"])


@pytest.mark.parametrize(
    "line",
    [
        "title = nan", "readings = 'x'", "subsets = 'x'", "every = [1]", "columns = {a = 1}",
        "subsets.a.readings = 'x'",
        "subsets.a.shots = 'x'", "subsets.a.shots = {count = 1}", "subsets.a.name = 'x'", "subsets.a.choices = 1",
    ],
)  # fmt: skip
def test_a_benchmark_with_values_of_another_type_is_named(tmp_path, line):
    from redone.measure.definitions import read_benchmark

    path = tmp_path / "mine.toml"
    lines = ["subsets.a.prompt = 'p'", "readings.r.reward = 'exact'"]
    path.write_text("\n".join(lines))
    assert read_benchmark(path).subsets.keys() == {"a"}
    path.write_text("\n".join([*(one for one in lines if one[:4] != line[:4] or "subsets.a" in line), line]))
    with pytest.raises(ValueError, match=r"mine\.toml: "):
        read_benchmark(path)


def test_evaluations_whose_tables_are_damaged_are_named(tmp_path):
    from redone.measure.compare import compare

    verdict = {"score": 1.0, "reason": "right", "note": "", "parts": {}}
    item = {"benchmark": "tasks", "subset": "a", "id": "a/eval/0", "readings": {"reward": [verdict]}}
    subset = {"name": "a", "readings": {"reward": "mean"}}
    shape = {"name": "tasks", "title": "Tasks", "averages": {}, "subsets": {"a": subset}}
    for side in "ab":
        write_jsonl(tmp_path / side / "tasks" / "items.jsonl", [item])
        write_json(tmp_path / side / "tasks" / "scores.json", {"shape": shape, "chat_template": ["x"]})
        write_json(tmp_path / side / "results.json", {"made": {}})
    compare(tmp_path / "a", tmp_path / "b")
    write_json(tmp_path / "a" / "tasks" / "scores.json", {})
    assert "tasks" in compare(tmp_path / "a", tmp_path / "b")["benchmarks"]  # b's says enough
    write_json(tmp_path / "a" / "results.json", {"made": "x"})
    with pytest.raises(ValueError, match=r"results\.json: "):
        compare(tmp_path / "a", tmp_path / "b")
    write_json(tmp_path / "a" / "results.json", {})
    for side in "ab":
        write_jsonl(tmp_path / side / "tasks" / "items.jsonl", [{**item, "benchmark": "other"}])
    with pytest.raises(ValueError, match=f"^{tmp_path}.*no benchmark other"):
        compare(tmp_path / "a", tmp_path / "b")


def test_reports_of_files_that_are_none_of_ours_name_the_folder(tmp_path):
    from redone.report import write_report
    from redone.report.evaluation import write_evaluation_report

    write_json(tmp_path / "results.json", {"model": "m", "benchmarks": {"a": {}}})
    with pytest.raises(ValueError, match=f"^{tmp_path}: its files are not as redone leaves them"):
        write_evaluation_report(tmp_path)
    write_json(tmp_path / "config.json", {"model": {"path": "base"}, "stages": []})
    write_json(tmp_path / "results.json", {"models": {"base": {}}})
    with pytest.raises(ValueError, match=f"^{tmp_path}: its files are not as redone leaves them"):
        write_report(tmp_path)


def test_a_mistake_that_repeats_a_long_text_is_cut(tmp_path, capsys):
    assert cli.main(["report", "x" * 200_000]) == 2
    assert len(capsys.readouterr().err) < 11_000
