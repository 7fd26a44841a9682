from dataclasses import replace

import pytest

from redone.data.load import NEEDED, Pack, build
from redone.data.overlap import others, text_key, texts_in
from redone.records import Task

TASK = Task("ask", "domain", "dialogue", "post {n} : {text}\nkind ?", "{kind}", "exact")


def rows(*texts):
    return [{"n": i, "text": text, "kind": "a"} for i, text in enumerate(texts)]


def pack(texts=("text",), **tasks):
    """Tasks with {split: [text, ...]} each; no two prompts are equal, since each has its task's name and its number."""
    named = {name: replace(TASK, name=name, prompt=f"{name} {TASK.prompt}") for name in tasks}
    return Pack(
        "made",
        named,
        lambda task, split: [(f"{task}:{row['n']}", row) for row in rows(*tasks[task][split])],
        {name: tuple(splits) for name, splits in tasks.items()},
        dict.fromkeys(tasks, texts),
    )


def built(pack, tune=0, **evaluated):
    return build([pack], limit=None, probe=0.1, evaluation=0.1, tune=tune, evaluated=evaluated)


def left(dataset, task, split):
    return [record.fields["text"] for record in dataset.records[task][split]]


def test_texts_that_differ_in_spaces_punctuation_width_case_and_emoji_have_one_key():
    assert text_key("So GOOD, @ Café!! 😍") == text_key("so good — ＣＡＦÉ") == "sogoodcafé"
    assert text_key("我 很 喜欢。") == text_key("我很喜欢") == "我很喜欢"
    assert text_key("❤ !!") == ""
    assert text_key("good") != text_key("goods")


def test_texts_are_found_however_deep_they_lie():
    assert list(texts_in({"a": ["x", {"b": "y"}], "n": 3, "c": None, "d": "z"})) == ["x", "y", "z"]


@pytest.mark.parametrize(
    "turns",
    [
        [{"role": "System", "content": "be kind"}, {"role": "user", "content": "tea ?"},
         {"role": "assistant", "content": [{"type": "text", "text": "yes"}]}],
        [{"from": "system", "value": "be kind"}, {"from": "human", "value": "tea ?"}, {"from": "gpt", "value": "yes"}],
    ],
)  # fmt: skip
def test_of_a_conversation_the_texts_are_what_user_and_assistant_say(turns):
    assert list(texts_in(turns)) == ["tea ?", "yes"]


def test_records_of_train_and_probe_that_share_a_text_with_a_benchmark_are_left_out_and_counted():
    given = pack(
        ask={"train": ["Tea, please!", "cake", "milk", "rain"], "probe": ["film", "snow"], "eval": ["book", "wind"]},
    )
    dataset = built(given, first=["tea please", "book"], second=["MILK", "tea please", "snow.", "!"])
    assert left(dataset, "ask", "train") == ["cake", "rain"]
    assert left(dataset, "ask", "probe") == ["film"]
    assert left(dataset, "ask", "eval") == ["book", "wind"]  # only what is trained on, or diagnosed, gives way
    assert dataset.overlap == {"first": 1, "second": 2}  # the tea, which both hold, counts for the first
    assert dataset.removed == {"ask": 0}


def test_a_task_that_names_no_texts_is_compared_by_its_prompts_alone():
    splits = {"train": ["tea", "cake"], "probe": ["film"], "eval": ["cake", "book"]}
    dataset = built(pack(texts=(), ask=splits), first=["tea"])
    assert left(dataset, "ask", "train") == ["tea", "cake"]
    assert dataset.overlap == {"first": 0}


def test_a_text_of_one_tasks_eval_split_is_in_no_tasks_train_split():
    dataset = built(
        pack(
            one={"train": ["tea", "cake"], "probe": ["film"], "eval": ["milk", "rain"]},
            two={"train": ["Milk!", "sand"], "probe": ["snow", "rain"], "eval": ["book"]},
        )
    )
    assert left(dataset, "one", "train") == ["tea", "cake"]
    assert left(dataset, "two", "train") == ["sand"]
    assert left(dataset, "two", "probe") == ["snow"]
    assert dataset.removed == {"one": 0, "two": 2}


def test_a_text_without_letters_is_shared_with_nothing():
    dataset = built(pack(ask={"train": ["😍", "tea"], "probe": ["film"], "eval": ["❤"]}), first=["!!"])
    assert left(dataset, "ask", "train") == ["😍", "tea"]


def test_what_is_in_a_benchmark_is_not_in_tune_and_all_tasks_put_a_text_into_it():
    texts = [f"post about thing {i}" for i in range(300)]
    splits = {"train": texts, "probe": ["film"], "tune": ["tea", "rain"], "eval": ["book"]}
    dataset = built(pack(one=splits), first=["Tea!"])
    assert left(dataset, "one", "tune") == ["rain"]
    both = built(pack(one={"train": texts}, two={"train": texts}), tune=20)
    assert left(both, "one", "tune") == left(both, "two", "tune")
    assert len(left(both, "one", "tune")) == 20
    assert both.removed == {"one": 0, "two": 0}


def test_where_splits_are_hashed_all_tasks_put_a_text_into_the_same():
    texts = [f"post about thing {i}" for i in range(300)]
    dataset = built(pack(one={"train": texts}, two={"train": texts}))
    for split in NEEDED:
        assert left(dataset, "one", split) == left(dataset, "two", split) != []
    assert dataset.removed == {"one": 0, "two": 0}


def test_beside_each_row_stands_one_of_another_value_whatever_the_order_of_the_file():
    given = [{"title": title, "body": f"on {title}"} for title in ["tea", "cake", "tea", "milk", "rain", "film"]]
    found = others(given, "title")
    assert [{name: row[name] for name in ("title", "body")} for row in found] == given
    assert all(row["other_title"] != row["title"] for row in found)
    assert all(row["other_body"] == f"on {row['other_title']}" for row in found)
    beside = {row["title"]: row["other_title"] for row in found}
    assert sorted(beside.values()) == sorted(beside)  # every value stands beside one other
    assert {row["title"]: row["other_title"] for row in others(given[::-1], "title")} == beside


def test_rows_of_one_value_have_no_other():
    with pytest.raises(ValueError, match="no two rows of different title"):
        others([{"title": "tea"}, {"title": "tea"}], "title")
