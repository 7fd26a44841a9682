"""What a finished folder held when it was finished, so that a later change does not go unnoticed."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redone.files import as_left, ends, read_json

_OWN = ("DONE", "checkpoints")  # of a folder that is marked, not what it holds

Marks = Mapping[str, tuple[int, str]]  # path below the folder to size in bytes, and SHA-256 of its ends


def marks(folder: Path) -> Marks:
    """Of every file below the folder."""
    files = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    return {name.as_posix(): _mark(folder / name) for name in files if name.parts[0] not in _OWN}


def gone(folder: Path) -> list[str]:
    """The files that a finished folder no longer has; none where its DONE does not say what it held.

    Raises ValueError naming those that have changed since.
    """
    with as_left(folder / "DONE", f"put it back, or remove {folder}, and whatever was made of it, to do it again"):
        held = dict((read_json(folder / "DONE") or dict[str, Any]()).get("files", {}))
    missing = [name for name in held if not (folder / name).is_file()]
    changed = [name for name, mark in held.items() if name not in missing and list(_mark(folder / name)) != mark]
    if changed:
        raise ValueError(
            f"{folder}: {', '.join(changed)} changed after it was finished. Put the files back, or remove {folder}, "
            "and whatever was made of it, to do it again"
        )
    return missing


def _mark(path: Path) -> tuple[int, str]:
    size, bytes_ = ends(path)
    return size, hashlib.sha256(bytes_).hexdigest()
