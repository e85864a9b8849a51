"""Convolution in any number of dimensions as three pure functions: the map, and the gradients of its two arguments.

Each goes through the batch in chunks of bounded size. Within a chunk the windows become the columns of a
matrix, one strided slice of the padded input for each place in the kernel, and the rest is one matrix product
(one for each group). The columns are made again in the backward pass rather than kept [1]_.

Shapes: x (N, C, *sizes), y (N, O, *out), weight (O, C / groups, *kernel), columns (C * prod(kernel), n * places).

References
----------
.. [1] Chellapilla et al., "High Performance Convolutional Neural Networks for Document Processing", 2006, section 3.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from nnxp._backend import Array, matmul, namespace
from nnxp.layers.borders import pad, unpad

__all__ = ["Window", "convolve", "input_gradient", "weight_gradient"]

# Columns that stay in the second-level cache; or twice the weights, which every chunk passes over as well.
COLUMN_BYTES = 2**21

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Window:
    """How a kernel moves over its input.

    Parameters
    ----------
    kernel, stride, dilation : tuple of int
        One number an axis.
    before, after : tuple of int
        How many places are added around the input.
    mode : {"zeros", "reflect", "replicate", "circular"}
        What is there.
    groups : int
        How many parts of the channels are convolved apart from each other.
    """

    kernel: Sizes
    stride: Sizes
    dilation: Sizes
    before: Sizes
    after: Sizes
    mode: str = "zeros"
    groups: int = 1

    def padded(self, sizes: Sizes) -> Sizes:
        """Return an input's sizes with what is added around it."""
        return tuple(b + n + a for b, n, a in zip(self.before, sizes, self.after, strict=True))

    def reach(self) -> Sizes:
        """Return how many places of an axis the kernel spans."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    def count(self, sizes: Sizes) -> Sizes:
        """Return how many windows an input of these sizes has along each axis."""
        ends = zip(self.padded(sizes), self.reach(), self.stride, strict=True)
        return tuple((n - r) // s + 1 for n, r, s in ends)

    def slices(self, rows: tuple[int, int], out: Sizes) -> Iterator[tuple[slice, ...]]:
        """Yield for each place in the kernel what all windows of some rows see there, as slices of the padded input."""
        first = [rows[0], *(0 for _ in out[1:])]
        last = [rows[1] - 1, *(n - 1 for n in out[1:])]
        for place in ndindex(self.kernel):
            axes = zip(place, self.dilation, self.stride, first, last, strict=True)
            yield tuple(slice(k * d + s * a, k * d + s * b + 1, s) for k, d, s, a, b in axes)


def convolve(x: Array, weight: Array, bias: Array | None, window: Window, out: Sizes) -> Array:
    """Return ``y[n, o, p] = bias[o] + sum over c, k of weight[o, c, k] * x[n, c, stride * p + dilation * k - before]``."""
    xp, groups = namespace(x), window.groups
    kernels = matrices(weight, groups)
    y = xp.empty((x.shape[0], weight.shape[0], *out), dtype=x.dtype, device=x.device)
    flat = xp.reshape(y, (y.shape[0], *kernels.shape[:-1], math.prod(out)))
    offsets = None if bias is None else xp.reshape(bias, (*kernels.shape[:-1], 1))
    for first, last, all_rows in chunks(x.shape[0], weight, out):
        padded = pad(x[first:last, ...], window.before, window.after, window.mode)
        for rows in all_rows:
            target = flat[first:last, ..., places(rows, out)]
            columns = unfold(padded, window, rows, out)
            if last - first == 1:
                matmul(kernels, columns, out=target[0, ...])
                if offsets is not None:
                    target += offsets
            else:
                product = kernels @ columns
                if offsets is not None:
                    product += offsets
                target[...] = batch_first(product, last - first)
    return y


def input_gradient(dy: Array, weight: Array, window: Window, sizes: Sizes) -> Array:
    """Return ``dx[n, c, i] = sum of weight[o, c, k] * dy[n, o, p] over o and all p, k that see place i``."""
    xp, groups = namespace(dy), window.groups
    out = dy.shape[2:]
    kernels = xp.matrix_transpose(matrices(weight, groups))
    channels = weight.shape[1] * groups
    dx = xp.empty((dy.shape[0], channels, *sizes), dtype=dy.dtype, device=dy.device)
    flat = xp.reshape(dy, (dy.shape[0], *kernels.shape[:-2], kernels.shape[-1], math.prod(out)))
    for first, last, all_rows in chunks(dy.shape[0], weight, out):
        padded = xp.zeros((last - first, channels, *window.padded(sizes)), dtype=dy.dtype, device=dy.device)
        for rows in all_rows:
            columns = kernels @ batch_last(flat[first:last, ..., places(rows, out)])
            fold(columns, padded, window, rows, out)
        dx[first:last, ...] = unpad(padded, window.before, window.after, window.mode)
    return dx


def weight_gradient(x: Array, dy: Array, window: Window, dweight: Array) -> None:
    """Write ``dweight[o, c, k] = sum over n, p of dy[n, o, p] * x[n, c, stride * p + dilation * k - before]``."""
    xp, groups = namespace(x), window.groups
    out = dy.shape[2:]
    total = matrices(dweight, groups)
    total[...] = 0.0
    flat = xp.reshape(dy, (dy.shape[0], *total.shape[:-1], math.prod(out)))
    for first, last, all_rows in chunks(x.shape[0], dweight, out):
        padded = pad(x[first:last, ...], window.before, window.after, window.mode)
        for rows in all_rows:
            columns = unfold(padded, window, rows, out)
            total += batch_last(flat[first:last, ..., places(rows, out)]) @ xp.matrix_transpose(columns)


def chunks(batch: int, weight: Array, out: Sizes) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
    """Yield samples from first to last, with their rows of windows: whole samples, or one sample row by row."""
    itemsize = namespace(weight).finfo(weight.dtype).bits // 8
    return _chunks(batch, math.prod(weight.shape[1:]) * itemsize, math.prod(weight.shape)*itemsize, out)


def _chunks(batch: int, a, b, out):
    limit = max(COLUMN_BYTES, 2 * b)
    step = max(1, limit // max(1, a * math.prod(out[1:])))
    if step < out[0]:
        rows = [(i, min(i + step, out[0])) for i in range(0, out[0], step)]
        samples = 1
    else:
        rows, samples = [(0, out[0])], step // out[0]
    for i in range(0, batch, samples):
        yield i, min(i + samples, batch), rows


def unfold(padded, window, rows, out):
    xp = namespace(padded)
    n, channels = padded.shape[:2]
    swapped = xp.permute_dims(padded, (1, 0, *range(2, padded.ndim)))
    lead = () if window.groups == 1 else (window.groups,)
    if math.prod(window.kernel) == 1:
        (here,) = window.slices(rows, out)
        return xp.reshape(swapped[(slice(None), slice(None), *here)], (*lead, channels // window.groups, -1))
    columns = xp.empty(
        (channels, math.prod(window.kernel), n, rows[1] - rows[0], *out[1:]), dtype=padded.dtype, device=padded.device
    )
    for k, here in enumerate(window.slices(rows, out)):
        columns[:, k, ...] = swapped[(slice(None), slice(None), *here)]
    return xp.reshape(columns, (*lead, channels // window.groups * math.prod(window.kernel), -1))


def fold(columns, padded, window, rows, out):
    xp = namespace(padded)
    n, channels = padded.shape[:2]
    columns = xp.reshape(columns, (channels, math.prod(window.kernel), n, rows[1] - rows[0], *out[1:]))
    swapped = xp.permute_dims(padded, (1, 0, *range(2, padded.ndim)))
    for k, here in enumerate(window.slices(rows, out)):
        part = swapped[(slice(None), slice(None), *here)]
        part += columns[:, k, ...]


def matrices(weight, groups):
    lead = () if groups == 1 else (groups,)
    return namespace(weight).reshape(weight, (*lead, weight.shape[0] // groups, math.prod(weight.shape[1:])))


def places(rows, out):
    rest = math.prod(out[1:])
    return slice(rows[0] * rest, rows[1] * rest)


def batch_last(x):
    """(n, ..., m) -> (..., n*m)"""
    xp = namespace(x)
    return xp.reshape(xp.permute_dims(x, (*range(1, x.ndim - 1), 0, x.ndim - 1)), (*x.shape[1:-1], x.shape[0]*x.shape[-1]))


def batch_first(x, n):
    xp = namespace(x)
    x = xp.reshape(x, (*x.shape[:-1], n, x.shape[-1]//n))
    return xp.permute_dims(x, (x.ndim - 2, *range(x.ndim - 2), x.ndim - 1))


def ndindex(sizes: Sizes):
    from itertools import product
    return product(*map(range, sizes))
