"""Memory that stays with the process between two steps of training.

The arrays of a step are freed at its end, and the C library of Linux then hands their pages back to the kernel, which
clears them one by one when the next step asks for as much again: up to a third of the time of a step. Told to keep
them, it has them at hand.
"""

import ctypes
import os

__all__ = ["keep_freed_memory"]

# Numbers of malloc.h, and what they are set to: how much may lie unused, and from what size an array gets pages of
# its own, which always go back.
_TRIM_THRESHOLD, _MOST_KEPT = -1, 2**31 - 1
_MMAP_THRESHOLD, _LARGEST = -3, 2**30
_VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Let glibc keep up to 2 GiB of freed memory; say whether it will.

    Elsewhere, and where the environment has glibc's own settings, everything is left as it is.
    """
    if any(name in os.environ for name in _VARIABLES):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no glibc, or no such thing as a process-wide library
        return False
    return bool(mallopt(_TRIM_THRESHOLD, _MOST_KEPT)) and bool(mallopt(_MMAP_THRESHOLD, _LARGEST))
