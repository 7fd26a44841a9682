"""The process beside a run that sends its numbers."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from redone.run.log import Log
from redone.track import FOLDER

NICE = 10


def start(run: Path, names: Sequence[str], log: Log) -> subprocess.Popen[bytes] | None:
    """Start what sends the run's numbers, in a session of its own, so that nothing that ends the run ends it, and the
    other way round; None where there is nothing to start, or the machine does not let us."""
    if not names:
        return None
    command = [sys.executable, "-m", "redone.cli", "track", str(run), "--to", *names]
    try:
        (run / FOLDER).mkdir(exist_ok=True)
        with (run / FOLDER / "log.txt").open("ab") as said:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
            )
        os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
    except OSError as error:
        log.line(f"Nothing is sent to {', '.join(names)}: {error}. Later: redone track {run}")
        return None
    log.line(f"Sent to {', '.join(names)} by process {process.pid}; what it says is in {run / FOLDER / 'log.txt'}.")
    return process
