"""Winograd's convolution of float32 images with kernels of 3x3 places: a quarter of the multiplications [1]_.

Tiles of 4x4 places of the output are made at once, from 36 products for each pair of a channel and a map instead of
144. The input's gradient is the same of `dy` with the kernels turned round, and the weight's gradient the transpose of
every step.

It is taken by shape alone, where it was seen to be faster than the direct way. On two threads of an AVX-512 CPU it
takes 0.3 to 0.65 of that one's time from 32 channels and maps on, 0.75 where images have 5x5 or 6x6 places, and with 16
of each 0.7 for 28x28 and as long for 6x6. Vectors that are shorter gain more. Without Numba (see
``winograd_numpy.py``) its way to the points and back is long: it takes 0.4 of the direct way's time with 64 channels
and maps for 8x8, 0.6 with 32 for 16x16, and 0.8 with 32 and 64 for 24x24.

On normal numbers its errors are at most 1.5e-6 of the largest one, from 16 to 512 channels, while those of the direct
way grow from 0.4e-6 to 3e-6; its weight's gradient has 1.2e-6 for 0.4e-6. They may be met anywhere in a tile, so beside
a number far larger than all others they are large for the others. A number that is not finite would spread to its
whole tile: where a result is not finite, all is done again the direct way, in which it reaches the windows that see it
and no others.

References
----------
.. [1] Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, arXiv:1509.09308.
"""

import math
from typing import Any

import numpy as np

from nnxp._backend.kernels.path import numba_is_here

__all__ = ["convolve", "input_gradient", "weight_gradient"]

Sizes = tuple[int, ...]

# Places of a tile along an axis; smaller images are not read as vectors either.
_TILE = 4
# The fewest channels and maps, and the fewest pairs of them, counting only the share of the tiles that is wanted.
_LEAST_CHANNELS, _LEAST_PAIRS = 16, 160
# The fewest tiles in a batch: the weight must be transformed first.
_LEAST_TILES = 16
# Without Numba: the fewest tiles; and pairs for every channel and map must be half an image's side, and half of this.
_LEAST_TILES_NUMPY, _LEAST_SIDE = 64, 16
# The largest weight, of which four times as many numbers are shared by all threads; for its gradient each has its own.
_MOST_SHARED, _MOST_SUMMED = 2**22, 2**19


def convolve(x: Any, weight: Any, bias: Any, window: Any, groups: int, out: Sizes) -> Any:
    """Convolve a batch; None where that is left to the direct way."""
    if not _pays(window, groups, out, x, len(weight), x, weight):
        return None
    return _room().convolve(x, weight, bias, window.before, out)


def input_gradient(dy: Any, weight: Any, window: Any, groups: int, sizes: Sizes) -> Any:
    """Convolve the gradient of the output back; None where that is left to the direct way."""
    if not _pays(window, groups, sizes, dy, weight.shape[1], dy, weight):
        return None
    return _room().input_gradient(dy, weight, window.before, sizes)


def weight_gradient(x: Any, dy: Any, window: Any, groups: int, dweight: Any) -> bool:
    """Write the weight's gradient; False where that is left to the direct way."""
    pays = _pays(window, groups, dy.shape[2:], x, dy.shape[1], x, dy, dweight)
    if not pays or dweight.size > _MOST_SUMMED:
        return False
    return bool(_room().weight_gradient(x, dy, window.before, dweight))


def _pays(window: Any, groups: int, out: Sizes, x: Any, maps: int, *arrays: Any) -> bool:
    """Tell whether to take it, to write so many maps of a size from a batch; all arrays are read as they lie."""
    plain = window.kernel == (3, 3) and {*window.stride, *window.dilation, groups} == {1} and window.mode == "zeros"
    if not plain or any(a.dtype != np.float32 or not a.flags.c_contiguous for a in arrays):
        return False
    samples, channels, *sizes = x.shape
    if min(*sizes, *out) < _TILE or min(channels, maps) < _LEAST_CHANNELS or 9 * channels * maps > _MOST_SHARED:
        return False
    tiles = math.prod(-(-n // _TILE) for n in out)
    pairs = channels * maps * math.prod(out) / (tiles * _TILE**2)
    return _enough(samples * tiles, pairs, channels + maps, math.sqrt(math.prod(out)))


def _enough(tiles: int, pairs: float, channels: int, side: float) -> bool:
    """Tell whether there are tiles enough for the weight's way to the points, and pairs for that of the channels."""
    if numba_is_here():
        return tiles >= _LEAST_TILES and pairs >= _LEAST_PAIRS
    return tiles >= _LEAST_TILES_NUMPY and 2 * pairs >= channels * max(1.5 * side, _LEAST_SIDE)


def _room() -> Any:
    """Return the module that does it."""
    if numba_is_here():
        from nnxp._backend.kernels import winograd_run

        return winograd_run
    from nnxp._backend.kernels import winograd_numpy

    return winograd_numpy
