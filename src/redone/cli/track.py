"""`redone track RUN`: a run's numbers, sent to trackers of experiments, while it goes or afterwards."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redone.cli.options import frozen


@dataclass(frozen=True)
class Options:
    run: Path
    to: tuple[str, ...]
    once: bool


def add(commands: Any) -> None:
    track = commands.add_parser("track", help="send a run's numbers to TensorBoard or Weights & Biases")
    track.add_argument("run", type=Path, metavar="RUN", help="a run's folder")
    track.add_argument("--to", nargs="+", default=[], metavar="NAME", help="trackers; the run's own if not given")
    track.add_argument("--once", action="store_true", help="send what there is and end, while the run goes on")
    track.set_defaults(command=command)


def command(namespace: argparse.Namespace) -> int:
    options = frozen(Options, namespace)
    from redone.mistakes import nearest
    from redone.track import FOLDER, TRACKERS, check, opener
    from redone.watch.follow import refuse_other

    refuse_other(options.run)
    names = tuple(dict.fromkeys(options.to or _own(options.run)))
    if unknown := [name for name in names if name not in TRACKERS]:
        known = ", ".join(TRACKERS)
        raise ValueError(f"--to: there is no tracker {unknown[0]}{nearest(unknown[0], TRACKERS)}; there are {known}")
    check(names)
    from redone.cli.watch import ended_by_signal
    from redone.run.log import Log
    from redone.track.follow import follow

    with ended_by_signal():
        left = follow(options.run, {name: opener(name) for name in names}, Log().line, options.once)
    if left:
        raise ValueError(
            f"{options.run}: {', '.join(left)} did not get everything. Send the rest with: "
            f"redone track {options.run} --to {' '.join(left)}"
        )
    print(f"Sent to {', '.join(names)}; what was sent is noted in {options.run / FOLDER}.")
    return 0


def _own(run: Path) -> list[str]:
    """The trackers of the run's configuration."""
    from redone.files import as_left, read_object

    path = run / "config.json"
    if not path.exists():
        raise ValueError(f"{run}: the run has not begun, so its trackers are not known; give --to NAME")
    with as_left(path, "give --to NAME"):
        found = read_object(path).get("track", {}).get("to", [])
        names = [str(one) for one in found]
    if not names:
        raise ValueError(f"{run}: its configuration names no tracker; give --to NAME")
    return names
