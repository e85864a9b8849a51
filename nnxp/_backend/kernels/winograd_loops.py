"""The loops of Winograd's convolution: over rows of tiles, a group at a time, and their pairs of points.

Rows of tiles are numbered through the batch. A group's tiles lie as (pair, tile, channel) in the second-level cache,
so that at each pair what is left is a product with the kernels, (pair, block of maps, channel, map in the block).
The sizes that all take are those of the input and of the output, and its borders: ``((height, width), (rows, columns),
(above, left))``.
"""

from typing import Any

from nnxp._backend.kernels.compiling import compiled
from nnxp._backend.kernels.packing import flip_block
from nnxp._backend.kernels.tiles import copy_run
from nnxp._backend.kernels.vectors import address
from nnxp._backend.kernels.winograd_points import SEEN, WRITTEN
from nnxp._backend.kernels.winograd_products import WIDTH, add_product
from nnxp._backend.kernels.winograd_transforms import LANES, PAIRS, take_gradient, take_input, write_output

__all__ = ["GAP", "add_gradients", "convolve_rows"]

# Pairs lie a line of the cache further apart than they must, else all of a tile's could fall into one place of it.
GAP = LANES


@compiled
def convolve_rows(
    first: int, last: int, together: int, x: Any, sizes: Any, channels: int, kernels: Any, bias: Any, y: Any,
    maps: int, rooms: Any, check: Any,
) -> None:  # fmt: skip
    """Write some rows of tiles; `check` becomes NaN where one is not finite."""
    room, patch, points, products = rooms
    down, across = -(-sizes[1][0] // WRITTEN), -(-sizes[1][1] // WRITTEN)
    deep, blocks = -(-channels // LANES) * LANES, -(-maps // WIDTH)
    kernels_apart = blocks * channels * WIDTH + GAP
    groups = -(-(last - first) // together)
    for group in range(groups):
        begin = first + (last - first) * group // groups
        end = first + (last - first) * (group + 1) // groups
        tiles = (end - begin) * across
        apart, products_apart = tiles * deep + GAP, tiles * WIDTH + GAP
        _take(x, False, sizes[0], sizes[2], channels, begin, end, down, across, room, patch, points, deep, WIDTH, apart)
        for block in range(blocks):
            columns = min(WIDTH, maps - block * WIDTH)
            for pair in range(PAIRS):
                add_product(
                    points, pair * apart, deep, 1, kernels, pair * kernels_apart + block * channels * WIDTH,
                    products, pair * products_apart, tiles, channels, columns, True,
                )  # fmt: skip
            for row in range(begin, end):
                _write_row(
                    products, (row - begin) * across * WIDTH, products_apart, across, bias, block * WIDTH,
                    room, y, row // down, row % down, sizes[1], maps, columns, check,
                )  # fmt: skip


@compiled
def add_gradients(
    first: int, last: int, together: int, x: Any, sizes: Any, channels: int, dy: Any, maps: int, rooms: Any, sums: Any
) -> None:
    """Add to `sums`, which lie as kernels do, what some rows of tiles say about the weight."""
    room, patch, points, given = rooms
    down, across = -(-sizes[1][0] // WRITTEN), -(-sizes[1][1] // WRITTEN)
    deep, blocks = -(-channels // LANES) * LANES, -(-maps // WIDTH)
    sums_apart = blocks * channels * WIDTH + GAP
    groups = -(-(last - first) // together)
    for group in range(groups):
        begin = first + (last - first) * group // groups
        end = first + (last - first) * (group + 1) // groups
        tiles = (end - begin) * across
        apart, block_size = tiles * deep + GAP, tiles * WIDTH
        given_apart = blocks * block_size + GAP
        _take(x, False, sizes[0], sizes[2], channels, begin, end, down, across, room, patch, points, deep, WIDTH, apart)
        _take(
            dy, True, sizes[1], (0, 0), maps, begin, end, down, across, room, patch, given, WIDTH, block_size,
            given_apart,
        )  # fmt: skip
        for pair in range(PAIRS):
            for block in range(blocks):
                add_product(
                    points, pair * apart, 1, deep, given, pair * given_apart + block * block_size,
                    sums, pair * sums_apart + block * channels * WIDTH,
                    channels, tiles, min(WIDTH, maps - block * WIDTH), False,
                )  # fmt: skip


@compiled
def _take(
    x: Any, is_gradient: bool, sizes: Any, borders: Any, channels: int, begin: int, end: int, down: int, across: int,
    room: Any, patch: Any, points: Any, tile_apart: int, block_apart: int, apart: int,
) -> None:  # fmt: skip
    """Take rows of tiles to the points, sample by sample and `WIDTH` channels at a time."""
    size = WRITTEN if is_gradient else SEEN
    height, width = sizes
    row = begin
    while row < end:
        sample, first = row // down, row % down
        last = min(down, first + end - row)
        # Blocks of so many places are flipped, hence at least one.
        least = -(-LANES // width)
        high = max(min(height, WRITTEN * (last - 1) - borders[0] + size), least)
        low = min(max(0, WRITTEN * first - borders[0]), high - least)
        for c in range(0, channels, WIDTH):
            here = min(WIDTH, channels - c)
            start = ((sample * channels + c) * height + low) * width
            _flip(x, start, height * width, here, (high - low) * width, room)
            to = (row - begin) * across * tile_apart + c // WIDTH * block_apart
            for ty in range(first, last):
                i = WRITTEN * ty - borders[0] - low
                for tx in range(across):
                    j = WRITTEN * tx - borders[1]
                    source, at, line = room, (i * width + j) * WIDTH, width * WIDTH
                    if i < 0 or j < 0 or i + size > high - low or j + size > width:
                        _copy(room, i, j, high - low, width, size, patch)
                        source, at, line = patch, 0, size * WIDTH
                    for v in range(0, here, LANES):
                        if is_gradient:
                            take_gradient(source, at + v, line, WIDTH, points, to + v, apart)
                        else:
                            take_input(source, at + v, line, WIDTH, points, to + v, apart)
                    to += tile_apart
        row += last - first


@compiled
def _flip(x: Any, start: int, apart: int, channels: int, places: int, room: Any) -> None:
    """Copy places of up to `WIDTH` channels so that a place's channels lie together."""
    for k in range(0, places, LANES):
        here = min(k, places - LANES)
        for c in range(0, channels, LANES):
            _flip_block(x, start + here + c * apart, apart, channels - 1 - c, room, here * WIDTH + c, WIDTH)


@compiled
def _copy(room: Any, row: int, column: int, height: int, width: int, size: int, patch: Any) -> None:
    """Copy a tile that reaches over a border, with zeros there."""
    patch[:] = 0
    left, right = max(0, column), min(width, column + size)
    if right > left:
        for i in range(max(0, -row), min(size, height - row)):
            come, to = (row + i) * width + left, i * size + left - column
            copy_run(patch, to * WIDTH, room, come * WIDTH, (right - left) * WIDTH)


@compiled
def _write_row(
    products: Any, at: int, apart: int, across: int, bias: Any, first: int, room: Any, y: Any, sample: int, ty: int,
    sizes: Any, maps: int, count: int, check: Any,
) -> None:  # fmt: skip
    """Write a row of tiles of so many maps from the first on."""
    height, width = sizes
    # From the right, since what a tile writes behind its rows' ends is where others begin, which are still to come.
    for tx in range(across - 1, -1, -1):
        for v in range(0, count, LANES):
            write_output(
                products, at + tx * WIDTH + v, apart, bias, first + v,
                room, WRITTEN * tx * WIDTH + v, width * WIDTH, WIDTH, check,
            )  # fmt: skip
    plane, places = height * width, min(WRITTEN, height - WRITTEN * ty) * width
    start = (sample * maps + first) * plane + WRITTEN * ty * width
    for c in range(0, count, LANES):
        to = start + c * plane
        if count - c >= LANES and places >= LANES:
            for k in range(0, places, LANES):
                here = min(k, places - LANES)
                _flip_block(room, here * WIDTH + c, WIDTH, LANES - 1, y, to + here, plane)
        else:
            for o in range(min(LANES, count - c)):
                for k in range(places):
                    y[to + o * plane + k] = room[k * WIDTH + c + o]


@compiled
def _flip_block(source: Any, at: int, row: int, last: int, to: Any, to_at: int, to_row: int) -> None:
    """Copy a square block, as many rows as there are lanes, flipped; rows behind the last repeat it."""
    flip_block(source.dtype.type(0), address(source, at), row, last, address(to, to_at), to_row)
