"""How many cores this process may use, and how many threads its products take."""

import os


def usable() -> int:
    """Those that the system lets this process run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads(asked: int | None = None) -> int:
    """What was asked for; else OMP_NUM_THREADS, as all that multiplies reads it; else every core."""
    said = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return asked or (int(said) if said.isdecimal() else 0) or usable()
