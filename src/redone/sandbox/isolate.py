"""Starts isolated processes on Linux by its own system calls; no other program is needed, and root is not.

It fails closed: where the kernel refuses any part of the isolation, Unavailable says what to allow and nothing runs.
"""

import contextlib
import fcntl
import json
import os
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redone.sandbox import kernel, probe, values

UNPRIVILEGED = 65532  # user and group id that root becomes: RLIMIT_NPROC does not bind root
OTHERS = 8  # processes of the isolation itself that RLIMIT_NPROC counts beside the program's threads
START_SECONDS = 60.0
GRACE = 60.0  # seconds beyond its wall time after which a guard that has not answered is given up
HELP = (
    "the sandbox needs Linux 5.14 or later on x86-64 or 64-bit ARM, and user namespaces: set "
    "kernel.unprivileged_userns_clone=1 (Debian), kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu) or "
    "user.max_user_namespaces above 0 with sysctl; a container needs --security-opt seccomp=unconfined and "
    "--security-opt apparmor=unconfined, or --privileged"
)


class Unavailable(ValueError):
    """The isolation cannot be had here; the message says what was refused and what to allow."""


class Broken(Exception):
    """An isolated process ended without a report: the starter must be replaced."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one isolated process may take; a test has two of them."""

    wall: float = 20.0  # seconds; what ends a program that sleeps. Those in which the machine stands still are none
    cpu: int = 10  # seconds, of all its threads together; what ends one that works, however busy the machine is
    memory: int = 512 * 2**20  # bytes of address space, the interpreter's 60 MB included
    threads: int = 16  # at the same time, give or take a few; there are no further processes
    output: int = 2**20  # bytes of standard output, of standard error, and of any one file
    disk: int = 8 * 2**20  # bytes of files in the private folder

    def __post_init__(self) -> None:
        for name, least in (("wall", 0.01), ("cpu", 1), ("memory", 2**26), ("threads", 1), ("output", 1), ("disk", 1)):
            if not getattr(self, name) >= least:
                raise ValueError(f"limit {name} of the sandbox is {getattr(self, name)}; at least {least} is needed")


@dataclass(frozen=True, slots=True)
class Protection:
    """One layer of the isolation as it was found from inside."""

    name: str
    active: bool
    needed: bool  # nothing runs without it
    detail: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How an isolated process ended."""

    timeout: bool = False  # at the wall time
    exit: int = 0  # its code, or minus the signal
    cpu: float = 0.0  # seconds
    memory: int = 0  # bytes resident at most


class Starter:
    """One process inside the isolation that starts others. Not for several threads at once.

    `without` names protections to leave out, so that tests can show what each is for: namespaces ("pid", "net", ...),
    "root" (the empty tree), "unprivileged" (no longer root), "landlock", "capabilities", "seccomp". Raises Unavailable.
    """

    def __init__(self, without: Collection[str] = ()):
        if sys.platform != "linux" or os.uname().machine not in kernel.MACHINES:
            raise Unavailable(f"{sys.platform} on {os.uname().machine}: {HELP}")
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(START_SECONDS)
        self._launcher = _launched(theirs)
        theirs.close()
        user = UNPRIVILEGED if os.geteuid() == 0 else None
        library = sysconfig.get_path("stdlib")
        setup = {"host": os.getpid(), "user": user, "library": library, "without": sorted(without)}
        try:
            self._control.send(json.dumps(setup).encode())
            self._heard()
            self._map_users(user)
            self._control.send(b"{}")
            self.report = self._heard()
        except Unavailable:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise Unavailable(f"isolation failed ({error}): {HELP}") from None
        self._control.settimeout(None)

    def _heard(self) -> dict[str, Any]:
        reply = json.loads(self._control.recv(4096) or '{"failed": "its first process ended"}')
        if "failed" in reply:
            raise Unavailable(f"isolation failed ({reply['failed']}): {HELP}")
        return dict(reply)

    def _map_users(self, user: int | None) -> None:
        """The ids that exist inside: our own, and the one that root becomes."""
        folder = Path(f"/proc/{self._launcher.pid}")
        other = "" if user is None else f"{user} {user} 1\n"
        (folder / "setgroups").write_text("deny")
        (folder / "uid_map").write_text(f"{os.geteuid()} {os.geteuid()} 1\n{other}")
        (folder / "gid_map").write_text(f"{os.getegid()} {os.getegid()} 1\n{other}")

    @property
    def pid(self) -> int:
        """Of the process whose end is the end of everything inside."""
        return self._launcher.pid

    def start(
        self,
        role: str,
        payload: Any,
        limits: Limits,
        *,
        stdin: bytes = b"",
        channel: socket.socket | None = None,
        verdicts: int | None = None,
    ) -> "Cell":
        """A process that runs this role of `roles.ROLES` on the payload, a plain value. Raises Broken."""
        request = {
            "role": role,
            "wall": limits.wall,
            "cpu": limits.cpu,
            "memory": limits.memory,
            "processes": limits.threads + OTHERS,
            "output": limits.output,
            "disk": limits.disk,
            "files": max(16, limits.disk // 8192),
        }
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        given = [_sealed(values.encode(payload, 2**30)), _sealed(stdin)]
        outputs = [os.memfd_create(name) for name in ("stdout", "stderr")]
        extra = [*([] if channel is None else [channel.fileno()]), *([] if verdicts is None else [verdicts])]
        try:
            message = json.dumps(request).encode()
            socket.send_fds(self._control, [message], [theirs.fileno(), *given, *outputs, *extra])
        except OSError as error:
            ours.close()
            for output in outputs:
                os.close(output)
            raise Broken(str(error)) from None
        finally:
            theirs.close()
            for descriptor in given:
                os.close(descriptor)
        return Cell(ours, outputs, limits)

    def close(self) -> None:
        """End everything inside at once."""
        self._control.close()
        self._launcher.kill()
        self._launcher.wait()


def unavailable() -> str:
    """Why nothing can be run here, and what to install or allow; nothing where it can."""
    try:
        Starter().close()
    except Unavailable as error:
        return str(error)
    return ""


def protections() -> list[Protection]:
    """Every layer, as a process inside finds it by trying to get past it; Unavailable's reason where there is none."""
    try:
        starter = Starter()
    except Unavailable as error:
        return [Protection("isolation", False, True, str(error))]
    limits = Limits()
    try:
        cell = starter.start("probe", {"host": [__file__, "/etc/passwd", "/proc/self"]}, limits)
        cell.wait()
        found = json.loads(cell.outputs()[0] or b"{}")
        cell.close()
    except Broken as error:
        return [Protection("isolation", False, True, f"a process inside could not be started: {error}")]
    finally:
        starter.close()
    entered, landlock = starter.report["entered"], starter.report["landlock"]
    spaces = [
        Protection(f"{name} namespace", name in entered, True, "entered" if name in entered else "not entered")
        for name in kernel.NAMESPACES
    ]
    tried = [Protection(name, not failure, True, failure or probe.TRIES[name]) for name, failure in found.items()]
    missing = [Protection(name, False, True, "not tried") for name in probe.TRIES if name not in found]
    lock = f"version {landlock}" if landlock else "this kernel has none; the empty root stands alone"
    return [*spaces, *tried, *missing, Protection("Landlock", landlock > 0, False, lock)]


class Cell:
    """One isolated process, as the host sees it."""

    def __init__(self, status: socket.socket, outputs: list[int], limits: Limits):
        self._status, self._outputs, self._limits = status, outputs, limits
        self._deadline = time.monotonic() + limits.wall + GRACE  # process 1 inside keeps to the wall time

    def wait(self, seconds: float | None = None) -> Ended | None:
        """How it ended, or None where that takes over `seconds`. Raises Broken where its guard does not answer."""
        left = self._deadline - time.monotonic()
        self._status.settimeout(max(0.0, min(left, left if seconds is None else seconds)))
        try:
            report = json.loads(self._status.recv(4096) or "{}")
        except (TimeoutError, BlockingIOError):
            if seconds is not None and time.monotonic() < self._deadline:
                return None
            raise Broken("it did not end at its wall time") from None
        except OSError as error:
            raise Broken(str(error)) from None
        if not report or "failed" in report:
            raise Broken(report.get("failed", "it ended without a report"))
        return Ended(**report)

    def full(self) -> bool:
        """Whether an output has reached its bound."""
        return any(os.fstat(output).st_size >= self._limits.output for output in self._outputs)

    def outputs(self) -> tuple[bytes, bytes]:
        """Standard output and standard error so far."""
        out, err = (os.pread(output, os.fstat(output).st_size, 0) for output in self._outputs)
        return out, err

    def close(self) -> None:
        """End the process and all that it has started."""
        with contextlib.suppress(OSError):
            self._status.shutdown(socket.SHUT_RDWR)  # seen even where another process has a copy of this end
        self._status.close()
        for output in self._outputs:
            os.close(output)


def _launched(control: socket.socket) -> "subprocess.Popen[bytes]":
    """A bare interpreter that runs `inside.main` with this socket, and gets nothing else of ours."""
    source = str(Path(__file__).parents[2])
    command = (  # at the end of the path, so that nothing beside the package hides the standard library
        f"import sys; sys.path.append({source!r}); from redone.sandbox import inside; sys.path.pop(); "
        f"inside.main({control.fileno()})"
    )
    return subprocess.Popen(
        [getattr(sys, "_base_executable", sys.executable), *"-s -S -P -B -X utf8 -c".split(), command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[control.fileno()],
        env={"PYTHONHASHSEED": "0"},  # a set is printed in the same order every time
        cwd="/",
        start_new_session=True,  # Ctrl-C is for the host, which then ends this one
    )


def _sealed(data: bytes) -> int:
    """A descriptor of a file in memory with this content for good, at its start."""
    descriptor = os.memfd_create("input", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor
