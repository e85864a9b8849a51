"""Products of two matrices by our own tiles, each thread taking some of the columns."""

from typing import Any

import numpy as np

from nnxp._backend.kernels.products import product
from nnxp._backend.kernels.rooms import room_of
from nnxp._backend.threads import for_each_piece

__all__ = ["affine", "matmul"]

# Multiply-adds from which a product is worth the way here, and those that keep a thread busy.
_LEAST, _SHARE = 2**14, 2**21


def matmul(a: Any, b: Any, out: Any) -> Any:
    """Return ``a @ b``, in `out` if it is given."""
    if a.ndim != 2 or b.ndim != 2:
        return NotImplemented
    if out is None:
        out = np.empty((a.shape[0], b.shape[1]), a.dtype)
    return out if _multiply(a, b, np.zeros(b.shape[1], a.dtype), out) else NotImplemented


def affine(x: Any, weight: Any, bias: Any) -> Any:
    """Return ``x @ weight.T + bias``, the bias where the sums begin."""
    if x.ndim != 2 or weight.ndim != 2:
        return NotImplemented
    y = np.empty((len(x), len(weight)), x.dtype)
    return y if _multiply(x, weight.T, bias, y) else NotImplemented


def _multiply(a: Any, b: Any, start: Any, out: Any) -> bool:
    """Write ``out = start + a @ b`` for two matrices; tell whether they are of the kind."""
    if a.dtype != b.dtype or out.dtype != a.dtype or start.dtype != a.dtype:
        return False
    (rows, depth), columns = a.shape, b.shape[1]
    if len(b) != depth or out.shape != (rows, columns):
        return False
    if rows < 4 or rows * depth * columns < _LEAST or not out.flags.c_contiguous:
        return False
    flat_a, flat_b = _flat(a), _flat(b)
    if flat_a is None or flat_b is None or not start.flags.c_contiguous:
        return False

    def piece(first: int, last: int) -> None:
        room = room_of(depth, a.dtype)
        product(*flat_a, *flat_b, start, 0, 0, out.reshape(-1), 0, columns, rows, first, last, depth, room)

    for_each_piece(piece, columns, max(32, _SHARE // (rows * depth)), align=32)
    return True


def _flat(a: Any) -> tuple[Any, int, int, int] | None:
    """Return a matrix as a flat array, an offset and two steps; what is read-only would be compiled for anew."""
    if not a.flags.writeable:
        return None
    if a.flags.c_contiguous:
        return a.reshape(-1), 0, a.shape[1], 1
    return (a.T.reshape(-1), 0, 1, a.shape[0]) if a.flags.f_contiguous else None
