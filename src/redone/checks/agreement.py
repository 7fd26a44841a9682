"""How far a judge agrees with rewards that can be verified (`redone check CONFIG --judge N`).

A judge is trusted where nothing can be verified; how far that trust goes can only be seen where something can.
"""

from dataclasses import dataclass

from redone.data.load import Dataset
from redone.records import Task
from redone.rewards import JUDGED, uses
from redone.run.scoring import Asked, AskJudge, ScoreAll
from redone.served.judge import grade, grading

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


def agreement(dataset: Dataset, task: Task, most: int, score_all: ScoreAll, judge: AskJudge) -> Agreement:
    """Asks the judge twice for each of the first `most` eval records: about its answer, and the next record's.

    Raises ValueError where the judge does not reply as asked.
    """
    records = dataset.records[task.name]["eval"][:most]
    answers = [tuple(dict.fromkeys((record.answer, records[i - 1].answer))) for i, record in enumerate(records)]
    verdicts = score_all([Asked(record, [(text, True) for text in mine]) for record, mine in zip(records, answers)])
    passes = [verdict.score >= task.pass_at for mine in verdicts for verdict in mine]
    asked = [grading(RUBRIC, r.prompt_text, text) for r, mine in zip(records, answers) for text in mine]
    counts = {True: [0, 0], False: [0, 0]}
    for passed, reply in zip(passes, judge(asked)):
        if isinstance(reply, ValueError):
            raise reply
        counts[passed][0] += 1
        counts[passed][1] += (grade(reply)[0] >= 0.5) == passed
    return Agreement(task.name, *counts[True], *counts[False])
