"""What a process finds that tries to get out: the evidence behind `isolate.protections`."""

import ctypes
import functools
import os
import resource
import socket
import struct
from collections.abc import Callable, Mapping
from typing import Any

TRIES: Mapping[str, str] = {  # name -> what holds
    "unprivileged user": "not root, and root cannot be had",
    "files of the host": "none can be seen",
    "read-only files": "nothing can be written outside the private folder",
    "private folder": "can be written, and holds nothing of others",
    "processes": "only its own can be seen, and no other can be started",
    "sockets": "none can be made",
    "system calls": "ptrace, mount, unshare and bpf are refused",
    "capabilities": "it has none",
    "resource limits": "memory, CPU time, threads, file size, descriptors and core dumps are bounded",
    "environment": "empty, and only its own descriptors are open",
}
_PTRACE, _MOUNT, _UNSHARE, _BPF = {"x86_64": (101, 165, 272, 321)}.get(os.uname().machine, (117, 40, 97, 280))


def found(payload: Mapping[str, Any]) -> dict[str, str]:
    """Name of each of TRIES -> what got through, "" where nothing did."""
    return {name: (lambda failures: "; ".join(f for f in failures if f))(_TRY[name](payload)) for name in TRIES}


def _refused(what: str, action: Callable[[], Any]) -> str:
    try:
        action()
    except (OSError, ValueError):
        return ""
    return f"{what} succeeded"


def _user(_: Mapping[str, Any]) -> list[str]:
    return ["it runs as root" if os.getuid() == 0 else "", _refused("setuid(0)", lambda: os.setuid(0))]


def _files(payload: Mapping[str, Any]) -> list[str]:
    return [f"{path} can be seen" for path in payload["host"] if os.path.lexists(path)]


def _read_only(_: Mapping[str, Any]) -> list[str]:
    paths = ("/file", f"{os.path.dirname(os.__file__)}/file", "/dev/shm/file", "/var/tmp/file")
    return [_refused(f"writing {path}", functools.partial(open, path, "w")) for path in paths]


def _folder(_: Mapping[str, Any]) -> list[str]:
    listed = os.listdir(".")
    with open("file", "w") as file:
        file.write("x")
    os.remove("file")
    return [f"it holds {listed}" if listed else ""]


def _processes(_: Mapping[str, Any]) -> list[str]:
    return [
        f"its own number is {os.getpid()}" if os.getpid() > 2 else "",
        _refused("a signal to a third process", lambda: os.kill(3, 0)),
        _refused("fork", _fork),
        _refused("a program", lambda: os.execv("/bin/sh", ["sh"])),
    ]


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _sockets(_: Mapping[str, Any]) -> list[str]:
    families = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK)
    return [
        _refused(f"a socket of family {int(family)}", functools.partial(socket.socket, family)) for family in families
    ]


def _system_calls(_: Mapping[str, Any]) -> list[str]:
    libc = ctypes.CDLL(None, use_errno=True)
    calls = {
        "ptrace": (_PTRACE, 16, 0),
        "mount": (_MOUNT, 0, 0, 0, 0, 0),
        "unshare": (_UNSHARE, 0),
        "bpf": (_BPF, 0, 0, 0),
    }
    refused = []
    for name, arguments in calls.items():
        result = libc.syscall(*map(ctypes.c_long, arguments))
        refused.append("" if result < 0 and ctypes.get_errno() == 1 else f"{name} was not refused")
    return refused


def _capabilities(_: Mapping[str, Any]) -> list[str]:
    libc = ctypes.CDLL(None)
    data = ctypes.create_string_buffer(24)
    libc.capget(struct.pack("<Ii", 0x20080522, 0), data)
    return ["it has some" if any(data.raw) else ""]


def _limits(_: Mapping[str, Any]) -> list[str]:
    names = ("AS", "CPU", "NPROC", "FSIZE", "NOFILE", "CORE")
    bounds = {name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1] for name in names}
    return [f"RLIMIT_{name} is not set" for name, most in bounds.items() if most == resource.RLIM_INFINITY]


def _environment(_: Mapping[str, Any]) -> list[str]:
    variables = f"it has {len(os.environ)} variables" if os.environ else ""
    return [variables, *(_refused(f"use of descriptor {n}", functools.partial(os.fstat, n)) for n in range(3, 64))]


_TRY: Mapping[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "unprivileged user": _user,
    "files of the host": _files,
    "read-only files": _read_only,
    "private folder": _folder,
    "processes": _processes,
    "sockets": _sockets,
    "system calls": _system_calls,
    "capabilities": _capabilities,
    "resource limits": _limits,
    "environment": _environment,
}
