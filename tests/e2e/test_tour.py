"""The notebook of examples/ runs as it stands, on the public names of redone alone."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import redone

NOTEBOOK = Path(__file__).parents[2] / "examples" / "tour.ipynb"


def cells(kind: str) -> list[str]:
    found = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == kind]


def test_the_tour_uses_every_function_of_the_interface_and_nothing_else_of_redone() -> None:
    tree = ast.parse("\n".join(cells("code")))
    imported = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert [ast.unparse(node) for node in imported if "redone" in ast.unparse(node)] == ["import redone"]
    used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names = {one.removeprefix("redone.") for one in used if one.startswith("redone.") and "(" not in one}
    assert names <= set(redone.__all__)
    functions = {name for name in redone.__all__ if not isinstance(getattr(redone, name), type)}
    assert names == functions - {"load_config"}


def test_the_tour_is_kept_without_what_it_printed() -> None:
    found = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert [cell for cell in found["cells"] if cell.get("outputs") or cell.get("execution_count")] == []


@pytest.mark.slow
def test_the_tour_runs_from_its_first_cell_to_its_last(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(cells("code"))],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "unknown key explore.stesp; did you mean explore.steps?" in done.stdout
    assert "all tasks" in done.stdout
