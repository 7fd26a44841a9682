"""The runs of an experiment, each a process of its own: as many at once as there are cores for, and what they share
made by the first that needs it."""

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from redone import cores
from redone.experiment.definition import Job
from redone.experiment.sharing import keys_of, ready
from redone.run.log import Interrupted, Log, clock

_EVERY = 60.0  # seconds between lines about what is under way
_LOOK = 0.2  # seconds between looks at the processes


@dataclass
class _Running:
    process: subprocess.Popen[bytes]
    said: Path
    file: IO[bytes]
    began: float = field(default_factory=time.monotonic)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.file.close()


def at_once(jobs: Sequence[Job]) -> int:
    """How many runs the cores have room for; one where they share a GPU."""
    import torch

    if any(job.config.device != "cpu" for job in jobs) and torch.cuda.is_available():
        return 1
    here = cores.usable()
    return max(1, here // max(job.config.threads or here for job in jobs))


def carry_out(
    jobs: Sequence[Job], out: Path, command: Callable[[Job], list[str]], most: int, log: Log
) -> dict[str, str]:
    """Run the jobs; those that failed, with the sentence that they ended with. command: a job's, which ends when its
    standard input does. Raises Interrupted after ctrl-C, once every run has saved what it has."""
    keys = {job.name: keys_of(job.config) for job in jobs}
    waiting, running, failed = [job.name for job in jobs], dict[str, _Running](), dict[str, str]()
    by_name = {job.name: job for job in jobs}
    spent, done = 0.0, 0
    spoke = time.monotonic()
    stopping = False
    while waiting or running:
        unfinished = [job.name for job in jobs if job.name in waiting or job.name in running]
        for name in list(waiting):
            if len(running) < most and not log.stop and ready(name, unfinished, keys, out):
                waiting.remove(name)
                running[name] = _start(command(by_name[name]), out / "logs" / f"{name}.log")
                log.line(f"{name}: begun, {len(waiting)} wait")
        for name, one in list(running.items()):
            if (code := one.process.poll()) is None:
                continue
            del running[name]
            one.close()
            took = time.monotonic() - one.began
            if code == 0:
                spent, done = spent + took, done + 1
                left = spent / done * (len(waiting) + len(running)) / most
                log.line(f"{name}: done in {clock(took)}, {done} of {len(jobs)}, about {clock(left)} left")
            elif not log.stop:
                failed[name] = _last_line(one.said).removeprefix("redone: ") or f"ended with {code}"
                log.line(f"{name}: failed: {failed[name]}")
        if log.stop:
            if not stopping:
                for one in running.values():
                    one.process.send_signal(signal.SIGINT)
            stopping = True
            if not running:
                raise Interrupted("with what every run has done so far")
        if time.monotonic() - spoke > _EVERY:
            spoke = time.monotonic()
            for name, one in running.items():
                log.line(f"{name}: {_last_line(one.said)}")
        time.sleep(_LOOK)
    return failed


def _start(command: list[str], said: Path) -> _Running:
    """The process, in a session of its own so that ctrl-C reaches it through us alone."""
    said.parent.mkdir(parents=True, exist_ok=True)
    file = said.open("ab")
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=file, stderr=file, start_new_session=True)
    return _Running(process, said, file)


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
