"""What several commands share of their options, and how an option becomes a value of a frozen type."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


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


def typed() -> str:
    """The command as it was typed."""
    return " ".join(["redone", *sys.argv[1:]])


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value
