"""Room to work in: where it begins, and that of each thread's products, kept from one call to the next.

Fresh memory costs more than small products.
"""

import math
import threading
from typing import Any

import numpy as np

__all__ = ["aligned_empty", "room_of"]

# What `products` packs at a time: four panels, each of two vectors of 64 bytes at most.
_BYTES = 4 * 2 * 64

# A line of the cache.
_LINE = 64

_rooms = threading.local()


def aligned_empty(shape: int | tuple[int, ...], dtype: Any) -> Any:
    """Return an array that begins where a line of the cache does: vectors across two lines take twice as long."""
    size = math.prod(shape) if isinstance(shape, tuple) else shape
    room = np.empty(size * np.dtype(dtype).itemsize + _LINE, np.uint8)
    start = -room.ctypes.data % _LINE
    return room[start : start + size * np.dtype(dtype).itemsize].view(dtype).reshape(shape)


def room_of(depth: int, dtype: Any) -> Any:
    """Return this thread's room for products of such a depth; its last `depth` numbers are zeros, and stay so."""
    deepest, room = getattr(_rooms, dtype.char, (-1, None))
    if depth > deepest:
        room = np.zeros((_BYTES // dtype.itemsize + 1) * depth, dtype)
        setattr(_rooms, dtype.char, (depth, room))
    return room
