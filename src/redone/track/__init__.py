"""What a run's files say, sent on to trackers of experiments, by a process of its own that the run does not know of.

A tracker is a function in a file of its own: `open_run` gives an object with `send` and `close`.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from redone.track.news import Entry

FOLDER = "track"  # of a run, with a folder for each tracker
TRACKERS = {name: name for name in ("tensorboard", "wandb", "mlflow", "trackio")}  # to the package that it needs


class Tracker(Protocol):
    def send(self, entries: Sequence[Entry]) -> None:
        """Returns once the entries are on disk, or with who looks after them until they have arrived."""

    def close(self) -> None:
        """Returns once everything has arrived."""


# (its folder in the run's, a text that is the run's own, the run's name, its configuration); raises whatever it does
Open = Callable[[Path, str, str, Mapping[str, Any]], Tracker]


def check(names: Sequence[str]) -> None:
    """Raises ValueError where a tracker's package is not installed."""
    for name in names:
        if find_spec(TRACKERS[name]) is None:
            raise ValueError(f"{name} is not installed: pip install 'redone[{name}]', or leave it out of track.to")


def opener(name: str) -> Open:
    found: Open = import_module(f"redone.track.to_{name}").open_run
    return found
