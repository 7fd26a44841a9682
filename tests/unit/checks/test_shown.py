"""A task's first prompt as the model reads it. Every byte is a token, so are <|user|>, <|assistant|> and the end."""

import pytest

from redone.checks.shown import HEAD, SPARED, TAIL, shown
from redone.data.encode import Encoder
from redone.data.load import NEEDED, Dataset
from redone.records import Record, Task

WORD = Task("word", "domain", "dialogue", "", "", "exact", budget=8)


def first(encoder, prompt="what ?", answer="tea", splits=NEEDED, system="", task=WORD, **changes):
    """What is shown of a task with one record in each of these splits."""
    said = [{"role": "system", "content": system}] if system else []
    asked = (*said, {"role": "user", "content": prompt})
    made = {s: (Record(f"word/{s}/0", "word", asked, f"{answer}", s, "x.jsonl:1", **changes),) for s in splits}
    records = {split: made.get(split, ()) for split in NEEDED}
    return shown(Dataset({"word": task}, {"word": records}, {"word": 0}), task, encoder)


@pytest.fixture(scope="module")
def encoder(make_tokenizer):
    return Encoder(make_tokenizer())


def test_special_tokens_are_shown_and_what_is_taught_is_marked_with_its_end(encoder):
    found = first(encoder)
    assert found.text == "<|user|>what ?<|assistant|>⟦tea<|end|>⟧"
    assert found.tokens == (1 + 6 + 1, 3 + 1)
    assert found.record.id == "word/train/0"


def test_the_thinking_of_a_task_that_thinks_is_taught(encoder):
    task = Task("word", "domain", "dialogue", "", "", "exact", budget=60, think=True, rationale="{why}")
    assert first(encoder, task=task, rationale="hm").text == "<|user|>what ?<|assistant|><think>⟦hm</think>tea<|end|>⟧"


def test_a_task_that_is_only_evaluated_shows_what_it_is_measured_by(encoder):
    assert first(encoder, splits=["eval"]).record.split == "eval"


def test_a_model_without_a_template_reads_plain_text(make_tokenizer):
    assert first(Encoder(make_tokenizer(None))).text == "what ?\n⟦tea<|end|>⟧"


def test_a_line_shows_line_ends_and_the_ends_of_a_long_prompt(encoder):
    assert first(encoder, "a\nb").line == "<|user|>a⏎b<|assistant|>⟦tea<|end|>⟧"
    around = len(first(encoder, "").text)
    just = "x" * (HEAD + TAIL + SPARED - 1 - around)
    assert first(encoder, just).line == first(encoder, just).text
    line = first(encoder, f"{just}x").line
    assert (
        line == f"{first(encoder, just).text[:HEAD]} [... {SPARED} characters ...] {first(encoder, just).text[-TAIL:]}"
    )


def test_what_a_terminal_would_obey_is_spelled_out(encoder):
    assert first(encoder, "\x1b[31mred\t\r").text == "<|user|>\\x1b[31mred\t\\r<|assistant|>⟦tea<|end|>⟧"
