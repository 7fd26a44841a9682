"""How far a judge agrees with rewards that can be verified (`redone check CONFIG --judge N`).

A judge is trusted where nothing can be verified; how far that trust goes can only be seen where something can.
"""

from dataclasses import dataclass

from redone.data.load import Dataset
from redone.measure.tasks import unthought
from redone.records import Task
from redone.rewards import JUDGED, score, uses
from redone.served import judge

RUBRIC = "Is this a right answer to the task? 10 is right, 0 is wrong."


@dataclass(frozen=True)
class Agreement:
    """Over reference answers and other records' answers of a task: how many there were, and on how many the judge's
    verdict (a grade of one half or more) was that of the reward; of those that pass and those that do not."""

    task: str
    right: int
    right_agreed: int
    wrong: int
    wrong_agreed: int


def verifiable(dataset: Dataset) -> list[Task]:
    return [task for task in dataset.tasks.values() if not uses(task, JUDGED)]


def agreement(dataset: Dataset, task: Task, most: int) -> Agreement:
    """Asks the judge twice for each of the first `most` eval records: about its answer, and the next record's."""
    records = dataset.records[task.name]["eval"][:most]
    counts = {True: [0, 0], False: [0, 0]}
    for i, record in enumerate(records):
        for answer in dict.fromkeys((record.answer, records[i - 1].answer)):
            passes = score(task, record, unthought(task, answer)).score >= task.pass_at
            graded, _ = judge.grade(RUBRIC, record.prompt_text, answer)
            counts[passes][0] += 1
            counts[passes][1] += (graded >= 0.5) == passes
    return Agreement(task.name, *counts[True], *counts[False])
