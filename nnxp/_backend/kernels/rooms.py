"""Room for the products of each thread, kept from one call to the next: fresh memory costs more than small products."""

import threading
from typing import Any

import numpy as np

from nnxp._backend.kernels.products import room_for

__all__ = ["room_of"]

_rooms = threading.local()


def room_of(depth: int, dtype: Any) -> Any:
    """Return this thread's room for products of such a depth."""
    size = room_for(depth, dtype)
    room = getattr(_rooms, dtype.char, None)
    if room is None or room.size < size:
        room = np.empty(size, dtype)
        setattr(_rooms, dtype.char, room)
    return room
