"""Convolutions of stride 1 by NumPy alone, where a sample has few columns: straight between images and products.

With one channel or a few, a product takes no time beside the copies around it. So each sample has its own product, of
which the output or its gradient is a factor as it lies in memory; and only what the windows see is copied, or added.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["convolve", "input_gradient", "pays", "weight_gradient"]

# Rows of columns up to which it pays, and what the columns of a chunk may take: much, since with every call a thread
# may have to wait for the others to let go of the interpreter.
_MOST_ROWS, _COLUMN_BYTES = 32, 2**23


def pays(weight: Any) -> bool:
    """Tell whether a weight (maps, channels, *kernel) makes columns of few rows."""
    rows: int = math.prod(weight.shape[1:])
    return rows <= _MOST_ROWS


def convolve(x: Any, weight: Any, bias: Any, window: Any, y: Any) -> None:
    """Convolve a batch."""
    padded, flat, kernels = window.pad(x), _flat(y), weight.reshape(len(weight), -1)
    for some, columns, parts in _chunks(y, weight):
        parts[...] = _seen(padded[some], window, y.shape[2:])
        np.matmul(kernels, columns, out=flat[some])
        if bias is not None:
            flat[some] += bias[:, None]


def input_gradient(dy: Any, weight: Any, window: Any, dx: Any) -> None:
    """Spread the output's gradient."""
    padded = np.zeros((*dx.shape[:2], *window.padded_sizes(dx.shape[2:])), dx.dtype)
    flat, kernels = _flat(dy), np.array(weight.reshape(len(weight), -1).T, order="C")
    for some, columns, parts in _chunks(dy, weight):
        np.matmul(kernels, flat[some], out=columns)
        seen = _seen(padded[some], window, dy.shape[2:])
        for place in np.ndindex(*window.kernel):
            here = (slice(None), slice(None), *place)
            seen[here] += parts[here]
    dx[...] = window.unpad(padded)


def weight_gradient(x: Any, dy: Any, window: Any, dweight: Any) -> None:
    """Correlate a batch with the output's gradient."""
    padded, flat = window.pad(x), _flat(dy).swapaxes(1, 2)
    total = np.zeros((dweight[0].size, len(dweight)), x.dtype)
    for some, columns, parts in _chunks(dy, dweight):
        parts[...] = _seen(padded[some], window, dy.shape[2:])
        total += np.add.reduce(np.matmul(columns, flat[some]), axis=0)
    dweight[...] = total.T.reshape(dweight.shape)


def _flat(y: Any) -> Any:
    return y.reshape(*y.shape[:2], math.prod(y.shape[2:]))


def _seen(padded: Any, window: Any, out: tuple[int, ...]) -> Any:
    """View a batch with its borders as (N, C, *kernel, *out)."""
    steps = padded.strides[2:]
    strides = (*padded.strides[:2], *(d * step for d, step in zip(window.dilation, steps, strict=True)), *steps)
    return np.lib.stride_tricks.as_strided(padded, (*padded.shape[:2], *window.kernel, *out), strides)


def _chunks(y: Any, weight: Any) -> Iterator[tuple[slice, Any, Any]]:
    """Yield a few samples, and room for their columns: (samples, rows, places), or as (samples, C, *kernel, *out)."""
    rows, out = weight.shape[1:], y.shape[2:]
    few = max(1, _COLUMN_BYTES // max(1, math.prod((*rows, *out)) * y.itemsize))
    room = np.empty((min(few, len(y)), *rows, *out), y.dtype)
    for first in range(0, len(y), few):
        parts = room[: min(few, len(y) - first)]
        yield slice(first, first + len(parts)), parts.reshape(len(parts), math.prod(rows), math.prod(out)), parts
