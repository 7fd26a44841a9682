"""eval, score and compare on a made-up benchmark, with the embedded base model and with an endpoint."""

import hashlib
import json
import shutil
import subprocess
import sys

import pytest
from fakes import CUPS, FakeJudge
from safetensors.torch import load_file, save_file

from redone import cli
from redone.model.places import EMBEDDED
from redone.model.policy import Policy

QUESTIONS = [{"question": f"{n} cups and {n} cups ?", "answer": str(2 * n)} for n in range(2, 8)]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A benchmark of its own beside its data; the first two questions are GSM8K's too."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "cups.toml").write_text(CUPS, encoding="utf-8")
    (folder / "gsm8k").mkdir()
    for path, rows in (
        ("cups.jsonl", QUESTIONS),
        ("gsm8k/train.jsonl", QUESTIONS),
        ("gsm8k/test.jsonl", QUESTIONS[:2]),
    ):
        (folder / path).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def made(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "out"
    assert evaluate(data, out) == 0
    return out


def evaluate(data, out, *more, model="base"):
    benchmark = str(data / "cups.toml")
    return cli.main(["eval", model, "--benchmark", benchmark, "--data", str(data), "--out", str(out), *more])


def score(data, benchmark, path, *more):
    return cli.main(["score", "--benchmark", benchmark, "--data", str(data), "--predictions", str(path), *more])


def write(path, outputs):
    path.write_text("".join(json.dumps({"id": i, "output": o}) + "\n" for i, o in outputs.items()), encoding="utf-8")
    return path


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_an_evaluation_leaves_answers_items_scores_and_a_report(made):
    predictions = {line["id"]: line["output"] for line in lines(made / "cups" / "predictions.jsonl")}
    assert sorted(predictions) == [f"cups/{i}" for i in range(6)]
    items = lines(made / "cups" / "items.jsonl")
    results = json.loads((made / "results.json").read_text(encoding="utf-8"))
    entry = results["benchmarks"]["cups"]["subsets"]["cups"]
    assert entry["n"] == 6
    assert entry["score"] == pytest.approx(100 * sum(item["score"] for item in items) / 6)
    assert results["model"] == "base"
    assert "Cups" in (made / "report.md").read_text(encoding="utf-8")
    assert (made / "report.html").exists()


def test_the_same_command_goes_on_where_it_was_killed_and_ends_with_the_same_bytes(data, made, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(made, out)
    path = out / "cups" / "predictions.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"\n") + 10])  # killed while it wrote the second
    assert evaluate(data, out) == 0
    assert path.read_bytes() == whole


def test_a_folder_made_otherwise_is_refused_by_what_differs(data, made, capsys):
    assert evaluate(data, made, "--limit", "3") == 2
    assert "limit: None -> 3" in capsys.readouterr().err
    assert evaluate(data, made, "--dtype", "mixed") == 2
    assert "dtype: float32 -> mixed" in capsys.readouterr().err
    assert evaluate(data, made, model="somebody/else") == 2
    assert "model: base -> somebody/else" in capsys.readouterr().err


def test_a_model_computes_in_the_numbers_that_are_asked_for_and_the_results_say_which(
    data, made, tmp_path, monkeypatch
):
    loaded = []
    real = Policy.load
    monkeypatch.setattr(Policy, "load", lambda *given, **more: loaded.append(given[1:3]) or real(*given, **more))
    assert evaluate(data, tmp_path / "out", "--dtype", "mixed", "--device", "cpu") == 0
    assert loaded == [("bfloat16", "cpu")]  # the numbers of mixed, in less room
    for folder, dtype in ((made, "float32"), (tmp_path / "out", "mixed")):
        settings = json.loads((folder / "results.json").read_text(encoding="utf-8"))["made"]
        assert (settings["dtype"], settings["device"]) == (dtype, "cpu")


def test_changed_questions_are_refused(data, made, tmp_path, capsys):
    other = tmp_path / "data"
    shutil.copytree(data, other)
    path = other / "cups.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("cups", "mugs"), encoding="utf-8")
    assert evaluate(other, made) == 2
    assert "the items of cups" in capsys.readouterr().err


def test_what_eval_wrote_can_be_scored_again(data, made, tmp_path):
    path = tmp_path / "scores.json"
    assert score(data, str(data / "cups.toml"), made / "cups" / "predictions.jsonl", "--json", str(path)) == 0
    scores = json.loads((made / "cups" / "scores.json").read_text(encoding="utf-8"))
    asked = {"prompts": "ours", "chat_template": scores["chat_template"]}
    assert json.loads(path.read_text(encoding="utf-8")) | asked == scores


def test_two_evaluations_are_compared(data, made, tmp_path, capsys):
    """The other's answers are all right."""
    other, found = tmp_path / "items.jsonl", tmp_path / "compared.json"
    right = write(tmp_path / "p", {f"cups/{i}": f"It is {row['answer']}." for i, row in enumerate(QUESTIONS)})
    assert score(data, str(data / "cups.toml"), right, "--items", str(other)) == 0
    assert cli.main(["compare", str(made), str(other), "--json", str(found)]) == 0
    before = sum(item["score"] for item in lines(made / "cups" / "items.jsonl"))
    [mine] = json.loads(found.read_text(encoding="utf-8"))["benchmarks"].values()
    assert mine["averages"]["average"]["score"]["difference"] == pytest.approx(100 * (6 - before) / 6)
    assert "Cups" in capsys.readouterr().out


def test_a_reader_that_goes_away_is_no_mistake(made):
    command = [sys.executable, "-m", "redone.cli", "compare", str(made), str(made)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_a_suite_reads_what_is_there_and_names_what_is_not(data, tmp_path):
    path = tmp_path / "scores.json"
    answers = write(tmp_path / "p", {"gsm8k/0": "4 it is", "gsm8k/1": "5"})
    assert score(data, "general", answers, "--json", str(path)) == 0
    scores = json.loads(path.read_text(encoding="utf-8"))
    assert list(scores["subsets"]) == ["gsm8k"]
    assert {"mmlu", "wmt22", "ifeval"} <= set(scores["average_without"])
    assert scores["groups"] == {"mathematics": 50.0}
    assert scores["average"] == 50.0


def test_a_suite_does_without_code_where_there_is_no_sandbox_and_a_benchmark_of_code_is_refused(
    data, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("redone.measure.benchmarks.unavailable", lambda: "no such thing here")
    both = tmp_path / "data"
    shutil.copytree(data, both)
    (both / "mbpp").mkdir()
    task = {"prompt": "Add.", "code": "x = 1", "test_imports": [], "test_list": ["assert x"]}
    (both / "mbpp" / "sanitized_test.jsonl").write_text(json.dumps(task) + "\n", encoding="utf-8")
    answers = write(tmp_path / "p", {"gsm8k/0": "4", "gsm8k/1": "6"})
    assert score(both, "general", answers, "--json", str(tmp_path / "scores.json")) == 0
    assert "general without mbpp" in capsys.readouterr().err
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert scores["average"] == 100.0
    assert "mbpp" in scores["average_without"]
    assert score(both, "mbpp", write(tmp_path / "q", {"mbpp/0": "x = 1"})) == 2
    assert "no such thing here" in capsys.readouterr().err


def test_other_weights_under_the_same_name_are_refused(data, tmp_path, capsys):
    model, out = tmp_path / "model", tmp_path / "out"
    shutil.copytree(EMBEDDED, model)
    assert evaluate(data, out, model=str(model)) == 0
    tensors = load_file(model / "model.safetensors")
    save_file({name: tensor + 0.01 for name, tensor in tensors.items()}, model / "model.safetensors", {"format": "pt"})
    assert evaluate(data, out, model=str(model)) == 2
    assert "weights: " in capsys.readouterr().err


def test_the_chat_template_stands_beside_scores_and_another_one_is_refused(data, tmp_path, capsys):
    model, out = tmp_path / "model", tmp_path / "out"
    shutil.copytree(EMBEDDED, model)
    path = model / "chat_template.jinja"
    mark = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    assert evaluate(data, out, model=str(model)) == 0
    assert f"; chat template {mark}" in capsys.readouterr().out
    assert json.loads((out / "results.json").read_text())["benchmarks"]["cups"]["chat_template"] == mark
    assert f"chat template {mark}" in (out / "report.md").read_text(encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8") + "{# of another hand #}", encoding="utf-8")
    other = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    assert evaluate(data, out, model=str(model)) == 2
    assert f"(chat_template: {mark} -> {other})" in capsys.readouterr().err


def test_an_endpoint_that_is_down_is_said_and_nothing_is_lost(data, made, tmp_path, capsys, monkeypatch):
    pytest.importorskip("openai", reason="the endpoint's client is not installed")
    monkeypatch.setattr("redone.served.client.time.sleep", lambda seconds: None)
    where = ("--base-url", "http://127.0.0.1:9/v1")
    assert evaluate(data, tmp_path / "out", *where, model="served") == 2
    said = capsys.readouterr().err
    assert "the endpoint at http://127.0.0.1:9/v1" in said
    assert "0 of 6 answers are in" in said
    assert "go on with the same command" in said


def test_answers_of_an_endpoint_are_scored(data, tmp_path):
    pytest.importorskip("openai", reason="the endpoint's client is not installed")
    served = FakeJudge(lambda number, text: str(2 * int(text.split()[0])))
    try:
        assert evaluate(data, tmp_path / "out", "--base-url", served.url, model="served") == 0
    finally:
        served.close()
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert results["benchmarks"]["cups"]["average"] == 100.0
    assert results["model"] == "served"


def test_texts_with_thinking_score_alike_whether_they_come_from_an_endpoint_or_a_file(data, tmp_path):
    """Closed, closed without an opening tag, absent, never closed with the answer in it, closed twice, given apart."""
    pytest.importorskip("openai", reason="the endpoint's client is not installed")
    right = [str(2 * n) for n in range(2, 8)]
    written = [
        "<think>{}</think>no",
        "so </think>{}",
        "{}",
        "<think>so it is {}",
        "<think>1</think><think>2</think>{}",
        "{}",
    ]
    texts = [one.format(answer) for one, answer in zip(written, right)]
    replies = dict(zip((row["question"] for row in QUESTIONS), texts))
    apart = {**{q: {"content": t} for q, t in replies.items()}, QUESTIONS[5]["question"]: {
        "content": texts[5], "reasoning_content": "<think> 1 and 2"}}  # fmt: skip
    served = FakeJudge(lambda number, text: apart[text])
    try:
        assert evaluate(data, tmp_path / "out", "--base-url", served.url, model="served") == 0
    finally:
        served.close()
    raw = write(tmp_path / "p", {f"cups/{i}": text for i, text in enumerate(texts)})
    path, items = tmp_path / "scores.json", tmp_path / "items.jsonl"
    assert score(data, str(data / "cups.toml"), raw, "--json", str(path), "--items", str(items)) == 0
    assert [line["score"] for line in lines(items)] == [0.0, 1.0, 1.0, 0.0, 0.0, 1.0]
    assert lines(items) == lines(tmp_path / "out" / "cups" / "items.jsonl")
    scores = json.loads((tmp_path / "out" / "cups" / "scores.json").read_text(encoding="utf-8"))
    asked = {"prompts": "ours", "chat_template": "unknown"}  # an endpoint's own
    assert json.loads(path.read_text(encoding="utf-8")) | asked == scores


def test_what_an_endpoint_does_not_answer_is_kept_named_and_scored_the_same_from_its_file(data, tmp_path, capsys):
    """Of six questions one is refused, one filtered, one cut off while it thinks; the model takes no temperature."""
    pytest.importorskip("openai", reason="the endpoint's client is not installed")
    replies = {
        "2": (400, {"message": "maximum context length exceeded"}),
        "3": {"content": None, "finish_reason": "content_filter"},
        "4": {"content": None, "reasoning_content": "on and on", "finish_reason": "length"},
    }

    def says(number, text):
        if "temperature" in served.asked[-1]:
            return 400, {"message": "Unsupported parameter: 'temperature' is not supported with this model."}
        return replies.get(text.split()[0], str(2 * int(text.split()[0])))

    served = FakeJudge(says)
    out = tmp_path / "out"
    try:
        where = ("--base-url", served.url, "--concurrent", "1")
        assert evaluate(data, out, *where, model="served") == 0
        printed = capsys.readouterr().out
        asked = len(served.asked)
        assert evaluate(data, out, *where, model="served") == 0  # what was refused is not asked for again
        assert len(served.asked) == asked == 7
    finally:
        served.close()
    note = "Cups: no answer: 1 cut off, 1 content filter, 1 refused by the endpoint (3 of 6)"
    assert printed.splitlines()[0] == note
    rows = lines(out / "cups" / "predictions.jsonl")
    assert [row.get("missing") for row in rows] == [
        "refused by the endpoint", "content filter", "cut off", None, None, None
    ]  # fmt: skip
    assert rows[0]["said"] == "maximum context length exceeded"
    results = json.loads((out / "results.json").read_text())
    entry = results["benchmarks"]["cups"]["subsets"]["cups"]
    assert (entry["score"], entry["n"], entry["answers"]) == (50.0, 6, 6)
    assert entry["missing"] == {"cut off": 1, "content filter": 1, "refused by the endpoint": 1}
    assert results["made"]["request"] == {"temperature": None}
    for name in ("report.md", "report.html"):
        assert note in (out / name).read_text()
    again = tmp_path / "again.json"
    assert score(data, str(data / "cups.toml"), out / "cups" / "predictions.jsonl", "--json", str(again)) == 0
    assert json.loads(again.read_text())["subsets"]["cups"] == entry


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["eval", "base", "--benchmark", "gsm", "--out", "x"], "there is no benchmark gsm; did you mean gsm8k?"),
        (["eval", "./none", "--benchmark", "gsm8k", "--out", "OUT"], "there is no such model folder"),
        (["eval", "m", "--benchmark", "gsm8k", "--base-url", "http://127.0.0.1:9/v1", "--likelihood", "--out", "OUT"],
         "--likelihood needs the model itself"),
        (["eval", "m", "--benchmark", "gsm8k", "--base-url", "http://[::1]:9/v1", "--dtype", "mixed", "--out", "OUT"],
         "--device and --dtype are of a model that is loaded"),
        (["eval", "base", "--config", "x.toml", "--dtype", "mixed", "--out", "OUT"],
         "--dtype is set by the configuration; give --set model.dtype=..."),
        (["compare", "none", "none"], "there is no such file or folder"),
    ],
)  # fmt: skip
def test_mistakes_are_said(data, tmp_path, capsys, arguments, said):
    mine = [str(tmp_path / "out") if one == "OUT" else one for one in arguments]
    assert cli.main([*mine, *(["--data", str(data)] if mine[0] == "eval" else [])]) == 2
    assert said in capsys.readouterr().err
