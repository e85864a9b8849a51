"""Pooling window by window: for windows of differing lengths, and for a few large ones."""

import math
from itertools import product
from typing import Any

from nnxp._backend import Array, namespace

__all__ = ["Boxes"]


class Boxes:
    """Any windows, and the maps between an input (N, C, *sizes) and its windows (N, C, *out); see `Grid`.

    Parameters
    ----------
    sizes : tuple of int
        Of the input's axes.
    spans : tuple of tuple of slice
        What each window along each axis sees; none of them nothing.
    """

    def __init__(self, sizes: tuple[int, ...], spans: tuple[tuple[slice, ...], ...]) -> None:
        self.sizes = sizes
        self.out = tuple(map(len, spans))
        windows = product(*map(range, self.out))
        self.windows: list[tuple[Any, Any]] = [
            ((..., *window), (..., *box)) for window, box in zip(windows, product(*spans), strict=True)
        ]

    def total(self, x: Array) -> Array:
        """Sum each window."""
        xp, y = namespace(x), self._windows(x)
        for window, box in self.windows:
            y[window] = xp.sum(x[box], axis=tuple(range(2, x.ndim)))
        return y

    def spread(self, dy: Array) -> Array:
        """Give every place the sum over the windows that see it: the transpose of `total`."""
        xp, dx = namespace(dy), self._zeros(dy)
        for window, box in self.windows:
            seen = dx[box]
            seen += xp.reshape(dy[window], (*dy.shape[:2], *(1 for _ in self.sizes)))
        return dx

    def maxima(self, x: Array, keep: bool) -> tuple[Array, Array | None]:
        """Return the maximum of each window and, if `keep`, the place within the window where it was found.

        The first of several maxima counts; a NaN is greater than anything, and the last of several counts.
        """
        xp, y = namespace(x), self._windows(x)
        winner = xp.empty(y.shape, dtype=xp.int64, device=y.device) if keep else None
        for window, box in self.windows:
            seen = x[box]
            flat = xp.reshape(seen, (*x.shape[:2], math.prod(seen.shape[2:])))
            top = xp.max(flat, axis=-1)
            y[window] = top
            if winner is not None:
                # Where there is a NaN, nothing equals the maximum, and the first place is named.
                first = xp.argmax(xp.astype(flat == top[..., None], xp.int8), axis=-1)
                places = xp.arange(1, flat.shape[-1] + 1, dtype=xp.int64, device=x.device)
                last_nan = xp.max(xp.astype(flat != flat, xp.int64) * places, axis=-1) - 1
                winner[window] = xp.maximum(first, last_nan)
        return y, winner

    def route(self, winner: Array, dy: Array) -> Array:
        """Send the gradient of each window's maximum to where it was found."""
        xp, dx = namespace(dy), self._zeros(dy)
        for window, box in self.windows:
            seen = dx[box]
            places = xp.arange(math.prod(seen.shape[2:]), dtype=xp.int64, device=dy.device)
            part = xp.astype(winner[window][..., None] == places, dy.dtype)
            part *= dy[window][..., None]
            seen += xp.reshape(part, seen.shape)
        return dx

    def indices(self, winner: Array) -> Array:
        """Turn places within the windows into indices of the flattened axes."""
        index = namespace(winner).zeros_like(winner)
        for window, (_, *spans) in self.windows:
            place, total, step = winner[window], index[window], 1
            for span, size in zip(reversed(spans), reversed(self.sizes), strict=True):
                length = len(range(span.start, span.stop, span.step or 1))
                total = total + (place % length * (span.step or 1) + span.start) * step
                place = place // length
                step *= size
            index[window] = total
        return index

    def _windows(self, x: Array) -> Array:
        return namespace(x).empty((*x.shape[:2], *self.out), dtype=x.dtype, device=x.device)

    def _zeros(self, dy: Array) -> Array:
        return namespace(dy).zeros((*dy.shape[:2], *self.sizes), dtype=dy.dtype, device=dy.device)
