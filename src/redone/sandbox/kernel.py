"""The Linux system calls that isolate a process and that Python 3.11 does not offer, by ctypes.

Each raises OSError with the call's name where the kernel refuses. Numbers and structures are those of the kernel's
headers for x86-64 and 64-bit ARM; other machines are refused before anything is tried.
"""

import ctypes
import os
import struct
from collections.abc import Iterable, Mapping

MACHINES = ("x86_64", "aarch64")
NAMESPACES: Mapping[str, int] = {  # name in /proc/PID/ns -> flag of unshare
    "user": 0x10000000,
    "mnt": 0x00020000,
    "pid": 0x20000000,
    "net": 0x40000000,
    "ipc": 0x08000000,
    "uts": 0x04000000,
    "cgroup": 0x02000000,
}
NOSUID, NODEV, NOEXEC, BIND, RECURSIVE, PRIVATE = 0x2, 0x4, 0x8, 0x1000, 0x4000, 0x40000

_libc = ctypes.CDLL(None, use_errno=True)
_SET_PARENT_DEATH_SIGNAL, _SET_DUMPABLE, _SET_KEEP_CAPABILITIES, _DROP_BOUNDING = 1, 4, 8, 24
_SET_NO_NEW_PRIVILEGES, _AMBIENT, _AMBIENT_CLEAR = 38, 47, 4
_DETACH = 2
_AT_RECURSIVE = 0x8000
_CAPABILITY_VERSION_3 = 0x20080522
_NUMBERS: Mapping[str, tuple[int, int]] = {  # (x86-64, 64-bit ARM)
    "pivot_root": (155, 41),
    "capset": (126, 91),
    "seccomp": (317, 277),
    "mount_setattr": (442, 442),
    "landlock_create_ruleset": (444, 444),
    "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
}
_READ, _WRITE = 0b1100, (1 << 15) - 1 - 0b1  # Landlock: read a file, list a folder; all of its fifteen but to execute


def _checked(name: str, result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def _system_call(name: str, *arguments: object) -> int:
    number = _NUMBERS[name][MACHINES.index(os.uname().machine)]
    wide = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return _checked(name, _libc.syscall(ctypes.c_long(number), *wide))


def _prctl(name: str, *arguments: int) -> int:
    wide = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:5]]
    return _checked(name, _libc.prctl(*wide))


def unshare(names: Iterable[str]) -> None:
    """Enter new namespaces of these kinds; a pid namespace takes effect for children."""
    flags = sum(NAMESPACES[name] for name in names)
    if flags:
        _checked("unshare", _libc.unshare(flags))


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    arguments = [os.fsencode(source), os.fsencode(target), kind and kind.encode(), ctypes.c_ulong(flags), data.encode()]
    _checked(f"mount {target}", _libc.mount(*arguments))


def read_only(path: str) -> None:
    """Make a mount and those below it read-only, without set-user-id programs and device files. Linux 5.12."""
    attributes = struct.pack("<QQQQ", 0x1 | 0x2 | 0x4, 0, 0, 0)
    _system_call("mount_setattr", -100, os.fsencode(path), _AT_RECURSIVE, attributes, len(attributes))


def change_root(new: str, old: str) -> None:
    """Make the mount `new` the root; the old tree appears at `old`, a folder of it."""
    _system_call("pivot_root", os.fsencode(new), os.fsencode(old))
    os.chdir("/")


def detach(path: str) -> None:
    _checked("umount2", _libc.umount2(os.fsencode(path), _DETACH))


def set_host_name(name: str) -> None:
    _checked("sethostname", _libc.sethostname(name.encode(), ctypes.c_size_t(len(name))))


def become(user: int) -> None:
    """Take this user and group id, keeping the capabilities."""
    _prctl("PR_SET_KEEPCAPS", _SET_KEEP_CAPABILITIES, 1)
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    _set_capabilities((1 << 38) - 1)


def drop_capabilities() -> None:
    """Give up every capability, and that of ever having one again."""
    for capability in range(64):
        try:
            _prctl("PR_CAPBSET_DROP", _DROP_BOUNDING, capability)
        except OSError:  # beyond the last that this kernel knows
            break
    _prctl("PR_CAP_AMBIENT_CLEAR_ALL", _AMBIENT, _AMBIENT_CLEAR)
    _set_capabilities(0)


def _set_capabilities(mask: int) -> None:
    low, high = mask & 0xFFFFFFFF, mask >> 32
    header = struct.pack("<Ii", _CAPABILITY_VERSION_3, 0)
    _system_call("capset", header, struct.pack("<6I", low, low, 0, high, high, 0))


def die_with_parent() -> None:
    _prctl("PR_SET_PDEATHSIG", _SET_PARENT_DEATH_SIGNAL, 9)


def no_core_dump() -> None:
    """Not even one that the host pipes to a program, which RLIMIT_CORE does not stop."""
    _prctl("PR_SET_DUMPABLE", _SET_DUMPABLE, 0)


def no_new_privileges() -> None:
    _prctl("PR_SET_NO_NEW_PRIVS", _SET_NO_NEW_PRIVILEGES, 1)


def filter_system_calls(program: bytes) -> None:
    """Install a seccomp filter for good. Needs no_new_privileges."""
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    _system_call("seccomp", 1, 0, header)


def landlock_version() -> int:
    """Version of Landlock's interface, 0 where the kernel does not have it."""
    try:
        return _system_call("landlock_create_ruleset", None, 0, 1)
    except OSError:
        return 0


def landlock(version: int, readable: Iterable[str], writable: Iterable[str]) -> None:
    """Confine file access to below these folders; from versions 4 and 6 also TCP, abstract sockets and signals.

    Needs no_new_privileges.
    """
    handled = (1 << min(13 + (version > 1) + (version > 2), 15)) - 1
    fields = [handled] + [0b11] * (version > 3) + [0b11] * (version > 5)
    attributes = struct.pack(f"<{len(fields)}Q", *fields)
    rules = _system_call("landlock_create_ruleset", attributes, len(attributes), 0)
    for paths, access in ((readable, _READ), (writable, _WRITE & handled)):
        for path in paths:
            folder = os.open(path, os.O_PATH)
            _system_call("landlock_add_rule", rules, 1, struct.pack("<Qi", access, folder), 0)
            os.close(folder)
    _system_call("landlock_restrict_self", rules, 0)
    os.close(rules)
