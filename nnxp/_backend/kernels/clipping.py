"""Norms of gradients in one pass without a temporary, and what keeps gradients within bounds in another, in place."""

import math
from typing import Any

import numpy as np

from nnxp._backend.threads import for_each_piece

__all__ = ["cut_gradient", "gradient_norm", "scale_gradient"]

# Squares are summed in the vector's dtype within a row, and in float64 over the rows.
_ROW = 4096
# What one thread does in about the time that it takes to wake another.
_LEAST = 2**20


def gradient_norm(gradient: Any, order: float) -> Any:
    """Take the Euclidean norm of a vector; other orders are for the plain way."""
    if order != 2.0 or gradient.ndim != 1 or not gradient.flags.c_contiguous:
        return NotImplemented
    whole = gradient.size // _ROW * _ROW
    rows, rest = gradient[:whole].reshape(-1, _ROW), gradient[whole:]
    squares = np.empty(len(rows) + 1, dtype=gradient.dtype)
    squares[-1] = np.vecdot(rest, rest)

    def piece(start: int, stop: int) -> None:
        np.vecdot(rows[start:stop], rows[start:stop], out=squares[start:stop])

    for_each_piece(piece, len(rows), _LEAST // _ROW)
    return gradient.dtype.type(math.sqrt(np.sum(squares, dtype=np.float64)))


def scale_gradient(gradient: Any, factor: Any) -> Any:
    """Multiply in place, unless the factor is 1: here a look at it costs nothing."""
    if gradient.ndim != 1:
        return NotImplemented
    if factor != 1.0:
        for_each_piece(
            lambda start, stop: np.multiply(gradient[start:stop], factor, out=gradient[start:stop]),
            gradient.size, _LEAST, align=64,
        )  # fmt: skip
    return None


def cut_gradient(gradient: Any, limit: float) -> Any:
    """Cut entries off at both ends in one pass."""
    if gradient.ndim != 1:
        return NotImplemented
    for_each_piece(
        lambda start, stop: np.clip(gradient[start:stop], -limit, limit, out=gradient[start:stop]),
        gradient.size, _LEAST, align=64,
    )  # fmt: skip
    return None
