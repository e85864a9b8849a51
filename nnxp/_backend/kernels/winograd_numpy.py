"""Winograd's convolution by NumPy: every step of it a product of matrices, without other copies.

A product takes the last axis of one array to the front of the next. So places across the images (N, C, H, W) come to
points, (points, tiles, N, C, H), and then those down, (points, points, tiles, tiles, N, C), where the rows of all
tiles meet the weight; and the same way leads back, which ends where the output lies.
"""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from nnxp._backend.kernels.pieces import over_samples
from nnxp._backend.kernels.winograd_bands import KERNELS, POINTS, Band, bands
from nnxp._backend.threads import for_each_piece, one_blas_thread

__all__ = ["convolve", "input_gradient", "weight_gradient"]

Sizes = tuple[int, ...]

# Rows of a product, as far as whole samples have so few: more leave the cache. For the weight's gradient they are
# summed, and for all else channels, at most so many at once, as the errors of longer sums are larger.
_ROWS, _CHANNELS = 80, 32
# Pairs of a channel and a map that are worth a thread on their way to the points.
_PAIRS = 2**10


def convolve(x: Any, weight: Any, bias: Any, before: Sizes, out: Sizes) -> Any:
    """Convolve a batch; None where the result is not finite."""
    return _convolve(x, _at_points(weight.swapaxes(0, 1), KERNELS), bias, before, out)


def input_gradient(dy: Any, weight: Any, before: Sizes, sizes: Sizes) -> Any:
    """Convolve the gradient of the output back; None where the result is not finite."""
    borders = tuple(size - 1 - n for size, n in zip(weight.shape[2:], before, strict=True))
    return _convolve(dy, _at_points(weight, KERNELS[:, ::-1]), None, borders, sizes)


def weight_gradient(x: Any, dy: Any, before: Sizes, dweight: Any) -> bool:
    """Write the weight's gradient: sums of each thread, then of all; tell whether it is finite."""
    totals = {}

    def piece(first: int, stop: int) -> None:
        totals[first] = _products(x[first:stop], dy[first:stop], before)

    with np.errstate(invalid="ignore", over="ignore"):
        over_samples(piece, len(x))
        total = sum(totals[first] for first in sorted(totals))
        with one_blas_thread():
            places = np.dot(KERNELS.T, total.reshape(POINTS**2, -1))
    dweight[...] = places.reshape(*dweight.shape[2:], *total.shape[1:]).transpose(3, 2, 0, 1)
    return bool(np.isfinite(places).all())


def _at_points(weight: Any, kernels: Any) -> Any:
    """Bring a weight (reads, writes, 3, 3) to all pairs of points: (points, points, reads, writes)."""
    rows = np.ascontiguousarray(weight).reshape(-1, kernels.shape[1])
    points = np.empty((POINTS**2, len(rows)), weight.dtype)

    def piece(first: int, stop: int) -> None:
        np.matmul(kernels, rows[first:stop].T, out=points[:, first:stop])

    with one_blas_thread(), np.errstate(invalid="ignore", over="ignore"):
        for_each_piece(piece, len(rows), _PAIRS)
    return points.reshape(POINTS, POINTS, *weight.shape[:2])


def _convolve(x: Any, weight: Any, bias: Any, before: Sizes, out: Sizes) -> Any:
    y, finite = np.empty((len(x), weight.shape[3], *out), x.dtype), []
    groups = [slice(c, c + _CHANNELS) for c in range(0, x.shape[1], _CHANNELS)]
    down, across = bands(x.shape[2:], before, out)
    # On the way back the sums over all groups are summed too.
    down = tuple(band._replace(make=np.tile(band.make, len(groups))) for band in down)

    def piece(first: int, stop: int) -> None:
        room = _Room(x.dtype)
        for some in _chunks(first, stop, down, across):
            for band in across:
                _write(x[some], weight, groups, down, band, y[some], room)
            if bias is not None:
                y[some] += bias[:, None, None]
        flat = y[first:stop].reshape(-1)
        # The sum of the squares is read off in no time; from 1e19 on it is not finite either.
        finite.append(np.isfinite(np.dot(flat, flat)))

    with np.errstate(invalid="ignore", over="ignore"):
        over_samples(piece, len(x))
    return y if all(finite) else None


def _write(x: Any, weight: Any, groups: list[slice], down: tuple[Band, ...], band: Band, y: Any, room: "_Room") -> None:
    """Write what one band across makes of the output."""
    (n, channels), (maps, height, width) = x.shape[:2], y.shape[1:]
    seen, each = _across(x, band.take, band.seen, room, "x"), band.tiles * n
    back = room("back", POINTS, each * maps, height)
    for other in down:
        rows = other.tiles * each
        values = _down(seen, other.take, other.seen, room, "x").reshape(POINTS, POINTS, rows, channels)
        met = room("met", POINTS, len(groups), POINTS, rows, maps)
        for i, group in enumerate(groups):
            np.matmul(values[..., group], weight[:, :, group], out=met[:, i])
        met = met.reshape(POINTS, -1, each * maps).swapaxes(1, 2)
        np.matmul(met, other.make.T, out=back[:, :, other.written])
    back = back.reshape(POINTS * band.tiles, n, maps * height).transpose(1, 2, 0)
    np.matmul(back, band.make.T, out=y.reshape(n, maps * height, width)[:, :, band.written])


def _products(x: Any, dy: Any, before: Sizes) -> Any:
    """Return the weight's gradient at all pairs of points, (points**2, C, maps)."""
    channels, maps, room = x.shape[1], dy.shape[1], _Room(x.dtype)
    down, across = bands(x.shape[2:], before, dy.shape[2:])
    total = np.zeros((POINTS**2, channels, maps), x.dtype)
    part = np.empty_like(total)
    for some in _chunks(0, len(x), down, across):
        for band in across:
            seen = _across(x[some], band.take, band.seen, room, "x")
            given = _across(dy[some], band.make.T, band.written, room, "dy")
            for other in down:
                values = _down(seen, other.take, other.seen, room, "x").reshape(POINTS**2, -1, channels)
                slopes = _down(given, other.make.T, other.written, room, "dy").reshape(POINTS**2, -1, maps)
                np.matmul(values.swapaxes(1, 2), slopes, out=part)
                np.add(total, part, out=total)
    return total


def _across(x: Any, matrix: Any, seen: slice, room: "_Room", name: str) -> Any:
    """Bring places across to points: (points, tiles * N * C, H)."""
    n, channels, height, width = x.shape
    points = room(f"across {name}", POINTS, len(matrix) // POINTS * n * channels, height)
    places = x.reshape(n, channels * height, width)[:, :, seen].swapaxes(1, 2)
    np.matmul(matrix, places, out=points.reshape(len(matrix), n, -1).swapaxes(0, 1))
    return points


def _down(points: Any, matrix: Any, seen: slice, room: "_Room", name: str) -> Any:
    """Bring places down to points too: (points, points * tiles, tiles * N * C)."""
    result = room(f"down {name}", POINTS, len(matrix), points.shape[1])
    np.matmul(matrix, points[:, :, seen].swapaxes(1, 2), out=result)
    return result


def _chunks(first: int, stop: int, down: tuple[Band, ...], across: tuple[Band, ...]) -> Iterator[slice]:
    """Cut samples so that their tiles in two bands are no more than the rows of a product, if one has no more."""
    together = max(1, _ROWS // (down[-1].tiles * across[-1].tiles))
    count = -(-(stop - first) // together)
    yield from (slice(*edges) for edges in pairwise(first + (stop - first) * i // count for i in range(count + 1)))


class _Room:
    """Arrays to work in, that are there already, by name."""

    def __init__(self, dtype: Any) -> None:
        self.dtype, self.held = dtype, dict[str, Any]()

    def __call__(self, name: str, *shape: int) -> Any:
        size = math.prod(shape)
        if name not in self.held or self.held[name].size < size:
            self.held[name] = np.empty(size, self.dtype)
        return self.held[name][:size].reshape(shape)
