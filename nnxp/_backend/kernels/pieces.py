"""Convolutions by NumPy, on pieces of the batch: each on one of our threads, with one thread of BLAS."""

from typing import Any

import numpy as np

from nnxp._backend.fused import SPECIFICATIONS
from nnxp._backend.kernels import few, flat
from nnxp._backend.threads import count, for_each_piece, one_blas_thread

__all__ = ["has_few_columns", "in_pieces", "over_samples", "weight_gradient_in_pieces"]

# What the plain function returns at once, before it is copied to its place.
_RESULT_BYTES = 2**20


def in_pieces(name: str, x: Any, shape: tuple[int, ...], weight: Any, *args: Any) -> Any:
    """Call a function on pieces of the batch; one piece may have all threads of BLAS."""
    *given, window, groups, _ = args
    y = np.empty((len(x), *shape), x.dtype)
    room = _room(weight, window, groups)
    some = max(1, _RESULT_BYTES // max(1, y[:1].nbytes))

    def piece(first: int, stop: int) -> None:
        if room:
            getattr(room, name)(x[first:stop], weight, *given, window, y[first:stop])
            return
        for start in range(first, stop, some):
            end = min(start + some, stop)
            y[start:end] = SPECIFICATIONS[name](x[start:end], weight, *args)

    over_samples(piece, len(x))
    return y


def weight_gradient_in_pieces(x: Any, dy: Any, window: Any, groups: int, dweight: Any) -> Any:
    """Sum over the pieces of the batch in their order."""
    parts = {}
    room = _room(dweight, window, groups)

    def piece(first: int, stop: int) -> None:
        parts[first] = part = np.empty_like(dweight)
        given = x[first:stop], dy[first:stop], window
        if room is None or room.weight_gradient(*given, part) is NotImplemented:
            SPECIFICATIONS["weight_gradient"](*given, groups, part)

    over_samples(piece, len(x))
    dweight[...] = sum(parts[first] for first in sorted(parts))
    return None


def has_few_columns(weight: Any, window: Any, groups: int) -> bool:
    """Tell whether a sample has so few columns that products are made straight from it."""
    return flat.fits(window, groups) and few.pays(weight)


def _room(weight: Any, window: Any, groups: int) -> Any:
    """Return the module that knows a quicker way, if there is one."""
    if has_few_columns(weight, window, groups):
        return few
    return flat if flat.fits(window, groups) else None


def over_samples(piece: Any, n: int) -> None:
    if min(n, count()) < 2:
        piece(0, n)
        return
    with one_blas_thread():
        for_each_piece(piece, n)
