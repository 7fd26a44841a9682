"""Verdicts from processes that can be killed, so that no answer can hang, crash or starve a run; and the acts between a
reward's two halves: code runs in a sandbox, a judge is asked.

A reward is called with text that a model wrote, and models find what its author did not think of. Every call has a
bound on CPU time and memory; a call that breaks it, or the process, costs its own verdict and nothing else: the verdict
is an "error", which is counted apart and is never a 0. What a process was at when it died is scored once more, alone:
somebody else may have killed it. A search that a reward gave away as one (rewards.outside.Search)
is replied with None instead, so that an answer on which a regex runs away has a verdict. A busy machine costs nothing:
the time on the wall that an answer may take is WALL times its CPU time.
"""

import contextlib
import multiprocessing
import os
import resource
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, NamedTuple

from redone.records import Record, Task, Verdict
from redone.rewards import score
from redone.rewards.outside import Found, Search
from redone.sandbox.isolate import Limits, Unavailable
from redone.sandbox.jobs import Job
from redone.sandbox.pool import Outcome, Pool
from redone.served.judge import Question, Reply
from redone.texts import MOST_NOTED, cut, whole

Score = Callable[[Task, Record, str, bool], Found]
ScoreAll = Callable[[Sequence["Asked"]], list[list[Verdict]]]  # the verdicts on each record's answers, in order
AskJudge = Callable[[Sequence[Question]], Sequence[Reply | ValueError]]

WALL = 10  # seconds on the wall for a second of CPU time: a machine that is ten times as busy is no error
CODE = Limits(cpu=6, wall=6.0 * WALL)  # of the code of one answer, all its cases together
GONE = "the sandbox is gone"  # how the note begins of an answer that nothing isolated can run
MIB = 2**20
_START_SECONDS = 120.0  # a process has to import the rewards first


class Asked(NamedTuple):
    """A record and answers to it, each with whether it was finished (False: the budget cut it off)."""

    record: Record
    answers: Sequence[tuple[str, bool]]


@dataclass
class _Answer:
    """An answer on its way to a verdict, and the replies to its reward's requests so far, by their places."""

    record: Record
    text: str
    finished: bool
    replies: dict[int, Any] = field(default_factory=dict)
    open: Mapping[int, Question] = field(default_factory=dict)  # requests that a judge has to reply to
    lost: bool = False  # a process that scored it died or did not answer, which may have been another's doing
    verdict: Verdict | None = None


class _Open(NamedTuple):
    """There is no verdict before a judge has replied to these."""

    questions: Mapping[int, Question]


class _Doing(NamedTuple):
    """A process is at this search, or at something else (None), which may take so many seconds on the wall."""

    search: int | None
    seconds: float


class _Broken(NamedTuple):
    """A process is of no more use: why, and the signal that ended it."""

    note: str
    signal: int = 0


def failed(note: str) -> Verdict:
    return Verdict(0.0, "error", {}, note)


def in_process(tasks: Mapping[str, Task], score: Score = score, judge: AskJudge | None = None) -> ScoreAll:
    """Scoring without processes and without bounds, for answers that nobody has optimised against a reward. Code runs
    in a sandbox all the same, of the call's own."""

    def score_all(asked: Sequence[Asked]) -> list[list[Verdict]]:
        with _sandbox() as run:

            def perform(place: int, request: Job | Search) -> Any:
                return request.function(*request.arguments) if isinstance(request, Search) else run(request)

            def reach(answers: Sequence[_Answer]) -> None:
                for one in answers:
                    _take(one, _reached(score, tasks, (one.record, one.text, one.finished, one.replies), perform))

            return _verdicts(asked, reach, judge)

    return score_all


def _verdicts(
    asked: Sequence[Asked], reach: Callable[[Sequence[_Answer]], None], judge: AskJudge | None
) -> list[list[Verdict]]:
    """The verdicts that `reach` finds, for some answers only after the judge's replies."""
    groups = [[_Answer(one.record, text, finished) for text, finished in one.answers] for one in asked]
    answers = [one for group in groups for one in group]
    reach(answers)
    waiting = [one for one in answers if one.verdict is None]
    if waiting and judge is None:
        raise ValueError("a task asks a judge; name one: judge.base_url and judge.model in the configuration")
    if waiting and judge is not None:
        replies = iter(judge([question for one in waiting for question in one.open.values()]))
        for one in waiting:
            one.replies.update(zip(one.open, replies))
            refused = [reply for reply in one.replies.values() if isinstance(reply, ValueError)]
            one.verdict = failed(_said(refused[0])) if refused else None
        reach([one for one in waiting if one.verdict is None])
    return [[_there(one.verdict) for one in group] for group in groups]


def _there(verdict: Verdict | None) -> Verdict:
    assert verdict is not None
    return verdict


def _take(answer: _Answer, came: Verdict | _Open) -> None:
    if isinstance(came, _Open):
        answer.open = came.questions
    else:
        answer.verdict = replace(came, note=cut(whole(came.note), MOST_NOTED))


def _reached(
    score: Score,
    tasks: Mapping[str, Task],
    answer: tuple[Record, str, bool, Mapping[int, Any]],
    perform: Callable[[int, Job | Search], Any],
) -> Verdict | _Open:
    """The verdict, with what `perform` gives for every request that has no reply yet and that no judge has to reply
    to."""
    record, text, finished, replies = answer
    try:
        found = score(tasks[record.task], record, text, finished)
        if isinstance(found, Verdict):
            return found
        requests = list(enumerate(found.requests))
        asked = {i: one for i, one in requests if isinstance(one, Question) and i not in replies}
        if asked:
            return _Open(asked)
        done = {i: perform(i, one) for i, one in requests if i not in replies and not isinstance(one, Question)}
        return found.verdict([{**replies, **done}[i] for i, _ in requests])
    except MemoryError:
        return failed("out of memory")
    except Unavailable as error:
        return failed(f"{GONE}: {error}"[:500])
    except Exception as error:  # whatever a reward did not think of is its own error, not the run's end
        return failed(_said(error))


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]


@contextlib.contextmanager
def _sandbox() -> Iterator[Callable[[Job], Outcome]]:
    """What runs a job, in a pool that is started with the first. Raises Unavailable, a ValueError."""
    with contextlib.ExitStack() as stack:
        pool = cache(lambda: stack.enter_context(Pool(1, CODE)))
        yield lambda job: pool().run(job)


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

    seconds: the most CPU time that one answer may take. memory: MiB that a process may allocate. judge: asked here, in
    this process, for tasks that need one. score: a function that can be imported by name.
    """

    def __init__(
        self,
        tasks: Mapping[str, Task],
        *,
        workers: int,
        seconds: float,
        memory: int,
        judge: AskJudge | None = None,
        score: Score = score,
    ) -> None:
        self.seconds, self.count, self.judge = seconds, workers, judge
        self.given = (dict(tasks), seconds, memory, score)
        self.workers: list[_Worker] = []
        self.idle: list[_Worker] = []

    def __call__(self, asked: Sequence[Asked]) -> list[list[Verdict]]:
        """The verdicts on each record's answers, in order, whatever order they were reached in."""
        return _verdicts(asked, self._reach, self.judge)

    def _reach(self, answers: Sequence[_Answer]) -> None:
        waiting, lost = deque(answers), deque[_Answer]()
        busy: dict[Connection, tuple[_Worker, _Answer]] = {}
        while waiting and len(self.idle) < self.count:
            self.idle.append(self._start())
        while waiting or lost or busy:
            if lost and not (waiting or busy):
                waiting.append(lost.popleft())  # alone, so that nothing else can be to blame
            while waiting and self.idle:
                worker, answer = self.idle.pop(), waiting.popleft()
                worker.ask(answer)
                busy[worker.connection] = (worker, answer)
            first = min(worker.deadline for worker, _ in busy.values())
            ready = set(wait(list(busy), max(0.0, first - time.monotonic())))
            now = time.monotonic()
            for connection, (worker, answer) in list(busy.items()):
                came = worker.receive() if connection in ready else worker.late(now)
                if came is None:
                    continue
                if not isinstance(came, _Broken):
                    _take(answer, came)
                else:
                    if came.signal == signal.SIGPROF and worker.search is not None:
                        answer.replies[worker.search] = None  # it took all the time: once more without it
                        waiting.appendleft(answer)
                    elif came.signal != signal.SIGPROF and not answer.lost:
                        answer.lost = True
                        lost.append(answer)
                    else:
                        answer.verdict = failed(came.note)
                    worker = self._replaced(worker)
                del busy[connection]
                self.idle.append(worker)

    def _replaced(self, worker: "_Worker") -> "_Worker":
        worker.kill()
        self.workers.remove(worker)
        return self._start()

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

    def __init__(self, tasks: Mapping[str, Task], seconds: float, memory: int, score: Score) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["redone.run.scoring"])
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, tasks, seconds, memory, score), daemon=True)
        self.process.start()
        theirs.close()
        self.seconds = seconds
        self.search: int | None = None  # which of the reward's requests it is at
        self.allowed = WALL * seconds + _START_SECONDS  # on the wall
        self.deadline = 0.0

    def ask(self, answer: _Answer) -> None:
        self.search = None
        self.deadline = time.monotonic() + self.allowed
        with contextlib.suppress(OSError):  # a dead process is found out by reading
            self.connection.send((answer.record, answer.text, answer.finished, answer.replies))

    def receive(self) -> Verdict | _Open | _Broken | None:
        """What came; None where the process only says what it does now."""
        try:
            came = self.connection.recv()
        except (EOFError, OSError):
            self.process.join(1.0)
            code = self.process.exitcode or 0
            if code == -signal.SIGPROF:
                return _Broken(f"no verdict within {self.seconds:g} s of CPU time", signal.SIGPROF)
            ending = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            return _Broken(f"the scoring process died ({ending})", -min(code, 0))
        if not isinstance(came, _Doing):
            return came  # type: ignore[no-any-return]
        self.search = came.search
        self.allowed = WALL * self.seconds
        self.deadline = time.monotonic() + came.seconds
        return None

    def late(self, now: float) -> _Broken | None:
        return _Broken(f"no verdict within {WALL * self.seconds:g} s") if now >= self.deadline else None

    def kill(self) -> None:
        """End the process, and what it may have started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self.process.pid:
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join()
        self.connection.close()


def _serve(connection: Connection, tasks: Mapping[str, Task], seconds: float, memory: int, score: Score) -> None:
    """Score what comes over the pipe until it closes. SIGPROF ends the process where an answer takes too long."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C is the parent's business
    os.setpgrp()
    resource.setrlimit(resource.RLIMIT_AS, (memory * MIB, memory * MIB))
    with _sandbox() as run:

        def perform(place: int, request: Job | Search) -> Any:
            if isinstance(request, Search):
                connection.send(_Doing(place, WALL * seconds))
                reply = request.function(*request.arguments)
                connection.send(_Doing(None, WALL * seconds))
                return reply
            connection.send(_Doing(None, WALL * seconds + _START_SECONDS + CODE.wall))
            return run(request)

        connection.send(_Doing(None, WALL * seconds))  # it has started: from here on the bound is the answer's alone
        while True:
            try:
                answer = connection.recv()
            except EOFError:
                return
            signal.setitimer(signal.ITIMER_PROF, seconds)
            came = _reached(score, tasks, answer, perform)
            signal.setitimer(signal.ITIMER_PROF, 0.0)
            connection.send(came)
