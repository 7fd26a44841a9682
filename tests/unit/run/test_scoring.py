"""Verdicts from processes: right, in order, bounded, and nothing lost but what broke."""

import os
import time

import pytest

from redone.records import Record, Task, Verdict
from redone.rewards import score
from redone.run.scoring import Asked, Scorer

TASK = Task("tea", "sns", "dialogue", "?", "tea", "exact")


def record(number):
    return Record(f"tea/train/{number}", "tea", ({"role": "user", "content": "?"},), "tea", "train", "world")


def misbehave(task, record, text, finished):
    """What the text says."""
    if text == "hang":
        while True:
            pass
    if text == "eat":
        return Verdict(float(len(bytearray(10 * 2**30)) > 0), "right")
    if text == "die":
        os.kill(os.getpid(), 9)
    if text == "exit":
        os._exit(3)
    if text == "raise":
        raise RuntimeError("no such rule")
    if text == "fork and hang":
        if os.fork() == 0:
            time.sleep(600)
        time.sleep(600)
    return score(task, record, text, finished)


@pytest.fixture(scope="module")
def scorer():
    with Scorer({"tea": TASK}, workers=2, seconds=1.0, memory=2048, score=misbehave) as made:
        made([Asked(record(0), [("tea", True)])])  # the processes have started
        yield made


def asked(number, *texts):
    return Asked(record(number), [(text, True) for text in texts])


def test_verdicts_are_those_of_the_reward_in_the_order_asked(scorer):
    groups = [asked(i, *(["tea", "milk", ""] * 3)[i % 3 :]) for i in range(50)]
    expected = [[score(TASK, group.record, text, finished) for text, finished in group.answers] for group in groups]
    assert scorer(groups) == expected


def test_nothing_asked_is_nothing_found(scorer):
    assert scorer([]) == []


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("hang", "no verdict within 1 s"),
        ("eat", "out of memory"),
        ("die", "the scoring process died (SIGKILL)"),
        ("exit", "the scoring process died (exit code 3)"),
        ("raise", "RuntimeError: no such rule"),
        ("fork and hang", "no verdict within 1 s"),
    ],
)
def test_what_breaks_a_bound_loses_its_own_verdict_and_nothing_else(scorer, text, note):
    [first, second] = scorer([asked(0, "tea", text, "milk", "tea"), asked(1, "tea", "milk")])
    assert [verdict.reason for verdict in first] == ["right", "error", "wrong", "right"]
    assert first[1].note == note
    assert [verdict.reason for verdict in second] == ["right", "wrong"]


def test_a_hang_delays_by_no_more_than_its_bound(scorer):
    began = time.monotonic()
    scorer([asked(i, "hang" if i == 3 else "tea") for i in range(20)])
    assert time.monotonic() - began < 30  # the bound, and a new process on a machine as busy as can be


def test_hangs_one_after_the_other_each_cost_their_bound_and_no_start_more(scorer):
    """A new process has a minute to start; an answer that hangs in it has not."""
    began = time.monotonic()
    [found] = scorer([asked(0, "hang", "hang", "tea")])
    assert [verdict.reason for verdict in found] == ["error", "error", "right"]
    assert time.monotonic() - began < 30


def test_closing_ends_processes_that_an_exception_left_busy():
    made = Scorer({"tea": TASK}, workers=1, seconds=60.0, memory=2048)
    made([asked(0, "tea")])
    [worker] = made.workers
    made.idle.clear()  # as while it is busy
    made.close()
    assert not worker.process.is_alive()


def test_answers_in_any_unicode_and_of_any_length_cross(scorer):
    [found] = scorer([asked(0, "tea\ud800", "\x00", "tea" * 10**6, "tea")])
    assert [verdict.reason for verdict in found] == ["wrong", "wrong", "unparsable", "right"]


def test_closing_ends_the_processes():
    made = Scorer({"tea": TASK}, workers=2, seconds=1.0, memory=2048)
    made([asked(0, "tea"), asked(1, "tea")])
    processes = [worker.process for worker in made.workers]
    made.close()
    assert [process.is_alive() for process in processes] == [False, False]
