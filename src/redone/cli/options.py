"""What several commands share of their options, and how an option becomes a value of a frozen type."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from redone.config import RunConfig

T = TypeVar("T")


@dataclass(frozen=True)
class Configured:
    """A configuration as the command line gives it: files, and what is laid on top of them."""

    configs: tuple[Path, ...]
    model: str | None = None
    data: str | None = None
    seed: int | None = None
    sets: tuple[str, ...] = ()

    def resolve(self) -> RunConfig:
        from redone.config import load_config

        sets = list(self.sets)
        for key, value in (("model.path", self.model), ("data.root", self.data)):
            if value is not None:
                sets.append(f"{key}={json.dumps(value)}")
        if self.seed is not None:
            sets.append(f"seed={self.seed}")
        return load_config(self.configs, sets)


def add_configured(command: argparse.ArgumentParser, count: str = "+") -> None:
    command.add_argument("configs", nargs=count, type=Path, metavar="CONFIG", help="TOML files, later ones on top")
    command.add_argument("--model", help="Hugging Face folder or hub id of the base model")
    command.add_argument("--data", help="folder that the data files lie in")
    command.add_argument("--seed", type=int)
    add_sets(command)


def add_sets(command: argparse.ArgumentParser) -> None:
    command.add_argument("--set", action="append", default=[], dest="sets", metavar="A.B=V", help="set one key")


def frozen(kind: type[T], options: argparse.Namespace) -> T:
    """The parsed options that a frozen dataclass has fields for; lists become tuples."""
    found = {one.name: getattr(options, one.name) for one in fields(kind) if hasattr(options, one.name)}  # type: ignore[arg-type]
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in found.items()})


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value
