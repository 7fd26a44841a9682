"""One process at a time in a folder."""

import fcntl
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = ".lock"


@contextmanager
def locked(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the folder, which is made if it is not there, until the end; one that was made and is empty then is removed.

    The operating system lets go of it when the process ends, however it ends; what the file says is only who it was.
    Where the file system is shared and keeps locks across machines, those are told too (not tested). say: told where it
    keeps none. Raises ValueError naming the process that holds it.
    """
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    while not _same(file := os.open(path, os.O_RDWR | os.O_CREAT, 0o666), path, say):
        os.close(file)  # whoever held it has removed it since
    try:
        os.ftruncate(file, 0)
        os.write(file, json.dumps({"host": socket.gethostname(), "process": os.getpid()}).encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(file)
        if new and not any(folder.iterdir()):
            folder.rmdir()


def _same(file: int, path: Path, say: Callable[[str], None]) -> bool:
    """Take the open file, and see whether it is still the one that the path names."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = _owner(os.read(file, 1000))
        os.close(file)
        raise ValueError(
            f"{path.parent}: {owner} works in it now. Wait until it ends, stop it, or give another --out"
        ) from None
    except OSError as error:
        say(f"{path.parent}: its file system keeps no locks ({error.strerror}); see that nothing else works in it")
    return path.exists() and os.path.samestat(os.fstat(file), path.stat())


def _owner(said: bytes) -> str:
    try:
        owner = json.loads(said)
        return f"process {owner['process']} of {owner['host']}"
    except (ValueError, KeyError, TypeError):  # it has not written it yet
        return "another process"
