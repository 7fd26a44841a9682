"""A pool of isolated processes that runs jobs side by side, each under hard bounds, and always serves the next one."""

import math
import os
import queue
import signal
import socket
import time
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal, assert_never

from redone.sandbox import roles, values
from redone.sandbox.isolate import Broken, Cell, Ended, Limits, Starter, Unavailable
from redone.sandbox.jobs import Asserts, Expression, Job, Pairs, Programs

Kind = Literal["timeout", "memory", "output", "crash", "refused", "protocol", "test", "killed"]
LONGEST_JOB = 8 * 2**20  # bytes of code, tests and inputs
LAST_WORDS = 0.2  # seconds that the code has, once its tests are over, to print what it holds
VERDICT_BYTES = 2048  # of one case; also what a test may print, once for each of its cases and some more


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one job."""

    passed: tuple[bool, ...]  # one a case
    error: Kind | None = None  # what went wrong beyond a wrong answer; see Pool.run
    note: str = ""  # the first thing that went wrong, for people
    stdout: str = ""  # of the code, of the first case that failed or else the last
    stderr: str = ""
    seconds: float = 0.0  # of wall time
    cpu: float = 0.0  # seconds, where the processes lived to say so

    @property
    def all_passed(self) -> bool:
        return bool(self.passed) and all(self.passed)


class Pool:
    """As many isolated starters as workers. A context manager; `run` may be called from many threads.

    Raises Unavailable where isolation cannot be had; nothing then runs. `without` is the Starter's.
    """

    def __init__(self, workers: int, limits: Limits | None = None, without: Collection[str] = ()):
        if workers < 1:
            raise ValueError(f"a pool of {workers} workers")
        self.limits = limits or Limits()
        self._without = without
        self._free: queue.SimpleQueue[Starter | None] = queue.SimpleQueue()
        self._executor = ThreadPoolExecutor(workers, "sandbox")
        self._workers = workers
        self._free.put(Starter(without))
        for _ in range(workers - 1):
            self._free.put(None)  # started when it is needed

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End everything, after the jobs that are running."""
        self._executor.shutdown(cancel_futures=True)
        for _ in range(self._workers):
            starter = self._free.get()
            if starter:
                starter.close()

    def submit(self, job: Job, limits: Limits | None = None) -> "Future[Outcome]":
        return self._executor.submit(self.run, job, limits)

    def map(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """The outcomes in the order of the jobs."""
        return self._executor.map(self.run, jobs)

    def run(self, job: Job, limits: Limits | None = None) -> Outcome:
        """Run one job; limits.wall and limits.cpu bound it as a whole, give or take a second or two for what ends it.

        Errors: "timeout" (wall or CPU), "memory", "output" (more than its bound), "crash" (the code's process ended
        before its time), "protocol" (it gave a value that cannot cross, or at which the tests broke), "refused" (the
        job is too large, or its values are not plain), "test" (the test's own side is broken, whatever the code gives).
        An exception of the code is no error but a failed case. A job whose process somebody killed is run once more; if
        it is killed again, that is "memory". Raises Unavailable where isolation can no longer be had.
        """
        limits = limits or self.limits
        began = time.monotonic()
        if flaw := _flaw(job):
            return Outcome((False,) * _cases(job), "refused", flaw)
        starter, killed = self._free.get(), False
        try:
            for _ in range(3):
                starter = starter or Starter(self._without)
                try:
                    outcome = _run(starter, job, limits)
                except Broken as error:
                    starter.close()
                    starter, reason = None, str(error)
                    if time.monotonic() - began > limits.wall:
                        return Outcome((False,) * _cases(job), "timeout", reason, seconds=time.monotonic() - began)
                    continue
                if outcome.error != "killed" or killed:
                    kind: Kind | None = "memory" if outcome.error == "killed" else outcome.error
                    return replace(outcome, error=kind, seconds=time.monotonic() - began)
                killed, reason = True, outcome.note
            raise Unavailable(f"isolated processes cannot be started: {reason}")
        finally:
            self._free.put(starter)


def _cases(job: Job) -> int:
    match job:
        case Programs() | Expression():
            return len(job.cases)
        case Asserts():
            return len(job.tests)
        case Pairs():
            return len(job.pairs)
    assert_never(job)


def _flaw(job: Job) -> str:
    if not _cases(job):
        return "there is no case"
    try:
        values.encode([getattr(job, name) for name in job.__dataclass_fields__], LONGEST_JOB)
    except values.NotPlain as error:
        return str(error)
    return ""


def _run(starter: Starter, job: Job, limits: Limits) -> Outcome:
    match job:
        case Programs():
            return _run_programs(starter, job, limits)
        case Asserts():
            payload: dict[str, Any] = {"setup": job.setup, "tests": job.tests, "functions": job.functions}
            return _run_tests(starter, ("functions", job.code), ("asserts", payload), len(job.tests), limits)
        case Pairs():
            payload = {"function": job.function, "pairs": job.pairs}
            return _run_tests(starter, ("functions", job.code), ("pairs", payload), len(job.pairs), limits)
        case Expression():
            payload = {"function": "", "pairs": [((dict(names),), value) for names, value in job.cases]}
            return _run_tests(starter, ("expression", job.code), ("pairs", payload), len(job.cases), limits)
    assert_never(job)


def _run_programs(starter: Starter, job: Programs, limits: Limits) -> Outcome:
    deadline = time.monotonic() + limits.wall
    total, shown = Outcome(()), None
    for stdin, wanted in job.cases:
        wall, cpu = deadline - time.monotonic(), limits.cpu - total.cpu
        if wall < 0.01 or cpu <= 0.0:
            spent = f"{limits.wall:g} seconds" if cpu > 0.0 else f"{limits.cpu} seconds of CPU time"
            one = Outcome((False,), "timeout", f"no time was left of {spent}")
        else:
            one = _run_program(starter, job.code, stdin, wanted, replace(limits, wall=wall, cpu=math.ceil(cpu)))
        total = replace(
            total,
            passed=total.passed + one.passed,
            error=total.error or one.error,
            note=total.note or one.note,
            cpu=total.cpu + one.cpu,
        )
        shown = one if shown is None or all(shown.passed) else shown
    assert shown is not None
    return replace(total, stdout=shown.stdout, stderr=shown.stderr)


def _run_program(starter: Starter, code: str, stdin: str, wanted: str, limits: Limits) -> Outcome:
    cell = starter.start("program", code, limits, stdin=stdin.encode("utf-8", "surrogatepass"))
    try:
        ended = cell.wait()
        assert ended is not None
        error = _error(ended, cell, limits)
        stdout, stderr = (output.decode("utf-8", "replace") for output in cell.outputs())
    finally:
        cell.close()
    passed = error is None and ended.exit == 0 and _lines(stdout) == _lines(wanted)
    if passed:
        note = ""
    elif error or ended.exit:
        note = f"{error or f'exit code {ended.exit}'}: {stderr.strip().rpartition(chr(10))[2]:.200}"
    else:
        note = f"printed {stdout!r:.140} where {wanted!r:.140} is wanted"
    return Outcome((passed,), error, note, stdout, stderr, cpu=ended.cpu)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().split("\n")]


def _run_tests(starter: Starter, code: tuple[str, Any], test: tuple[str, Any], cases: int, limits: Limits) -> Outcome:
    """The code's side and the test's side, two isolated processes with one channel between them."""
    one, other = socket.socketpair()
    verdicts = os.memfd_create("verdicts")
    cells: list[Cell] = []
    try:
        with one, other:
            cells.append(starter.start(*code, limits, channel=one))
            tester = replace(limits, wall=limits.wall + 0.5, cpu=limits.cpu + 1, output=VERDICT_BYTES * (cases + 32))
            cells.append(starter.start(*test, tester, channel=other, verdicts=verdicts))
        coder, tested = cells
        judged = tested.wait()
        assert judged is not None
        ended = coder.wait(LAST_WORDS)
        found = _found(os.pread(verdicts, os.fstat(verdicts).st_size, 0))
        error, note = _fault(found, judged, ended, coder, limits)
        stdout, stderr = (output.decode("utf-8", "replace") for output in coder.outputs())
    finally:
        for cell in cells:
            cell.close()
        os.close(verdicts)
    passed = [bool(case[1]) for case in found if case[0] == "case"][:cases]
    passed += [False] * (cases - len(passed))
    return Outcome(tuple(passed), error, note, stdout, stderr, cpu=judged.cpu + (ended.cpu if ended else 0.0))


def _found(data: bytes) -> list[tuple[Any, ...]]:
    """The findings of the test's side, which may have been cut off."""
    found, at = [], 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], "little")
        try:
            found.append(values.decode(data[at + 4 : at + 4 + size]))
        except values.NotPlain:
            break
        at += 4 + size
    return found


def _fault(
    found: list[tuple[Any, ...]], judged: Ended, ended: Ended | None, coder: Cell, limits: Limits
) -> tuple[Kind | None, str]:
    """What went wrong beyond a wrong answer, and the first note."""
    failures = [(case[2], case[3]) for case in found if case[0] == "case" and not case[1]]
    broken = next((case for case in found if case[0] == "broken"), None)
    kinds = {kind for kind, _ in failures} | ({broken[2]} if broken else set())
    note = ": ".join(part for part in (broken[2:] if broken else failures[0] if failures else ()) if part)
    if broken and broken[1] == "test":
        return "test", note
    if broken and broken[2] == "crash":  # the code's side is gone: why?
        return (_error(ended, coder, limits) if ended else None) or "crash", note
    if "protocol" in kinds or "Uncrossable" in kinds:
        return "protocol", note
    if "MemoryError" in kinds:
        return "memory", note
    if judged.timeout or _spent(judged, limits):
        return "timeout", note or "the test's side ran out of time"
    if judged.exit == -signal.SIGKILL:
        return "killed", note
    if judged.exit and not broken:
        kind: Kind = "protocol" if ("called",) in found else "test"
        return "memory" if judged.exit == roles.OUT_OF_MEMORY else kind, note or f"exit code {judged.exit}"
    return ("output", note) if failures and coder.full() else (None, note)


def _error(ended: Ended, cell: Cell, limits: Limits) -> Kind | None:
    if ended.timeout or _spent(ended, limits):
        return "timeout"
    if cell.full():
        return "output"
    if ended.exit == roles.OUT_OF_MEMORY:
        return "memory"
    if ended.exit == -signal.SIGKILL:  # of itself, of a machine out of memory, or of somebody else
        return "killed"
    return "crash" if ended.exit < 0 else None


def _spent(ended: Ended, limits: Limits) -> bool:
    """Whether its CPU time is over."""
    return ended.exit == -signal.SIGXCPU or (ended.exit == -signal.SIGKILL and ended.cpu >= limits.cpu)
