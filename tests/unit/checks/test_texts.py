"""Whether prompts and reference answers reach a model whole, in its own tokens. Every byte is a token, and so are
<|user|>, <|assistant|>, <think>, </think> and the end."""

from dataclasses import replace

import pytest

from redone.checks.texts import check_texts
from redone.data.encode import Encoder
from redone.data.load import SPLITS, Dataset
from redone.records import Record, Task
from redone.run.scoring import in_process

WORD = Task("word", "sns", "dialogue", "", "", "exact", budget=8)


def record(task, number, answer, split="train", prompt=None, system=None, **changes):
    said = [{"role": "system", "content": system}] if system else []
    made = Record(
        f"{task.name}/{split}/{number}",
        task.name,
        (*said, {"role": "user", "content": prompt or f"what is {number} ?"}),
        answer,
        split,
        f"{task.name}.{split}.jsonl:{number + 1}",
    )
    return replace(made, **changes)


def dataset(task, train):
    """The task with train answers or records, and one good record in each other split."""
    records = {split: (record(task, 0, "ok", split),) for split in SPLITS}
    records["train"] = tuple(a if isinstance(a, Record) else record(task, i, a) for i, a in enumerate(train))
    return Dataset({task.name: task}, {task.name: records}, {task.name: 0})


def check(given, encoder, context=100):
    return check_texts(given, encoder, context, in_process(given.tasks))


def refusal(given, encoder, context=100):
    with pytest.raises(ValueError) as error:
        check(given, encoder, context)
    return str(error.value)


@pytest.fixture(scope="module")
def encoder(make_tokenizer):
    return Encoder(make_tokenizer())


def test_a_prompt_fits_where_it_leaves_room_for_the_answers_budget(encoder):
    given = dataset(WORD, [record(WORD, 0, "tea", prompt="x" * 40)])
    check(given, encoder, 2 + 40 + 8)
    message = refusal(given, encoder, 2 + 40 + 8 - 1)
    assert message.splitlines()[0] == "1 records do not fit:"
    assert "word.train.jsonl:1 (word/train/0): the prompt's 42 tokens and the answer's budget of 8 " in message
    assert "context of 49" in message


def test_an_answer_fits_where_its_budget_holds_its_end_too(encoder):
    check(dataset(WORD, ["x" * 7]), encoder, 100)
    message = refusal(dataset(WORD, ["x" * 8]), encoder, 100)
    assert "has 9 tokens with its end" in message
    assert "raise its budget of 8" in message


def test_an_answer_may_not_lie_where_the_overlong_penalty_begins(encoder):
    task = replace(WORD, budget=40)  # the last quarter is penalised
    check(dataset(task, ["x" * 29]), encoder, 100)
    message = refusal(dataset(task, ["x" * 30]), encoder, 100)
    assert "rewards at most 30 in full" in message


def test_the_rationale_counts_towards_the_answer(encoder):
    task = replace(WORD, think=True, rationale="{why}")

    def thinking(why):
        records = {split: (record(task, 0, "ok", split, rationale=why),) for split in SPLITS}
        return Dataset({"word": task}, {"word": records}, {"word": 0})

    check(thinking("abcd"), encoder, 100)  # 4, the closing tag, 2 and the end
    assert "has 9 tokens" in refusal(thinking("abcde"), encoder, 100)


def test_everything_that_does_not_fit_is_listed(encoder):
    given = dataset(WORD, [record(WORD, i, "x" * 9, prompt="x" * 60) for i in range(12)])
    lines = refusal(given, encoder, 50).splitlines()
    assert lines[0] == "24 records do not fit:"
    assert len(lines) == 1 + 20 + 1
    assert lines[-1] == "  and 4 more"
