"""Memory that nothing holds goes back to the system, where the C library is glibc."""

import contextlib
import ctypes

_M_MMAP_THRESHOLD = -3  # of malloc.h


def give_large_blocks_back() -> None:
    """From here on every large block as soon as it is free. glibc would keep some, in which what comes next does not
    fit: the peak of an update is a third higher then."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 4 * 2**20)


def give_back() -> None:
    """What of the smaller blocks is free, which glibc keeps: of a small model as much as its weights, twice over."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
