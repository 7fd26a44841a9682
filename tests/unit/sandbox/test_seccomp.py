import errno
import re
import struct
from pathlib import Path

import pytest

from redone.sandbox import kernel, seccomp

MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOW, KILL = 0x7FFF0000, 0x80000000
DENY, UNKNOWN = 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


def verdict(program, machine, number, *arguments):
    """What the filter says of a system call, by an interpreter of the instructions it uses."""
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, machine, 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6])
    steps = list(struct.iter_unpack("<HBBI", program))
    at, value = 0, 0
    while True:
        code, if_true, if_false, constant = steps[at]
        at += 1
        if code == 0x20:
            value = struct.unpack_from("<I", data, constant)[0]
        elif code == 0x15:
            at += if_true if value == constant else if_false
        elif code == 0x45:
            at += if_true if value & constant else if_false
        else:
            assert code == 0x06
            return constant


def allowed(machine):
    column = list(MACHINES).index(machine)
    pairs = (pair.split("=") for pair in seccomp.ALLOWED.split())
    return {name: int(numbers.split(",")[column]) for name, numbers in pairs if numbers.split(",")[column]}


@pytest.mark.parametrize("machine", MACHINES)
def test_exactly_the_listed_system_calls_are_allowed(machine):
    program, audit = seccomp.program(machine), MACHINES[machine]
    numbers = set(allowed(machine).values())
    column = list(MACHINES).index(machine)
    clone3 = seccomp.CLONE["clone3"][column]
    for number in range(1024):
        wanted = ALLOW if number in numbers else UNKNOWN if number == clone3 else DENY
        assert verdict(program, audit, number) == wanted or number in CONDITIONAL[machine], number
    assert verdict(program, audit, -1) == DENY
    assert verdict(program, audit, 0x40000000 + min(numbers)) == DENY  # the x32 table
    assert verdict(program, 0x40000003, min(numbers)) == KILL  # 32-bit system calls


CONDITIONAL = {"x86_64": {302: "prlimit64", 16: "ioctl", 53: "socketpair", 56: "clone"}, "aarch64": {}}
CONDITIONAL["aarch64"] = {261: "prlimit64", 29: "ioctl", 199: "socketpair", 220: "clone"}
CASES = {  # name -> (arguments allowed, arguments refused)
    "clone": ([(0x3D0F00,), (0x10000,)], [(17,), (0x10000000 | 17,), (0x4011,), (0x20000000,), (0,)]),
    "prlimit64": ([(0, 7)], [(1, 7), (2, 7), (2**32 - 1, 7)]),
    "ioctl": ([(0, 0x5401), (5, 0x5451)], [(0, 0x5412), (0, 0x541C), (0, 0)]),
    "socketpair": ([(1, 1)], [(2, 1), (16, 3), (0, 1)]),
}


@pytest.mark.parametrize("machine", MACHINES)
def test_some_system_calls_are_allowed_with_harmless_arguments_alone(machine):
    program, audit = seccomp.program(machine), MACHINES[machine]
    for number, name in CONDITIONAL[machine].items():
        good, bad = CASES[name]
        assert [verdict(program, audit, number, *arguments) for arguments in good] == [ALLOW] * len(good), name
        assert [verdict(program, audit, number, *arguments) for arguments in bad] == [DENY] * len(bad), name


@pytest.mark.parametrize("machine", MACHINES)
def test_what_makes_processes_sockets_or_privileges_is_not_on_the_list(machine):
    feared = """
    execve execveat fork vfork ptrace process_vm_readv process_vm_writev mount umount2 pivot_root chroot setns
    unshare setuid setgid setreuid setresuid setgroups capset prctl seccomp bpf keyctl add_key request_key
    io_uring_setup socket connect bind listen accept memfd_create shmget shmat msgget semget mq_open
    userfaultfd perf_event_open open_by_handle_at init_module finit_module kexec_load reboot swapon
    sethostname settimeofday clock_settime personality setrlimit sched_setaffinity sched_setscheduler
    setpriority mlock mlockall mknod mknodat pidfd_open pidfd_getfd process_madvise quotactl fanotify_init
    name_to_handle_at iopl ioperm acct syslog sysinfo
    """.split()
    assert not set(feared) & set(allowed(machine))


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_are_those_of_the_headers_of_the_kernel(machine):
    if not HEADERS[machine].exists():
        pytest.skip("the headers of the kernel are not installed")
    text = HEADERS[machine].read_text()
    wide = dict(re.findall(r"#define __NR3264_(\w+)\s+(\d+)", text))
    known = dict(re.findall(r"#define __NR_(\w+)\s+(\d+)", text))
    wider = re.findall(r"#define __NR_(\w+)\s+__NR3264_(\w+)", text)
    known |= {name: wide[other] for name, other in wider if other in wide}
    column = list(MACHINES).index(machine)
    ours = allowed(machine) | {name: pair[column] for name, pair in {**kernel._NUMBERS, **seccomp.CLONE}.items()}
    ours |= {name: number for number, name in CONDITIONAL[machine].items()}
    assert {name: int(known[name]) for name in ours} == ours
