"""What is left to do without Numba: the plain function on one block after another, each small enough for the cache."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nnxp._backend.threads import for_each_piece

__all__ = ["in_blocks"]

# Smaller blocks cost more in calls (and in threads that wait for the interpreter) than the cache gives back.
_BLOCK = 2**17
_LEAST = 2**20


def in_blocks(plain: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that runs another, elementwise and in place, over blocks of its vectors and over threads."""

    def run(*args: Any) -> Any:
        shape = args[0].shape
        if args[0].size < _LEAST or len(shape) != 1:
            return NotImplemented
        cut = [isinstance(a, np.ndarray) and a.shape == shape for a in args]

        def piece(start: int, stop: int) -> None:
            for begin in range(start, stop, _BLOCK):
                block = slice(begin, min(begin + _BLOCK, stop))
                plain(*(a[block] if is_vector else a for a, is_vector in zip(args, cut, strict=True)))

        for_each_piece(piece, args[0].size, _BLOCK, align=_BLOCK)
        return None

    return run
