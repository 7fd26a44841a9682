"""The stages of a run, from its configuration or its folder, and the models that they leave."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from redone.config import RunConfig
from redone.files import read_object
from redone.model.places import Place, model_path

BASE = "base"  # the name of the model that a run begins with, among those of its stages
Kind = Literal["reinforce", "teach"]


@dataclass(frozen=True)
class Stage:
    """A step of the method: what it does, where it starts, and its table of the configuration."""

    name: str
    kind: Kind
    start: str  # BASE, or an earlier stage
    settings: Any  # redone.config's Reinforce or Teach; of a run's folder their JSON


def stages_of(config: Mapping[str, Any]) -> list[Stage]:
    """The stages of a resolved configuration, in order."""
    return [Stage(name, config[name]["kind"], config[name]["start"], config[name]) for name in config["stages"]]


def depends_on(config: RunConfig, model: str) -> dict[str, Any]:
    """All that a model of a run and what is measured of it depend on, as JSON: the seed, the settings that all stages
    share, and the tables of its stage and of those that it comes from."""
    tree = config.model_dump(mode="json")
    line = []
    while model != BASE:
        line.append(model)
        model = tree[model]["start"]
    found = {key: tree[key] for key in RunConfig.model_fields if key not in ("name", "stages", "track")}
    if not any(tree[name].get("choose") == "findings" for name in line):
        del found["diagnose"]
    if config.data.too_long == "drop":  # what is too long depends on all stages
        found["overlong_zone"] = config.overlong_zone
        found["turns"] = any(tree[name].get("turns") == "all" for name in config.stages)
    return found | {name: tree[name] for name in reversed(line)}


def stages_in(run: Path) -> list[Stage]:
    """The stages of a run's folder. Raises ValueError where its config.json cannot be read."""
    return stages_of(_config(run))


def model_place(name: str) -> Place:
    """Where the model is that a folder, a hub id, a run, or a stage of a run names.

    A run's is that of its last stage that has one; a stage's is its finished model, or else its newest checkpoint.
    Raises ValueError where there is none.
    """
    path = Path(name).expanduser()
    if (path / "manifest.json").is_file():  # a run
        for stage in reversed(stages_in(path)):
            if (place := _place(path / stage.name)) is not None:
                return place
        raise ValueError(f"{name}: this run has no model yet; its base is {base_of(path)}")
    run = path.parent
    if (run / "manifest.json").is_file() and path.name in [stage.name for stage in stages_in(run)]:
        if (place := _place(path)) is None:
            raise ValueError(f"{name}: this stage has no model and no checkpoint yet")
        return place
    return Place(model_path(name))


def _place(folder: Path) -> Place | None:
    if (folder / "DONE").is_file():
        return Place(model_path(str(folder / "model")))
    from redone.run.store import newest_whole

    if (checkpoint := newest_whole(folder)) is None:
        return None
    lora = _config(folder.parent).get("lora")
    adapter = {key: lora[key] for key in ("rank", "alpha", "targets")} if lora else None
    whole = lora is not None and not lora["each_stage"]
    return Place(_start(folder, whole), checkpoint, adapter)


def _start(folder: Path, whole: bool) -> Path:
    """The folder of the model whose weights a stage's checkpoints change, or stand beside: the one that it starts from,
    or the run's base where one adapter holds the `whole` way from there."""
    run = folder.parent
    start = next(stage.start for stage in stages_in(run) if stage.name == folder.name)
    return model_path(base_of(run) if whole or start == BASE else str(run / start / "model"))


def base_of(run: Path) -> str:
    """What the run began with."""
    return _config(run)["model"]["path"]


def _config(run: Path) -> dict[str, Any]:
    path = run / "config.json"
    try:
        config = read_object(path)
        config["model"]["path"], config["stages"]
        return config
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: cannot be read, so the run's stages and base are not known ({error!r})") from None
