"""What the arms of an experiment have in common is made once: a model that depends on the same settings in two of them
(`run.stages.depends_on`) is linked from the first run that made it into the others."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from redone.config import RunConfig
from redone.files import as_left, read_object
from redone.run.branch import link, made
from redone.run.stages import BASE, depends_on

Keys = Mapping[str, str]  # model of a run -> all that it depends on


def keys_of(config: RunConfig) -> dict[str, str]:
    return {model: json.dumps([model, depends_on(config, model)]) for model in (BASE, *config.stages)}


def ready(run: str, unfinished: Sequence[str], keys: Mapping[str, Keys], out: Path) -> bool:
    """Whether all that the run has in common with others is made, or is its own to make: the first of the unfinished
    runs that have a model makes it. keys: of every run, by its name."""
    for model, key in keys[run].items():
        having = [name for name, mine in keys.items() if mine.get(model) == key]
        first = next(name for name in unfinished if name in having)
        if first != run and not any(made(out / name, model) for name in having):
            return False
    return True


def link_shared(run: Path, config: RunConfig, others: Mapping[Path, RunConfig]) -> list[str]:
    """Link into the run, which has its config.json, the models that another of the folders has and that are the same
    there; their names. Raises ValueError where the other was made from other data."""
    linked = []
    for model, key in keys_of(config).items():
        having = (one for one, other in others.items() if keys_of(other).get(model) == key and made(one, model))
        if made(run, model) or (source := next(having, None)) is None:
            continue
        if _data(source) != _data(run):
            raise ValueError(
                f"{run} and {source} read other data, so that they cannot share {model}; give another --out"
            )
        link(source, run, model)
        linked.append(model)
    return linked


def _data(run: Path) -> object:
    with as_left(run / "manifest.json", "put it back, or give another --out"):
        return read_object(run / "manifest.json")["data"]
