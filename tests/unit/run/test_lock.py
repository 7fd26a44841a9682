import fcntl
import os
import signal
import socket
import subprocess
import sys

import pytest

from redone.run.lock import NAME, locked

HOLDS = """
import sys, time
from pathlib import Path
from redone.run.lock import locked
with locked(Path(sys.argv[1]), print):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder."""
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_and_told_which_is_the_first(holder, tmp_path):
    said = rf"process {holder.pid} of {socket.gethostname()} works in it now.*another --out"
    with pytest.raises(ValueError, match=said), locked(tmp_path, print):
        pass
    assert holder.poll() is None
    with pytest.raises(ValueError, match=said), locked(tmp_path, print):  # and the refusal let go of nothing
        pass


def test_a_dead_process_holds_nothing(holder, tmp_path):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / NAME).exists()
    with locked(tmp_path, print):
        assert str(os.getpid()) in (tmp_path / NAME).read_text()


def test_nothing_is_left_and_the_folder_can_be_held_again(tmp_path):
    folder = tmp_path / "run"
    for left in ([], ["config.json"], ["config.json"]):
        with locked(folder, print):
            assert (folder / NAME).exists()
            for name in left:
                (folder / name).touch()
        assert [path.name for path in tmp_path.rglob("*")] == [*(["run"] if left else []), *left]


def test_a_lock_that_was_removed_by_its_holder_while_it_was_opened_is_not_taken_for_held(tmp_path, monkeypatch):
    """Or else two processes would hold the folder, one a file that has no name any more."""
    flock, removed = fcntl.flock, []

    def late(file, how):
        if not removed:
            removed.append((tmp_path / NAME).unlink())
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with locked(tmp_path, print), open(tmp_path / NAME) as other, pytest.raises(BlockingIOError):
        flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch):
    def none(file, how):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", none)
    said = []
    with locked(tmp_path, said.append):
        pass
    assert said == [
        f"{tmp_path}: its file system keeps no locks (Function not implemented); see that nothing else works in it"
    ]
