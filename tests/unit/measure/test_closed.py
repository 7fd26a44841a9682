"""Closed tasks, and their answers read leniently: never below the strict reading, and not fooled by thinking."""

import itertools
import random
from dataclasses import replace

import pytest

from redone.cli.run import print_results
from redone.data.load import NEEDED, Dataset
from redone.files import write_json, write_jsonl
from redone.measure.closed import (
    LENIENT,
    MOST_LABELS,
    alarms,
    closed_tasks,
    commonest_answers,
    lenient,
    nearly_constant,
)
from redone.measure.compare import compare
from redone.measure.items import item_line, read_items
from redone.measure.judged import Judged
from redone.measure.taskset import READING, closed_in, summarise, task_items, tasks_shape
from redone.records import Record, Task, Text, Verdict
from redone.rewards import score
from redone.rewards.labels import Commonest

MOOD = Task("mood", "domain", "dialogue", "", "", "exact")
LABELS = ["positive", "negative", "mixed"]


def record(task, i, answer, split="eval", accepted=(), **fields):
    asked = ({"role": "user", "content": f"{split} {i} ?"},)
    return Record(f"{task.name}/{split}/{i}", task.name, asked, answer, split, "x", fields=fields, accepted=accepted)


def dataset(task, answers, **fields):
    """The same answers in each split."""
    made = {s: tuple(record(task, i, answer, s, **fields) for i, answer in enumerate(answers)) for s in NEEDED}
    return Dataset({task.name: task}, {task.name: made}, {task.name: 0})


def read(task, answers, said, answer=None, **fields):
    """What the lenient reading gives for a text, of the record with this answer, or the first."""
    given = dataset(task, answers, **fields)
    [closed] = closed_tasks(given).values()
    asked = record(task, 99, answer or answers[0], **fields)
    return lenient(task, closed, asked, said, score(task, asked, said))


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("positive", 1.0),
        ("The mood is positive.", 1.0),
        ("It is negative, hardly positive", 0.0),
        ("fine", 0.0),
        ("<think>negative? no.</think>I say: positive", 1.0),  # what is thought is not said
        ("<think>positive", 0.0),
        ("", 0.0),
        ("x" * 20_001 + " positive", 0.0),
    ],
)
def test_the_first_label_that_is_named_after_any_thinking_is_the_answer(said, right):
    assert read(MOOD, LABELS, said).score == right


def test_accepted_labels_are_right_too():
    given = dataset(MOOD, LABELS)
    [closed] = closed_tasks(given).values()
    one = record(MOOD, 0, "positive", accepted=("mixed",))
    assert lenient(MOOD, closed, one, "rather mixed feelings", Verdict(0.0, "wrong")).score == 1.0


def test_options_levels_and_yes_or_no_are_read_by_their_own_names():
    choice = replace(MOOD, options={"kind": "choice"})
    assert read(choice, ["tea"], "I believe it is (b).", candidates=["milk", "tea"]).score == 1.0
    assert read(choice, ["tea"], "A cup of tea", candidates=["milk", "tea"]).score == 1.0
    yes = replace(MOOD, options={"kind": "yes or no"})
    assert read(yes, ["yes", "no"], "Yes, it is.").score == 1.0
    assert read(yes, ["yes", "no"], "No, it is not.").score == 0.0
    level = replace(MOOD, options={"kind": "level"})
    assert read(level, ["2", "3级"], "I rate it level 2 of 3.").score == 1.0
    assert read(level, ["2", "3级"], "I rate it 3 of 3.").score == 0.0
    text = replace(MOOD, candidates="tags")
    many = [f"tag {i}" for i in range(MOST_LABELS + 1)]
    assert read(text, many, "surely tag 0", tags=many).score == 1.0


def test_a_task_is_closed_where_a_few_labels_return():
    few, many = [f"tag {i}" for i in range(MOST_LABELS)], [f"tag {i}" for i in range(MOST_LABELS + 1)]
    assert list(closed_tasks(dataset(MOOD, few))) == ["mood"]  # each of them in three splits
    assert closed_tasks(dataset(MOOD, many)) == {}
    once = Dataset({"mood": MOOD}, {"mood": {s: (record(MOOD, 0, s, s),) for s in NEEDED}}, {"mood": 0})
    assert closed_tasks(once) == {}  # three records, three answers: no labels
    assert closed_tasks(dataset(MOOD, ["tea"])) == {}  # one label says nothing
    assert closed_tasks(dataset(replace(MOOD, reward="set_f1"), LABELS)) == {}
    assert closed_tasks(dataset(replace(MOOD, options={"kind": "number"}), ["1", "2"])) == {}
    assert closed_tasks(dataset(MOOD, [":)", ":("])) == {}  # nothing that words could name


WORDS = ["positive", "Negative", "mixed", "A", "a", "B", "(c)", "the", "answer is", "Positive.", "2", "level 3", "yes",
         "No", "<think>", "</think>", "，", "是", "\n", "**mixed**", "b)", "tea, ", "milk"]  # fmt: skip
TASKS = [
    (MOOD, LABELS, {}),
    (replace(MOOD, options={"case": True}), LABELS, {}),
    (replace(MOOD, options={"punctuation": False}), LABELS, {}),
    (replace(MOOD, options={"kind": "choice"}), ["tea"], {"candidates": ["milk", "tea", "mixed"]}),
    (replace(MOOD, options={"kind": "choice"}), ["B"], {"candidates": ["B", "A", "C"]}),
    (replace(MOOD, options={"kind": "yes or no"}), ["yes", "no"], {}),
    (replace(MOOD, options={"kind": "level"}), ["2", "3"], {}),
    (replace(MOOD, extract=[{"last": "answer is (.*)", "missing": ""}]), LABELS, {}),
]


@pytest.mark.parametrize(("task", "answers", "fields"), TASKS)
def test_what_is_right_as_asked_is_right_leniently(task, answers, fields):
    [closed] = closed_tasks(dataset(task, answers, **fields)).values()
    drawn = random.Random(0)
    texts = [" ".join(drawn.choices(WORDS, k=k)) for k in (1, 2, 3, 4) for _ in range(300)]
    texts += [f"answer is {answer}" for answer in answers] + [f"<think>b</think>{answer}" for answer in answers]
    right = 0
    for (i, answer), text in itertools.product(enumerate(answers), texts):
        one = record(task, i, answer, **fields)
        strict = score(task, one, text)
        assert lenient(task, closed, one, text, strict).score >= strict.score
        right += strict.score == 1.0
    assert right > 5


def test_an_answer_that_the_task_finds_behind_other_labels_is_right_leniently_too():
    said = "positive or negative ?\nanswer is mixed"
    assert read(TASKS[-1][0], LABELS, said, "mixed").score == 1.0
    assert read(TASKS[-1][0], LABELS, said, "positive").score == 1.0
    assert read(TASKS[-1][0], LABELS, said, "negative").score == 0.0


@pytest.mark.parametrize(("task", "answers", "fields"), TASKS[:-1])
def test_a_right_answer_also_names_its_label_first(task, answers, fields):
    """So that the property above does not rest on the exception alone."""
    [closed] = closed_tasks(dataset(task, answers, **fields)).values()
    wrong = Verdict(0.0, "wrong")
    for i, answer in enumerate(answers):
        one = record(task, i, answer, **fields)
        for text in (answer, f"{answer}.", f"<think>tea, no</think> {answer}"):
            assert score(task, one, text).score == 1.0
            assert lenient(task, closed, one, text, wrong).score == 1.0


# Scores


def table(said, golds, task=MOOD):
    """results.json's entry, and the items, of a model that says these texts."""
    given = dataset(task, LABELS)
    asked = [record(task, i, gold) for i, gold in enumerate(golds)]
    texts = [(Text(one.id, 0, text, True),) for one, text in zip(asked, said)]
    answers = [Judged(one, mine, (score(task, one, mine[0].text),)) for one, mine in zip(asked, texts)]
    items = task_items(given.tasks, answers, closed_tasks(given))
    trivial = {"mood": {"empty": [score(task, one, "") for one in asked]}}
    return summarise(given.tasks, items, trivial), items


def test_both_scores_stand_in_the_table_with_what_lies_between_them():
    said = ["positive", "it is negative", "it is mixed", "it is mixed", "dunno"]
    found, _ = table(said, ["positive", "negative", "mixed", "positive", "positive"])
    entry = found["tasks"]["mood"]
    assert entry["score"] == pytest.approx(20)
    assert entry["lenient"]["score"] == pytest.approx(60)
    assert entry["lenient"]["above"] == pytest.approx(40)
    low, high = entry["lenient"]["above_interval"]
    assert 0 <= low < 40 < high <= 100
    assert found["lenient"]["tasks"] == 1
    assert found["lenient"]["strict"] == pytest.approx(20)
    assert found["lenient"]["score"] == pytest.approx(60)
    assert found["averages"]["domain"] == pytest.approx(20)  # the lenient reading is beside the scores, not in them


def test_a_metric_over_labels_reads_the_labels_that_are_named_first():
    """F1 of positive, negative, mixed: as asked 2/3, 0, 0 (one reference each of two that nothing says); leniently 2/3
    (1 of 2, nothing else said it), 1, 2/3 (1 of 1, said once more)."""
    said = ["positive", "it is negative", "it is mixed", "it is mixed", "dunno"]
    golds = ["positive", "negative", "mixed", "positive", "positive"]
    found, items = table(said, golds, replace(MOOD, metric="macro_f1"))
    entry = found["tasks"]["mood"]
    assert entry["score"] == pytest.approx(100 * (2 * 1 / (3 + 1)) / 3)
    assert entry["lenient"]["score"] == pytest.approx(100 * (2 / (3 + 1) + 1 + 2 / (1 + 2)) / 3)
    assert items["mood"][1].readings[LENIENT][0].parts == {
        "parsed": 1.0, "gold negative": 1.0, "said negative": 1.0, "hit negative": 1.0
    }  # fmt: skip
    recall = table(said, golds, replace(MOOD, metric="macro_recall"))[0]["tasks"]["mood"]
    assert recall["lenient"]["score"] == pytest.approx(100 * (1 / 3 + 1 + 1) / 3)
    one = table(said, golds, replace(MOOD, metric="macro_f1", classes=["positive"]))[0]["tasks"]["mood"]
    assert (one["score"], one["lenient"]["score"]) == (pytest.approx(50), pytest.approx(50))
    both = table(said, golds, replace(MOOD, metric="macro_f1", classes=["positive", "mixed"]))[0]["tasks"]["mood"]
    assert (both["metric"], both["classes"]) == ("macro_f1", ["positive", "mixed"])
    assert "classes" not in entry
    assert both["lenient"]["score"] == pytest.approx(100 * (1 / 2 + 2 / 3) / 2)


def test_an_option_is_the_same_label_in_both_readings():
    choice = replace(MOOD, options={"kind": "choice"}, metric="macro_f1")
    fields = {"candidates": ["milk", "tea"]}
    strict = score(choice, record(choice, 0, "tea", **fields), "tea")
    assert strict.parts == {"parsed": 1.0, "gold B": 1.0, "said B": 1.0, "hit B": 1.0}
    assert read(choice, ["tea", "milk"], "I like tea", **fields).parts == strict.parts
    other = read(choice, ["tea", "milk"], "I like milk", **fields)
    assert other.parts == {"parsed": 1.0, "gold B": 1.0, "said A": 1.0}


def test_folders_whose_metric_is_over_other_classes_do_not_compare(tmp_path):
    for name, classes in (
        ("all", []),
        ("one", ["mixed"]),
        ("two", ["mixed", "negative"]),
        ("same", ["negative", "mixed"]),
    ):
        task = replace(MOOD, metric="macro_f1", classes=classes)
        found, items = table(["positive", "it is mixed"], ["positive", "mixed"], task)
        (tmp_path / name / "tasks").mkdir(parents=True)
        write_jsonl(tmp_path / name / "tasks" / "items.jsonl", [item_line("tasks", item) for item in items["mood"]])
        shape = tasks_shape({"mood": task}, closed_in(items)).to_json()
        write_json(tmp_path / name / "tasks" / "scores.json", {**found, "shape": shape})
    compare(tmp_path / "two", tmp_path / "same")
    for a, b in (("all", "one"), ("one", "two")):
        with pytest.raises(ValueError, match="mood is scored in another way in one than in the other"):
            compare(tmp_path / a, tmp_path / b)


def test_both_are_printed_after_the_averages(capsys):
    found, _ = table(["positive", "it is mixed"], ["positive", "mixed"])
    print_results({"models": {"base": found}})
    assert capsys.readouterr().out.splitlines()[-1] == (
        "base: 1 closed task, 50.0 as asked, 100.0 by the first label named"
    )


def alike(said, golds, task=MOOD):
    found, items = table(said, golds, task)
    asked = [record(task, i, gold) for i, gold in enumerate(golds)]
    return commonest_answers({"mood": task}, asked, items), found


def test_the_commonest_answer_is_counted_by_the_label_that_is_named_first():
    said = ["negative", "it is negative", "positive, I think", "dunno"]
    found, _ = alike(said, ["negative", "positive", "mixed", "negative"])
    assert found == {"mood": Commonest("negative", 0.5, 0.5)}
    assert alike(["dunno", "hm"], ["mixed", "mixed"])[0] == {}
    assert alike(said, ["negative"] * 4, replace(MOOD, reward="set_f1"))[0] == {}


def test_an_accepted_label_that_is_said_is_no_other_than_the_reference():
    one = record(MOOD, 0, "positive", accepted=("mixed",))
    answers = [Judged(one, (Text(one.id, 0, "mixed", True),), (score(MOOD, one, "mixed"),))]
    items = task_items({"mood": MOOD}, answers, closed_tasks(dataset(MOOD, LABELS)))
    assert commonest_answers({"mood": MOOD}, [one], items) == {"mood": Commonest("mixed", 1.0, 1.0)}


def test_tasks_that_are_answered_nearly_alike_are_printed_and_the_worst_first(capsys):
    shares = {"a": ("no", 0.7, 0.5), "b": ("yes", 0.93, 0.5), "c": ("no", 0.6, 0.5)}
    keys = ("label", "share", "references")
    entries = {name: {"commonest": dict(zip(keys, one))} for name, one in shares.items()} | {"open": {}}
    assert list(nearly_constant(entries)) == ["b", "a"]
    averages = {"averages": dict.fromkeys(("domain", "translation", "general")), "average_intervals": {}}
    print_results({"models": {"base": {**averages, "tasks": entries}}})
    assert capsys.readouterr().out.splitlines()[-2:] == [
        'base, b: 93 % of the answers are "yes", 50 % of the references: nearly a constant',
        'base, a: 70 % of the answers are "no", 50 % of the references: nearly a constant',
    ]
    many = {f"{name} {i}": one for name, one in entries.items() for i in range(4)}
    assert [line.partition(":")[0] for line in alarms(many, "base")] == [
        "base, b 0", "base, b 1", "base, b 2", "base, b 3", "base, a 0", "base"
    ]  # fmt: skip
    assert alarms(many, "base")[-1] == "base: 3 more closed tasks are answered so"


def test_a_run_without_closed_tasks_has_no_lenient_score():
    given = dataset(replace(MOOD, reward="set_f1"), LABELS)
    one = record(MOOD, 0, "positive")
    items = task_items(given.tasks, [Judged(one, (Text(one.id, 0, "positive", True),), (Verdict(1.0, "right"),))], {})
    found = summarise(given.tasks, items, {"mood": {"empty": [Verdict(0.0, "wrong")]}})
    assert found["lenient"] is None
    assert "lenient" not in found["tasks"]["mood"]


def test_a_folder_with_lenient_readings_compares_with_one_that_has_none(tmp_path):
    found, items = table(["positive", "it is mixed"], ["positive", "mixed"])
    plain = {"mood": [replace(item, readings={READING: item.readings[READING]}) for item in items["mood"]]}
    for name, mine in (("new", items), ("old", plain)):
        folder = tmp_path / name / "tasks"
        folder.mkdir(parents=True)
        write_jsonl(folder / "items.jsonl", [item_line("tasks", item) for item in mine["mood"]])
        write_json(folder / "scores.json", {**found, "shape": tasks_shape({"mood": MOOD}, closed_in(mine)).to_json()})
    assert read_items(tmp_path / "new" / "tasks" / "items.jsonl")["tasks"] == {i.id: i for i in items["mood"]}
    both = compare(tmp_path / "new", tmp_path / "new")["benchmarks"]["tasks"]["subsets"]["mood"]["readings"]
    assert {name: one["a"] for name, one in both.items()} == {"score": 50.0, "lenient": 100.0}
    for a, b in (("new", "old"), ("old", "new")):
        one = compare(tmp_path / a, tmp_path / b)["benchmarks"]["tasks"]["subsets"]["mood"]["readings"]
        assert list(one) == ["score"]
