"""What is probably a mistake is said in a sentence for each cause, with the tasks that it holds of."""

from dataclasses import replace

from redone.checks.doubts import few_measured, grouped, left_in_braces, repeated
from redone.data.load import NEEDED, Dataset
from redone.records import Record, Task

WORD = Task("word", "domain", "dialogue", "", "", "exact", budget=8)


def dataset(task=WORD, prompt="what ?", answer="tea", eval_records=40, removed=0, **fields):
    counts = {"train": 2, "probe": 1, "eval": eval_records}
    asked = ({"role": "user", "content": prompt},)
    records = {
        split: tuple(
            Record(f"word/{split}/{n}", "word", asked, answer, split, "x.jsonl:1", fields=fields)
            for n in range(counts[split])
        )
        for split in NEEDED
    }
    shared = {"word": ["3 train records share the prompt with eval of task tea (first: a with b)"]} if removed else {}
    return Dataset({"word": task}, {"word": records}, {"word": removed}, shared=shared)


def test_notes_that_say_the_same_of_several_tasks_are_one_sentence():
    notes = ['a: 67 % are "x", so', "a note: of none", 'b: 71 % are "y, z", so', "c: other", 'b: 71 % are "y, z", so']
    assert grouped(notes, ["a", "b", "c"]) == ['a: 67 % are "x", so; likewise b', "a note: of none", "c: other"]
    many = grouped([f"t{n}: so" for n in range(12)], [f"t{n}" for n in range(12)])
    assert many == ["t0: so; likewise t1, t2, t3, t4, t5, t6, t7, t8 and 3 more"]


def test_a_task_with_few_records_to_measure_by_is_named_with_the_interval_that_they_give():
    [note] = few_measured(dataset(eval_records=7), "eval", None)
    assert "at 95 %: word 7 (±37);" in note  # 1.96 * sqrt(0.25 / 7)
    assert few_measured(dataset(eval_records=30), "eval", None) == []
    assert "word 29 (±18)" in few_measured(dataset(eval_records=30), "eval", 29)[0]
    assert few_measured(dataset(), "tune", None) == []


def test_a_field_in_double_braces_or_with_spaces_is_said():
    [note] = left_in_braces(dataset(replace(WORD, prompt="of {{text}}"), text="tea"))
    assert note.startswith("fields left in braces: word has {{text}};")
    [note] = left_in_braces(dataset(prompt="of { text }", text="tea"))
    assert "word has { text } in 43 of 43 records;" in note


def test_braces_that_hold_no_field_or_belong_to_a_command_are_none_of_it():
    for prompt in ("of {other}", r"write \boxed{text}", '{"text": 1}'):
        assert left_in_braces(dataset(replace(WORD, prompt=prompt), prompt, text="tea")) == []
    assert left_in_braces(dataset(replace(WORD, prompt='{"a": {text}}'), '{"a": tea}', text="tea")) == []


def test_what_was_removed_is_one_sentence():
    assert repeated(dataset()) == []
    assert repeated(dataset(removed=3)) == [
        "records removed, because another split has their prompt or text: word 3; of word 3 train records share the "
        "prompt with eval of task tea (first: a with b)"
    ]
