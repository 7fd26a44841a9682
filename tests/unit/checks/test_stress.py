"""What rewards would pay for cheats."""

from redone.checks import stress as module
from redone.checks.stress import CHEATS
from redone.data.load import NEEDED, Dataset
from redone.measure.closed import MOST_LABELS
from redone.records import Record, Task
from redone.run.scoring import in_process


def stress(given, task):
    return module.stress(given, task, in_process({task.name: task}))


def dataset(task, answers, fields=None):
    def record(split, i, answer):
        message = {"role": "user", "content": f"note {i} : which tag ?"}
        return Record(f"{task.name}/{split}/{i}", task.name, (message,), answer, split, "test", fields=fields or {})

    splits = {split: tuple(record(split, i, answer) for i, answer in enumerate(answers)) for split in NEEDED}
    return Dataset({task.name: task}, {task.name: splits}, {task.name: 0})


def test_an_exact_reward_pays_gold_alone():
    task = Task("tag", "domain", "dialogue", "", "", "exact")
    found = stress(dataset(task, ["tea", "milk", "cocoa", "tea"]), task)
    assert found.gold == 1.0
    assert found.baseline == 0.5  # the majority
    assert found.earned == dict.fromkeys(CHEATS, 0.0)
    assert found.holes == {}


def test_a_reward_that_looks_for_the_answer_anywhere_has_holes():
    task = Task("tag", "domain", "dialogue", "", "", "pattern", {"all": True})
    rules = {"rules": [{"rule": "contains", "text": "tea"}]}
    found = stress(dataset(task, ["tea time", "green tea"], rules), task)
    assert found.earned["empty"] == 0.0
    assert {"answer twice", "answer in a list", "answer in a sentence", "prompt, answer"} <= {
        name for name, value in found.earned.items() if value == 1.0
    }
    assert found.holes == {}  # and the majority answer is right as well: the task asks nothing


def test_a_hole_is_what_pays_more_than_any_answer_that_needs_no_model():
    task = Task("line", "domain", "dialogue", "", "", "chrf")
    answers = ["a cup of green tea", "the lake is cold", "my new red dress", "we won the game"]
    found = stress(dataset(task, answers), task)
    assert {"answer twice", "answer in a list", "markdown"} <= set(found.holes)
    bounded = Task("line", "domain", "dialogue", "", "", "chrf", {"at_most": 1.25})
    assert set(stress(dataset(bounded, answers), bounded).holes) == {"markdown"}


def test_all_labels_are_listed_where_they_are_few_and_thinking_tasks_close_their_thinking():
    task = Task("tag", "domain", "dialogue", "", "", "set_f1", think=True)
    few = stress(dataset(task, ["tea", "milk"]), task)
    assert few.earned["every option"] == 2 / 3
    assert few.earned["all labels thought"] == 0.0
    many = stress(dataset(task, [f"tag{i}" for i in range(MOST_LABELS + 1)]), task)
    assert many.earned["every option"] == 0.0
