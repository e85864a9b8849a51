"""Convolutions on NumPy's arrays, split over our threads; the way is chosen by shape alone.

With Numba: Winograd's tiles (see ``winograd.py``), or sums over shifted views in registers, straight from the images
(see ``shifted.py``). Without: the plain functions on pieces of the batch, each with one thread of BLAS.
"""

import math
from typing import Any

import numpy as np

from nnxp._backend.kernels import winograd
from nnxp._backend.kernels.layout import Shifts, for_gradient, for_output, merged
from nnxp._backend.kernels.path import numba_is_here
from nnxp._backend.kernels.pieces import has_few_columns, in_pieces, weight_gradient_in_pieces
from nnxp._backend.threads import count, for_each_piece

__all__ = ["convolve", "input_gradient", "way", "weight_gradient"]

Sizes = tuple[int, ...]

# What a stripe of an image may take beside the weights in the second-level cache.
_STRIPE_BYTES = 2**19
# Of what the tiles compute, at least so much must be wanted.
_LEAST_SHARE = 0.3
# Maps and places from which on BLAS is quicker at the weight's gradient of few columns.
_BLAS_MAPS, _BLAS_PLACES = 16, 256
# Places whose gradients are turned at once, so that they stay in the first-level cache.
_SPAN = 128
_NO_BIAS = {kind: np.zeros(0, kind) for kind in (np.dtype(np.float32), np.dtype(np.float64))}


def convolve(x: Any, weight: Any, bias: Any, window: Any, groups: int, out: Sizes) -> Any:
    """Convolve a batch."""
    if (y := winograd.convolve(x, weight, bias, window, groups, out)) is not None:
        return y
    shifts = for_output(window, x.shape[2:], out)
    here = _way(shifts, x, weight)
    if here != "tiles":
        return in_pieces("convolve", x, (len(weight), *out), weight, bias, window, groups, out)
    rows, channels = weight.shape[0] // groups, weight.shape[1]
    y = np.empty((len(x), len(weight), *out), x.dtype)
    places = math.prod(window.kernel)
    steps = (rows * channels * places, channels * places, places, 1)
    offsets = _NO_BIAS[x.dtype] if bias is None else bias
    _run(shifts, _flat(x), _flat(weight), steps, (groups, channels, rows), _flat(offsets), y)
    return y


def input_gradient(dy: Any, weight: Any, window: Any, groups: int, sizes: Sizes) -> Any:
    """Convolve the gradient of the output back, one phase of the stride after the other."""
    if (dx := winograd.input_gradient(dy, weight, window, groups, tuple(sizes))) is not None:
        return dx
    channels, rows, sizes = len(weight) // groups, weight.shape[1], tuple(sizes)
    phases = for_gradient(window, sizes, dy.shape[2:])
    here = _way(max(phases, key=lambda shifts: shifts.taps.size), dy, weight)
    if window.mode != "zeros" or here != "tiles":
        return in_pieces("input_gradient", dy, (rows * groups, *sizes), weight, window, groups, sizes)
    new = np.empty if all(shifts.taps.size for shifts in phases) else np.zeros
    dx = new((len(dy), rows * groups, *sizes), dy.dtype)
    places = math.prod(window.kernel)
    steps = (channels * rows * places, places, rows * places, 1)
    given = _flat(dy), _flat(weight), steps, (groups, channels, rows), _flat(_NO_BIAS[dy.dtype])
    for shifts in phases:
        if shifts.taps.size:
            _run(shifts, *given, dx)
    return dx


def _run(shifts: Shifts, x: Any, weight: Any, steps: Sizes, channels: Sizes, bias: Any, y: Any) -> None:
    """Write the places of `y` that belong to one layout."""
    from nnxp._backend.kernels.planes import arrange
    from nnxp._backend.kernels.shifted import products

    groups, reads, writes = channels
    tile = _tile(writes, x.itemsize)
    blocks = -(-writes // tile[0])
    weights = np.empty(groups * blocks * reads * shifts.taps.size * tile[0], x.dtype)
    arrange(weight, steps, shifts.taps, (groups, writes, reads, tile[0]), weights)
    lines = shifts.lines
    counts, starts, strides = (tuple(getattr(line, name) for line in lines) for name in ("count", "first", "step"))
    rows, stripes = _stripes(shifts, reads, len(y) * groups, x.itemsize)
    last = (counts[1] - 1) % rows * shifts.pitch + counts[2]
    direct = shifts.direct and last >= tile[-1]
    offsets = shifts.offsets(reads, counts[1] if direct else rows)

    def piece(first: int, stop: int) -> None:
        products(
            first, stop, x, shifts.sizes, channels, shifts.indexes, shifts.phases, direct, offsets,
            weights, bias, rows, tile, y.reshape(-1), counts, starts, strides, merged(y.shape[2:], 1),
        )  # fmt: skip

    for_each_piece(piece, len(y) * groups * stripes)


def weight_gradient(x: Any, dy: Any, window: Any, groups: int, dweight: Any) -> Any:
    """Correlate a batch with the gradient of the output; each thread sums for itself, and then they are added."""
    if winograd.weight_gradient(x, dy, window, groups, dweight):
        return None
    out = dy.shape[2:]
    shifts = for_output(window, x.shape[2:], out)
    here = _way(shifts, x, dy, dweight)
    if here != "tiles" or (_suits_blas(dy) and has_few_columns(dweight, window, groups)):
        return weight_gradient_in_pieces(x, dy, window, groups, dweight)
    from nnxp._backend.kernels.shifted import gradients
    from nnxp._backend.kernels.tiles import TERMS

    reads, writes = dweight.shape[1], dweight.shape[0] // groups
    lanes = _lanes(x.itemsize)
    vectors = 2 if writes > lanes else 1
    wide = -(-writes // (vectors * lanes)) * vectors * lanes
    rows, stripes = _stripes(shifts, reads, len(x) * groups, x.itemsize)
    terms = reads * shifts.taps.size
    offsets = shifts.offsets(reads, shifts.lines[1].count if shifts.direct else rows, TERMS)
    flat_x, flat_dy, totals = _flat(x), _flat(dy), {}

    def piece(first: int, stop: int) -> None:
        total = np.zeros(groups * offsets.size * wide, x.dtype)
        totals[first] = total
        gradients(
            first, stop, flat_x, flat_dy, shifts.sizes, (groups, reads, writes), shifts.indexes, shifts.phases,
            shifts.direct, offsets, rows, (vectors, lanes, _SPAN), merged(out, 1), wide, total,
        )  # fmt: skip

    for_each_piece(piece, len(x) * groups * stripes)
    first, *others = (totals[start] for start in sorted(totals))
    for other in others:
        first += other
    sums = first.reshape(groups, offsets.size, wide)[:, :terms, :writes]
    dweight.reshape(groups, writes, terms)[...] = sums.transpose(0, 2, 1)
    return None


# -- the choice ------------------------------------------------------------------------------------------


def way(out: Sizes, pitch: int, itemsize: int) -> str:
    """Tell how a batch is convolved: in "tiles", or in "pieces" that go the plain way.

    Parameters
    ----------
    out : tuple of int
        Sizes of what is written.
    pitch : int
        How many places lie between its rows in what is read.
    itemsize : int
        Bytes of a number.
    """
    if numba_is_here():
        lanes = _lanes(itemsize)
        height, width = merged(out, 1)[1:]
        places = (height - 1) * pitch + width
        if height * width >= _LEAST_SHARE * -(-places // lanes) * lanes:
            return "tiles"
    return "pieces"


def _way(shifts: Shifts, *arrays: Any) -> str:
    """Choose for one layout; only contiguous arrays go in tiles."""
    if not all(array.size and array.flags.c_contiguous for array in arrays):
        return "pieces"
    return way(tuple(line.count for line in shifts.lines), shifts.pitch, arrays[0].itemsize)


def _suits_blas(dy: Any) -> bool:
    """Tell whether BLAS sums few columns sooner, along all places of a sample, than tiles do, which they do not fill.

    It takes 0.3 to 0.5 of their time with one channel, 0.8 to 0.9 with three; where this says no, up to twice as long.
    """
    return bool(dy.itemsize == 4 and dy.shape[1] >= _BLAS_MAPS and math.prod(dy.shape[2:]) >= _BLAS_PLACES)


def _lanes(itemsize: int) -> int:
    from nnxp._backend.kernels.tiles import VECTOR_BYTES

    return VECTOR_BYTES // itemsize


# Rows of a tile, and how many vectors it takes at most, fewer and fewest.
_TILES = {
    32: ((8, 3, 2, 1), (6, 4, 2, 1), (4, 6, 3, 1), (2, 8, 4, 1), (1, 8, 4, 1)),
    16: ((6, 2, 1, 1), (4, 3, 1, 1), (2, 4, 1, 1), (1, 8, 4, 1)),
}
# What a product costs in tiles of few rows, which load more for each.
_COSTS = {8: 1.0, 6: 1.0, 4: 1.05, 2: 1.4, 1: 2.0}


def _tile(channels: int, itemsize: int) -> Sizes:
    """Choose a tile for a number of channels to write."""
    from nnxp._backend.kernels.tiles import REGISTERS

    best = min(_TILES[REGISTERS], key=lambda tile: -(-channels // tile[0]) * tile[0] * _COSTS[tile[0]])
    return (*best, _lanes(itemsize))


def _stripes(shifts: Shifts, channels: int, pairs: int, itemsize: int) -> tuple[int, int]:
    """Return how many rows of windows to do at once, and how many times."""
    count_ = shifts.lines[1].count
    row = channels * shifts.room(1 - shifts.reach) * itemsize
    rows = min(count_, max(1, _STRIPE_BYTES // row - shifts.reach))
    # A few samples are cut further, so that every thread has some.
    rows = min(rows, max(1, -(-count_ * pairs // count())))
    return rows, -(-count_ // rows)


def _flat(x: Any) -> Any:
    """Return all numbers in a row, not to be written to: one type for Numba, whatever the array."""
    flat = x.reshape(-1)
    flat.flags.writeable = False
    return flat
