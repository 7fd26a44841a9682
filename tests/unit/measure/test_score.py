"""Scores of predictions made elsewhere, on small files of the published format, and on the real ones where they are."""

import gzip
import json
import os
from pathlib import Path

import pytest

from redone import cli
from redone.benchmark.readings import completion
from redone.measure.definitions import definition, read_records
from redone.sandbox.isolate import unavailable

DATA = os.environ.get("REDONE_DATA")
needs_sandbox = pytest.mark.skipif(bool(why := unavailable()), reason=why)

PROMPT = 'from typing import List\n\ndef twice(x: int) -> int:\n    """ Twice x.\n    >>> twice(2)\n    4\n    """\n'
HUMAN = {
    "task_id": "HumanEval/0",
    "prompt": PROMPT,
    "entry_point": "twice",
    "canonical_solution": "    return 2 * x\n",
    "test": "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(0) == 0\n",
}
HELPED = {
    "task_id": "HumanEval/1",
    "prompt": 'def one(x: int) -> int:\n    return x + 1\n\n\ndef two(x: int) -> int:\n    """ One twice. """\n',
    "entry_point": "two",
    "canonical_solution": "    return one(one(x))\n",
    "test": "def check(candidate):\n    assert candidate(1) == one(one(1))\n",
}
MBPP = {"prompt": "Add.", "code": "def add(a, b):\n    return a + b", "test_imports": ["import math"],
        "test_list": ["assert add(1, 2) == 3", "assert add(math.floor(0.5), 0) == 0"]}  # fmt: skip


@pytest.fixture
def data(tmp_path):
    for name, rows in (("HumanEval", [HUMAN, HELPED]), ("sanitized_test", [MBPP])):
        with gzip.open(tmp_path / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    return tmp_path


def run(data, tmp_path, name, lines, *options):
    path = tmp_path / "predictions.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    command = ["score", "--benchmark", name, "--data", str(data), "--predictions", str(path), *options]
    return cli.main([*command, "--json", str(tmp_path / "out.json"), "--items", str(tmp_path / "items.jsonl")])


def human(*outputs):
    return [{"id": f"humaneval/{i}", "output": output} for i, output in enumerate(outputs)]


@needs_sandbox
@pytest.mark.parametrize(
    ("output", "right"),
    [
        ("    return 2 * x\n", True),
        ("return 2 * x", True),  # without its indentation
        ("y = x\n    return 2 * y", True),  # the first line alone
        ("y = x\nreturn 2 * y", True),
        ("if x:\n    return 2 * x\nreturn 0", True),
        ("for i in [x]:\n    return 2 * i", True),
        ("def twice(x):\n    return x + x", True),
        ("def twice(x: List[int]):\n    return x + x", True),  # the prompt's import
        ("Sure!\n```python\ndef twice(x):\n    return x + x\n```\nDone.", True),
        ("Sure!\n```python\n    return x + x\n```", True),
        ("    return 2 * x\n\nprint('tested')\n", True),
        ("    return x * x", True),  # the tests ask for 2 and 0 alone
        ("    pass", False),
        ("    return 2 *", False),
        ("", False),
        (None, False),
        ("    import sys; sys.exit(0)", False),
    ],
)
def test_a_completion_a_function_and_prose_with_a_block_are_run(data, tmp_path, output, right):
    assert run(data, tmp_path, "humaneval", human(output, "    return x + 2")) == 0
    scores = json.loads((tmp_path / "out.json").read_text("utf-8"))
    items = [json.loads(line) for line in (tmp_path / "items.jsonl").read_text("utf-8").splitlines()]
    assert [item["score"] for item in items] == [float(right), 1.0]
    assert scores["benchmark"] == "humaneval"
    assert scores["subsets"]["humaneval"]["score"] == scores["average"] == (100.0 if right else 50.0)
    assert scores["subsets"]["humaneval"]["n"] == 2
    low, high = scores["subsets"]["humaneval"]["interval"]
    assert 0 <= low <= scores["average"] <= high <= 100


@needs_sandbox
def test_a_helper_that_the_prompt_defines_is_the_prompts_on_the_tests_side(data, tmp_path):
    """The answer redefines it, so that the test would be right about anything."""
    cheat = "    return 0\n\ndef one(x):\n    return 0\n"
    run(data, tmp_path, "humaneval", human("    return 2 * x", cheat))
    assert json.loads((tmp_path / "items.jsonl").read_text("utf-8").splitlines()[1])["score"] == 0.0


@needs_sandbox
def test_mbpp_runs_the_code_with_its_tests_imports(data, tmp_path):
    assert run(data, tmp_path, "mbpp", [{"id": "mbpp/0", "output": MBPP["code"]}]) == 0
    assert json.loads((tmp_path / "out.json").read_text("utf-8"))["average"] == 100.0


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (human("x"), "missing ids: 1, first humaneval/1"),
        (human("x", "y", "z"), "unknown ids: 1, first humaneval/2 (line 3)"),
        ([*human("x", "y"), *human("x")], "doubled ids: 1, first humaneval/0 (line 3)"),
        (["{"], "predictions.jsonl:1: not JSON"),
        (["[]"], "expected a JSON object"),
        ([{"id": "humaneval/0"}], "predictions.jsonl:1: not {"),
        ([{"id": 0, "output": "x"}], "predictions.jsonl:1: not {"),
        ([{"id": "humaneval/0", "output": 3}], "predictions.jsonl:1: not {"),
        ([], "missing ids: 2, first humaneval/0"),
    ],
)
def test_predictions_that_cannot_be_scored_are_refused_by_line_and_id(data, tmp_path, capsys, lines, said):
    assert run(data, tmp_path, "humaneval", lines) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


@needs_sandbox
def test_partial_predictions_are_scored_where_that_is_asked_for(data, tmp_path):
    assert run(data, tmp_path, "humaneval", human("    return 2 * x"), "--partial") == 0
    assert json.loads((tmp_path / "out.json").read_text("utf-8"))["subsets"]["humaneval"]["n"] == 1


def test_an_unknown_benchmark_and_missing_data_are_said(data, tmp_path, capsys):
    assert run(data, tmp_path, "humanevil", human("x")) == 2
    assert "did you mean humaneval" in capsys.readouterr().err
    assert run(tmp_path / "none", tmp_path, "mbpp", human("x")) == 2
    assert "there is no such folder" in capsys.readouterr().err


@pytest.mark.skipif(not DATA, reason="REDONE_DATA does not name a folder with the real data sets")
@needs_sandbox
@pytest.mark.parametrize(("name", "count"), [("humaneval", 164), pytest.param("mbpp", 257, marks=pytest.mark.slow)])
def test_the_real_references_all_pass(tmp_path, name, count):
    records = read_records(definition(name), Path(DATA))[name]
    texts = [r.fields.get("canonical_solution") or r.answer for r in records]
    lines = [{"id": record.id, "output": text} for record, text in zip(records, texts)]
    assert run(Path(DATA) / name, tmp_path, name, lines) == 0
    scores = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert (scores["average"], scores["subsets"][name]["n"]) == (100.0, count)


def test_a_completion_follows_the_prompt(data):
    record = read_records(definition("humaneval"), data)["humaneval"][0]
    assert completion(record, "    return 1") == PROMPT + "    return 1"
    assert completion(record, "def twice(x):\n    return 1") == PROMPT + "\ndef twice(x):\n    return 1"
