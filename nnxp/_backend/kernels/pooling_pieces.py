"""Max pooling by NumPy, a few samples at a time, which stay in the cache, on our threads."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from nnxp._backend.fused import SPECIFICATIONS
from nnxp._backend.threads import for_each_piece

__all__ = ["route_maxima", "window_maxima"]

# What the images of a piece take, and how many numbers are worth a thread.
_PIECE_BYTES, _LEAST = 2**21, 2**18


def window_maxima(x: Any, grid: Any, keep: bool) -> Any:
    """Find the maximum of each window."""
    y = np.empty((*x.shape[:2], *grid.out), x.dtype)
    winner = np.empty(y.shape, np.int8 if grid.few else np.int32) if keep else None

    def piece(first: int, last: int) -> None:
        for some in _pieces(x, first, last):
            into = None if winner is None else winner[some]
            if not (grid.whole and not grid.padded and _find(x[some], grid, y[some], into)):
                y[some], found = SPECIFICATIONS["window_maxima"](x[some], grid, keep)
                if into is not None:
                    into[...] = found

    _over_samples(piece, x)
    return y, winner


def route_maxima(dy: Any, winner: Any, grid: Any) -> Any:
    """Send gradients to where the maxima were found."""
    dx = np.empty((*dy.shape[:2], *grid.sizes), dy.dtype)

    def piece(first: int, last: int) -> None:
        for some in _pieces(dx, first, last):
            if grid.tiles:
                for number, there, _ in grid.places:
                    np.multiply(dy[some], winner[some] == number, out=dx[some][there])
            else:
                dx[some] = SPECIFICATIONS["route_maxima"](dy[some], winner[some], grid)

    _over_samples(piece, dx)
    return dx


def _find(x: Any, grid: Any, y: Any, winner: Any) -> bool:
    """Write maxima, and the first places that equal them; leave a NaN, which equals nothing, to the plain way."""
    # What is read twice is laid out first, as every step of a short row takes long.
    places = np.empty((len(grid.places), *y.shape), x.dtype)
    for place, (_, there, _) in zip(places, grid.places, strict=True):
        place[...] = x[there]
    np.maximum.reduce(places, axis=0, out=y)
    if winner is None:
        return True
    if np.isnan(np.maximum.reduce(y, axis=None, initial=-np.inf)):
        return False
    *numbers, last = (number for number, _, _ in grid.places)
    winner[...] = last
    for number, place in zip(reversed(numbers), places[-2::-1], strict=True):
        winner -= number
        winner *= (place != y).view(np.int8)
        winner += number
    return True


def _over_samples(piece: Any, images: Any) -> None:
    samples = len(images)
    for_each_piece(piece, samples, max(1, -(-_LEAST * samples // max(1, images.size))))


def _pieces(images: Any, first: int, last: int) -> Iterator[slice]:
    few = max(1, _PIECE_BYTES // max(1, images[:1].nbytes))
    for start in range(first, last, few):
        yield slice(start, min(start + few, last))
