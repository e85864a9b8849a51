"""Room for the products of each thread, kept from one call to the next: fresh memory costs more than small products."""

import threading
from typing import Any

import numpy as np

__all__ = ["room_of"]

# What `products` packs at a time: four panels, each of two vectors of 64 bytes at most.
_BYTES = 4 * 2 * 64

_rooms = threading.local()


def room_of(depth: int, dtype: Any) -> Any:
    """Return this thread's room for products of such a depth; its last `depth` numbers are zeros, and stay so."""
    deepest, room = getattr(_rooms, dtype.char, (-1, None))
    if depth > deepest:
        room = np.zeros((_BYTES // dtype.itemsize + 1) * depth, dtype)
        setattr(_rooms, dtype.char, (depth, room))
    return room
