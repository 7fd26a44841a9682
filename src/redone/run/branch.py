"""What one run has made, taken over by another: linked, not made again."""

import os
import shutil
from pathlib import Path

from redone.config import RunConfig, differing, resolved
from redone.files import as_left, read_object, write_json
from redone.run.marks import gone
from redone.run.stages import BASE, depends_on


def made(run: Path, model: str) -> bool:
    """Whether a run has the model, and it is measured."""
    return (run / "eval" / model / "DONE").exists() and (model == BASE or (run / model / "DONE").exists())


def link(source: Path, run: Path, model: str) -> None:
    """The model of one run and what was measured of it, in another run too."""
    if model != BASE:
        _link_folder(source / model, run / model)
    _link_folder(source / "eval" / model, run / "eval" / model)


def take_over(run: Path, config: RunConfig, source: Path, stage: str) -> list[str]:
    """Link into the run, which has begun, the models that stand before the stage in its configuration, as another run
    made them, and write into its manifest.json that it did: `branch`, with `run`, `stage`, and `differing`, a line for
    each of their settings that this run would have had otherwise. The names of the models that were linked now.

    Raises ValueError where the other run has not finished one of them, or its files have changed, or where the run has
    made something of its own already.
    """
    before = (BASE, *config.stages[: config.stages.index(stage)])
    manifest = read_object(run / "manifest.json")
    said = {"run": str(source), "stage": stage, "differing": _differing(source, config, before)}
    if manifest.get("branch", said) != said:
        raise ValueError(f"{run} branches off from {_place(manifest['branch'])}; give another --out")
    if "branch" not in manifest:
        for model in (BASE, *config.stages):
            if (run / "eval" / model).exists() or (run / model).exists():
                raise ValueError(f"{run} has begun with a {model} of its own; give another --out")
        for model in before:
            _whole(source, model)
        write_json(run / "manifest.json", {**manifest, "branch": said})
    missing = [model for model in before if not made(run, model)]
    for model in missing:
        link(source, run, model)
    return missing


def branch_of(run: Path) -> str | None:
    """A sentence where the run's first models are another run's."""
    path = run / "manifest.json"
    if not path.exists() or (branch := read_object(path).get("branch")) is None:
        return None
    with as_left(path, "put it back"):
        other = "; ".join(branch["differing"])
        return f"What stands before {branch['stage']} was made by the run {branch['run']}" + (
            f", with other settings ({other})." if other else ", with the same settings."
        )


def _place(branch: dict[str, str]) -> str:
    return f"{branch['run']}/{branch['stage']}"


def _whole(source: Path, model: str) -> None:
    """Raises ValueError where the model is not finished, or not as it was then."""
    if not made(source, model):
        raise ValueError(f"{source} has not finished {model} and its evaluation, so that nothing can go on from there")
    for folder in (source / "eval" / model, *(() if model == BASE else (source / model,))):
        if missing := gone(folder):
            raise ValueError(f"{folder}: no longer there: {', '.join(missing)}; nothing can go on from there")


def _differing(source: Path, config: RunConfig, models: tuple[str, ...]) -> list[str]:
    """Of what the models depend on, lines 'key: as it was made -> as this run would have made it'."""
    path = source / "config.json"
    other = resolved(read_object(path), str(path))
    if absent := [model for model in models if model != BASE and model not in other.stages]:
        raise ValueError(f"{source} has no stage {absent[0]}, so that nothing can go on from there")
    found = {line for model in models for line in differing(depends_on(other, model), depends_on(config, model))}
    return sorted(found)


def _link_folder(source: Path, target: Path) -> None:
    """The folder appears whole or not at all."""
    part = target.with_name(f"{target.name}.part")
    for old in (part, target):
        shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(source, part, copy_function=_link)
    part.replace(target)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system that has no links, or none from one to another
        shutil.copy2(source, target)
