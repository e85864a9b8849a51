"""Softmax over the last axis, in the loops of attention."""

import math
from typing import Any

import numpy as np

from nnxp._backend.kernels.softmax_loops import score_gradients, softmax_rows
from nnxp._backend.threads import for_each_piece

__all__ = ["shares", "shares_backward"]

# What one thread does in about the time that it takes to wake another, in numbers.
_LEAST = 2**14


def shares(x: Any, dim: int) -> Any:
    """Copy, and normalise in place."""
    if dim not in (-1, x.ndim - 1) or not x.size:
        return NotImplemented
    y = np.array(x, order="C")
    rows = y.reshape(-1, y.shape[-1])
    for_each_piece(lambda start, stop: softmax_rows(rows[start:stop], math.nan), len(rows), _least(rows))
    return y


def shares_backward(y: Any, dim: int, dy: Any) -> Any:
    """Copy, and subtract and scale in place."""
    if dim not in (-1, y.ndim - 1) or not y.size or dy.shape != y.shape or dy.dtype != y.dtype:
        return NotImplemented
    dx = np.array(dy, order="C")
    rows, given, one = dx.reshape(-1, dx.shape[-1]), y.reshape(-1, y.shape[-1]), dx.dtype.type(1)

    def piece(start: int, stop: int) -> None:
        score_gradients(rows[start:stop], given[start:stop], None, one, one)

    for_each_piece(piece, len(rows), _least(rows))
    return dx


def _least(rows: Any) -> int:
    return max(1, _LEAST // int(rows.shape[1]))
