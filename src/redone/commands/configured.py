"""A configuration as it is given to a command: files, and what is laid on top of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redone.config import RunConfig


@dataclass(frozen=True)
class Configured:
    configs: tuple[Path, ...] = ()
    model: str | None = None
    data: str | None = None
    seed: int | None = None
    sets: tuple[str, ...] = ()
    made: RunConfig | None = None  # one that is there already, rather than files

    def resolve(self) -> RunConfig:
        if self.made is not None:
            return self.made
        from redone.config import load_config

        sets = list(self.sets)
        for key, value in (("model.path", self.model), ("data.root", self.data)):
            if value is not None:
                sets.append(f"{key}={json.dumps(value)}")
        if self.seed is not None:
            sets.append(f"seed={self.seed}")
        return load_config(self.configs, sets)
