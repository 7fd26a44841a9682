"""`redone estimate`, through the command line."""

import re

import pytest
from fakes import SMALL

from redone import cli
from redone.cli.run import DEMO
from redone.model.policy import Policy


def estimated(capsys, *options):
    sets = [part for one in SMALL for part in ("--set", one)]
    assert cli.main(["estimate", str(DEMO), *sets, *options]) == 0
    return capsys.readouterr().out


def test_it_says_memory_by_phase_and_hours_by_stage(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = estimated(capsys)
    for phase in ("explore sampling", "explore update", "target fine-tuning", "refine update", "every model measuring"):
        assert re.search(rf"^{phase} +(\d+\.\d+ *)+$", out, re.MULTILINE), phase
    assert re.search(r"^explore +\d+:\d\d +4 steps of \d+\.\d s", out, re.MULTILINE)
    assert re.search(r"^target +\d+:\d\d +3 steps of", out, re.MULTILINE)
    assert re.search(r"^In all about \d+:\d\d\.$", out, re.MULTILINE)
    assert re.fullmatch(r"Memory: about \d\.\d GiB at most \(.+\), of \d+\.\d GiB free\.", out.splitlines()[-1])
    assert not list(tmp_path.iterdir())  # nothing of it is kept


def test_without_timing_no_model_is_loaded(capsys, monkeypatch):
    monkeypatch.setattr(Policy, "load", lambda *given: pytest.fail("a model was loaded"))
    out = estimated(capsys, "--no-timing")
    assert "In all" not in out
    assert "GiB at most" in out.splitlines()[-1]


def test_where_memory_is_too_small_it_says_what_to_lower(capsys, monkeypatch):
    from redone.commands import memory

    monkeypatch.setattr(memory, "own_and_free", lambda device: (2**30, 2**30))
    last = estimated(capsys, "--no-timing").splitlines()[-1]
    assert "not enough: lower tokens_per_pass, in_flight or eval.rows, set recompute = true" in last


def test_what_the_process_has_is_seen_before_it_takes_steps(capsys, monkeypatch):
    """What they leave is no part of what a run begins with."""
    from redone.cli import estimate
    from redone.commands import memory

    own = [2**30]
    monkeypatch.setattr(memory, "own_and_free", lambda device: (own[0], 2**40))
    monkeypatch.setattr(estimate, "timed", lambda *given: own.append(own.pop() + 2**39) or [])
    assert re.search(r"about 1\.\d GiB at most", estimated(capsys).splitlines()[-1])


@pytest.mark.slow
def test_a_model_whose_code_needs_numbers_is_checked_all_the_same(capsys, monkeypatch):
    from redone.method import estimate

    def broken(*given):
        raise RuntimeError("it looks at its numbers")

    monkeypatch.setattr(estimate, "phases", broken)
    sets = [part for one in SMALL for part in ("--set", one)]
    assert cli.main(["check", str(DEMO), *sets]) == 0
    said = "memory cannot be estimated: RuntimeError: it looks at its numbers"
    assert capsys.readouterr().out.splitlines()[-1] == said
    assert cli.main(["estimate", str(DEMO), *sets]) == 2
    assert said in capsys.readouterr().err
