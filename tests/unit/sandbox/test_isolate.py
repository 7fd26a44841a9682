import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from redone.sandbox import isolate, probe
from redone.sandbox.inside import patient
from redone.sandbox.isolate import Limits, Starter, protections
from redone.sandbox.jobs import Programs
from redone.sandbox.pool import Pool

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may look at the namespaces of other processes")


def inside(starter):
    """The processes in the user namespace of a starter, as pids of the host."""
    space = os.readlink(f"/proc/{starter.pid}/ns/user")
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(folder / "ns/user") == space:
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"


def test_every_protection_is_found_active(pool):
    found = {protection.name: protection for protection in protections()}
    assert {name for name, protection in found.items() if not protection.active} <= {"Landlock"}
    assert set(probe.TRIES) < set(found)
    assert len(found) >= 18


@pytest.mark.parametrize(
    "without, missing",
    [
        (["seccomp"], {"processes", "sockets", "system calls"}),
        (["root", "landlock"], {"files of the host", "Landlock"}),
        (["pid"], {"pid namespace", "processes"}),
        (["net"], {"net namespace"}),
        (["capabilities"], {"capabilities"}),
        (["seccomp", "capabilities"], {"capabilities", "unprivileged user", "processes", "sockets", "system calls"}),
    ],
)
def test_a_protection_that_is_missing_is_found_missing(without, missing, pool, monkeypatch):
    monkeypatch.setattr(isolate, "Starter", lambda: Starter(without))
    found = {protection.name: protection for protection in protections()}
    absent = {name for name, protection in found.items() if not protection.active}
    if os.geteuid():
        missing = missing - {"unprivileged user"}
    assert missing <= absent <= missing | {"Landlock", "read-only files"}
    assert all(found[name].detail for name in absent)


REFUSE = """
import errno, struct, sys
from redone.sandbox import kernel
kernel.no_new_privileges()
step = lambda code, value, yes=0, no=0: struct.pack("<HBBI", code, yes, no, value)
number = {"x86_64": NUMBERS[0], "aarch64": NUMBERS[1]}[kernel.os.uname().machine]
refuse, allow = step(6, 0x50000 | errno.EPERM), step(6, 0x7FFF0000)
kernel.filter_system_calls(step(0x20, 0) + step(0x15, number, 0, 1) + refuse + allow)
from redone.sandbox.isolate import Unavailable, protections
from redone.sandbox.pool import Pool
print([(p.name, p.active) for p in protections()])
try:
    Pool(1)
except Unavailable as error:
    print(error)
"""


@pytest.mark.parametrize(
    "numbers, what",
    [((272, 97), "unshare"), ((155, 41), "pivot_root"), ((442, 442), "mount_setattr"), ((165, 40), "mount")],
)
def test_where_the_kernel_refuses_nothing_runs_and_the_message_says_what_to_allow(numbers, what, pool):
    source = REFUSE.replace("NUMBERS", str(numbers))
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found, message = done.stdout.splitlines()
    assert found == "[('isolation', False)]"
    assert message.startswith(f"isolation failed ([Errno 1] {what}")
    assert "kernel.apparmor_restrict_unprivileged_userns=0" in message


def test_another_machine_is_refused_before_anything_is_tried(monkeypatch):
    monkeypatch.setattr(isolate.kernel, "MACHINES", ("z80",))
    with pytest.raises(isolate.Unavailable, match="needs Linux"):
        Pool(1)


HOST = """
import os, sys, time
from redone.sandbox.jobs import Programs
from redone.sandbox.pool import Pool
pool = Pool(1)
starter = pool._free.get()
pool._free.put(starter)
pool.submit(Programs("import time\\nwhile True: pass", (("", ""),)))
heir = os.fork()  # it has a copy of every descriptor
if heir:
    print(starter.pid, heir, flush=True)
time.sleep(60)
"""


@needs_root
def test_everything_inside_ends_with_the_host(pool):
    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", HOST], stdout=subprocess.PIPE, text=True) as host:
        pid, heir = map(int, host.stdout.readline().split())
        starter = type("Pid", (), {"pid": pid})
        until(lambda: len(inside(starter)) == 4)  # launcher, starter, guard, and the program that never ends
        handles = [os.pidfd_open(process) for process in inside(starter)]
        host.kill()
        for handle in handles:
            assert select.select([handle], [], [], 5)[0], "a process outlived its host"
            os.close(handle)
        os.kill(heir, 9)


@needs_root
@pytest.mark.parametrize(
    "source",
    [
        "import os, time\nif os.fork() == 0:\n os.setsid()\n os.fork()\n time.sleep(60)",
        "import os, time, signal\n[signal.signal(s, signal.SIG_IGN) for s in (1, 2, 15)]\n"
        "[os.fork() for _ in range(3)]\ntime.sleep(60)",
    ],
)
def test_no_process_outlives_its_run(source, pool_without):
    pool = pool_without("seccomp")  # which would let none be made
    pool.run(Programs(source, (("", ""),)), Limits(wall=0.5))
    starter = pool._free.get()
    pool._free.put(starter)
    until(lambda: len(inside(starter)) == 2)
    assert len(inside(starter)) == 2  # the launcher and the starter


@needs_root
@pytest.mark.parametrize(("kills", "error"), [(1, None), pytest.param(2, "memory", marks=pytest.mark.slow)])
def test_a_job_whose_process_somebody_killed_is_run_once_more(kills, error):
    with Pool(1) as pool:
        starter = pool._free.get()
        pool._free.put(starter)
        outcome = pool.submit(Programs("import time; time.sleep(0.5); print(1)", (("", "1"),)))
        killed = set()
        for _ in range(kills):
            until(lambda: len(set(inside(starter)) - killed) == 4)
            time.sleep(0.1)  # so that what is about to end has ended
            role = max(set(inside(starter)) - killed)
            killed.add(role)
            os.kill(role, 9)
        assert (outcome.result().all_passed, outcome.result().error) == (error is None, error)


def test_a_machine_that_stands_still_takes_none_of_a_programs_wall_time():
    """A wait of a quarter of a second comes back after an hour; what it counts for is half a second."""
    now, waits = [0.0], []

    def wait(seconds, hours):
        waits.append(seconds)
        now[0] += 3600.0 * hours or seconds
        return []

    assert patient(2.0, lambda seconds: wait(seconds, 1), lambda: now[0]) == []
    assert waits == [0.25] * 4
    now, waits = [0.0], []
    assert patient(0.6, lambda seconds: wait(seconds, 0), lambda: now[0]) == []
    assert waits == pytest.approx([0.25, 0.25, 0.1])
    assert patient(2.0, lambda seconds: [7], lambda: now[0]) == [7]


def test_a_program_that_could_not_be_confined_does_not_run_and_is_no_wrong_answer(pool):
    with pytest.raises(isolate.Unavailable, match="OverflowError"):
        pool.run(Programs("print(1)", (("", "1"),)), Limits(output=2**70))
    assert pool.run(Programs("print(1)", (("", "1"),))).all_passed


def test_a_process_can_neither_gain_privileges_nor_leave_a_core(pool_without):
    source = "import ctypes; libc = ctypes.CDLL(None); print(libc.prctl(39, 0, 0, 0, 0), libc.prctl(3, 0, 0, 0, 0))"
    assert pool_without("seccomp").run(Programs(source, (("", "1 0"),))).all_passed


@needs_root
def test_closing_a_run_ends_it_even_where_another_process_has_a_copy_of_the_line_to_it(pool):
    starter = Starter()
    cell = starter.start("program", "while True: pass", Limits())
    copy = os.dup(cell._status.fileno())  # as a process has that the host forked meanwhile
    until(lambda: len(inside(starter)) == 4)
    cell.close()
    until(lambda: len(inside(starter)) == 2)
    assert len(inside(starter)) == 2
    os.close(copy)
    starter.close()


def test_closing_a_starter_ends_what_it_runs(pool):
    starter = Starter()
    cell = starter.start("program", "while True: pass", Limits())
    launcher = os.pidfd_open(starter.pid)
    starter.close()
    assert select.select([launcher], [], [], 5)[0]
    os.close(launcher)
    with pytest.raises(isolate.Broken):
        cell.wait()
    cell.close()


def test_nothing_of_the_host_is_inherited(pool, monkeypatch):
    monkeypatch.setenv("REDONE_SECRET", "secret")
    read, write = os.pipe()
    os.set_inheritable(read, True)
    source = (
        "import json, os, sys\ndef is_open(n):\n try: os.fstat(n)\n except OSError: return False\n return True\n"
        "print(json.dumps([[n for n in range(1000) if is_open(n)], dict(os.environ), sys.path, os.getcwd()]))"
    )
    with Pool(1) as fresh:
        outcome = fresh.run(Programs(source, (("", ""),)))
    os.close(read)
    os.close(write)
    descriptors, environment, path, folder = json.loads(outcome.stdout)
    assert (descriptors, environment, folder) == ([0, 1, 2], {}, "/sandbox")
    library = str(Path(os.__file__).parent)
    assert all(place.startswith(library) or place.endswith(".zip") for place in path)


def test_a_program_cannot_change_what_it_was_given(pool):
    source = "import os\ntry: os.pwrite(0, b'x', 0); print('written')\nexcept OSError: pass\nprint(input())"
    assert pool.run(Programs(source, (("given", "given"),))).all_passed


def test_the_private_folder_is_empty_each_time_and_can_be_written(pool):
    source = "import os\nprint(os.listdir('.'))\nopen('x', 'w').write('x' * 1000)\nprint(os.path.getsize('x'))"
    assert pool.run(Programs(source, (("", "[]\n1000"),) * 2)).passed == (True, True)
