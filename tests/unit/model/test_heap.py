"""Memory that nothing holds goes back to the system, measured where nothing else is: in processes of their own."""

import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only of glibc is it known what it keeps")

PRELUDE = """
from redone.model.heap import give_back, give_large_blocks_back

def held():
    return next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmRSS"))

def filled(size):
    return bytearray(b"x") * size
"""
SMALL = """
blocks = [filled(64 * 1024) for _ in range(1600)]  # 100 MiB
pin, blocks = blocks[-1], None  # what is above the others keeps glibc from giving them back by itself
before = held()
GIVE
print(before - held())
"""
LARGE = """
GIVE
first = filled(30 * 1024 * 1024)
first = None  # glibc keeps what is smaller than the largest block that was freed, from here on
block, pin = filled(20 * 1024 * 1024), filled(64 * 1024)
before = held()
block = None
print(before - held())
"""


def freed(script: str, give: str) -> int:
    """MiB that went back."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + script.replace("GIVE", give)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.parametrize(
    ("script", "give", "size"), [(SMALL, "give_back()", 100), (LARGE, "give_large_blocks_back()", 20)]
)
def test_what_is_free_goes_back_and_would_not_by_itself(script: str, give: str, size: int) -> None:
    assert freed(script, "") < 0.1 * size
    assert freed(script, give) > 0.8 * size
