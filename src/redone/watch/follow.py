"""Reads a run's files again and again, each line once. Nothing is written or locked, and no file is held open between
two looks: what vanishes, is cut back, is damaged or is just being written is taken as it is found."""

import errno
import json
import os
import socket
import stat
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from redone.files import MOST_LINE, loads, read_json
from redone.mistakes import name_flaw, nearest
from redone.run.lock import NAME as LOCK
from redone.run.stages import BASE, Stage, stages_of
from redone.texts import cut, visible
from redone.watch.seen import (
    MOST_SAID,
    Asked,
    Cell,
    Measured,
    Rollout,
    Seen,
    StageSeen,
    Step,
    cells_of,
    rollout_of,
    step_of,
    table,
)

_BLOCK = 4 << 20  # bytes that are read at once
_TAIL = 64  # bytes before the place that was read to: where they are others, the file is another
_MEMBER = b"\x1f\x8b\x08\0\0\0\0\0"  # how gzip begins what a step appends
_WINDOW = 1 << 20  # bytes of a file's end in which the last step's are looked for first, and
_FURTHEST = 64 << 20  # the most
_ROLLOUTS = 64  # of a step that are read
_LINES = 1 << 24  # bytes of a step's rollouts, unpacked, that are looked at
_SHOWN = 5  # names of runs in a sentence
_DOCUMENTS = ("DONE", "findings.json", "plan.json", "made.json")

Mark = tuple[int, int, int]  # size, time of the last change, inode


def mark(path: Path) -> Mark | None:
    """None where there is no such file, or it is another thing than a file, which might wait when it is opened."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns, found.st_ino) if stat.S_ISREG(found.st_mode) else None


class Tail:
    """The whole lines that a growing file has beyond those that were read before."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.mark: Mark | None = None
        self.offset = 0
        self.end = b""  # the last bytes before the offset

    def read(self, begin: Callable[[], None]) -> Iterator[bytes]:
        """The new lines, in blocks. begin: called before them where the file is not the one that was read before, but
        is gone, cut back or made anew."""
        now = mark(self.path)
        if now == self.mark:
            return
        self.mark = now
        if now is None:
            self._again(begin)
            return
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset - len(self.end))
                if file.read(len(self.end)) != self.end:
                    self._again(begin)
                    file.seek(0)
                while block := file.read(_BLOCK):
                    if not block.endswith(b"\n"):
                        block += file.readline(MOST_LINE)
                    lines = block[: block.rfind(b"\n") + 1]
                    self.offset += len(lines)
                    self.end = (self.end + lines)[-_TAIL:]
                    yield lines
                    if lines != block:  # the last line is being written
                        return
        except OSError:  # it vanished just now
            self.mark = None

    def _again(self, begin: Callable[[], None]) -> None:
        self.offset, self.end = 0, b""
        begin()


class Steps:
    """The lines of a metrics.jsonl, and what they say of each task."""

    def __init__(self, path: Path) -> None:
        self.tail = Tail(path)
        self.lines: list[Step] = []
        self.cells: dict[str, list[Cell]] = {}
        self.damaged = 0
        self.steps: tuple[Step, ...] = ()
        self.tasks: dict[str, tuple[Cell, ...]] = {}

    def look(self) -> None:
        before = self.tail.mark
        for block in self.tail.read(self._begin):
            for line in block.splitlines():
                if line.strip():
                    self._line(line)
        if self.tail.mark != before:
            self.steps, self.tasks = tuple(self.lines), {task: tuple(mine) for task, mine in self.cells.items()}

    def _line(self, line: bytes) -> None:
        try:
            row = table(loads(line.decode()))
        except ValueError:
            row = {}
        if (step := step_of(row)) is None:
            self.damaged += 1
            return
        self.lines.append(step)
        for task, cell in cells_of(row, step.number).items():
            self.cells.setdefault(task, []).append(cell)

    def _begin(self) -> None:
        self.lines, self.cells, self.damaged = [], {}, 0


class Answers:
    """How many lines a file of answers has."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self.tail, self.clock = Tail(path), clock
        self.count = 0
        self.first: tuple[int, float] | None = None  # how many there were when

    def look(self) -> Asked | None:
        for block in self.tail.read(self._begin):
            self.count += block.count(b"\n")
        if self.tail.mark is None:
            return None
        now = self.clock()
        self.first = self.first or (self.count, now)
        more, seconds = self.count - self.first[0], now - self.first[1]
        return Asked(self.count, more / seconds if more > 0 and seconds > 0 else None)

    def _begin(self) -> None:
        self.count, self.first = 0, None


def last_rollouts(path: Path) -> list[Rollout]:
    """Some of the last step's, those that were trained on first; none where there are none to be read."""
    lines = _last_member(path).split(b"\n")[:-1]
    rows = []
    for line in lines[:: max(1, len(lines) // _ROLLOUTS)]:
        try:
            rows.append(rollout_of(table(loads(line.decode()))))
        except ValueError:
            continue
    last = max((row.step for row in rows), default=0)
    return sorted((row for row in rows if row.step == last), key=lambda row: row.advantage is None)


def _last_member(path: Path) -> bytes:
    """What the last gzip member of the file that is whole unpacks to, its beginning at least: a step appends one."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            window = _WINDOW
            while True:
                file.seek(max(0, size - window))
                data = file.read(min(window, size))
                end = len(data)
                while (at := data.rfind(_MEMBER, 0, end)) >= 0:
                    if (text := _unpacked(data[at:])) is not None:
                        return text
                    end = at
                if window >= min(size, _FURTHEST):
                    return b""
                window *= 8
    except OSError:
        return b""


def _unpacked(data: bytes) -> bytes | None:
    """None where the member is not whole yet, or damaged."""
    unpacking = zlib.decompressobj(31)
    try:
        text = unpacking.decompress(data, _LINES)
    except zlib.error:
        return None
    return text if unpacking.eof or unpacking.unconsumed_tail else None


class Follower:
    """The files of one run's folder. clock: monotonic seconds."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder, self.clock = folder, clock
        self.steps: dict[Path, Steps] = {}
        self.answers: dict[Path, Answers] = {}
        self.kept: dict[Path, tuple[Mark, Any]] = {}  # what was made of a whole file
        self.flaws: dict[Path, str] = {}
        self.newest = 0

    def look(self) -> Seen:
        self.newest = 0
        config = table(self._json("config.json"))
        stages = self._stages(config)
        self._of_this_version(results := table(self._json("results.json")))
        process, works = self._process()
        return Seen(
            folder=str(self.folder),
            name=self.folder.resolve().name,
            config=config,
            manifest=table(self._json("manifest.json")),
            stages=tuple(self._stage(stage) for stage in stages),
            measured={model: self._measured(model) for model in (BASE, *(stage.name for stage in stages))},
            results={} if self.folder / "results.json" in self.flaws else results,
            reported=mark(self.folder / "report.html") is not None,
            timings={k: float(v) for k, v in table(self._json("timings.json")).items() if isinstance(v, int | float)},
            process=process,
            works=works,
            written=self.newest / 1e9 or None,
            flaws=tuple(self.flaws.values()),
        )

    def _stages(self, config: Mapping[str, Any]) -> list[Stage]:
        path = self.folder / "config.json"
        if not config:
            return []
        try:
            stages = stages_of(config)
            flaws = [said for stage in stages if (said := name_flaw(stage.name))]
            known = all(s.kind in ("reinforce", "teach") and type(s.start) is str for s in stages)
        except (LookupError, TypeError, AttributeError):
            flaws, known, stages = [], False, []
        if flaws or not known:
            why = flaws[0] if flaws else "its stages are not as this version of redone has them"
            self.flaws[path] = f"{path}: {why}, so that none is shown; look at the run with the version that made it."
            return []
        return stages

    def _of_this_version(self, results: Mapping[str, Any]) -> None:
        path = self.folder / "results.json"
        models = table(results.get("models")).values()
        if any("sns" in table(table(model).get("averages")) for model in models):
            self.flaws[path] = f"{path}: of another version of redone, so its scores are not shown; that version does."

    def _stage(self, stage: Stage) -> StageSeen:
        below = f"{stage.name}/"
        there = self._names(self.folder / stage.name)
        done, findings, plan, made = (self._json(below + one) if one in there else None for one in _DOCUMENTS)
        stopped = sorted(one for one in there if one.startswith("stopped-") and one.endswith(".json"))
        steps = self._steps(self.folder / stage.name / "metrics.jsonl")
        probes = [f"probe/{one}" for one in self._names(self.folder / stage.name / "probe")]
        growing = [one for one in (*there, *probes) if one.endswith(".jsonl") and one != "metrics.jsonl"]
        return StageSeen(
            stage=stage,
            steps=steps.steps,
            tasks=steps.tasks,
            rollouts=self._made(self.folder / stage.name / "rollouts.jsonl.gz", last_rollouts) or (),
            done=table(done) if done is not None else None,
            stopped=table(self._json(below + stopped[-1])) if stopped else None,
            there=frozenset((*there, *probes)),
            asked=self._asked({one: self.folder / stage.name / one for one in growing}),
            findings=findings if isinstance(findings, list) else (),
            plan=table(plan),
            made=table(made),
        )

    def _measured(self, model: str) -> Measured:
        folder = self.folder / "eval" / model
        there = self._names(folder)
        scores = self._json(f"eval/{model}/tasks/scores.json") if "tasks" in there else None
        done = "DONE" in there
        asked = self._asked({one: folder / one / "predictions.jsonl" for one in there if one != "drift" and not done})
        return Measured(done, asked, table(scores))

    def _asked(self, paths: Mapping[str, Path]) -> dict[str, Asked]:
        found = {}
        for name, path in paths.items():
            asked = self.answers.setdefault(path, Answers(path, self.clock)).look()
            self._heard(self.answers[path].tail.mark)
            if asked is not None:
                found[visible(name)] = asked
        return found

    def _steps(self, path: Path) -> Steps:
        mine = self.steps.setdefault(path, Steps(path))
        mine.look()
        self._heard(mine.tail.mark)
        self.flaws.pop(path, None)
        if mine.damaged:
            lines = "line is" if mine.damaged == 1 else "lines are"
            self.flaws[path] = f"{path}: {mine.damaged:,} {lines} damaged and left out."
        return mine

    def _json(self, name: str) -> Any:
        """The value of a file of the folder; None where it is not there, or, which is a flaw, cannot be read."""
        return self._made(self.folder / name, read_json)

    def _made(self, path: Path, make: Callable[[Path], Any]) -> Any:
        """What is made of a whole file, again only where that has changed."""
        now = mark(path)
        self._heard(now)
        if now is None:
            self.kept.pop(path, None)
            self.flaws.pop(path, None)
            return None
        if path not in self.kept or self.kept[path][0] != now:
            self.flaws.pop(path, None)
            try:
                value = make(path)
            except FileNotFoundError:
                return None
            except (ValueError, OSError) as error:
                value = None
                self.flaws[path] = f"{visible(cut(str(error), MOST_SAID))}; what stood there is not shown."
            self.kept[path] = now, value
        return self.kept[path][1]

    def _heard(self, now: Mark | None) -> None:
        self.newest = max(self.newest, now[1] if now else 0)

    @staticmethod
    def _names(folder: Path) -> list[str]:
        try:
            return sorted(os.listdir(folder))
        except OSError:
            return []

    def _process(self) -> tuple[str, bool | None]:
        """Who holds the folder, by what it wrote there, and whether that process is there. The lock is not tried."""
        path = self.folder / LOCK
        try:
            said = json.loads(path.read_bytes() if mark(path) else "")
            host, process = said["host"], said["process"]
            if type(process) is not int or process < 1 or type(host) is not str:
                return "", False
        except (OSError, ValueError, LookupError, TypeError):
            return "", False
        who = f"process {process} of {visible(host)}"
        if host != socket.gethostname():
            return who, None
        try:
            os.kill(process, 0)  # sends nothing
        except OSError as error:
            return who, error.errno == errno.EPERM
        except OverflowError:
            return who, False
        return who, True


def refuse_other(folder: Path) -> None:
    """Raises ValueError where no run lies in the folder, with those that do nearby."""
    if not folder.is_dir():
        near = nearest(folder.name, _runs_in(folder.parent)) or _those_in(folder.parent)
        raise ValueError(f"{folder}: there is no such folder{near}")
    if any((folder / one).exists() for one in ("config.json", LOCK, "manifest.json")):
        return
    if (folder / "settings.json").exists():
        raise ValueError(f"{folder}: an evaluation lies here, no run; `redone report {folder}` shows it")
    inside = next((one for one in folder.parents if (one / "manifest.json").exists()), None)
    near = _those_in(folder) or (f"; it is a part of {inside}" if inside else _those_in(folder.parent))
    raise ValueError(f"{folder}: no run lies here (config.json is missing){near}")


def _runs_in(folder: Path) -> list[str]:
    try:
        found = [one for one in folder.iterdir() if (one / "config.json").is_file()]
        return sorted(one.name for one in found if (one / "manifest.json").is_file())
    except OSError:
        return []


def _those_in(folder: Path) -> str:
    runs = _runs_in(folder)
    more = f" and {len(runs) - _SHOWN} more" if len(runs) > _SHOWN else ""
    return f"; the runs in {folder} are {', '.join(runs[:_SHOWN])}{more}" if runs else ""
