"""TensorBoard: event files in the run's folder, written by its own package without torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import time
from typing import Any

from redone.files import dumps
from redone.track.news import Entry


def open_run(folder: Path, key: str, name: str, config: Mapping[str, Any]) -> "Events":
    new = not any(folder.glob("events.*"))
    events = Events(folder)
    if new:
        events.send([Entry("", "run", 0, {}, {"configuration": f"```\n{dumps(config, indent=2)}\n```"})])
    return events


class Events:
    def __init__(self, folder: Path) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self.writer = EventFileWriter(str(folder))

    def send(self, entries: Sequence[Entry]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb
        from tensorboard.plugins.text.summary_v2 import text_pb

        for entry in entries:
            for what, value in entry.values.items():
                made = scalar_pb(f"{entry.group}/{what}", value)
                self.writer.add_event(Event(wall_time=time(), step=entry.step, summary=made))
            for what, text in entry.texts.items():
                made = text_pb(f"{entry.group}/{what}", text)
                self.writer.add_event(Event(wall_time=time(), step=entry.step, summary=made))
        self.writer.flush()

    def close(self) -> None:
        self.writer.close()
