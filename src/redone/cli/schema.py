"""`redone schema`: the JSON Schema of a file that a person writes, for the editor in which it is written."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from typing import Any

from redone.cli.options import frozen


@dataclass(frozen=True)
class Options:
    kind: str


def add(commands: Any) -> None:
    schema = commands.add_parser("schema", help="print the JSON Schema of a TOML file, for editors")
    kinds = ["run", "pack", "experiment", "benchmark"]
    schema.add_argument("kind", nargs="?", default="run", choices=kinds, help="what the file is (default: run)")
    schema.set_defaults(command=command)


def command(namespace: argparse.Namespace) -> int:
    options = frozen(Options, namespace)
    from redone.commands.schema import schema

    print(json.dumps(schema(options.kind), indent=2))
    return 0
