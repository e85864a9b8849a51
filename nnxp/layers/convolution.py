"""Convolution in any number of dimensions as three pure functions: the map, and the gradients of its two arguments.

Each goes through the batch in chunks. Within a chunk the windows become the columns of a matrix, and what is
left is one matrix product a group [1]_. The columns are made again in the backward pass rather than kept, so
the workspace is a chunk's columns, whatever the batch.

Shapes: x (N, C, *sizes), y (N, O, *out), weight (O, C / groups, *kernel). A transposed convolution is the same
functions in other roles: its output is the `input_gradient` of the convolution that maps y's shape to x's.

References
----------
.. [1] Chellapilla et al., "High Performance Convolutional Neural Networks for Document Processing", 2006, section 3.
"""

import math
from collections.abc import Iterator

from nnxp._backend import Array, fused, namespace
from nnxp.layers.windows import Rows, Sizes, Window

__all__ = ["convolve", "input_gradient", "weight_gradient"]

# What a chunk's columns may take: about what stays in the caches of one core. Twice the weight, if that is more,
# since each chunk passes over the weight too.
COLUMN_BYTES = 2**21


@fused
def convolve(x: Array, weight: Array, bias: Array | None, window: Window, groups: int, out: Sizes) -> Array:
    """Return ``y[n, o, p] = bias[o] + sum of weight[o, c, k] * x[n, c, stride * p + dilation * k - before] over c, k``.

    Here x is taken with its borders, c runs over the channels of o's group, and p and k over places in `out` and in
    the kernel.
    """
    xp = namespace(x)
    kernels = matrices(weight, groups)
    offsets = None if bias is None else xp.reshape(bias, (*kernels.shape[:-1], 1))
    y = xp.empty((x.shape[0], weight.shape[0], *out), dtype=x.dtype, device=x.device)
    results = flat(y, groups)
    for first, last, stretches in chunks(x.shape[0], weight, groups, out):
        padded = window.pad(x[first:last, ...])
        for rows in stretches:
            columns = flat_columns(window.columns(padded, rows, out), groups)
            values = kernels @ columns
            if offsets is not None:
                values += offsets
            results[first:last, ..., span(rows, out)] = batch_first(values, last - first)
    return y


@fused
def input_gradient(dy: Array, weight: Array, window: Window, groups: int, sizes: Sizes) -> Array:
    """Return ``dx[n, c, i] = sum of weight[o, c, k] * dy[n, o, p] over o and all p, k that meet in i``."""
    xp, out = namespace(dy), tuple(dy.shape[2:])
    kernels = xp.matrix_transpose(matrices(weight, groups))
    channels = weight.shape[1] * groups
    dx = xp.empty((dy.shape[0], channels, *sizes), dtype=dy.dtype, device=dy.device)
    gradients = flat(dy, groups)
    for first, last, stretches in chunks(dy.shape[0], weight, groups, out):
        shape = (last - first, channels, *window.padded_sizes(sizes))
        padded = xp.zeros(shape, dtype=dy.dtype, device=dy.device)
        for rows in stretches:
            values = batch_last(gradients[first:last, ..., span(rows, out)])
            # NumPy's product of a column with a row, as in depthwise convolution, is slower than this by far.
            columns = kernels * values if kernels.shape[-1] == 1 else kernels @ values
            shape = (channels, math.prod(window.kernel), last - first, rows[1] - rows[0], *out[1:])
            window.add_columns(xp.reshape(columns, shape), padded, rows, out)
        dx[first:last, ...] = window.unpad(padded)
    return dx


@fused
def weight_gradient(x: Array, dy: Array, window: Window, groups: int, dweight: Array) -> None:
    """Write ``dweight[o, c, k] = sum of dy[n, o, p] * x[n, c, stride * p + dilation * k - before] over n, p``."""
    xp, out = namespace(x), tuple(dy.shape[2:])
    total = matrices(dweight, groups)
    total[...] = 0.0
    gradients = flat(dy, groups)
    for first, last, stretches in chunks(x.shape[0], dweight, groups, out):
        padded = window.pad(x[first:last, ...])
        for rows in stretches:
            columns = flat_columns(window.columns(padded, rows, out), groups)
            values = batch_last(gradients[first:last, ..., span(rows, out)])
            total += values @ xp.matrix_transpose(columns)


def chunks(batch: int, weight: Array, groups: int, out: Sizes) -> Iterator[tuple[int, int, list[Rows]]]:
    """Yield pieces of the batch: the first sample, one past the last, and the stretches of rows to go through.

    Either several whole samples, or a single one in stretches of its output's rows.
    """
    itemsize = namespace(weight).finfo(weight.dtype).bits // 8
    limit = max(COLUMN_BYTES // itemsize, 2 * math.prod(weight.shape))
    rows = max(1, limit // (groups * math.prod(weight.shape[1:]) * math.prod(out[1:])))
    samples = max(1, rows // out[0])
    stretches = [(row, min(row + rows, out[0])) for row in range(0, out[0], rows)]
    for first in range(0, batch, samples):
        yield first, min(first + samples, batch), stretches


# -- layouts: (groups, rows, columns) where there are groups, and plain matrices where there is one ----------


def lead(groups: int) -> Sizes:
    """Return the axis of the groups, where there are several."""
    return () if groups == 1 else (groups,)


def matrices(weight: Array, groups: int) -> Array:
    """View the weight as (*groups, O / groups, C / groups * prod(kernel))."""
    shape = (*lead(groups), weight.shape[0] // groups, math.prod(weight.shape[1:]))
    return namespace(weight).reshape(weight, shape)


def flat(y: Array, groups: int) -> Array:
    """View an output as (N, *groups, O / groups, prod(out))."""
    shape = (y.shape[0], *lead(groups), y.shape[1] // groups, math.prod(y.shape[2:]))
    return namespace(y).reshape(y, shape)


def span(rows: Rows, out: Sizes) -> slice:
    """Index the places of some rows in a flat output."""
    row = math.prod(out[1:])
    return slice(rows[0] * row, rows[1] * row)


def flat_columns(columns: Array, groups: int) -> Array:
    """View columns as (*groups, C / groups * prod(kernel), n * places)."""
    shape = (*lead(groups), math.prod(columns.shape[:2]) // groups, math.prod(columns.shape[2:]))
    return namespace(columns).reshape(columns, shape)


def batch_last(values: Array) -> Array:
    """Lay (n, ..., places) out as (..., n * places); a view where n is 1."""
    xp, (n, *middle, places) = namespace(values), values.shape
    return xp.reshape(xp.permute_dims(values, (*range(1, values.ndim - 1), 0, values.ndim - 1)), (*middle, n * places))


def batch_first(values: Array, n: int) -> Array:
    """View (..., n * places) as (n, ..., places)."""
    xp, (*middle, places) = namespace(values), values.shape
    values = xp.reshape(values, (*middle, n, places // n))
    return xp.permute_dims(values, (values.ndim - 2, *range(values.ndim - 2), values.ndim - 1))
