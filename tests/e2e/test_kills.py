"""A run that is killed before file operations goes on to the same bytes; tests/kills.py does it hundreds of times."""

from pathlib import Path

from kills import differences, go_on


def test_a_run_that_is_killed_again_and_again_ends_as_one_that_was_left_alone(
    finished_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    kills = [go_on(out, operation) for operation in (2, 60)]  # while it begins, in a stage
    assert kills == [-9, -9]
    assert go_on(out) == 0
    assert differences(finished_run, out) == []
