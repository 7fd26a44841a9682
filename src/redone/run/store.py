"""A stage's folder: metrics.jsonl, rollouts.jsonl.gz, checkpoints/, model/, and DONE, written last.

A checkpoint holds what the two growing files were when it was made, size and SHA-256; going on from it cuts them back
to that, so that an interrupted run leaves the same files as an uninterrupted one. Beside it stands its own SHA-256, as
`sha256sum -c` reads it. The two newest are kept: where one is damaged, the one before it is gone on from.
"""

import gzip
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from redone.files import as_left, dumps, read_jsonl, read_object, to_disk, write_bytes, write_json
from redone.run.marks import marks

_BLOCK = 1 << 20  # bytes


class Store:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.growing = (folder / "metrics.jsonl", folder / "rollouts.jsonl.gz")
        self.read = {path: (hashlib.sha256(), 0) for path in self.growing}  # of how many bytes
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def done(self) -> bool:
        return (self.folder / "DONE").exists()

    def append(self, metrics: Mapping[str, Any], rollouts: Iterable[Mapping[str, Any]] = ()) -> None:
        with self.growing[0].open("a", encoding="utf-8") as file:
            file.write(dumps(metrics) + "\n")
        text = "".join(dumps(row) + "\n" for row in rollouts)
        if text:
            with self.growing[1].open("ab") as packed:  # gzip members follow one another
                packed.write(gzip.compress(text.encode(), 6, mtime=0))

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl; none where there is no such file."""
        return list(read_jsonl(self.growing[0])) if self.growing[0].exists() else []

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Keep the state after `step` steps, and the newest before it; those stay until this one is whole."""
        files = {path.name: self._mark(path) for path in self.growing}
        path = self.folder / "checkpoints" / f"step-{step:06}.pt"
        path.parent.mkdir(exist_ok=True)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            try:
                torch.save({**state, "step": step, "files": files}, file)
            except RuntimeError as error:  # torch's own, where the file could not be written
                raise (error.__context__ if isinstance(error.__context__, OSError) else error) from None
        to_disk(part)
        write_bytes(_sum_of(path), f"{_sha256(part)}  {path.name}\n".encode())
        part.replace(path)
        to_disk(path.parent)
        before = [older for older in checkpoints(self.folder) if older < path]
        kept = {one.stem for one in (*before[-1:], path)}
        for other in sorted(path.parent.iterdir()):
            if other.stem not in kept:
                other.unlink()

    def resume(self, say: Callable[[str], None] = lambda flaw: None) -> dict[str, Any] | None:
        """The newest checkpoint that is whole, the growing files cut back to it; None, and the files emptied, where
        there is none at all. Its tensors stay in the file until they are read: copy what is to live longer than that.

        say: told of newer checkpoints that are damaged. Raises ValueError where no checkpoint can be gone on from.
        """
        flaws: list[str] = []
        for path in reversed(checkpoints(self.folder)):
            if not (flaw := damage(path)):
                state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu", mmap=True)
                if not (flaw := self._cut_back(state["files"])):
                    for said in flaws:
                        say(f"{said}; going on from the checkpoint before it")
                    return state
            flaws.append(flaw)
        if flaws:
            raise ValueError(
                f"{'; '.join(dict.fromkeys(flaws))}. Put back what is missing, or remove {self.folder}: the stage "
                "then begins again"
            )
        self._cut_back({path.name: {"size": 0, "sha256": hashlib.sha256().hexdigest()} for path in self.growing})
        return None

    def finish(self, seconds: float) -> None:
        """Mark the stage as done, and what it leaves; its checkpoints are no longer needed."""
        to_disk(self.folder, whole=True)
        write_json(self.folder / "DONE", {"seconds": round(seconds, 3), "files": marks(self.folder)})
        self.tidy()

    def tidy(self) -> None:
        """Remove the checkpoints of a stage that is done."""
        for path in sorted((self.folder / "checkpoints").glob("*")):
            path.unlink()
        if (self.folder / "checkpoints").exists():
            (self.folder / "checkpoints").rmdir()

    @property
    def seconds(self) -> float:
        with as_left(self.folder / "DONE", f"put it back, or remove {self.folder} to do it again"):
            return float(read_object(self.folder / "DONE")["seconds"])

    def _mark(self, path: Path) -> dict[str, Any]:
        """Size and SHA-256 of a growing file, of which only what is new is read; it is on the disk then."""
        digest, size = self.read[path]
        if path.exists():
            to_disk(path)
            with path.open("rb") as file:
                file.seek(size)
                while block := file.read(_BLOCK):
                    digest.update(block)
                    size += len(block)
        self.read[path] = digest, size
        return {"size": size, "sha256": digest.hexdigest()}

    def _cut_back(self, files: Mapping[str, Mapping[str, Any]]) -> str:
        """Cut the growing files back to these marks; or what is not as they say, and nothing is changed."""
        for path in self.growing:
            mark = files[path.name]
            digest, left = hashlib.sha256(), mark["size"]
            if path.exists():
                with path.open("rb") as file:
                    while left and (block := file.read(min(left, _BLOCK))):
                        digest.update(block)
                        left -= len(block)
            if left:
                return f"{path}: {left:,} bytes are missing that a checkpoint says were there"
            if digest.hexdigest() != mark["sha256"]:
                return f"{path}: it was changed since a checkpoint was made"
            self.read[path] = digest, mark["size"]
        for path in self.growing:
            if path.exists():
                os.truncate(path, files[path.name]["size"])
        return ""


def checkpoints(stage: Path) -> list[Path]:
    """A stage's checkpoints, the newest last."""
    return sorted((stage / "checkpoints").glob("step-*.pt"))


def newest_whole(stage: Path) -> Path | None:
    """The newest checkpoint of a stage that is not damaged."""
    return next((path for path in reversed(checkpoints(stage)) if not damage(path)), None)


def damage(checkpoint: Path) -> str:
    """What is wrong with a checkpoint's file; "" where it is as it was written."""
    try:
        said = _sum_of(checkpoint).read_text(encoding="utf-8").partition(" ")[0]
    except (OSError, ValueError):
        return f"{checkpoint}: without its {_sum_of(checkpoint).name}"
    return "" if _sha256(checkpoint) == said else f"{checkpoint}: damaged, its SHA-256 is not {said:.12}…"


def _sum_of(checkpoint: Path) -> Path:
    return checkpoint.with_suffix(".sha256")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
