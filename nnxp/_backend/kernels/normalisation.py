"""Normalisations in as few passes as the formula allows."""

import math
from typing import Any, NamedTuple

import numpy as np

from nnxp._backend.kernels import norm_loops as loops
from nnxp._backend.threads import for_each_piece

__all__ = ["norm_backward", "normalised", "rms_backward", "rms_normalised"]

# What one thread does in about the time that it takes to wake another, in numbers.
_LEAST = 2**15


class Layout(NamedTuple):
    """An array seen as (samples, groups, channels, places), with a weight for each channel of each group.

    What shares statistics is the last two axes; or, `across` the samples, all but the channels.
    """

    samples: int
    groups: int
    channels: int
    places: int
    across: bool

    @property
    def sets(self) -> int:
        """How many statistics there are."""
        return self.channels if self.across else self.samples * self.groups

    @property
    def width(self) -> int:
        """How many weights there are."""
        return self.groups * self.channels

    @property
    def runs(self) -> tuple[int, int, int]:
        """Where a set's first run of places begins, how far apart its runs are, and how many there are."""
        return (1, self.channels, self.samples) if self.across else (self.channels, 1, self.channels)

    def matrix(self, x: Any) -> Any:
        """View an array as what the loops want: rows, runs of places, or columns."""
        return x.reshape(-1, self.channels if self.places == 1 else self.places)


def layout_of(x: Any, weight: Any, axes: tuple[int, ...], centred: bool) -> Layout | None:
    """Find out what is normalised with what; None where the loops do not know how."""
    if not x.size:
        return None
    shape = x.shape
    if axes == (0, *range(2, x.ndim)):
        return Layout(shape[0], 1, shape[1], math.prod(shape[2:]), True)
    first = x.ndim - len(axes)
    if not axes or axes != tuple(range(first, x.ndim)):
        return None
    own = [] if weight is None else [axis for axis in range(x.ndim) if weight.shape[axis] != 1]
    start, stop = (min(own[0], first), max(own[-1] + 1, first)) if own else (first, first if centred else x.ndim)
    edges = ((0, start), (start, first), (first, stop), (stop, x.ndim))
    samples, groups, channels, places = (math.prod(shape[a:b]) for a, b in edges)
    layout = Layout(samples, groups, channels, places, across=False)
    # Only rows are done without a mean.
    return layout if weight is None or (weight.size == layout.width and (centred or layout.places == 1)) else None


def normalised(x: Any, weight: Any, bias: Any, axes: tuple[int, ...], eps: float) -> Any:
    """Measure, normalise and scale while a row, a channel or a group is in the cache."""
    return _forward(x, weight, bias, axes, eps, centred=True)


def rms_normalised(x: Any, weight: Any, axes: tuple[int, ...], eps: float) -> Any:
    """Do the same about 0."""
    result = _forward(x, weight, None, axes, eps, centred=False)
    return result if result is NotImplemented else result[:3]


def norm_backward(dy: Any, z: Any, rstd: Any, weight: Any, axes: tuple[int, ...], dweight: Any, dbias: Any) -> Any:
    """Sum and subtract while a row, a channel or a group is in the cache."""
    return _backward(dy, z, rstd, weight, axes, dweight, dbias, centred=True)


def rms_backward(dy: Any, z: Any, rstd: Any, weight: Any, axes: tuple[int, ...], dweight: Any) -> Any:
    """Do the same without a mean."""
    return _backward(dy, z, rstd, weight, axes, dweight, None, centred=False)


def _forward(x: Any, weight: Any, bias: Any, axes: tuple[int, ...], eps: float, *, centred: bool) -> Any:
    layout = layout_of(x, weight, axes, centred)
    if layout is None:
        return NotImplemented
    affine = weight is not None
    x = np.ascontiguousarray(x)
    z = np.empty_like(x)
    y = np.empty_like(x) if affine else z
    shape = tuple(1 if axis in axes else n for axis, n in enumerate(x.shape))
    mean, variance, rstd = np.empty((3, *shape), x.dtype)
    w, b = (_vector(v, x.dtype, value, layout.width) for v, value in ((weight, 1), (bias, 0)))
    arrays = [layout.matrix(v) for v in (x, y, z)]
    numbers = [v.reshape(-1) for v in (mean, variance, rstd)]

    def piece(start: int, stop: int) -> None:
        if layout.places > 1:
            loops.forward_runs(*arrays, w, b, affine, *numbers, eps, *layout.runs, start, stop)
        elif layout.across:
            loops.forward_columns(*arrays, w, b, affine, *numbers, eps, start, stop)
        else:
            both = [v.reshape(layout.groups, -1) for v in (w, b)]
            loops.forward_rows(*arrays, *both, affine, *numbers, eps, centred, start, stop)

    for_each_piece(piece, layout.sets, max(1, _LEAST * layout.sets // x.size))
    return y, z, rstd, mean, variance


def _backward(
    dy: Any, z: Any, rstd: Any, weight: Any, axes: tuple[int, ...], dweight: Any, dbias: Any, *, centred: bool
) -> Any:
    layout = layout_of(dy, weight, axes, centred)
    if layout is None or not z.flags.c_contiguous or dy.shape != z.shape or dy.dtype != z.dtype:
        return NotImplemented
    dy = np.ascontiguousarray(dy)
    dx = np.empty_like(dy)
    w, deviations = _vector(weight, dy.dtype, 1, layout.width), rstd.reshape(-1)
    arrays = [layout.matrix(v) for v in (dy, z, dx)]
    totals: dict[int, Any] = {}

    def piece(start: int, stop: int) -> None:
        # Each thread sums for itself; what they found is added up in the order of the pieces.
        sums = totals[start] = np.zeros((2, layout.width))
        if layout.places > 1:
            loops.backward_runs(*arrays, deviations, w, sums, *layout.runs, start, stop)
        elif layout.across:
            loops.backward_columns(*arrays, deviations, w, sums, start, stop)
        else:
            each = sums.reshape(2, layout.groups, -1)
            loops.backward_rows(*arrays, deviations, w.reshape(layout.groups, -1), each, centred, start, stop)

    for_each_piece(piece, layout.sets, max(1, _LEAST * layout.sets // dy.size))
    along = sum(totals[start] for start in sorted(totals))
    for view, found in zip((dbias, dweight), along, strict=True):
        if view is not None:
            view[...] = found.reshape(view.shape)
    return dx


def _vector(given: Any, dtype: Any, otherwise: float, size: int) -> Any:
    return np.full(size, otherwise, dtype) if given is None else given.reshape(-1)
