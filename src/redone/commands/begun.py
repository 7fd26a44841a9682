"""Whether a run's folder may be gone on with: what it was begun with, against what it would go on with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redone.files import as_left, read_object
from redone.run.lock import NAME

if TYPE_CHECKING:
    from redone.config import RunConfig

_BEFORE = (NAME, "manifest.json", "manifest.json.part", "config.json.part")  # there before a run has begun


def same_configuration(out: Path, config: RunConfig) -> list[str]:
    """Lines 'key: old -> new' for what differs from the folder's configuration, of which nothing that has begun there
    depends on. Raises ValueError showing the differing keys on which something does."""
    from redone.config import differing, resolved
    from redone.run.stages import BASE, depends_on

    path = out / "config.json"
    if not path.exists():
        if out.exists() and (not out.is_dir() or any(one.name not in _BEFORE for one in out.iterdir())):
            raise ValueError(f"{out} exists and is not a run's folder; give another --out")
        return []
    with as_left(path, "so the run cannot be matched: put it back, or give another --out"):
        before = resolved(read_object(path), str(path))
    begun = [name for name in before.stages if (out / name).exists()]
    lines = [f"stages: {name} -> None" for name in begun if name not in config.stages]
    for model in (BASE, *(name for name in begun if name in config.stages)):
        lines += differing(depends_on(before, model), depends_on(config, model))
    if lines:
        raise ValueError(
            f"{out} was made with another configuration; give another --out, or remove it. Differing:\n  "
            + "\n  ".join(sorted(set(lines)))
        )
    return differing(before.model_dump(mode="json"), config.model_dump(mode="json"))


def as_begun(out: Path, config: RunConfig) -> RunConfig:
    """The configuration, with "auto" as the dtype that the run was begun in."""
    if config.model.dtype != "auto" or not (begun := begun_with(out)):
        return config
    return config.model_copy(update={"model": config.model.model_copy(update={"dtype": begun["dtype"]})})


def begun_with(out: Path) -> dict[str, Any]:
    """The manifest of a run that has begun; empty where none has, as its configuration is written last."""
    path = out / "manifest.json"
    if not path.exists() or not (out / "config.json").exists():
        return {}
    with as_left(path, "so the run cannot be matched: put it back, or give another --out"):
        begun = read_object(path)
        _ = begun["dtype"], dict(begun["versions"]), [one["sha256"] for one in dict(begun["data"]).values()]
        return begun


def same_inputs(
    out: Path, begun: Mapping[str, Any], now: Mapping[str, Any], otherwise: str = "give another --out"
) -> list[str]:
    """A line for what differs between the manifests of a run as it was begun and as it would go on, where it may:
    versions. Raises ValueError naming what it reads that has changed: records, tasks, the chat template, the weights.

    What the manifest of an older version does not say is not compared. otherwise: what to do where it is meant.
    """
    changed = [name for name, one in now["data"].items() if begun["data"].get(name, {}).get("sha256") != one["sha256"]]
    if changed:
        raise ValueError(
            f"{out} was begun with other data: the records of {', '.join(changed)} have changed since. Put the files "
            f"back, or {otherwise}"
        )
    if tasks := [name for name, mark in now["tasks"].items() if begun.get("tasks", now["tasks"]).get(name) != mark]:
        raise ValueError(
            f"{out} was begun with other tasks: {', '.join(tasks)} changed since, its reward, budget or the like. Put "
            f"the pack back, or {otherwise}"
        )
    before, mark = begun.get("chat_template", now["chat_template"]), now["chat_template"]
    if before != mark:
        raise ValueError(
            f"{out} was begun with another chat template ({before} -> {mark}); put it back into the model's folder, "
            f"manifest.json has its text, or {otherwise}"
        )
    if begun.get("weights", now["weights"]) != now["weights"]:
        raise ValueError(
            f"{out} was begun with other weights: the files of the base model have changed since. Put them back, or "
            f"{otherwise}"
        )
    for kind, whose in (("files", "of the base model"), ("measured", "that models are measured on")):
        known = begun.get(kind, now[kind])
        if changed := [name for name, mark in now[kind].items() if known.get(name, mark) != mark]:
            raise ValueError(
                f"{out} was begun with other files {whose}: {', '.join(changed)} changed since. Put them back, or "
                f"{otherwise}"
            )
    versions = begun["versions"]
    return [f"{name}: {versions[name]} -> {v}" for name, v in now["versions"].items() if versions.get(name, v) != v]


def code_mark() -> str:
    """A fingerprint of this package's own files, which a version number does not tell apart."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for path in sorted(path for kind in ("*.py", "*.toml", "*.jinja") for path in root.rglob(kind)):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]
