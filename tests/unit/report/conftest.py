"""A finished run's folder for tests to change and to read."""

from pathlib import Path

import pytest
from run_folders import evaluated, write_run

from redone.report import write_report


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished run that a test may change."""
    return write_run(tmp_path / "small")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run with its reports, for tests that only read."""
    run = write_run(tmp_path_factory.mktemp("report") / "small")
    write_report(run)
    return run


@pytest.fixture(scope="session")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with the answers of three evaluations: reply/eval/1 rises from 0.5 to 1, and falls to 0."""
    made = write_run(tmp_path_factory.mktemp("answered") / "small")
    for model, scores in {"base": [0.0, 1.0], "explore": [1.0, 1.0], "refine": [0.0, 0.0]}.items():
        evaluated(made / "eval" / model, {"reply/eval/1": scores, "sums/eval/7": [0.5]})
    return made
