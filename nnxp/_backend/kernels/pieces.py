"""Convolutions by NumPy, on pieces of the batch: each on one of our threads, with one thread of BLAS."""

from typing import Any

import numpy as np

from nnxp._backend.fused import SPECIFICATIONS
from nnxp._backend.kernels import flat
from nnxp._backend.threads import count, for_each_piece, one_blas_thread

__all__ = ["in_pieces", "weight_gradient_in_pieces"]

# What a function returns at once, before it is copied to its place.
_RESULT_BYTES = 2**20


def in_pieces(name: str, x: Any, shape: tuple[int, ...], weight: Any, *args: Any) -> Any:
    """Call a function on pieces of the batch; one piece may have all threads of BLAS."""
    window, groups = args[-3:-1]
    function = getattr(flat, name) if flat.fits(window, groups) else SPECIFICATIONS[name]
    if min(len(x), count()) < 2:
        return function(x, weight, *args)
    y = np.empty((len(x), *shape), x.dtype)
    few = max(1, _RESULT_BYTES // max(1, y[0].nbytes))

    def piece(first: int, stop: int) -> None:
        for start in range(first, stop, few):
            end = min(start + few, stop)
            y[start:end] = function(x[start:end], weight, *args)

    with one_blas_thread():
        for_each_piece(piece, len(x))
    return y


def weight_gradient_in_pieces(x: Any, dy: Any, window: Any, groups: int, dweight: Any) -> Any:
    """Sum over the pieces of the batch in their order."""
    if min(len(x), count()) < 2:
        return _weight_gradient(x, dy, window, groups, dweight)
    parts = {}

    def piece(first: int, stop: int) -> None:
        parts[first] = part = np.empty_like(dweight)
        _weight_gradient(x[first:stop], dy[first:stop], window, groups, part)

    with one_blas_thread():
        for_each_piece(piece, len(x))
    dweight[...] = sum(parts[first] for first in sorted(parts))
    return None


def _weight_gradient(x: Any, dy: Any, window: Any, groups: int, dweight: Any) -> None:
    if not flat.fits(window, groups) or flat.weight_gradient(x, dy, window, groups, dweight) is NotImplemented:
        SPECIFICATIONS["weight_gradient"](x, dy, window, groups, dweight)
