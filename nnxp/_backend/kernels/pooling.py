"""Maximum pooling in one pass over the input, plane by plane; the planes are split over our threads."""

from typing import Any

import numpy as np

from nnxp._backend.kernels.compiling import compiled
from nnxp._backend.kernels.layout import merged
from nnxp._backend.threads import for_each_piece

__all__ = ["route_maxima", "window_maxima"]

# Numbers that one thread goes through in about the time that it takes to wake another.
_LEAST = 2**15


def window_maxima(x: Any, grid: Any, keep: bool) -> Any:
    """Find the maximum of each window."""
    y = np.empty((*x.shape[:2], *grid.out), x.dtype)
    winner = np.empty(y.shape if keep else 0, np.int8 if grid.few else np.int32)
    flat, sizes, axes = _flat(x), merged(grid.sizes, 1), _axes(grid)
    flat_y, flat_winner, rows = y.reshape(-1), winner.reshape(-1), axes[1][0]

    def piece(first: int, last: int) -> None:
        if _is_quarters(grid):
            _quarters(first * rows, last * rows, flat, sizes[2], flat_y, flat_winner)
        else:
            _maxima(first, last, flat, sizes, axes, flat_y, flat_winner)

    _over_planes(piece, x, grid)
    return y, winner if keep else None


def route_maxima(dy: Any, winner: Any, grid: Any) -> Any:
    """Send gradients to where the maxima were found."""
    dx = np.empty((*dy.shape[:2], *grid.sizes), dy.dtype)
    flat, sizes, axes = _flat(dy), merged(grid.sizes, 1), _axes(grid)
    flat_winner, flat_dx, rows = _flat(winner), dx.reshape(-1), axes[1][0]

    def piece(first: int, last: int) -> None:
        if _is_quarters(grid):
            _route_quarters(first * rows, last * rows, flat, flat_winner, sizes[2], flat_dx)
        else:
            _route(first, last, flat, flat_winner, sizes, axes, flat_dx)

    _over_planes(piece, dx, grid)
    return dx


def _axes(grid: Any) -> Any:
    """Return (windows, kernel, stride, padding, dilation) of three axes."""
    given = tuple((axis.count, axis.kernel, axis.stride, axis.padding, axis.dilation) for axis in grid.axes)
    return ((1, 1, 1, 0, 1),) * (3 - len(given)) + given


def _is_quarters(grid: Any) -> bool:
    """Tell whether images fall into windows of 2x2, without a rest."""
    return grid.tiles and tuple(axis.kernel for axis in grid.axes) == (2, 2)


def _flat(x: Any) -> Any:
    """Return all numbers in a row, not to be written to: one type for Numba, whatever the array."""
    flat = x.reshape(-1)
    flat.flags.writeable = False
    return flat


def _over_planes(piece: Any, x: Any, grid: Any) -> None:
    planes = x.shape[0] * x.shape[1]
    if planes:
        for_each_piece(piece, planes, -(-_LEAST * planes // x.size))


@compiled
def _quarters(first: int, last: int, x: Any, width: int, y: Any, winner: Any) -> None:
    """Go through rows of windows of 2x2; which plane they are of does not matter."""
    out, zero = width // 2, np.int32(0)
    for row in range(first, last):
        upper, at = x[row * 2 * width : (row * 2 + 1) * width], row * out
        lower = x[(row * 2 + 1) * width : (row * 2 + 2) * width]
        for j in range(out):
            a, b, c, d = upper[2 * j], upper[2 * j + 1], lower[2 * j], lower[2 * j + 1]
            better = (b > a) | (b != b)
            best, place = (b if better else a), (np.int32(1) if better else zero)
            better = (c > best) | (c != c)
            best, place = (c if better else best), (np.int32(2) if better else place)
            better = (d > best) | (d != d)
            y[at + j] = d if better else best
            if winner.size:
                winner[at + j] = np.int32(3) if better else place


@compiled
def _route_quarters(first: int, last: int, dy: Any, winner: Any, width: int, dx: Any) -> None:
    out, nothing = width // 2, dy.dtype.type(0)
    for row in range(first, last):
        at = row * out
        upper, lower = dx[row * 2 * width :], dx[(row * 2 + 1) * width :]
        for j in range(out):
            value, place = dy[at + j], np.int32(winner[at + j])
            upper[2 * j] = value if place == 0 else nothing
            upper[2 * j + 1] = value if place == 1 else nothing
        for j in range(out):
            value, place = dy[at + j], np.int32(winner[at + j])
            lower[2 * j] = value if place == 2 else nothing
            lower[2 * j + 1] = value if place == 3 else nothing


@compiled
def _seen(axis: Any, size: int, window: int) -> Any:
    """Return where a window begins, and the first of its places that lie on an axis, and one past the last."""
    _, kernel, stride, padding, dilation = axis
    start = window * stride - padding
    low = (-start + dilation - 1) // dilation if start < 0 else 0
    return start, low, min(kernel, (size - 1 - start) // dilation + 1)


@compiled
def _maxima(first: int, last: int, x: Any, sizes: Any, axes: Any, y: Any, winner: Any) -> None:
    """Go through the places of the kernel for a row of windows at once."""
    deep, down, across = axes
    shift, step = across[4], across[2]
    places, zero = np.empty(across[0], np.int32), np.int32(0)
    at = first * deep[0] * down[0] * across[0]
    for plane in range(first, last):
        base = plane * sizes[0] * sizes[1] * sizes[2]
        for a in range(deep[0]):
            d0, d_low, d_high = _seen(deep, sizes[0], a)
            for b in range(down[0]):
                h0, h_low, h_high = _seen(down, sizes[1], b)
                y[at : at + across[0]] = -np.inf
                for c in range(across[0]):
                    _, low, _ = _seen(across, sizes[2], c)
                    places[c] = (d_low * down[1] + h_low) * across[1] + low
                for i in range(d_low, d_high):
                    for j in range(h_low, h_high):
                        line = base + ((d0 + i * deep[4]) * sizes[1] + h0 + j * down[4]) * sizes[2]
                        for k in range(across[1]):
                            place = np.int32((i * down[1] + j) * across[1] + k)
                            begin = k * shift - across[3]
                            low = max(0, -(begin // step))
                            high = min(across[0], (sizes[2] - 1 - begin) // step + 1)
                            for c in range(low, high):
                                value, best = x[line + begin + c * step], y[at + c]
                                better = (value > best) | (value != value)
                                y[at + c] = value if better else best
                                places[c] = max(places[c], place if better else zero)
                if winner.size:
                    for c in range(across[0]):
                        winner[at + c] = places[c]
                at += across[0]


@compiled
def _route(first: int, last: int, dy: Any, winner: Any, sizes: Any, axes: Any, dx: Any) -> None:
    deep, down, across = axes
    at = first * deep[0] * down[0] * across[0]
    room = sizes[0] * sizes[1] * sizes[2]
    for plane in range(first, last):
        base = plane * room
        dx[base : base + room] = 0
        for a in range(deep[0]):
            for b in range(down[0]):
                for c in range(across[0]):
                    rest, k = divmod(winner[at], across[1])
                    i, j = divmod(rest, down[1])
                    d = a * deep[2] - deep[3] + i * deep[4]
                    h = b * down[2] - down[3] + j * down[4]
                    w = c * across[2] - across[3] + k * across[4]
                    dx[base + (d * sizes[1] + h) * sizes[2] + w] += dy[at]
                    at += 1
