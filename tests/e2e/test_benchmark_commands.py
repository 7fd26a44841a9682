"""eval, score and compare on a made-up folder of benchmark data, with the embedded base model."""

import json
import shutil

import pytest

from redone import cli

QUESTIONS = [{"question": f"{n} cups and {n} cups ?", "answer": f"{n} + {n} = <<{n}+{n}={2 * n}>>{2 * n}\n#### {2 * n}"}
             for n in range(2, 8)]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "gsm8k").mkdir()
    for name in ("train", "test"):
        lines = "".join(json.dumps(row) + "\n" for row in QUESTIONS)
        (folder / "gsm8k" / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def made(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "out"
    assert evaluate(data, out) == 0
    return out


def evaluate(data, out, *more, model="base"):
    return cli.main(["eval", model, "--benchmark", "gsm8k", "--data", str(data), "--out", str(out), *more])


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_an_evaluation_leaves_answers_items_scores_and_a_report(made):
    predictions = {line["id"]: line["output"] for line in lines(made / "gsm8k" / "predictions.jsonl")}
    assert sorted(predictions) == [f"gsm8k/{i}" for i in range(6)]
    items = lines(made / "gsm8k" / "items.jsonl")
    results = json.loads((made / "results.json").read_text(encoding="utf-8"))
    entry = results["benchmarks"]["gsm8k"]["subsets"]["gsm8k"]
    assert entry["n"] == 6
    assert entry["score"] == pytest.approx(100 * sum(item["score"] for item in items) / 6)
    assert results["model"] == "base"
    assert "GSM8K" in (made / "report.md").read_text(encoding="utf-8")
    assert (made / "report.html").exists()


def test_the_same_command_goes_on_where_answers_are_missing_and_keeps_those_that_are_there(data, made, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(made, out)
    path = out / "gsm8k" / "predictions.jsonl"
    whole = path.read_text(encoding="utf-8")
    first, *rest = whole.splitlines(keepends=True)
    kept = json.dumps({**json.loads(first), "output": "kept"}) + "\n"
    path.write_text(kept + "".join(rest[:2]) + rest[2][:10], encoding="utf-8")  # killed while it wrote the fourth
    assert evaluate(data, out) == 0
    again = path.read_text(encoding="utf-8").splitlines(keepends=True)
    assert sorted(again) == sorted([kept, *rest])


def test_a_folder_made_otherwise_is_refused_by_what_differs(data, made, capsys):
    assert evaluate(data, made, "--limit", "3") == 2
    assert "limit: None -> 3" in capsys.readouterr().err
    assert evaluate(data, made, model="somebody/else") == 2
    assert "model: base -> somebody/else" in capsys.readouterr().err


def test_changed_questions_are_refused(data, made, tmp_path, capsys):
    other = tmp_path / "data"
    shutil.copytree(data, other)
    path = other / "gsm8k" / "test.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("cups", "mugs"), encoding="utf-8")
    assert evaluate(other, made) == 2
    assert "the items of gsm8k" in capsys.readouterr().err


def test_what_eval_wrote_can_be_scored_again(data, made, tmp_path):
    path = tmp_path / "scores.json"
    command = ["score", "--benchmark", "gsm8k", "--data", str(data), "--json", str(path)]
    assert cli.main([*command, "--predictions", str(made / "gsm8k" / "predictions.jsonl")]) == 0
    scores = json.loads((made / "gsm8k" / "scores.json").read_text(encoding="utf-8"))
    assert json.loads(path.read_text(encoding="utf-8")) == scores


def test_two_evaluations_are_compared(data, made, tmp_path, capsys):
    """The other's answers are all right."""
    other = tmp_path / "items.jsonl"
    right = tmp_path / "right.jsonl"
    outputs = [{"id": f"gsm8k/{i}", "output": f"It is {row['answer'].split()[-1]}."} for i, row in enumerate(QUESTIONS)]
    right.write_text("".join(json.dumps(line) + "\n" for line in outputs), encoding="utf-8")
    command = ["score", "--benchmark", "gsm8k", "--data", str(data), "--items", str(other)]
    assert cli.main([*command, "--predictions", str(right)]) == 0
    assert cli.main(["compare", str(made), str(other), "--json", str(tmp_path / "compared.json")]) == 0
    before = sum(item["score"] for item in lines(made / "gsm8k" / "items.jsonl"))
    found = json.loads((tmp_path / "compared.json").read_text(encoding="utf-8"))
    whole = found["benchmarks"]["gsm8k"]["average"]["score"]
    assert whole["difference"] == pytest.approx(100 * (6 - before) / 6)
    assert "gsm8k" in capsys.readouterr().out


def test_a_suite_reads_what_is_there_and_names_what_is_not(data, made, tmp_path):
    path = tmp_path / "scores.json"
    command = ["score", "--benchmark", "general", "--data", str(data), "--json", str(path)]
    assert cli.main([*command, "--predictions", str(made / "gsm8k" / "predictions.jsonl")]) == 0
    scores = json.loads(path.read_text(encoding="utf-8"))
    assert list(scores["subsets"]) == ["gsm8k"]
    assert {"mmlu", "wmt22", "ifeval"} <= set(scores["average_without"])
    assert scores["groups"]["mathematics"] == scores["average"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["eval", "base", "--benchmark", "gsm", "--out", "x"], "there is no benchmark gsm; did you mean gsm8k?"),
        (["eval", "./none", "--benchmark", "gsm8k", "--out", "OUT"], "there is no such model folder"),
        (["eval", "m", "--benchmark", "gsm8k", "--base-url", "http://127.0.0.1:9/v1", "--likelihood", "--out", "OUT"],
         "--likelihood needs the model itself"),
        (["compare", "none", "none"], "there is no such file or folder"),
    ],
)  # fmt: skip
def test_mistakes_are_said(data, tmp_path, capsys, arguments, said):
    mine = [str(tmp_path / "out") if one == "OUT" else one for one in arguments]
    assert cli.main([*mine, *(["--data", str(data)] if mine[0] == "eval" else [])]) == 2
    assert said in capsys.readouterr().err
