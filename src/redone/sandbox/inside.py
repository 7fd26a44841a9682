"""The process that starts isolated ones, as a program of its own, and what each of those is before it runs its role.

    host ── launcher ── starter ── (keeper) ── first ── role
            │           │                      │        └ the only one that sees code: no privilege, filtered, bounded
            │           │                      └ process 1 of its own pid namespace: ends it all at the wall time
            │           └ process 1 in its own namespaces of all seven kinds; forks on request
            └ ends when the host ends, and all below with it

The starter has imported what programs need and has run none of them, so a fork of it is a fresh interpreter that costs
milliseconds. It is given descriptors and bounds; what is to be run it never reads.
"""

import contextlib
import ctypes
import fcntl
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from redone.sandbox import kernel, roles, seccomp, values

# What programs import most often, and the standard library's modules that need a shared library of the host: the
# libraries themselves lie outside the isolation.
PRELOADED = """
array ast base64 bisect bz2 cmath collections copy ctypes datetime decimal enum fractions functools hashlib heapq io
itertools json lzma math operator queue random re statistics string struct textwrap threading time traceback typing
unicodedata uuid zlib
""".split()
LONGEST_REQUEST = 4096
TICK = 0.25  # seconds of one wait
FIRST_SPARE, MOST_DESCRIPTORS = 32, 4096  # of descriptors: above those a role has, and above any the starter has
WORK, HOST_WORK = "/sandbox", "/tmp"  # the private folder, and where it lies in a tree that is still the host's


def main(descriptor: int) -> None:
    """Isolate this process as the first message on this socket asks, and start processes until it closes.

    The message is a JSON object: host (pid of the process whose end is ours), user (id to become, or null), library
    (folder of the standard library) and without (protections to leave out). What the kernel refuses is answered with
    {"failed": what}, and this process ends.
    """
    control = socket.socket(fileno=descriptor)
    setup = json.loads(control.recv(LONGEST_REQUEST))
    host = os.pidfd_open(os.getppid())
    if os.getppid() != setup["host"]:
        return  # it ended while we started
    _preload()
    try:
        before = _namespaces()
        if os.geteuid() == 0:
            os.setgroups([])
        kernel.unshare(name for name in kernel.NAMESPACES if name not in setup["without"])
        control.send(b"{}")
        control.recv(LONGEST_REQUEST)  # the host has mapped our users
        starter = os.fork()
        if starter:
            _end_with(host, starter, control)
        os.close(host)
        entered = sorted(name for name, place in _namespaces().items() if place != before[name])
        landlock = _isolate(setup, entered)
    except OSError as error:
        control.send(json.dumps({"failed": str(error)}).encode())
        os._exit(1)
    control.send(json.dumps({"entered": entered, "landlock": landlock}).encode())
    work = HOST_WORK if "root" in setup["without"] else WORK
    _serve(control, {**setup, "landlock": landlock, "work": work, "filter": seccomp.program(os.uname().machine)})


def _preload() -> None:
    for name in PRELOADED:
        with contextlib.suppress(ImportError):  # not every Python is built with all of them
            importlib.import_module(name)
    with contextlib.suppress(OSError):
        ctypes.CDLL("libgcc_s.so.1")  # glibc loads it when a thread ends


def _namespaces() -> dict[str, str]:
    links = {name: "pid_for_children" if name == "pid" else name for name in kernel.NAMESPACES}
    return {name: os.readlink(f"/proc/self/ns/{link}") for name, link in links.items()}


def _end_with(host: int, starter: int, control: socket.socket) -> None:
    os.close(control.detach())
    select.select([host, os.pidfd_open(starter)], [], [])
    os._exit(0)


def _isolate(setup: Mapping[str, Any], entered: Sequence[str]) -> int:
    """Leave the host's files, user and environment; returns the version of Landlock."""
    if "root" not in setup["without"]:
        _leave_the_host(setup["library"])
    if setup["user"] is not None and "unprivileged" not in setup["without"]:
        kernel.become(setup["user"])
    kernel.die_with_parent()  # after the change of user, which forgets it
    if "uts" in entered:
        kernel.set_host_name("sandbox")
    os.environ.clear()
    sys.orig_argv, sys.argv = [], []  # they name folders of the host
    return 0 if "landlock" in setup["without"] else kernel.landlock_version()


def _leave_the_host(library: str) -> None:
    """Make an empty tree with the standard library the root, all of it read-only."""
    source = os.path.realpath(library)
    kernel.mount("none", "/", None, kernel.PRIVATE | kernel.RECURSIVE)
    kernel.mount("tmpfs", "/tmp", "tmpfs", kernel.NOSUID | kernel.NODEV, "mode=755,size=64k,nr_inodes=64")
    os.mkdir("/tmp/host")
    kernel.change_root("/tmp", "/tmp/host")
    os.makedirs(library)
    os.makedirs(WORK, exist_ok=True)
    kernel.mount(f"/host{source}", library, None, kernel.BIND | kernel.RECURSIVE)
    packages = f"{library}/site-packages"
    if os.path.isdir(packages):
        kernel.mount("tmpfs", packages, "tmpfs", kernel.NOSUID | kernel.NODEV, "mode=755,size=4k,nr_inodes=1")
    kernel.detach("/host")
    os.rmdir("/host")
    kernel.read_only("/")


def _serve(control: socket.socket, setup: Mapping[str, Any]) -> None:
    """Fork for each message: a JSON object of role and bounds, with the descriptors that `_keeper` names."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
    gc.freeze()
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, LONGEST_REQUEST, 8)
        if not message:
            os._exit(0)
        if os.fork() == 0:
            os.close(control.detach())
            _keeper(json.loads(message), descriptors, setup)
        for descriptor in descriptors:
            os.close(descriptor)


def _keeper(request: Mapping[str, Any], descriptors: Sequence[int], setup: Mapping[str, Any]) -> None:
    """Become process 1 of one run's namespaces. The host has the first descriptor's other end: closed, all ends."""
    status = socket.socket(fileno=descriptors[0])
    try:
        kernel.unshare(name for name in ("pid", "mnt") if name not in setup["without"])
        if os.fork():
            os._exit(0)
        options = f"size={request['disk']},nr_inodes={request['files']},mode=700,uid={os.getuid()},gid={os.getgid()}"
        kernel.mount("tmpfs", setup["work"], "tmpfs", kernel.NOSUID | kernel.NODEV | kernel.NOEXEC, options)
        os.chdir(setup["work"])
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        role = os.fork()
        if role == 0:
            _run(status, request, descriptors[1:], setup)
        for descriptor in descriptors[1:]:
            os.close(descriptor)
        _watch(status, role, request["wall"])
    except OSError as error:
        status.send(json.dumps({"failed": str(error)}).encode())
    finally:
        os._exit(1)


def _watch(status: socket.socket, role: int, wall: float) -> None:
    """Tell the host how the role ended; return when it has, when `wall` seconds have passed or the host has closed."""
    ended = os.pidfd_open(role)
    ready = patient(wall, lambda seconds: select.select([status.fileno(), ended], [], [], seconds)[0])
    if ended in ready:
        _, code, usage = os.wait4(role, 0)
        exit_code = os.waitstatus_to_exitcode(code)
        report = {"exit": exit_code, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss * 1024}
    elif not ready:
        report = {"timeout": True}
    else:
        return
    status.send(json.dumps(report).encode())


def patient(wall: float, wait: Callable[[float], list[int]], clock: Callable[[], float] = time.monotonic) -> list[int]:
    """What `wait` gives in so many seconds; nothing where it gives none. A machine that had no time for us, or stood
    still, had none for the program: of what a short wait took too long, only as much again counts."""
    while wall > 0.0:
        began = clock()
        if ready := wait(min(wall, TICK)):
            return ready
        wall -= min(clock() - began, 2 * TICK)
    return []


def _run(
    status: socket.socket, request: Mapping[str, Any], descriptors: Sequence[int], setup: Mapping[str, Any]
) -> None:
    """Confine this process for good, then run its role; the host hears where it could not be confined."""
    status = socket.socket(fileno=fcntl.fcntl(status.detach(), fcntl.F_DUPFD, FIRST_SPARE))
    try:
        payload, own = _take(descriptors, status.fileno())
        _confine(request, setup)
    except BaseException as error:
        status.send(json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode())
        os._exit(1)
    os.close(status.detach())
    try:
        code = roles.ROLES[request["role"]](payload, *own)
    except MemoryError:
        code = roles.OUT_OF_MEMORY
    except BaseException:
        traceback.print_exc()
        code = 1
    with contextlib.suppress(BaseException):
        sys.stdout.flush()
    os._exit(code)


def _take(descriptors: Sequence[int], status: int) -> tuple[Any, Sequence[int]]:
    """The payload, and the role's own descriptors, 3 and up; given are payload, input, output, errors and those.

    Everything else but `status` is closed.
    """
    spare = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, FIRST_SPARE) for descriptor in descriptors]
    payload = values.decode(os.pread(spare[0], os.fstat(spare[0]).st_size, 0))
    for place, descriptor in enumerate(spare[1:]):
        os.dup2(descriptor, place)
    own = range(3, len(spare) - 1)
    os.closerange(own.stop, status)
    os.closerange(status + 1, MOST_DESCRIPTORS)
    roles.open_streams()
    return payload, own


def _confine(request: Mapping[str, Any], setup: Mapping[str, Any]) -> None:
    without = setup["without"]
    limits = {
        resource.RLIMIT_AS: request["memory"],
        resource.RLIMIT_NPROC: request["processes"],
        resource.RLIMIT_FSIZE: request["output"],
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: 64,
    }
    for limit, most in limits.items():
        resource.setrlimit(limit, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (request["cpu"], request["cpu"] + 1))  # a signal, then the end
    kernel.no_core_dump()
    kernel.no_new_privileges()
    if setup["landlock"]:
        kernel.landlock(setup["landlock"], [setup["library"]], [setup["work"]])
    if "capabilities" not in without:
        kernel.drop_capabilities()
    if "seccomp" not in without:
        kernel.filter_system_calls(setup["filter"])
