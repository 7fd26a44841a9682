"""Weights & Biases, by its own client, which reads its key, its project and whether it is offline from the environment.

Beside what is sent here nothing leaves the machine: no code, no git, no output, nothing of the machine itself.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from redone.track.news import Entry

PROJECT = "redone"  # unless WANDB_PROJECT names another


def open_run(folder: Path, key: str, name: str, config: Mapping[str, Any]) -> "Run":
    import wandb

    quiet = wandb.Settings(
        silent=True,
        console="off",
        disable_git=True,
        disable_code=True,
        disable_job_creation=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
    )
    project = os.environ.get("WANDB_PROJECT") or PROJECT
    return Run(
        wandb.init(
            project=project,
            id=key,
            name=name,
            config=dict(config),
            dir=folder,
            resume="allow",
            reinit="create_new",
            settings=quiet,
        )
    )


class Run:
    """run: what wandb.init returns."""

    def __init__(self, run: Any) -> None:
        self.run = run
        self.groups: set[str] = set()

    def send(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            axis = f"{entry.group}/step"
            if entry.group not in self.groups:
                self.run.define_metric(axis, hidden=True)
                self.run.define_metric(f"{entry.group}/*", step_metric=axis)
                self.groups.add(entry.group)
            told = {**entry.values, **entry.texts}
            self.run.log({axis: entry.step, **{f"{entry.group}/{what}": value for what, value in told.items()}})
            for what, text in entry.texts.items():
                self.run.alert(title=f"{entry.group}, step {entry.step}: {what}", text=text, level="WARN")

    def close(self) -> None:
        self.run.finish()
