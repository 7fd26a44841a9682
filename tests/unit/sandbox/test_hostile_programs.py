"""Programs that try to get out, to stay, or to take more than they may.

Each prints "escaped" where it gets what it wants. Its control is the same program with the protections it attacks taken
away, inside the others, which must print it: so the program does try. Where that would harm the machine, or no bound
would ever be reached without, the refusal itself is asserted instead.
"""

import os
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from redone.sandbox.isolate import UNPRIVILEGED, Limits
from redone.sandbox.jobs import Programs

MIB = 2**20
VIEW = ("root", "landlock")  # what hides the host's files
CALLS = "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True)\n"
RAW = CALLS + "def call(*a):\n r = libc.syscall(*map(ctypes.c_long, a))\n"
RAW += " if r < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))\n return r\n"
ESCAPED = "\nprint('escaped', flush=True)\n"


@dataclass(frozen=True)
class Attack:
    source: str  # what follows it prints that it got through
    without: tuple[str, ...] | None = None  # the control: protections to take away
    more: dict[str, float] = field(default_factory=dict)  # the control: limits to raise
    limits: dict[str, float] = field(default_factory=dict)  # of the attack itself, and of the control
    error: str | None = None  # kind of the outcome's error
    refusal: str = ""  # in place of a control: what it meets, in its standard error


ATTACKS = {
    # processes
    "fork bomb": Attack(
        "import os, time\nfor _ in range(40):\n if os.fork() == 0: time.sleep(60)", ("seccomp",), {"threads": 64}
    ),
    "fork bomb where forks are allowed": Attack(
        "import os, time\nfor _ in range(40):\n if os.fork() == 0: time.sleep(60)", ("seccomp",), {"threads": 64}
    ),
    "fork by its number": Attack(RAW + "if call(57) == 0: os._exit(0)", ("seccomp",)),
    "vfork and exec": Attack("import os; os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)", ("seccomp", *VIEW)),
    "a shell": Attack("import os\nif os.system('exit 3') >> 8 != 3: raise OSError('no shell')", ("seccomp", *VIEW)),
    "another program": Attack(
        "import os; os.execv('/bin/echo', ['echo', 'escaped'])", ("seccomp", *VIEW), limits={"threads": 64}
    ),
    "multiprocessing": Attack(
        "import os, multiprocessing as m\np = m.get_context('fork').Process(target=int); p.start(); p.join()",
        ("seccomp",),
    ),
    "thread bomb": Attack(
        "import threading, time\n"
        "for _ in range(100): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        (),
        {"threads": 128, "memory": 2**34},
    ),
    "signal to every process": Attack("import os; os.kill(-1, 9)", refusal="ProcessLookupError"),
    "signal to the group": Attack(
        "import os, signal; signal.signal(15, lambda *_: None); os.killpg(1, 9)", refusal="Error"
    ),
    "signal to a process of the host": Attack("import os; os.kill(VICTIM, 9)", ("pid", "landlock")),
    "limits of its guard": Attack(
        "import resource; resource.prlimit(1, resource.RLIMIT_NOFILE, (16, 16))", ("seccomp",)
    ),
    "ptrace": Attack(RAW + "call(101, 0, 0, 0, 0)", ("seccomp",)),
    "memory of a process": Attack(
        RAW + "b = ctypes.create_string_buffer(8)\n"
        "v = (ctypes.c_ulong * 2)(ctypes.addressof(b), 8)\na = ctypes.addressof(v)\n"
        "call(310, os.getpid(), a, 1, a, 1, 0)",
        ("seccomp",),
    ),
    "priority": Attack("import os; os.nice(1)", ("seccomp",)),
    "real-time scheduling": Attack(
        "import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))", refusal="Operation not permitted"
    ),
    "pinning": Attack("import os; os.sched_setaffinity(0, os.sched_getaffinity(0))", ("seccomp",)),
    # time
    "loop that ignores signals": Attack(
        "import signal, time\nfor s in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:\n"
        " signal.signal(s, signal.SIG_IGN)\n"
        "end = time.monotonic() + 0.6\nwhile time.monotonic() < end: pass",
        (),
        {"wall": 9},
        {"wall": 0.4},
        "timeout",
    ),
    "loop of processor time": Attack(
        "import time\nwhile time.process_time() < 1.2: pass", (), {"cpu": 5}, {"cpu": 1, "wall": 9}, "timeout"
    ),
    "sleep": Attack("import time; time.sleep(0.5)", (), {"wall": 9}, {"wall": 0.2}, "timeout"),
    "thread that does not end": Attack(
        "import threading, time; threading.Thread(target=time.sleep, args=(0.5,)).start()",
        (),
        {"wall": 9},
        {"wall": 0.2},
        "timeout",
    ),
    "exit function that does not end": Attack(
        "import atexit, time; atexit.register(time.sleep, 0.5)", (), {"wall": 9}, {"wall": 0.2}, "timeout"
    ),
    "killing its guard": Attack(
        "import os, time\nfor s in (2, 9, 15, 19):\n try: os.kill(1, s)\n except OSError: pass\ntime.sleep(0.5)",
        (),
        {"wall": 9},
        {"wall": 0.2},
        "timeout",
    ),
    "killing its guard where signals are allowed": Attack(
        "import os, time\nfor s in (2, 9, 15, 19): os.kill(1, s)\ntime.sleep(0.5)",
        ("landlock",),
        {"wall": 9},
        {"wall": 0.2},
        "timeout",
    ),
    "waiting for input": Attack(
        "import os; r, w = os.pipe(); os.read(r, 1)", limits={"wall": 0.2}, error="timeout", refusal=" "
    ),
    "stopping itself": Attack(
        "import os; os.kill(os.getpid(), 19)", limits={"wall": 0.2}, error="timeout", refusal=" "
    ),
    "regular expression": Attack(
        "import re; re.match('(a+)+$', 'a' * 40 + 'b')", limits={"wall": 0.2}, error="timeout", refusal=" "
    ),
    "huge integer": Attack("x = 3 ** 3 ** 18; str(x)", limits={"wall": 0.4, "cpu": 1}, error="timeout", refusal=" "),
    # memory
    "memory bomb": Attack("b = bytearray(300 << 20)", (), {"memory": 2**30}, error="memory"),
    "memory in pieces": Attack(
        "b = [bytes(100_000) for _ in range(1000)]", (), {"memory": 256 * MIB}, {"memory": 100 * MIB}, "memory"
    ),
    "mapping": Attack("import mmap; mmap.mmap(-1, 300 << 20)", (), {"memory": 2**30}),
    "raising its own limit": Attack(
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
        refusal="not allowed to raise maximum limit",
    ),
    "file in memory": Attack("import os; os.memfd_create('x')", ("seccomp",)),
    "shared memory": Attack(RAW + "call(29, 0, 1 << 20, 0o1600)", ("seccomp",)),
    "locked memory": Attack(RAW + "call(149, 0, 0)", refusal="Operation not permitted"),
    "endless list": Attack("x = []\nwhile True: x.append('x' * 10_000)", error="memory", refusal=" "),
    "deep recursion": Attack(
        "import sys; sys.setrecursionlimit(10**9)\nclass A:\n def __getattr__(self, n): return getattr(self, n)\nA().x",
        error="crash",
        refusal=" ",
    ),
    # output and disk
    "flood of output": Attack(
        "import os\nfor _ in range(64): print('x' * 100_000)", (), {"output": 8 * MIB}, error="output"
    ),
    "flood of errors": Attack(
        "import sys\nfor _ in range(64): sys.stderr.write('x' * 100_000)", (), {"output": 8 * MIB}, error="output"
    ),
    "filling the disk": Attack(
        "for i in range(20): open(str(i), 'wb').write(bytes(1_000_000))", (), {"disk": 64 * MIB}
    ),
    "one large file": Attack("open('x', 'wb').write(bytes(3_000_000))", (), {"output": 8 * MIB}),
    "a sparse file": Attack("open('x', 'wb').truncate(1 << 30)", (), {"output": 2 << 30}),
    "many files": Attack("for i in range(2000): open(str(i), 'w').close()", (), {"disk": 64 * MIB}),
    "many descriptors": Attack("import os\nfor _ in range(200): os.dup(0)", refusal="Too many open files"),
    "core dump": Attack(RAW + "call(157, 4, 1, 0, 0, 0)", ("seccomp",)),
    "abort": Attack("import os; os.abort()", error="crash", refusal=" "),
    "null pointer": Attack("import ctypes; ctypes.string_at(0)", error="crash", refusal=" "),
    # files
    "a file of the host": Attack("open('SECRET').read()", VIEW),
    "the users of the host": Attack("open('/etc/passwd').read()", VIEW),
    "up and out": Attack("open('../' * 20 + 'etc/passwd').read()", VIEW),
    "symbolic link": Attack("import os; os.symlink('/etc/passwd', 'l'); open('l').read()", VIEW),
    "symbolic link to a folder": Attack("import os; os.symlink('/etc', 'l'); os.listdir('l')", VIEW),
    "hard link": Attack("import os; os.link(os.__file__, 'l')", refusal="Error"),
    "processes of the host": Attack("open('/proc/1/cmdline').read()", VIEW),
    "memory of the host": Attack("open('/proc/meminfo').read()", VIEW),
    "devices": Attack("open('/dev/zero', 'rb').read(1)", VIEW),
    "kernel settings": Attack("import os; os.listdir('/sys/kernel')", VIEW),
    "packages of the host": Attack(
        "import os\nif not os.listdir(os.path.dirname(os.__file__) + '/site-packages'): raise OSError('none')",
        refusal="Error",
    ),
    "the root folder": Attack("import os; os.listdir('/')", ("landlock",)),
    "writing outside": Attack("open('OUTSIDE', 'w').write('x')", VIEW),
    "a folder at the root": Attack("import os; os.mkdir('/x')", refusal="Read-only file system"),
    "writing to the library": Attack("import os; open(os.__file__, 'a')", refusal="Error"),
    "running what it wrote": Attack(
        "import os, ctypes, _json, shutil; shutil.copy(_json.__file__, 'x.so'); ctypes.CDLL('./x.so')",
        refusal="failed to map segment",
    ),
    "mounting": Attack(
        CALLS + "if libc.mount(b't', b'/sandbox', b'tmpfs', 0, None): raise OSError",
        ("seccomp", "capabilities", "landlock"),
    ),
    "unmounting": Attack(
        CALLS + "os.chdir('/')\nif libc.umount2(b'/sandbox', 2): raise OSError", ("seccomp", "capabilities", "landlock")
    ),
    "another root": Attack("import os; os.chroot('.')", ("seccomp", "capabilities")),
    # privileges
    "becoming root": Attack("import os; os.setuid(0)", ("seccomp", "capabilities")),
    "becoming another group": Attack("import os; os.setgid(0)", ("seccomp", "capabilities")),
    "a user namespace": Attack(CALLS + "if libc.unshare(0x10000000): raise OSError", ("seccomp",)),
    "a namespace by clone": Attack(RAW + "if call(56, 0x10000000 | 17, 0, 0, 0, 0) == 0: os._exit(0)", ("seccomp",)),
    "host name": Attack("import socket; socket.sethostname('x')", ("seccomp", "capabilities")),
    "the clock": Attack("import time; time.clock_settime(0, time.time())", refusal="Operation not permitted"),
    "keyring": Attack(RAW + "call(250, 0, -3, 1)", ("seccomp",)),
    "performance counters": Attack(RAW + "call(298, 0, 0, -1, -1, 0)", refusal="Operation not permitted"),
    "bpf": Attack(RAW + "call(321, 0, 0, 0)", refusal="Operation not permitted"),
    "io_uring": Attack(
        RAW + "p = ctypes.create_string_buffer(120)\ncall(425, 1, ctypes.addressof(p))",
        refusal="Operation not permitted",
    ),
    "user faults": Attack(RAW + "call(323, 1)", refusal="Operation not permitted"),
    "the other table of system calls": Attack(RAW + "call(0x40000000 + 39)", refusal="Operation not permitted"),
    "system calls of 32 bits": Attack(
        "import ctypes, mmap\nm = mmap.mmap(-1, 4096, prot=7)\nm.write(bytes.fromhex('b814000000cd80c3'))\n"
        "ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()",
        error="crash",
        refusal=" ",
    ),
    # network
    "socket": Attack("import socket; socket.socket()", ("seccomp",)),
    "kernel socket": Attack("import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", ("seccomp",)),
    "raw socket": Attack(
        "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", refusal="Operation not permitted"
    ),
    "unix socket": Attack("import socket; socket.socket(socket.AF_UNIX).bind('s')", ("seccomp",)),
    "a server of the host": Attack(
        "import socket; socket.create_connection(('127.0.0.1', PORT), 5)", ("seccomp", "landlock", "net")
    ),
    "a server of the host where sockets are allowed": Attack(
        "import socket; socket.create_connection(('127.0.0.1', PORT), 5)", ("seccomp", "landlock", "net")
    ),
    "name of a host": Attack("import socket; socket.getaddrinfo(b'localhost', 80)", ("seccomp", "net", *VIEW)),
    # what it inherits
    "descriptors": Attack(
        "import os\nfor n in range(3, 64):\n try: os.fstat(n)\n except OSError: continue\n break\n"
        "else: raise OSError('none')",
        refusal="none",
    ),
    "environment": Attack("import os\nif not os.environ: raise OSError('none')", refusal="none"),
    "arguments": Attack(
        "import sys\nif sys.orig_argv + sys.argv == ['program']: raise OSError('none')", refusal="none"
    ),
}
SECOND_LAYER = {  # the same attack with the first layer gone meets the next
    "fork bomb where forks are allowed": ("seccomp",),
    "a server of the host where sockets are allowed": ("seccomp", "landlock"),
    "killing its guard where signals are allowed": ("landlock",),
}
GOOD = Programs("print(int(input()) + 1)", (("41\n", "42"),))
LIMITS = {"wall": 5.0, "cpu": 5, "memory": 256 * MIB}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """What there is to reach on the host: a file for all to read, a place to write, a process and a server."""
    with (
        tempfile.NamedTemporaryFile("w", dir="/var/tmp", suffix=".secret") as secret,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        os.chmod(secret.name, 0o644)
        names = {"SECRET": secret.name, "OUTSIDE": f"{secret.name}.written", "PORT": str(server.getsockname()[1])}
        yield names


@pytest.fixture
def victim():
    """A process of the host, of the user that isolated code runs as."""
    user = {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "60"], cwd="/", **user) as process:
        yield process
        process.kill()


def escaped(outcome):
    return outcome.error is None and "escaped" in outcome.stdout.split()


def job(attack, world, victim):
    source = attack.source
    for name, value in {**world, "VICTIM": str(victim.pid)}.items():
        source = source.replace(name, value)
    return Programs(source + ESCAPED if "echo" not in source else source, (("", "escaped"),))


@pytest.mark.parametrize("name", ATTACKS)
def test_a_hostile_program_fails_and_the_next_one_is_served_at_once(name, pool_without, world, victim):
    attack = ATTACKS[name]
    pool = pool_without(*SECOND_LAYER.get(name, ()))
    outcome = pool.run(job(attack, world, victim), Limits(**{**LIMITS, **attack.limits}))
    assert not outcome.all_passed
    assert not escaped(outcome)
    assert outcome.error == attack.error, outcome
    assert attack.refusal.strip() in outcome.stderr
    began = time.monotonic()
    assert pool.run(GOOD).all_passed
    assert time.monotonic() - began < 2
    assert victim.poll() is None
    assert not Path(world["OUTSIDE"]).exists()


@pytest.mark.parametrize("name", [name for name in ATTACKS if not ATTACKS[name].refusal])
def test_the_same_program_gets_through_without_the_protection_it_attacks(name, pool_without, world, victim):
    attack = ATTACKS[name]
    assert attack.without is not None
    if name.startswith("becoming") and os.geteuid():
        pytest.skip("root does not exist inside where root did not start it")
    limits = Limits(**{**LIMITS, **attack.limits, **attack.more})
    outcome = pool_without(*attack.without).run(job(attack, world, victim), limits)
    Path(world["OUTSIDE"]).unlink(missing_ok=True)
    assert escaped(outcome), outcome
