"""Convolutions of stride 1 by NumPy alone: as im2col, but on images laid out flat.

There each place of the kernel meets all windows at one shift, so that a row of the columns is one long copy instead of
one for each row of the image; the places between the rows are computed in vain. Unless few channels become many, only
the kernel's places below one another are laid out, and those beside one another are summed behind the product: fewer
numbers to copy, and a product that is more like a square. The input's gradient is the same with the kernel turned
around.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["convolve", "fits", "input_gradient", "weight_gradient"]

Sizes = tuple[int, ...]

# What the columns of a chunk may take.
_COLUMN_BYTES = 2**21


def fits(window: Any, groups: int) -> bool:
    """Tell whether a convolution can go this way."""
    reaches = [d * (k - 1) for k, d in zip(window.kernel, window.dilation, strict=True)]
    borders = zip(window.before, window.after, reaches, strict=True)
    plain = groups == 1 and window.mode == "zeros" and len(reaches) < 3 and set(window.stride) == {1}
    return plain and any(reaches) and all(max(b, a) <= reach for b, a, reach in borders)


def convolve(x: Any, weight: Any, bias: Any, window: Any, y: Any) -> None:
    """Convolve a batch."""
    _correlate(x, weight, bias, window.before, window.dilation, y)


def input_gradient(dy: Any, weight: Any, window: Any, dx: Any) -> None:
    """Correlate the output's gradient with the kernel turned around."""
    turned = np.flip(weight, tuple(range(2, weight.ndim))).swapaxes(0, 1)
    reaches = [d * (k - 1) for k, d in zip(window.kernel, window.dilation, strict=True)]
    before = tuple(reach - b for reach, b in zip(reaches, window.before, strict=True))
    _correlate(dy, turned, None, before, window.dilation, dx)


def weight_gradient(x: Any, dy: Any, window: Any, dweight: Any) -> Any:
    """Correlate a batch with the output's gradient; what is not finite is for the plain way, as 0 times it is not 0."""
    out, kernel = _two(dy.shape[2:], 1), _two(window.kernel, 1)
    # The longer side of the product first, which BLAS does in half the time; and `dot`, since `matmul` keeps the
    # interpreter from the other threads while it makes few numbers of many.
    total = np.zeros((dweight[0].size, len(dweight)), x.dtype)
    for samples, rows, columns in _columns(x, kernel, kernel, window.before, window.dilation, out):
        values = np.zeros((dy.shape[1], *columns.shape[2:]), dy.dtype)
        part = dy[samples].reshape(-1, dy.shape[1], *out)[:, :, rows]
        values[..., : out[1]] = part.swapaxes(0, 1)
        with np.errstate(invalid="ignore"):
            total += np.dot(columns.reshape(len(total), -1), values.reshape(len(values), -1).T)
    if not np.isfinite(total).all():
        return NotImplemented
    dweight[...] = total.T.reshape(dweight.shape)
    return None


def _correlate(x: Any, weight: Any, bias: Any, before: Sizes, dilation: Sizes, y: Any) -> None:
    out, kernel = _two(y.shape[2:], 1), _two(weight.shape[2:], 1)
    y = y.reshape(*y.shape[:2], *out)
    weight, step = weight.reshape(*weight.shape[:2], *kernel), _two(dilation, 1)[1]
    # More rows of the result for fewer of the columns.
    pays = kernel[1] * len(weight) <= x.shape[1] * kernel[0] * (kernel[1] - 1)
    across = kernel[1] if pays else 1
    # What is summed behind the product stands before it: (across, maps, channels, places).
    kernels = np.moveaxis(weight, 3, 0) if across > 1 else weight[None]
    kernels = kernels.reshape(across * len(weight), -1)
    room = None
    for samples, rows, columns in _columns(x, kernel, (kernel[0], kernel[1] // across), before, dilation, out):
        size = len(kernels) * math.prod(columns.shape[2:])
        # The first chunk is the largest.
        room = np.empty(size, x.dtype) if room is None else room
        values = room[:size].reshape(len(kernels), -1)
        with np.errstate(invalid="ignore"):
            np.matmul(kernels, columns.reshape(kernels.shape[1], -1), out=values)
            values = _summed(values.reshape(across, len(weight), -1), step)
        if bias is not None:
            values += bias[:, None]
        y[samples, :, rows] = values.reshape(-1, *columns.shape[2:])[..., : out[1]].swapaxes(0, 1)


def _summed(values: Any, step: int) -> Any:
    """Sum what belongs to places beside one another, each shifted by so much from the one before."""
    total = values[0]
    for i in range(1, len(values)):
        total[:, : -i * step] += values[i, :, i * step :]
    return total


def _columns(
    x: Any, kernel: Sizes, laid_out: Sizes, before: Sizes, dilation: Sizes, out: Sizes
) -> Iterator[tuple[slice, slice, Any]]:
    """Yield samples and rows of windows with their columns (channels, places laid out, samples, rows, width)."""
    n, channels = x.shape[:2]
    (up, left), steps = _two(before, 0), _two(dilation, 1)
    height, width = (size + d * (k - 1) for size, d, k in zip(out, steps, kernel, strict=True))
    most = max(1, _COLUMN_BYTES // (channels * math.prod(laid_out) * width * x.itemsize))
    together, most = max(1, min(n, most // out[0])), min(most, out[0])
    images = x.reshape(n, channels, *_two(x.shape[2:], 1))[:, :, : height - up, : width - left]
    # One row more, for what lies behind the last place.
    laid = np.zeros((together, channels, height + 1, width), x.dtype)
    inside = laid[:, :, up : up + images.shape[2], left : left + images.shape[3]]
    place, line, image = x.itemsize, width * x.itemsize, laid.strides
    strides = (image[1], steps[0] * line, steps[1] * place, image[0], place)
    room = np.empty(channels * math.prod(laid_out) * together * most * width, x.dtype)
    for first in range(0, n, together):
        samples = slice(first, min(first + together, n))
        count = samples.stop - first
        inside[:count] = images[samples]
        for row in range(0, out[0], most):
            rows = slice(row, min(row + most, out[0]))
            shape = (channels, *laid_out, count, (rows.stop - row) * width)
            columns = room[: math.prod(shape)].reshape(shape)
            # All shifts in one copy: every one is the same stretch, begun elsewhere.
            columns[...] = np.ndarray(shape, x.dtype, laid, row * line, strides)
            yield samples, rows, columns.reshape(channels, -1, count, rows.stop - row, width)


def _two(values: Any, fill: int) -> Sizes:
    """Lengthen one number to two."""
    return (fill,) * (2 - len(values)) + tuple(values)
