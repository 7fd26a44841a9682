"""Verdicts from processes that can be killed, so that no answer can hang, crash or starve a run.

A reward is called with text that a model wrote, and models find what its author did not think of. Every call has a
bound on time and memory; a call that breaks it, or the process, costs its own verdict and nothing else: the verdict is
an "error", which is counted apart and is never a 0.
"""

import contextlib
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import NamedTuple

from redone.records import Record, Task, Verdict
from redone.rewards import score
from redone.served import judge
from redone.served.judge import Endpoint

Score = Callable[[Task, Record, str, bool], Verdict]
ScoreAll = Callable[[Sequence["Asked"]], list[list[Verdict]]]  # the verdicts on each record's answers, in order
MIB = 2**20
_START_SECONDS = 60.0  # a process has to import the rewards first


class Asked(NamedTuple):
    """A record and answers to it, each with whether it was finished (False: the budget cut it off)."""

    record: Record
    answers: Sequence[tuple[str, bool]]


class Wait(NamedTuple):
    """A process asks for this many seconds more, and says what is wrong, if something is."""

    seconds: float
    note: str


def failed(note: str) -> Verdict:
    return Verdict(0.0, "error", {}, note)


def in_process(tasks: Mapping[str, Task], score: Score = score) -> ScoreAll:
    """Scoring without processes and without bounds, for answers that nobody has optimised against a reward."""
    return lambda asked: [list(_verdicts(score, tasks[one.record.task], *one)) for one in asked]


def refuse_errors(judged: Iterable[tuple[str, Sequence[Verdict]]], bound: float) -> None:
    """Raise ValueError where a larger share of the verdicts than `bound` are errors; judged: (task, verdicts) pairs."""
    notes: dict[str, list[str]] = {}
    total = 0
    for task, verdicts in judged:
        total += len(verdicts)
        notes.setdefault(task, []).extend(v.note for v in verdicts if v.reason == "error")
    errors = sum(map(len, notes.values()))
    if errors > bound * total:
        worst = max(notes, key=lambda task: len(notes[task]))
        raise ValueError(
            f"{errors} of {total} answers could not be scored, more than scoring.most_errors = {bound:g} allows; "
            f"{len(notes[worst])} of them in task {worst}, first: {notes[worst][0]}. What was saved before is good: "
            "mend the reward or its bounds ([scoring]), then go on with the same command"
        )


class Scorer:
    """`workers` processes that score answers to the tasks; started at the first call, ended by `close`.

    seconds: the longest that one answer may take. memory: MiB that a process may allocate. court: where a judge is, for
    tasks that ask one. score: a function that can be imported by name.
    """

    def __init__(
        self,
        tasks: Mapping[str, Task],
        *,
        workers: int,
        seconds: float,
        memory: int,
        court: Endpoint | None = None,
        say: Callable[[str], None] = print,
        score: Score = score,
    ) -> None:
        self.seconds, self.count, self.say = seconds, workers, say
        self.given = (dict(tasks), seconds, memory, court, score)
        self.workers: list[_Worker] = []
        self.idle: list[_Worker] = []

    def __call__(self, asked: Sequence[Asked]) -> list[list[Verdict]]:
        """The verdicts on each record's answers, in order, whatever order they were reached in."""
        if not asked:
            return []
        while len(self.idle) < self.count:
            self.idle.append(self._start())
        found: list[list[Verdict]] = [[] for _ in asked]
        waiting = [index for index in reversed(range(len(asked))) if asked[index].answers]
        busy: dict[Connection, tuple[_Worker, int]] = {}
        while waiting or busy:
            while waiting and self.idle:
                worker, index = self.idle.pop(), waiting.pop()
                record, answers = asked[index]
                worker.ask(Asked(record, answers[len(found[index]) :]), self.seconds)
                busy[worker.connection] = (worker, index)
            first = min(worker.deadline for worker, _ in busy.values())
            ready = set(wait(list(busy), max(0.0, first - time.monotonic())))
            now = time.monotonic()
            for connection, (worker, index) in list(busy.items()):
                note = None
                if connection in ready:
                    note = worker.receive(found[index], self.seconds, self.say)
                elif now >= worker.deadline:
                    note = f"no verdict within {self.seconds:g} s"
                if note is not None:  # the process is of no more use; the answers after this one get another
                    found[index].append(failed(note))
                    worker.kill()
                    self.workers.remove(worker)
                    worker = self._start()
                left = len(found[index]) < len(asked[index].answers)
                if note is not None or not left:
                    del busy[connection]
                    self.idle.append(worker)
                    waiting += [index] if left else []
        return found

    def _start(self) -> "_Worker":
        worker = _Worker(*self.given)
        self.workers.append(worker)
        return worker

    def close(self) -> None:
        for worker in self.workers:  # those too that an exception left busy
            worker.kill()
        self.workers, self.idle = [], []

    def __enter__(self) -> "Scorer":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class _Worker:
    """One process and the end of the pipe to it."""

    def __init__(
        self, tasks: Mapping[str, Task], seconds: float, memory: int, court: Endpoint | None, score: Score
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["redone.run.scoring"])
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, tasks, seconds, memory, court, score), daemon=True)
        self.process.start()
        theirs.close()
        self.fresh = True
        self.deadline = 0.0

    def ask(self, asked: Asked, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds + (_START_SECONDS if self.fresh else 0.0)
        self.fresh = False
        with contextlib.suppress(OSError):  # a dead process is found out by reading
            self.connection.send(tuple(asked))

    def receive(self, found: list[Verdict], seconds: float, say: Callable[[str], None]) -> str | None:
        """Take the next verdict, or the wish to wait; what is wrong, if the process did not live to give one."""
        try:
            came = self.connection.recv()
        except (EOFError, OSError):
            self.process.join(1.0)
            return f"the scoring process died ({_ending(self.process.exitcode)})"
        if isinstance(came, Wait):
            self.deadline = time.monotonic() + came.seconds
            if came.note:
                say(came.note)
        else:
            self.deadline = time.monotonic() + seconds
            found.append(came)
        return None

    def kill(self) -> None:
        """End the process, and what it may have started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self.process.pid:
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join()
        self.connection.close()


def _ending(code: int | None) -> str:
    return signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"


def _serve(
    connection: Connection,
    tasks: Mapping[str, Task],
    seconds: float,
    memory: int,
    court: Endpoint | None,
    score: Score,
) -> None:
    """Score what comes over the pipe until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C is the parent's business
    os.setpgrp()
    if court is not None:
        judge.use(court, lambda seconds, note: connection.send(Wait(seconds, note)))
    resource.setrlimit(resource.RLIMIT_AS, (memory * MIB, memory * MIB))
    connection.send(Wait(seconds, ""))  # it has started: from here on the bound is the answer's alone
    while True:
        try:
            record, answers = connection.recv()
        except EOFError:
            return
        for verdict in _verdicts(score, tasks[record.task], record, answers):
            connection.send(verdict)


def _verdicts(score: Score, task: Task, record: Record, answers: Sequence[tuple[str, bool]]) -> Iterator[Verdict]:
    for text, finished in answers:
        try:
            yield score(task, record, text, finished)
        except MemoryError:
            yield failed("out of memory")
        except Exception as error:  # whatever a reward did not think of is its own error, not the run's end
            yield failed(f"{type(error).__name__}: {error}"[:500])
