"""What is said of a command line that has a mistake."""

import errno
import os
from importlib.metadata import version

import pytest

from redone import cli


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["rnu"], "redone: error: there is no command rnu; did you mean run?"),
        (["run", "a.toml", "--otu", "x"], "redone run: error: there is no --otu; did you mean --out?"),
        (["run", "a.toml", "--from-stgae", "x/y"], "there is no --from-stgae; did you mean --from-stage?"),
        (["report", "run", "--zzz"], "redone report: error: there is no --zzz\n"),
    ],
)
def test_a_mistyped_command_or_option_ends_with_what_was_likely_meant(given, said, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(given)
    assert end.value.code == 2
    assert said in capsys.readouterr().err


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"redone {version('redone')}\n"


@pytest.mark.parametrize(("number", "full"), [("ENOSPC", True), ("EDQUOT", True), ("EFBIG", True), ("EACCES", False)])
def test_a_disk_or_a_quota_that_is_full_is_said_with_what_to_do(number, full, monkeypatch, capsys):
    from redone.cli import schema

    def fails(*given):
        raise OSError(getattr(errno, number), os.strerror(getattr(errno, number)), "run/results.json")

    monkeypatch.setattr(schema, "command", fails)
    assert cli.main(["schema"]) == 2
    said = capsys.readouterr().err
    assert "run/results.json" in said
    assert ("make room, and give the same command again" in said) == full
