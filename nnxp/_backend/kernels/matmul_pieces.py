"""Products of two matrices by NumPy, in pieces of the result: each on one of our threads, with one thread of BLAS.

BLAS's own threads spin for a while after every product, and would take the cores from ours.
"""

from typing import Any

import numpy as np

from nnxp._backend.threads import count, for_each_piece, one_blas_thread

__all__ = ["affine", "matmul"]

# Multiply-adds from which BLAS would take threads of its own, and those that keep one busy.
_LEAST, _SHARE = 2**18, 2**20


def matmul(a: Any, b: Any, out: Any) -> Any:
    """Return ``a @ b``, in `out` if it is given."""
    if not _fits(a, b):
        return NotImplemented
    if out is None:
        out = np.empty((len(a), b.shape[1]), a.dtype)
    elif out.shape != (len(a), b.shape[1]) or out.dtype != a.dtype:
        return NotImplemented
    _multiply(a, b, out)
    return out


def affine(x: Any, weight: Any, bias: Any) -> Any:
    """Return ``x @ weight.T + bias``."""
    y = matmul(x, weight.T, None)
    if y is not NotImplemented:
        y += bias
    return y


def _fits(a: Any, b: Any) -> bool:
    if a.ndim != 2 or b.ndim != 2 or a.dtype != b.dtype or a.shape[1] != len(b) or count() == 1:
        return False
    return bool(a.size * b.shape[1] >= _LEAST)


def _multiply(a: Any, b: Any, out: Any) -> None:
    """Cut the longer side of the result."""
    rows, columns = out.shape

    def some_rows(first: int, last: int) -> None:
        np.matmul(a[first:last], b, out=out[first:last])

    def some_columns(first: int, last: int) -> None:
        np.matmul(a, b[:, first:last], out=out[:, first:last])

    longer = max(rows, columns)
    least = max(32, _SHARE * longer // (a.size * columns))
    with one_blas_thread():
        for_each_piece(some_rows if rows == longer else some_columns, longer, least, align=16)
