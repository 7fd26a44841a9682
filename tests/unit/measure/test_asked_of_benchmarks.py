"""What a benchmark's items are asked as: generated or chosen, and how long an answer may be."""

import json

import pytest

from redone.files import read_jsonl
from redone.measure.ask import Answerer
from redone.measure.benchmarks import measure_benchmark, prepared
from redone.records import Text
from redone.run.log import Log

MADE = """
title = "Made"
[readings.right]
reward = "exact_match"
[subsets.letters]
file = "letters.jsonl"
prompt = "{q}"
answer = "{a}"
budget = 64
choices = ["A", "B"]
[subsets.listed]
file = "listed.jsonl"
prompt = "{q}"
answer = "{a}"
choices = "options"
[subsets.free]
file = "free.jsonl"
prompt = "{q}"
answer = "{a}"
budget = 8
"""


@pytest.fixture
def made(tmp_path):
    (tmp_path / "made.toml").write_text(MADE, encoding="utf-8")
    for name in ("letters", "listed", "free"):
        rows = [{"q": f"{name} {i} ?", "a": "AB"[i], "options": ["A", "B", i]} for i in range(2)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return prepared([str(tmp_path / "made.toml")], tmp_path, Log())[0]


def asked(one, folder, **bounds):
    """The prompts that are asked, of whoever answers "A"."""
    prompts = []

    class Asks:
        def ask(self, some):
            prompts.extend(some)
            yield [Text(prompt.key, 0, "A", True) for prompt in some]

    scores = measure_benchmark(one, Answerer(1, lambda *_: Asks()), folder, template="none", log=Log(), **bounds)
    assert scores["average"] == 50.0
    return {prompt.key: prompt for prompt in prompts}


def test_an_answer_is_bounded_by_the_benchmark_and_by_less_where_that_is_asked(made, tmp_path):
    found = asked(made, tmp_path / "whole")
    assert (found["letters/0"].budget, found["free/0"].budget) == (64, 8)
    found = asked(made, tmp_path / "short", most=16)
    assert (found["letters/0"].budget, found["free/0"].budget) == (16, 8)


def test_what_was_asked_is_kept_with_the_reference_beside_the_answers(made, tmp_path):
    found = asked(made, tmp_path)
    kept = {row["id"]: row for row in read_jsonl(tmp_path / "prompts.jsonl.gz")}
    assert kept.keys() == found.keys()
    assert {row["task"] for row in kept.values()} == {"letters", "listed", "free"}
    assert all(row["prompt"] == found[id].messages[0]["content"] for id, row in kept.items())
    assert kept["letters/0"]["answer"] == "A"


def test_items_with_choices_are_chosen_among_where_that_is_asked(made, tmp_path):
    assert {tuple(prompt.choices) for prompt in asked(made, tmp_path / "written").values()} == {()}
    found = asked(made, tmp_path / "chosen", likelihood=True)
    assert (tuple(found["letters/1"].choices), tuple(found["free/1"].choices)) == (("A", "B"), ())
    assert (found["listed/0"].choices, found["listed/1"].choices) == (("A", "B", "0"), ("A", "B", "1"))
