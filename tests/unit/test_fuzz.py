"""A few inputs of every fuzz target; tests/fuzz.py has thousands."""

import time

import pytest
from fuzz import Target, fuzz, sentence
from fuzz_answers import TARGETS as ANSWERS
from fuzz_files import TARGETS as FILES
from hypothesis import strategies as st

TARGETS = {**FILES, **ANSWERS}
INPUTS = 4


@pytest.mark.parametrize("name", [name for name in TARGETS if not name.startswith("sandbox")])
def test_edited_inputs_become_a_result_or_a_sentence(name):
    found = fuzz(TARGETS[name], INPUTS)
    assert found.inputs > 0
    assert found.flaws == []


@pytest.mark.parametrize(
    ("raises", "told"),
    [
        (KeyError("x"), "KeyError: 'x'"), (ValueError("no place"), "says none of rows.jsonl"),
        (UnicodeDecodeError("utf-8", b"rows.jsonl", 0, 1, "rows.jsonl"), "UnicodeDecodeError"),
    ],
)  # fmt: skip
def test_what_is_no_sentence_is_a_finding(raises, told):
    def check(number):
        with sentence("rows.jsonl"):
            raise raises

    [flaw] = fuzz(Target(st.integers(), check), 2).flaws
    assert told in flaw


def test_a_sentence_that_says_where_is_none():
    def check(number):
        with sentence("rows.jsonl"):
            raise ValueError(f"rows.jsonl:{number}: no text")
        raise AssertionError

    assert fuzz(Target(st.integers(), check), 2).flaws == []


def test_an_input_without_an_end_is_a_finding(monkeypatch):
    monkeypatch.setattr("fuzz.SECONDS", 0.01)

    def check(number):
        began = time.process_time()
        while time.process_time() - began < 5:
            pass

    [flaw] = fuzz(Target(st.just(1), check), 1, bounded=True).flaws
    assert "more than 0.01 s" in flaw
