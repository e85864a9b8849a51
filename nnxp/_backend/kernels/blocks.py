"""What is left to do without Numba: the plain function on one block after another, each small enough for the cache."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from nnxp._backend.threads import for_each_piece

__all__ = ["LEAST", "in_blocks"]

# Smaller blocks cost more in calls than the cache gives back. Threads, which wait for one another between the calls,
# and for the cores after BLAS has had them, pay where memory is the limit.
_BLOCK, _SHARE = 2**16, 2**19
LEAST = 2**17


def in_blocks(plain: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that runs another, elementwise and in place, over blocks of its vectors and over threads."""

    def run(*args: Any) -> Any:
        shape = args[0].shape
        if args[0].size < LEAST or len(shape) != 1:
            return NotImplemented
        cut = [isinstance(a, np.ndarray) and a.shape == shape for a in args]

        def piece(start: int, stop: int) -> None:
            # Of one size, as a small rest would cost as many calls.
            blocks = -(-(stop - start) // _BLOCK)
            for begin, end in pairwise(start + (stop - start) * i // blocks for i in range(blocks + 1)):
                plain(*(a[begin:end] if is_vector else a for a, is_vector in zip(args, cut, strict=True)))

        for_each_piece(piece, args[0].size, _SHARE)
        return None

    return run
