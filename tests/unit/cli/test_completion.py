"""Shells complete what the command line takes."""

import shutil
import subprocess

import pytest

from redone import cli
from redone.cli.completion import SHELLS


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert cli.main(["completion", shell]) == 0
    return capsys.readouterr().out


def offered(text: str, *words: str) -> list[str]:
    """What bash would offer for the last word."""
    line = " ".join(f"'{word}'" for word in words)
    run = f"{text}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _redone; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    return subprocess.run(["bash", "-c", run], capture_output=True, text=True, check=True, timeout=30).stdout.split()


def test_bash_completes_commands_options_and_choices(capsys: pytest.CaptureFixture[str]) -> None:
    text = script("bash", capsys)
    assert offered(text, "redone", "co") == ["compare", "completion"]
    assert set(offered(text, "redone", "")) == {*cli.parser()[1], "--help", "--version"}
    assert offered(text, "redone", "run", "--from") == ["--from-stage"]
    assert offered(text, "redone", "eval", "m", "--split", "") == ["eval", "probe", "tune"]
    assert offered(text, "redone", "completion", "f") == ["fish"]
    assert offered(text, "redone", "run", "--out", "r") == []  # a path, which bash completes itself
    assert "--tethered" not in offered(text, "redone", "experiment", "--t")


def test_fish_has_a_line_for_every_option_that_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    lines = script("fish", capsys).splitlines()
    assert "complete -c redone -n __fish_use_subcommand -a compare -d 'paired differences of two evaluations'" in lines
    assert any("_from eval' -l split -xa 'eval probe tune' -d" in line for line in lines)
    assert not any("tethered" in line for line in lines)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_takes_its_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    text = script(shell, capsys)
    done = subprocess.run([shell, "-n"], input=text, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
