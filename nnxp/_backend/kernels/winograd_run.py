"""Winograd's convolution of a batch: the weight is transformed, and rows of tiles are split over our threads."""

from typing import Any

import numpy as np

from nnxp._backend.kernels.winograd_loops import GAP, add_gradients, convolve_rows
from nnxp._backend.kernels.winograd_points import KERNEL, SEEN, WRITTEN
from nnxp._backend.kernels.winograd_products import WIDTH
from nnxp._backend.kernels.winograd_transforms import LANES, PAIRS
from nnxp._backend.kernels.winograd_weights import take_weight, write_weight_gradient
from nnxp._backend.threads import for_each_piece

__all__ = ["convolve", "input_gradient", "weight_gradient"]

Sizes = tuple[int, ...]

# Tiles of a group, of which 36 numbers a channel stay in the second-level cache.
_TILES = 48
# How many of the weight's kernels are worth a thread.
_KERNELS = 128 * WIDTH


def convolve(x: Any, weight: Any, bias: Any, before: Sizes, out: Sizes) -> Any:
    """Convolve a batch; None where the result is not finite."""
    maps, channels = weight.shape[:2]
    places = KERNEL * KERNEL
    return _convolve(x, weight, (channels * places, places, 1, 0), bias, (x.shape[2:], out, before), maps)


def input_gradient(dy: Any, weight: Any, before: Sizes, sizes: Sizes) -> Any:
    """Convolve the gradient of the output back; None where the result is not finite."""
    maps = weight.shape[1]
    places = KERNEL * KERNEL
    borders = tuple(KERNEL - 1 - n for n in before)
    return _convolve(dy, weight, (places, maps * places, -1, places - 1), None, (dy.shape[2:], sizes, borders), maps)


def _convolve(x: Any, weight: Any, steps: Sizes, bias: Any, sizes: tuple[Sizes, Sizes, Sizes], maps: int) -> Any:
    channels, out = x.shape[1], sizes[1]
    blocks = -(-maps // WIDTH)
    kernels, flat_weight = _room(PAIRS * (blocks * channels * WIDTH + GAP)), _flat(weight)

    def some_kernels(first: int, stop: int) -> None:
        take_weight(first, stop, flat_weight, steps, channels, maps, kernels)

    for_each_piece(some_kernels, blocks * channels, _KERNELS // WIDTH)
    offsets = np.zeros(blocks * WIDTH, x.dtype)
    offsets[:maps] = 0 if bias is None else bias
    y, flat_x, checks = np.empty((len(x), maps, *out), x.dtype), _flat(x), []
    down, across = (-(-n // WRITTEN) for n in out)
    together = max(1, _TILES // across)

    def piece(first: int, stop: int) -> None:
        check = _room(LANES)
        check[:] = 0
        checks.append(check)
        rooms = _rooms(together * across, sizes, channels, WIDTH)
        convolve_rows(
            first, stop, together, flat_x, sizes, channels, kernels, offsets, y.reshape(-1), maps, rooms, check
        )

    for_each_piece(piece, len(x) * down)
    return None if any(np.isnan(check).any() for check in checks) else y


def weight_gradient(x: Any, dy: Any, before: Sizes, dweight: Any) -> bool:
    """Write the weight's gradient: sums of each thread, then of all; tell whether it is finite."""
    (maps, channels), out = dweight.shape[:2], dy.shape[2:]
    blocks = -(-maps // WIDTH)
    sizes, flat_x, flat_dy, totals = (x.shape[2:], out, before), _flat(x), _flat(dy), {}
    down, across = (-(-n // WRITTEN) for n in out)
    together = max(1, _TILES // across)

    def piece(first: int, stop: int) -> None:
        totals[first] = total = _room(PAIRS * (blocks * channels * WIDTH + GAP))
        total[:] = 0
        rooms = _rooms(together * across, sizes, channels, blocks * WIDTH)
        add_gradients(first, stop, together, flat_x, sizes, channels, flat_dy, maps, rooms, total)

    for_each_piece(piece, len(x) * down)
    sums, *others = (totals[start] for start in sorted(totals))
    for other in others:
        sums += other

    def some_weights(first: int, stop: int) -> None:
        write_weight_gradient(first, stop, sums, channels, maps, dweight.reshape(-1))

    for_each_piece(some_weights, blocks * channels, _KERNELS // WIDTH)
    return bool(np.isfinite(dweight).all())


# -- memory ----------------------------------------------------------------------------------------------


def _rooms(tiles: int, sizes: tuple[Sizes, Sizes, Sizes], channels: int, columns: int) -> tuple[Any, Any, Any, Any]:
    """Return what a thread works in: for places of the images, of a tile, and for points of two kinds."""
    (_, width), (_, out_width), _ = sizes
    deep = -(-channels // LANES) * LANES
    down = -(-tiles // -(-out_width // WRITTEN))
    places = max((WRITTEN * down + SEEN) * max(width, out_width), LANES * width)
    return (
        _room(places * WIDTH),
        _room(PAIRS * WIDTH),
        _room(PAIRS * (tiles * deep + GAP)),
        _room(PAIRS * (tiles * columns + GAP)),
    )


def _room(n: int) -> Any:
    """Return an array that begins with a line of the cache."""
    line = 64
    raw = np.empty(4 * n + line, np.uint8)
    start = -raw.ctypes.data % line
    return raw[start : start + 4 * n].view(np.float32)


def _flat(x: Any) -> Any:
    """Return all numbers in a row, not to be written to: one type for Numba, whatever the array."""
    flat = x.reshape(-1)
    flat.flags.writeable = False
    return flat
