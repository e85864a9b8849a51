"""Pooling place by place of the kernel: what all windows see at one place is one strided slice of the input."""

import math
from itertools import product
from typing import Any

from nnxp._backend import Array, fused, namespace
from nnxp.layers.pooling.axis import Axis

__all__ = ["Grid"]


class Grid:
    """Windows at equal distances, and the maps between an input (N, C, *sizes) and its windows (N, C, *out).

    Nothing is padded, and backward adds no two numbers to one place at once: slices take turns, so that results are
    the same on every device.

    Parameters
    ----------
    axes : tuple of Axis
        The windows along each axis.
    """

    def __init__(self, axes: tuple[Axis, ...]) -> None:
        self.axes = axes
        self.sizes = tuple(axis.size for axis in axes)
        self.out = tuple(axis.count for axis in axes)
        kernel = tuple(axis.kernel for axis in axes)
        # (number of the place, slice of the input, slice of the windows); an Ellipsis is all windows.
        self.places: list[tuple[int, Any, Any]] = []
        for number, place in enumerate(product(*map(range, kernel))):
            pairs = [axis.seen(k) for axis, k in zip(axes, place, strict=True)]
            if None not in pairs:
                there, here = zip(*pairs, strict=True)
                all_windows = here == tuple(slice(0, n) for n in self.out)
                self.places.append((number, (..., *there), ... if all_windows else (..., *here)))
        self.padded = any(axis.padding for axis in axes)
        self.whole = all(here is ... for _, _, here in self.places)
        self.disjoint = all(axis.stride >= axis.reach for axis in axes)
        self.tiles = all(axis.tiles for axis in axes)
        self.few = math.prod(kernel) <= 127

    def total(self, x: Array) -> Array:
        """Sum each window."""
        y, rest = self.start(x, 0.0, own=True)
        for _, there, here in rest:
            part = y[here]
            part += x[there]
        return y

    def spread(self, dy: Array) -> Array:
        """Give every place the sum over the windows that see it: the transpose of `total`."""
        dx = self.blank(dy)
        for _, there, here in self.places:
            self.add(dx, there, dy[here])
        return dx

    def maxima(self, x: Array, keep: bool) -> tuple[Array, Array | None]:
        """Return the maximum of each window and, if `keep`, the number of the place where it was found.

        The first of several maxima counts; a NaN is greater than anything, and the last of several counts.
        """
        return window_maxima(x, self, keep)

    def route(self, winner: Array, dy: Array) -> Array:
        """Send the gradient of each window's maximum to where it was found."""
        return route_maxima(dy, winner, self)

    def indices(self, winner: Array) -> Array:
        """Turn the numbers of places into indices of the flattened axes."""
        xp, device = namespace(winner), winner.device
        shifts, index, step = [0], None, 1
        for i, axis in reversed(list(enumerate(self.axes))):
            starts = xp.arange(axis.count, dtype=xp.int64, device=device) * (axis.stride * step) - axis.padding * step
            starts = xp.reshape(starts, (axis.count,) + (1,) * (len(self.axes) - 1 - i))
            index = starts if index is None else starts + index
            shifts = [k * axis.dilation * step + shift for k in range(axis.kernel) for shift in shifts]
            step *= axis.size
        table = xp.asarray(shifts, dtype=xp.int64, device=device)
        flat = xp.reshape(xp.astype(winner, xp.int64), (math.prod(winner.shape),))
        return xp.reshape(xp.take(table, flat, axis=0), winner.shape) + index

    def start(self, x: Array, blank: float, *, own: bool) -> tuple[Array, list[tuple[int, Any, Any]]]:
        """Return what the windows start with, and the places that are still to come."""
        xp = namespace(x)
        if self.padded:
            return xp.full((*x.shape[:2], *self.out), blank, dtype=x.dtype, device=x.device), self.places
        (_, there, _), *rest = self.places
        return xp.asarray(x[there], copy=True) if own else x[there], rest

    def first_places(self, x: Array) -> Array:
        """Return the number of the first place that each window sees: not 0 where it starts in the padding."""
        xp = namespace(x)
        shape, dtype = (*x.shape[:2], *self.out), xp.int8 if self.few else xp.int32
        winner, weight = xp.zeros(shape, dtype=dtype, device=x.device), 1
        for i, axis in reversed(list(enumerate(self.axes))):
            for o, k in enumerate(axis.first_seen):
                part = winner[(slice(None),) * (i + 2) + (o, ...)]
                part += k * weight
            weight *= axis.kernel
        return winner

    def blank(self, dy: Array) -> Array:
        """Return an input's gradient to write to: zeros, unless every place will be written."""
        new = namespace(dy).empty if self.tiles else namespace(dy).zeros
        return new((*dy.shape[:2], *self.sizes), dtype=dy.dtype, device=dy.device)

    def add(self, dx: Array, there: Any, part: Array) -> None:
        """Add what the windows say about the places that they see at one place of the kernel."""
        if self.disjoint:
            dx[there] = part
        else:
            seen = dx[there]
            seen += part


@fused
def window_maxima(x: Array, grid: Grid, keep: bool) -> tuple[Array, Array | None]:
    """Return the maxima of `x` and where they were found; see `Grid.maxima`."""
    xp = namespace(x)
    y, rest = grid.start(x, -math.inf, own=not grid.whole)
    winner = grid.first_places(x) if keep else None
    for k, there, here in rest:
        seen, best = x[there], y[here]
        if winner is not None:
            # Later places have larger numbers; products and maxima are much faster than a choice by where.
            better = xp.astype((seen > best) | (seen != seen), winner.dtype)
            better *= k
            winner = replaced(winner, here, xp.maximum(winner[here], better))
        y = replaced(y, here, xp.maximum(best, seen))
    return y, winner


@fused
def route_maxima(dy: Array, winner: Array, grid: Grid) -> Array:
    """Send `dy` to where the maxima were found; see `Grid.route`."""
    xp, dx = namespace(dy), grid.blank(dy)
    for k, there, here in grid.places:
        part = xp.astype(winner[here] == k, dy.dtype)
        part *= dy[here]
        grid.add(dx, there, part)
    return dx


def replaced(y: Array, here: Any, part: Array) -> Array:
    """Return `y` with `part` in its place: in place, unless it is all of it."""
    if here is ...:
        return part
    y[here] = part
    return y
