"""A stage's folder: metrics.jsonl, rollouts.jsonl.gz, checkpoints/, model/, and DONE, written last.

A checkpoint holds the sizes that the two growing files had when it was made; going on from it cuts them back to
those, so that an interrupted run leaves the same files as an uninterrupted one.
"""

import gzip
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from redone.files import read_jsonl, write_json


class Store:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.growing = (folder / "metrics.jsonl", folder / "rollouts.jsonl.gz")
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def done(self) -> bool:
        return (self.folder / "DONE").exists()

    def append(self, metrics: Mapping[str, Any], rollouts: Iterable[Mapping[str, Any]] = ()) -> None:
        with self.growing[0].open("a", encoding="utf-8") as file:
            file.write(json.dumps(metrics, allow_nan=False) + "\n")
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rollouts)
        if text:
            with self.growing[1].open("ab") as packed:  # gzip members follow one another
                packed.write(gzip.compress(text.encode(), 6, mtime=0))

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl; none where there is no such file."""
        return list(read_jsonl(self.growing[0])) if self.growing[0].exists() else []

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Keep the state after `step` steps; the one before stays until this one is whole."""
        sizes = {path.name: path.stat().st_size if path.exists() else 0 for path in self.growing}
        folder = self.folder / "checkpoints"
        folder.mkdir(exist_ok=True)
        path = folder / f"step-{step:06}.pt"
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            torch.save({**state, "step": step, "sizes": sizes}, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        for older in folder.iterdir():
            if older != path:
                older.unlink()

    def resume(self) -> dict[str, Any] | None:
        """The newest checkpoint, the growing files cut back to it; None, and the files emptied, where there is none.

        Its tensors stay in the file until they are read: copy what is to live longer than the file."""
        paths = sorted((self.folder / "checkpoints").glob("step-*.pt"))
        state = torch.load(paths[-1], weights_only=True, map_location="cpu", mmap=True) if paths else None
        for path in self.growing:
            if path.exists():
                os.truncate(path, state["sizes"][path.name] if state else 0)
        return state

    def finish(self, seconds: float) -> None:
        """Mark the stage as done; its checkpoints are no longer needed."""
        write_json(self.folder / "DONE", {"seconds": round(seconds, 3)})
        for path in sorted((self.folder / "checkpoints").glob("*")):
            path.unlink()
        if (self.folder / "checkpoints").exists():
            (self.folder / "checkpoints").rmdir()

    @property
    def seconds(self) -> float:
        return float(json.loads((self.folder / "DONE").read_text())["seconds"])
