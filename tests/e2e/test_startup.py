"""`redone --help` and mistakes in a configuration answer at once: nothing heavy is loaded for them."""

import json
import subprocess
import sys

import pytest

HEAVY = {"torch", "transformers", "tokenizers", "numpy", "matplotlib", "jinja2", "rich", "sacrebleu"}
CODE = """
import contextlib, io, json, sys
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    from redone.cli import main
    try:
        code = main(sys.argv[1:])
    except SystemExit as end:
        code = end.code
print(json.dumps([code, sorted(sys.modules)]))
"""


def started(*arguments):
    """The exit code of a command in a fresh process, and the packages that it has loaded."""
    command = [sys.executable, "-c", CODE, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    code, modules = json.loads(ended.stdout)
    return code, {module.split(".")[0] for module in modules}


@pytest.mark.parametrize("command", [["--help"], ["run", "--help"], ["eval", "--help"]])
def test_help_loads_nothing_heavy(command):
    code, loaded = started(*command)
    assert code == 0
    assert not loaded & {*HEAVY, "pydantic"}


def test_a_mistake_in_a_configuration_is_found_before_anything_heavy_is_loaded(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("[explore]\nstesp = 3\n")
    code, loaded = started("run", str(path))
    assert code == 2
    assert not loaded & HEAVY


def test_a_run_of_another_configuration_is_refused_before_anything_heavy_is_loaded(tmp_path):
    (tmp_path / "run.toml").write_text("seed = 3\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "config.json").write_text('{"seed": 4}')
    code, loaded = started("run", str(tmp_path / "run.toml"), "--out", str(tmp_path / "out"))
    assert code == 2
    assert not loaded & HEAVY
