"""Winograd's convolution as products with matrices, for stretches of an axis that are a few tiles long.

Along an axis ``y = A.T @ ((G @ g) * (B.T @ d))``, at the points of ``winograd_points.py``. The numbers follow from the
points by Toom and Cook's construction [1]_: columns of B are the coefficients of polynomials that vanish at all other
points, and those of A and G are powers, of which G's are divided by the differences from the other points.

References
----------
.. [1] Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural Networks",
   ACM TOMS 46, 2020, arXiv:1803.10986, section 3.
"""

from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

__all__ = ["KERNEL", "KERNELS", "POINTS", "WRITTEN", "Band", "bands"]

Sizes = tuple[int, ...]

# Places of a kernel, of a tile of the output, and how many points there are, and places of the input in a tile.
KERNEL, WRITTEN, POINTS = 3, 4, 6
# Tiles of a band down and across: more keep BLAS busy, but most of what it multiplies by is 0 then.
_MOST = (2, 4)


def _construct() -> tuple[Any, Any, Any]:
    """Return ``A.T``, ``B.T`` and ``G``; the last point is infinity."""
    finite = [0.0, 0.5**0.5, -(0.5**0.5), 2.0**0.5, -(2.0**0.5)]
    a, b, g = np.zeros((WRITTEN, POINTS)), np.zeros((POINTS, POINTS)), np.zeros((POINTS, KERNEL))
    for i, point in enumerate(finite):
        others = finite[:i] + finite[i + 1 :]
        a[:, i] = point ** np.arange(WRITTEN)
        b[i, : POINTS - 1] = np.poly(others)[::-1]
        g[i] = point ** np.arange(KERNEL) / np.prod([point - other for other in others])
    a[-1, -1] = g[-1, -1] = 1.0
    b[-1] = np.poly(finite)[::-1]
    return a, b, g


_A, _B, _G = _construct()

KERNELS: Any = np.einsum("vj,ui->vuij", _G, _G).reshape(POINTS**2, KERNEL**2).astype(np.float32)
"""A kernel's places, row by row, to all pairs of points: across, then down."""


class Band(NamedTuple):
    """A few tiles side by side along an axis.

    Parameters
    ----------
    tiles : int
        How many they are.
    seen, written : slice
        Places of the input and of the output.
    take, make : array of float32
        Of shapes (points * tiles, seen) and (written, points * tiles): what brings places of the input to points, and
        points to places of the output.
    """

    tiles: int
    seen: slice
    written: slice
    take: Any
    make: Any


@lru_cache(maxsize=128)
def bands(sizes: Sizes, before: Sizes, out: Sizes) -> tuple[tuple[Band, ...], tuple[Band, ...]]:
    """Cut both axes, down and across, of images with so many zeros before them, and of the output."""
    down, across = (_cut(*axis) for axis in zip(sizes, before, out, _MOST, strict=True))
    return down, across


def _cut(size: int, before: int, out: int, most: int) -> tuple[Band, ...]:
    tiles = -(-out // WRITTEN)
    count = -(-tiles // most)
    edges = pairwise(tiles * i // count for i in range(count + 1))
    return tuple(_band(first, last, size, before, out) for first, last in edges)


def _band(first: int, last: int, size: int, before: int, out: int) -> Band:
    low, high = WRITTEN * first, min(WRITTEN * last, out)
    begin = min(max(0, low - before), size)
    end = max(begin, min(size, WRITTEN * last + KERNEL - 1 - before))
    take = np.zeros((POINTS, last - first, end - begin), np.float32)
    make = np.zeros((high - low, POINTS, last - first), np.float32)
    for tile in range(first, last):
        for i in range(POINTS):
            if 0 <= (place := WRITTEN * tile + i - before) < size:
                take[:, tile - first, place - begin] = _B[:, i]
        for i in range(WRITTEN):
            if (place := WRITTEN * tile + i) < out:
                make[place - low, :, tile - first] = _A[i]
    matrices = take.reshape(POINTS * (last - first), -1), make.reshape(len(make), -1)
    return Band(last - first, slice(begin, end), slice(low, high), *matrices)
