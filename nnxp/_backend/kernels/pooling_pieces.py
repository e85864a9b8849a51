"""Max pooling by NumPy, a few samples at a time, which stay in the cache, on our threads."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from nnxp._backend.fused import SPECIFICATIONS
from nnxp._backend.threads import for_each_piece

__all__ = ["route_maxima", "window_maxima"]

# What the images of a piece take.
_PIECE_BYTES = 2**19


def window_maxima(x: Any, grid: Any, keep: bool) -> Any:
    """Find the maximum of each window."""
    y = np.empty((*x.shape[:2], *grid.out), x.dtype)
    winner = np.empty(y.shape, np.int8 if grid.few else np.int32) if keep else None

    def piece(first: int, last: int) -> None:
        for some in _pieces(x, first, last):
            y[some], found = SPECIFICATIONS["window_maxima"](x[some], grid, keep)
            if winner is not None:
                winner[some] = found

    for_each_piece(piece, len(x))
    return y, winner


def route_maxima(dy: Any, winner: Any, grid: Any) -> Any:
    """Send gradients to where the maxima were found."""
    dx = np.empty((*dy.shape[:2], *grid.sizes), dy.dtype)

    def piece(first: int, last: int) -> None:
        for some in _pieces(dx, first, last):
            dx[some] = SPECIFICATIONS["route_maxima"](dy[some], winner[some], grid)

    for_each_piece(piece, len(dy))
    return dx


def _pieces(images: Any, first: int, last: int) -> Iterator[slice]:
    few = max(1, _PIECE_BYTES // max(1, images[:1].nbytes))
    for start in range(first, last, few):
        yield slice(start, min(start + few, last))
