"""trackio, by its own client, which keeps its runs where TRACKIO_DIR says, or sends them to the server or Space that
TRACKIO_SERVER_URL or TRACKIO_SPACE_ID name.

Beside what is sent here nothing leaves the machine: no numbers of the machine itself.
"""

import io
import os
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from redone.track.news import Entry

PROJECT = "redone"  # unless TRACKIO_PROJECT names another


def open_run(folder: Path, key: str, name: str, config: Mapping[str, Any]) -> "Run":
    return Run(f"{name}-{key}", config)  # it knows runs by their names


class Run:
    """A run there is opened for each part of what is sent, and finished: what it was given is on disk then."""

    def __init__(self, name: str, config: Mapping[str, Any]) -> None:
        self.name, self.config = name, config

    def send(self, entries: Sequence[Entry]) -> None:
        import trackio

        with redirect_stdout(io.StringIO()):  # how to look at it, anew each time
            run = trackio.init(
                project=os.environ.get("TRACKIO_PROJECT") or PROJECT,
                name=self.name,
                config=dict(self.config),
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )
            try:
                for entry in entries:
                    told = {**entry.values, **entry.texts}
                    run.log({f"{entry.group}/{what}": value for what, value in told.items()}, step=entry.step)
                    for what, text in entry.texts.items():
                        trackio.alert(title=f"{entry.group}, step {entry.step}: {what}", text=text)
            finally:
                trackio.finish()

    def close(self) -> None:
        pass
