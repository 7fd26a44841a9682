"""Verdicts from processes: right, in order, bounded, and nothing lost but what broke."""

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from redone.records import Record, Task, Verdict
from redone.rewards import score
from redone.rewards.outside import Pending, Search
from redone.run import scoring
from redone.run.scoring import Asked, Scorer, in_process
from redone.sandbox.isolate import Unavailable, unavailable

TASK = Task("tea", "domain", "dialogue", "?", "tea", "exact")


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
    if text == "stop for a while":  # as on a machine that has no time for this process
        pid = os.getpid()
        if os.fork() == 0:
            time.sleep(1.5)
            os.kill(pid, signal.SIGCONT)
            os._exit(0)
        os.kill(pid, signal.SIGSTOP)
    if text.startswith("killed once "):  # by somebody else, who leaves a mark
        mark = Path(text.removeprefix("killed once "))
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGTERM)
        return Verdict(1.0, "right")
    if text.startswith("meet "):  # somebody who waits at the other end of a pipe, until there is none
        pipe = Path(text.removeprefix("meet "))
        if pipe.exists():
            pipe.write_text("here")
            time.sleep(600)
        return Verdict(1.0, "right")
    if text == "search":
        return Pending((Search(len, ("tea",)), Search(spin, ())), lambda found: Verdict(1.0, "right", {}, str(found)))
    if text == "fork and hang":
        if os.fork() == 0:
            time.sleep(600)
        time.sleep(600)
    return score(task, record, text, finished)


def spin():
    while True:
        pass


@pytest.fixture(scope="module")
def scorer():
    with Scorer({"tea": TASK}, workers=2, seconds=0.5, memory=2048, score=misbehave) as made:
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
        ("hang", "no verdict within 0.5 s of CPU time"),
        ("eat", "out of memory"),
        ("die", "the scoring process died (SIGKILL)"),
        ("exit", "the scoring process died (exit code 3)"),
        ("raise", "RuntimeError: no such rule"),
    ],
)
def test_what_breaks_a_bound_loses_its_own_verdict_and_nothing_else(scorer, text, note):
    [first, second] = scorer([asked(0, "tea", text, "milk", "tea"), asked(1, "tea", "milk")])
    assert [verdict.reason for verdict in first] == ["right", "error", "wrong", "right"]
    assert first[1].note == note
    assert [verdict.reason for verdict in second] == ["right", "wrong"]


def test_what_sleeps_for_ever_loses_its_verdict():
    """It is tried twice: a machine that stands still looks like that too."""
    with Scorer({"tea": TASK}, workers=1, seconds=0.1, memory=2048, score=misbehave) as scorer:
        [[found]] = scorer([asked(0, "fork and hang")])
    assert (found.reason, found.note) == ("error", "no verdict within 1 s")


def test_killing_the_workers_in_the_middle_changes_no_verdict(scorer, tmp_path):
    """Both are killed while each is at an answer; and while these are scored once more, alone, so is one that idles."""
    texts = [f"meet {tmp_path / str(i)}" for i in range(2)] + ["tea", "milk", "", "tea", "raise", "milk"]
    for text in texts[:2]:
        os.mkfifo(text.removeprefix("meet "))

    def kill():
        for text in texts[:2]:
            with open(text.removeprefix("meet ")) as met:
                met.read()
        for text in texts[:2]:
            os.unlink(text.removeprefix("meet "))
        for worker in list(scorer.workers):
            os.kill(worker.process.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    [found] = scorer([asked(0, *texts)])
    killer.join()
    [undisturbed] = scorer([asked(0, *texts)])
    assert found == undisturbed
    assert [verdict.reason for verdict in found].count("error") == 1  # the one that raises


def test_an_answer_that_waits_for_the_machine_has_its_verdict(scorer):
    """It stands still for three times the CPU time that it may take."""
    [found] = scorer([asked(0, "stop for a while", "tea")])
    assert [verdict.reason for verdict in found] == ["wrong", "right"]


def test_an_answer_whose_process_somebody_killed_is_scored_once_more(scorer, tmp_path):
    [found] = scorer([asked(0, f"killed once {tmp_path / 'mark'}", "tea")])
    assert [verdict.reason for verdict in found] == ["right", "right"]


def test_a_process_that_was_killed_while_it_had_nothing_to_do_costs_no_verdict(scorer):
    for worker in scorer.workers:
        os.kill(worker.process.pid, signal.SIGKILL)
        worker.process.join()
    assert [verdict.reason for [verdict] in scorer([asked(i, "tea") for i in range(4)])] == ["right"] * 4


def test_a_search_that_takes_all_the_time_is_replied_with_none_and_is_no_error(scorer):
    [found] = scorer([asked(0, "search", "tea")])
    assert [(verdict.reason, verdict.note) for verdict in found] == [("right", "[3, None]"), ("right", "")]


def test_a_regex_that_runs_away_is_no_way_out_for_a_policy():
    """It is wrong, and no error, which would keep its group out of the update."""
    rules = [{"rule": "regex", "pattern": "(a+)+b"}]
    task = Task("tea", "domain", "dialogue", "?", "aab", "pattern", {"all": True})
    given = replace(record(0), fields={"rules": rules})
    with Scorer({"tea": task}, workers=1, seconds=0.6, memory=2048) as scorer:
        [found] = scorer([Asked(given, [("aab", True), ("a" * 60, True), ("aab", True)])])
    assert [(verdict.score, verdict.reason) for verdict in found] == [(1.0, "right"), (0.0, "wrong"), (1.0, "right")]
    assert "may take too long" in found[1].note


CODE = Task("tea", "domain", "dialogue", "?", "print(1)", "program")
PRINTS = {"cases": [{"input": "", "output": "1"}, {"input": "", "output": "1"}]}


@pytest.mark.skipif(bool(why := unavailable()), reason=why)
def test_code_runs_in_the_processes_own_sandbox_and_here_in_one_of_the_call():
    given = replace(record(0), fields=PRINTS)
    answers = [Asked(given, [("print(1)", True), ("print(2)", True), ("print(", True)])]
    with Scorer({"tea": CODE}, workers=1, seconds=5.0, memory=4096) as scorer:
        found = scorer(answers)
    assert [verdict.reason for verdict in found[0]] == ["right", "wrong", "unparsable"]
    assert in_process({"tea": CODE})(answers) == found


def test_an_answer_without_a_sandbox_says_so(monkeypatch):
    def refused(*given):
        raise Unavailable("isolation failed")

    monkeypatch.setattr(scoring, "Pool", refused)
    [[found]] = in_process({"tea": CODE})([Asked(replace(record(0), fields=PRINTS), [("print(1)", True)])])
    assert (found.reason, found.note) == ("error", f"{scoring.GONE}: isolation failed")


@pytest.mark.skipif(bool(why := unavailable()), reason=why)
def test_code_that_sleeps_ends_at_the_wall_and_is_wrong_and_no_error(monkeypatch):
    monkeypatch.setattr(scoring, "CODE", replace(scoring.CODE, wall=1.0))
    given = replace(record(0), fields=PRINTS)
    [[found]] = in_process({"tea": CODE})([Asked(given, [("import time\ntime.sleep(3)\nprint(1)", True)])])
    assert (found.reason, found.score) == ("wrong", 0.0)
    assert found.note.startswith("timeout")


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
