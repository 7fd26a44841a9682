"""One rule says what of a text is the answer, in a task that thinks or not, on a benchmark, and made elsewhere."""

from dataclasses import replace

import pytest
from fakes import CUPS

from redone.measure.ask import line_of, text_of
from redone.measure.definitions import read_benchmark
from redone.measure.outputs import here, items_on
from redone.records import Record, Task, Text
from redone.rewards import score
from redone.sample.asking import cut_at
from redone.thinking import split_thinking

# text, thinking, answer; None: no answer, though "42" stands in most of them
TEXTS = [
    ("42", "", "42"),
    (" 42\n", "", " 42\n"),  # no tag: the text as it is
    ("", "", ""),
    ("<think>6 * 7</think>42", "6 * 7", "42"),
    ("<think>\n6 * 7\n</think>\n\n42\n", "6 * 7", "42"),
    ("\n <think>6 * 7</think>42", "6 * 7", "42"),
    ("6 * 7</think>42", "6 * 7", "42"),  # the prompt opened it
    ("\n</think>\n\n42", "", "42"),
    ("<think></think>42", "", "42"),
    ("<think>42</think>", "42", ""),  # nothing is said
    ("<think>a</think>no</think>42", "a</think>no</think>42", None),  # a tag in the answer
    ("<think>a</think>42</think>", "a</think>42</think>", None),
    ("<think>a</think><think>b</think>42", "a</think><think>b</think>42", None),
    ("<think>a <think> b</think>42", "a <think> b", "42"),
    ("Well. <think>6 * 7</think>42", "Well. <think>6 * 7", "42"),
    ("<think>42", "42", None),
    ("<think>so it is 42\n\n42", "so it is 42\n\n42", None),
    ("\n<think>\n42", "42", None),
    ("Well. <think>42", "Well. <think>42", None),
    ("<think>a</think><think>42", "a</think><think>42", None),
    ("<think>a</think>41 <think>42", "a</think>41 <think>42", None),
    ("a</think>41 <think>42", "a</think>41 <think>42", None),
    ("```\n<think>42\n```", "```\n<think>42\n```", None),  # a fence is no exception
    ("<think>\n```\n</think>\n```\n42", "```", "```\n42"),
    ("<thinking>a</thinking>42", "", "<thinking>a</thinking>42"),  # other tags are text
    ("<THINK>a</THINK>42", "", "<THINK>a</THINK>42"),
]
EXACT = Task("n", "general", "mathematics", "", "", "exact", {"kind": "number"})
FREE = Task("n", "general", "mathematics", "", "", "mathematics")
RECORD = Record("cups/0", "n", ({"role": "user", "content": "6 * 7 ?"},), "42", "eval", "x", None, {})


@pytest.fixture(scope="module")
def cups(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "cups.toml"
    path.write_text(CUPS, encoding="utf-8")
    return read_benchmark(path).subsets["cups"]


@pytest.mark.parametrize(("text", "thinking", "answer"), TEXTS)
def test_the_answer_is_what_follows_the_thinking_and_none_where_that_never_closes(text, thinking, answer):
    assert split_thinking(text) == (thinking, answer)
    if answer is not None:
        assert split_thinking(answer)[1] == answer  # so it does not matter how often a command splits


@pytest.mark.parametrize("task", [EXACT, FREE])
@pytest.mark.parametrize(("text", "thinking", "answer"), TEXTS)
def test_a_task_that_thinks_and_one_that_does_not_read_the_same_answer(task, text, thinking, answer):
    verdict = score(task, RECORD, text)
    assert score(replace(task, think=True, rationale="because"), RECORD, text) == verdict
    if answer is None:
        assert (verdict.score, verdict.reason, verdict.note) == (0.0, "unparsable", "no closed thinking")
    elif "<" not in answer and "`" not in answer:
        assert verdict.score == float(answer.strip() == "42")


@pytest.mark.parametrize(("text", "thinking", "answer"), TEXTS)
def test_predictions_that_were_made_elsewhere_score_as_what_a_model_here_writes(cups, text, thinking, answer):
    """`redone score` reads the text itself, `redone eval` the line that it left of it."""
    asked = line_of(Text("cups/0", 0, text, True))
    elsewhere = items_on(cups, [RECORD], [[text]], here(cups), lambda *_: None)
    assert items_on(cups, [RECORD], [[asked["output"]]], here(cups), lambda *_: None) == elsewhere
    assert elsewhere[0].score("flexible") == float("42" in (answer or ""))
    assert score(EXACT, RECORD, text) == score(EXACT, RECORD, text_of(asked).text)  # and as a configuration's task


@pytest.mark.parametrize(("text", "thinking", "answer"), TEXTS)
def test_what_an_endpoint_gives_apart_as_reasoning_does_not_change_the_answer(text, thinking, answer):
    line = line_of(Text("cups/0", 0, text, True, thinking="it is 41, or <think> 43"))
    assert line["output"] == (answer or "")
    assert score(EXACT, RECORD, text_of(line).text).score == score(EXACT, RECORD, text).score


@pytest.mark.parametrize(("text", "thinking", "answer"), TEXTS)
def test_a_stop_text_is_looked_for_in_the_answer_alone(text, thinking, answer):
    found = cut_at(f"{text}#7", ["#"])
    assert found == ((f"{text}#7", False) if answer is None else (text, True))


def test_a_text_of_a_million_tags_is_split_at_once():
    assert split_thinking("<think>" * 1_000_000) == ("<think>" * 999_999, None)
    assert split_thinking("</think>" * 1_000_000 + "42")[1] is None
    assert split_thinking("<think>" * 1_000_000 + "</think>42")[1] == "42"
