"""How many threads products take."""

import os

import pytest

from redone.cores import threads, usable


@pytest.mark.parametrize(
    ("said", "asked", "found"),
    [("3", None, 3), ("4,2", None, 4), ("3", 2, 2), ("", None, 7), ("0", None, 7), ("many", None, 7)],
)
def test_they_are_as_many_as_was_asked_for_or_said_for_all_or_as_there_are_cores(monkeypatch, said, asked, found):
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    monkeypatch.setattr("redone.cores.usable", lambda: 7)
    assert threads(asked) == found


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to a core")
def test_only_cores_that_the_process_may_use_count():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert usable() == len(before)
