"""Pooling: one number for each window of an input (N, C, *sizes)."""

import math
from collections.abc import Callable

import numpy as np

from nnxp.io.plain.functions.convolution import pad, seen_from
from nnxp.io.plain.functions.types import Array, Sizes

__all__ = ["adaptive_pool", "average_pool", "max_pool", "power_pool", "window_count", "window_sum", "windows"]


def window_count(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool) -> int:
    """Return how many windows lie along an axis; with `ceil` one that is cut off counts, unless it is all padding."""
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    count = (-(-room // stride) if ceil else room // stride) + 1
    return count - (ceil and (count - 1) * stride >= size + padding)


def windows(
    x: Array, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil: bool, blank: float
) -> list[Array]:
    """Return what all windows see at each place of the kernel, (N, C, *out) each; `blank` outside of the input."""
    axes = list(zip(x.shape[2:], kernel, stride, padding, dilation, strict=True))
    out = tuple(window_count(n, k, s, p, d, ceil) for n, k, s, p, d in axes)
    behind = ((m - 1) * s + d * (k - 1) + 1 - n - p for m, (n, k, s, p, d) in zip(out, axes, strict=True))
    x = pad(x, tuple((p, max(b, 0)) for p, b in zip(padding, behind, strict=True)), value=blank)
    return [x[seen_from(place, out, stride, dilation)] for place in np.ndindex(*kernel)]


def max_pool(x: Array, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil: bool) -> Array:
    """Maximum pooling, ``y[p] = max of x[stride * p + dilation * k - padding] over k``."""
    first, *rest = windows(x, kernel, stride, padding, dilation, ceil, -math.inf)
    for seen in rest:
        first = np.maximum(first, seen)
    return first


def window_sum(x: Array, kernel: Sizes, stride: Sizes, padding: Sizes, ceil: bool) -> Array:
    """Sum of each window, ``y[p] = sum of x[stride * p + k - padding] over k``."""
    return sum(windows(x, kernel, stride, padding, (1,) * len(kernel), ceil, 0.0))


def average_pool(x: Array, kernel: Sizes, stride: Sizes, padding: Sizes, ceil: bool, count_padding: bool) -> Array:
    """Average pooling: the sum of each window, divided by how many places it has, with or without those outside."""
    ones = np.ones((1, 1, *x.shape[2:]), x.dtype)
    if count_padding:
        ones = pad(ones, tuple((p, p) for p in padding), value=1.0)
    places = window_sum(ones, kernel, stride, (0,) * len(kernel) if count_padding else padding, ceil)
    total = window_sum(x, kernel, stride, padding, ceil)
    return total / places[(..., *(slice(n) for n in total.shape[2:]))]


def power_pool(x: Array, power: float, kernel: Sizes, stride: Sizes, ceil: bool) -> Array:
    """Power-average pooling, ``y = (sum of x^power over the window)^(1 / power)``; cut windows count as whole ones."""
    nothing = (0,) * len(kernel)
    total = window_sum(x**power, kernel, stride, nothing, ceil)
    places = window_sum(np.ones((1, 1, *x.shape[2:]), x.dtype), kernel, stride, nothing, ceil)
    return (total * (math.prod(kernel) / places)) ** (1.0 / power)


def adaptive_pool(x: Array, sizes: tuple[int | None, ...], reduce: Callable[..., Array]) -> Array:
    """Pool to given sizes, axis by axis: window o of m goes from ``o * n // m`` to ``ceil((o + 1) * n / m)``."""
    for axis, m in enumerate(sizes, start=2):
        if m is not None:
            n, lead = x.shape[axis], (slice(None),) * axis
            spans = [slice(o * n // m, -(-(o + 1) * n // m)) for o in range(m)]
            x = np.stack([reduce(x[(*lead, span)], axis=axis) for span in spans], axis=axis)
    return x
