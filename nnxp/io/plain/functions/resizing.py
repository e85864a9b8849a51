"""Other sizes and other shapes."""

import math
from typing import Any

import numpy as np

from nnxp.io.plain.functions.types import Array

__all__ = ["flatten", "linear_resize", "nearest_resize", "new_size", "pixel_shuffle", "pixel_unshuffle", "unflatten"]


def flatten(x: Array, first: int, last: int) -> Array:
    """Merge the axes from `first` to `last` into one."""
    first, last = first % x.ndim, last % x.ndim
    return x.reshape(*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :])


def unflatten(x: Array, axis: int, sizes: tuple[int, ...]) -> Array:
    """Split one axis into several; -1 is whatever is left."""
    axis %= x.ndim
    left = x.shape[axis] // math.prod(n for n in sizes if n != -1)
    return x.reshape(*x.shape[:axis], *(left if n == -1 else n for n in sizes), *x.shape[axis + 1 :])


def new_size(n: int, i: int, size: Any, scale: Any) -> tuple[int, float]:
    """Return the new length of the axis i, and how far apart its places lie in the old one."""
    if scale is None:
        out = size[i] if isinstance(size, tuple) else size
        return out, n / out
    factor = scale[i] if isinstance(scale, tuple) else scale
    return math.floor(n * factor), 1.0 / factor


def nearest_resize(x: Array, size: Any = None, scale: Any = None) -> Array:
    """Resize (N, C, *sizes) axis by axis, ``y[o] = x[floor(o * step)]``, the product in single precision."""
    for axis in range(2, x.ndim):
        n = x.shape[axis]
        out, step = new_size(n, axis - 2, size, scale)
        if out != n:
            places = np.floor(np.arange(out, dtype="float32") * np.float32(step)).astype(int)
            x = np.take(x, np.minimum(places, n - 1), axis=axis)
    return x


def linear_resize(x: Array, size: Any = None, scale: Any = None, aligned: bool = False) -> Array:
    """Resize (N, C, *sizes) axis by axis, each output between the two nearest inputs.

    ``y[o] = (1 - t) * x[i] + t * x[i + 1]`` with ``i + t = max((o + 0.5) * step - 0.5, 0)``, or, where the corners
    are aligned, ``i + t = o * step`` with ``step = (input - 1) / (output - 1)``.
    """
    for axis in range(2, x.ndim):
        n = x.shape[axis]
        out, step = new_size(n, axis - 2, size, scale)
        if out != n:
            places = np.arange(out) * ((n - 1) / max(out - 1, 1)) if aligned else (np.arange(out) + 0.5) * step - 0.5
            i = np.maximum(places, 0.0).astype(int)
            t = np.maximum(places - i, 0.0).astype(x.dtype).reshape(-1, *(1,) * (x.ndim - 1 - axis))
            x = (1.0 - t) * np.take(x, i, axis=axis) + t * np.take(x, np.minimum(i + 1, n - 1), axis=axis)
    return x


def pixel_shuffle(x: Array, r: int) -> Array:
    """Make channels places, ``y[n, c, r * h + i, r * w + j] = x[n, c * r^2 + i * r + j, h, w]``."""
    n, c, h, w = x.shape
    return x.reshape(n, c // r**2, r, r, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, c // r**2, r * h, r * w)


def pixel_unshuffle(x: Array, r: int) -> Array:
    """Make places channels, the reverse of a pixel shuffle."""
    n, c, h, w = x.shape
    return x.reshape(n, c, h // r, r, w // r, r).transpose(0, 1, 3, 5, 2, 4).reshape(n, c * r**2, h // r, w // r)
