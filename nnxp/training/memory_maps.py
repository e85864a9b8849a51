"""Rows of arrays that lie in a file: the system is told which ones come next, and reads them all at once."""

import mmap
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

__all__ = ["map_behind", "row_reader"]

# The bytes of a smaller map stay in memory from the first epoch on: there is nothing to be gained.
_LARGE = 2**28
# Seconds for a row that had to be fetched, and for how many batches after such a one the system is told.
_SLOW, _TOLD = 1e-5, 16


def map_behind(x: Any) -> mmap.mmap | None:
    """Return the large memory map that an array is a view of, if there is one."""
    while x is not None and not isinstance(x, mmap.mmap):
        x = x.obj if isinstance(x, memoryview) else getattr(x, "base", None)
    return x if x is not None and len(x) >= _LARGE else None


def row_reader(x: np.ndarray[Any, Any], mapped: mmap.mmap) -> Callable[[np.ndarray[Any, Any]], Any]:
    """Return what gathers rows of an array in a memory map.

    Left alone, the system fetches one row after the other, each with what stands around it. Told of a batch's rows
    beforehand it fetches them side by side and nothing else, in half of the time or less; but to tell it of rows
    that are in memory already takes longer than to copy them. So it is told while reading is slow, and only then.
    (To sort the rows before they are read gains nothing.)
    """
    if not hasattr(mapped, "madvise") or not x[:1].flags.c_contiguous or x.strides[0] <= 0:
        return lambda rows: x.take(rows, axis=0)
    start = x.ctypes.data - np.frombuffer(mapped, np.uint8).ctypes.data
    stride, length = x.strides[0], x[:1].nbytes + mmap.PAGESIZE
    told = 0  # batches yet to be told of

    def read(rows: np.ndarray[Any, Any]) -> Any:
        nonlocal told
        began = perf_counter()
        if told:
            told -= 1
            pages = (start + rows.astype(np.int64) * stride) // mmap.PAGESIZE
            for page in np.unique(pages).tolist():
                mapped.madvise(mmap.MADV_WILLNEED, page * mmap.PAGESIZE, length)
        batch = x.take(rows, axis=0)
        if perf_counter() - began > _SLOW * len(rows):
            told = _TOLD
        return batch

    return read
