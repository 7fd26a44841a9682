"""The system calls that isolated code may make, as a seccomp filter: what is not on the list fails with EPERM.

So there is no new process and no program, no socket but a pair of Unix ones, no mount, namespace, keyring, bpf or
io_uring, no memory of another process or shared with one, no priority, and no call that a later kernel brings.
"""

import errno
import struct
from collections.abc import Mapping

# name=number on x86-64,number on 64-bit ARM (none where ARM has only the newer call)
ALLOWED = """
access=21, alarm=37, arch_prctl=158, brk=12,214 capget=125,90 chdir=80,49 chmod=90, clock_getres=229,114
clock_gettime=228,113 clock_nanosleep=230,115 close=3,57 close_range=436,436 dup=32,23 dup2=33, dup3=292,24
epoll_create1=291,20 epoll_ctl=233,21 epoll_pwait=281,22 epoll_wait=232, eventfd2=290,19 exit=60,93
exit_group=231,94 faccessat=269,48 faccessat2=439,439 fadvise64=221,223 fallocate=285,47 fchdir=81,50 fchmod=91,52
fchmodat=268,53 fcntl=72,25 fdatasync=75,83 flock=73,32 fstat=5,80 fstatfs=138,44 fsync=74,82 ftruncate=77,46
futex=202,98 get_robust_list=274,100 getcpu=309,168 getcwd=79,17 getdents=78, getdents64=217,61 getegid=108,177
geteuid=107,175 getgid=104,176 getgroups=115,158 getitimer=36,102 getpeername=52,205 getpgid=121,155 getpgrp=111,
getpid=39,172 getppid=110,173 getpriority=140,141 getrandom=318,278 getresgid=120,150 getresuid=118,148
getrlimit=97,163 getrusage=98,165 getsid=124,156 getsockname=51,204 getsockopt=55,209 gettid=186,178
gettimeofday=96,169 getuid=102,174 kill=62,129 link=86, linkat=265,37 lseek=8,62 lstat=6, madvise=28,233
membarrier=324,283 mincore=27,232 mkdir=83, mkdirat=258,34 mmap=9,222 mprotect=10,226 mremap=25,216 msync=26,227
munmap=11,215 nanosleep=35,101 newfstatat=262,79 open=2, openat=257,56 pause=34, pipe=22, pipe2=293,59 poll=7,
ppoll=271,73 pread64=17,67 preadv=295,69 pselect6=270,72 pwrite64=18,68 pwritev=296,70 read=0,63 readlink=89,
readlinkat=267,78 readv=19,65 recvfrom=45,207 recvmsg=47,212 rename=82, renameat=264,38 renameat2=316,276
restart_syscall=219,128 rmdir=84, rseq=334,293 rt_sigaction=13,134 rt_sigpending=127,136 rt_sigprocmask=14,135
rt_sigreturn=15,139 rt_sigsuspend=130,133 rt_sigtimedwait=128,137 sched_getaffinity=204,123 sched_yield=24,124
select=23, sendmsg=46,211 sendto=44,206 set_robust_list=273,99 set_tid_address=218,96 setitimer=38,103
shutdown=48,210 sigaltstack=131,132 stat=4, statfs=137,43 statx=332,291 symlink=88, symlinkat=266,36 tgkill=234,131
time=201, timerfd_create=283,85 timerfd_gettime=287,87 timerfd_settime=286,86 times=100,153 tkill=200,130
truncate=76,45 umask=95,166 uname=63,160 unlink=87, unlinkat=263,35 utimensat=280,88 wait4=61,260 waitid=247,95
write=1,64 writev=20,66
"""
CLONE: Mapping[str, tuple[int, int]] = {"clone": (56, 220), "clone3": (435, 435)}
_PRLIMIT, _IOCTL, _SOCKETPAIR = (302, 261), (16, 29), (53, 199)
_AUDIT: Mapping[str, int] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_THREAD = 0x10000  # flag of clone
_TERMINAL = (
    0x5401,
    0x5413,
    0x541B,
    0x5421,
    0x5450,
    0x5451,
)  # ioctl: isatty, window size, bytes to read, blocking, cloexec
_UNIX = 1
_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = 0, 4, 16


def program(machine: str) -> bytes:
    """The filter as classic BPF for a name that uname gives: x86_64 or aarch64."""
    column = ("x86_64", "aarch64").index(machine)
    numbers = [int(pair.split("=")[1].split(",")[column] or -1) for pair in ALLOWED.split()]
    refuse = _step(_RETURN, _FAIL | errno.EPERM)
    allow = _step(_RETURN, _ALLOW)
    steps = [
        _step(_LOAD, _MACHINE_AT),
        _step(_EQUAL, _AUDIT[machine], 1, 0),
        _step(_RETURN, _KILL),  # 32-bit system calls have other numbers
        _step(_LOAD, _NUMBER_AT),
    ]
    for number in sorted(number for number in numbers if number >= 0):
        steps += [_step(_EQUAL, number, 0, 1), allow]
    steps += [
        _step(_EQUAL, CLONE["clone3"][column], 0, 1),
        _step(_RETURN, _FAIL | errno.ENOSYS),
    ]  # libc then uses clone
    steps += _if_argument(CLONE["clone"][column], 0, _ANY_BIT, (_THREAD,))
    steps += _if_argument(_PRLIMIT[column], 0, _EQUAL, (0,))  # of the process itself
    steps += _if_argument(_IOCTL[column], 1, _EQUAL, _TERMINAL)
    steps += _if_argument(_SOCKETPAIR[column], 0, _EQUAL, (_UNIX,))
    return b"".join([*steps, refuse])


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)


def _if_argument(number: int, argument: int, test: int, values: tuple[int, ...]) -> list[bytes]:
    """Steps that allow this call where the low half of the argument passes the test with one of the values."""
    body = [_step(_LOAD, _ARGUMENTS_AT + 8 * argument)]
    for value in values:
        body += [_step(test, value, 0, 1), _step(_RETURN, _ALLOW)]
    body += [_step(_RETURN, _FAIL | errno.EPERM)]
    return [_step(_EQUAL, number, 0, len(body)), *body]
