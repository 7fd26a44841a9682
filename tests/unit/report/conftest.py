"""A finished run's folder for tests to change and to read."""

from pathlib import Path

import pytest
from run_folders import write_run

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
