"""MLflow, by its own client: to the server that MLFLOW_TRACKING_URI names, or into files in the run's folder.

Beside what is sent here nothing leaves the machine: no code, no git, nothing of the machine, no telemetry.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import time
from typing import Any

from redone.files import dumps
from redone.track.news import Entry

EXPERIMENT = "redone"  # unless MLFLOW_EXPERIMENT_NAME names another
_KEY = "redone.key"  # tag by which a run is found again
_AT_ONCE = 1000  # metrics, and
_PARAMETERS = 100  # parameters that a server takes at once
_LONGEST = 5000  # characters of a tag
_SETTING = 500  # and of a parameter


def open_run(folder: Path, key: str, name: str, config: Mapping[str, Any]) -> "Run":
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # it would rather have a database, which its client alone has no driver for
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow.entities import Param
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=os.environ.get("MLFLOW_TRACKING_URI") or (folder / "store").absolute().as_uri())
    called = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
    there = client.get_experiment_by_name(called)
    experiment = there.experiment_id if there else client.create_experiment(called)
    if found := client.search_runs([experiment], filter_string=f"tags.`{_KEY}` = '{key}'"):
        run = found[0].info.run_id
        client.update_run(run, status="RUNNING")
        return Run(client, run)
    run = client.create_run(experiment, run_name=name, tags={_KEY: key}).info.run_id
    settings = [Param(_name(setting), said[:_SETTING]) for setting, said in _flat(config)]
    for at in range(0, len(settings), _PARAMETERS):
        client.log_batch(run, params=settings[at : at + _PARAMETERS])
    return Run(client, run)


class Run:
    """client: of MLflow; run: the id it has there."""

    def __init__(self, client: Any, run: str) -> None:
        self.client, self.run = client, run

    def send(self, entries: Sequence[Entry]) -> None:
        from mlflow.entities import Metric

        now = int(time() * 1000)
        metrics = [
            Metric(_name(f"{entry.group}/{what}"), float(value), now, entry.step)
            for entry in entries
            for what, value in entry.values.items()
        ]
        for at in range(0, len(metrics), _AT_ONCE):
            self.client.log_batch(self.run, metrics=metrics[at : at + _AT_ONCE])
        for entry in entries:
            for what, text in entry.texts.items():
                self.client.set_tag(self.run, _name(f"{entry.group}/{what}/{entry.step}"), text[:_LONGEST])

    def close(self) -> None:
        self.client.set_terminated(self.run)


def _name(text: str) -> str:
    """As MLflow takes names: letters, digits, _ - . / : and spaces."""
    return re.sub(r"[^\w\-./: ]", "_", text)


def _flat(config: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Dotted names of settings, and what they are set to."""
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value if isinstance(value, str) else dumps(value)
