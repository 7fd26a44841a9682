"""Rewards that a judge decides, by the rubric in the task's options."""

from collections.abc import Callable

from redone.records import Record, Verdict
from redone.served import judge


def graded(record: Record, answer: str, *, rubric: str) -> Verdict:
    """The judge's grade of the answer by the rubric, in [0, 1]; the note is why.

    Blind to what the rubric does not say, and to what the judge does not know; judges like long and confident answers.
    """
    return _verdict(answer, lambda: judge.grade(rubric, record.prompt_text, answer))


def preferred(record: Record, answer: str, *, rubric: str) -> Verdict:
    """1 where the judge prefers the answer to the reference whichever stands first, 0 where the reference, else 0.5.

    Blind to how much better one is. The reference itself earns 0.5.
    """
    return _verdict(answer, lambda: judge.prefer(rubric, record.prompt_text, answer, record.answer))


def _verdict(answer: str, decide: Callable[[], tuple[float, str]]) -> Verdict:
    if not answer.strip():
        return Verdict(0.0, "unparsable", {"parsed": 0.0}, "empty")
    score, why = decide()
    return Verdict(score, "right" if score == 1.0 else "wrong", {"parsed": 1.0}, why)
