"""Rewards that a judge decides, by the rubric in the task's options."""

from collections.abc import Callable, Sequence

from redone.records import Record, Verdict
from redone.rewards.outside import Found, Pending
from redone.served.judge import Question, Reply, grade, grading, preference, preferring


def graded(record: Record, answer: str, *, rubric: str) -> Found:
    """The judge's grade of the answer by the rubric, in [0, 1]; the note is why.

    Blind to what the rubric does not say, and to what the judge does not know; judges like long and confident answers.
    """
    return _pending(answer, (grading(rubric, record.prompt_text, answer),), lambda replies: grade(*replies))


def preferred(record: Record, answer: str, *, rubric: str) -> Found:
    """1 where the judge prefers the answer to the reference whichever stands first, 0 where the reference, else 0.5.

    Blind to how much better one is. The reference itself earns 0.5.
    """
    asked = preferring(rubric, record.prompt_text, answer, record.answer)
    return _pending(answer, asked, lambda replies: preference(*replies))


def _pending(answer: str, asked: tuple[Question, ...], decide: Callable[[Sequence[Reply]], tuple[float, str]]) -> Found:
    if not answer.strip():
        return Verdict(0.0, "unparsable", {"parsed": 0.0}, "empty")

    def verdict(replies: Sequence[Reply]) -> Verdict:
        score, why = decide(replies)
        return Verdict(score, "right" if score == 1.0 else "wrong", {"parsed": 1.0}, why)

    return Pending(asked, verdict)
