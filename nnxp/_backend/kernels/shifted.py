"""The loops around the tiles of a convolution: over samples, groups, stripes of rows, places and channels."""

from typing import Any

import numpy as np

from nnxp._backend.kernels.compiling import compiled
from nnxp._backend.kernels.planes import lay_out
from nnxp._backend.kernels.tiles import TERMS, add_outer_tile, product_tile, write_run

__all__ = ["gradients", "products"]


@compiled
def product(rows: Any, vectors: Any, a: Any, b: Any, start: Any, offsets: Any, out: Any) -> None:
    """Choose the tile of a size."""
    if rows == 8:
        if vectors == 3:
            product_tile(8, 3, a, b, start, offsets, out)
        elif vectors == 2:
            product_tile(8, 2, a, b, start, offsets, out)
        else:
            product_tile(8, 1, a, b, start, offsets, out)
    elif rows == 6:
        if vectors == 4:
            product_tile(6, 4, a, b, start, offsets, out)
        elif vectors == 2:
            product_tile(6, 2, a, b, start, offsets, out)
        else:
            product_tile(6, 1, a, b, start, offsets, out)
    elif rows == 4:
        if vectors == 6:
            product_tile(4, 6, a, b, start, offsets, out)
        elif vectors == 3:
            product_tile(4, 3, a, b, start, offsets, out)
        else:
            product_tile(4, 1, a, b, start, offsets, out)
    elif rows == 2:
        if vectors == 8:
            product_tile(2, 8, a, b, start, offsets, out)
        elif vectors == 4:
            product_tile(2, 4, a, b, start, offsets, out)
        else:
            product_tile(2, 1, a, b, start, offsets, out)
    elif vectors == 8:
        product_tile(1, 8, a, b, start, offsets, out)
    elif vectors == 4:
        product_tile(1, 4, a, b, start, offsets, out)
    else:
        product_tile(1, 1, a, b, start, offsets, out)


@compiled
def products(
    first: Any, last: Any, x: Any, sizes: Any, channels: Any, indexes: Any, phases: Any, direct: Any, offsets: Any,
    weights: Any, bias: Any, rows: Any, tile: Any, y: Any, counts: Any, starts: Any, steps: Any, out: Any,
) -> None:  # fmt: skip
    """Do some of the pieces (sample, group, stripe of rows) of a convolution.

    channels: (groups, channels read in a group, channels written); tile: (rows, vectors at most, fewer, fewest,
    lanes); counts, starts and steps: of the places that are written along the three axes of `y`, whose sizes are `out`.
    """
    groups, reads, writes = channels
    together, lanes = tile[0], tile[4]
    pitch = indexes[2].size // phases[2]
    reach = indexes[1].size // phases[1] - counts[1]
    deep = indexes[0].size // phases[0]
    stripes = -(-counts[1] // rows)
    tall = sizes[1] if direct else rows + reach
    slack = tile[1] * lanes
    room = 1 if direct else reads * phases[0] * phases[1] * phases[2] * deep * tall * pitch + slack
    own = np.zeros(room, x.dtype)
    blocks = -(-writes // together)
    sums = np.empty(blocks * together * slack, x.dtype)
    terms = offsets.size
    for unit in range(first, last):
        pair, row0 = unit // stripes, unit % stripes * rows
        group = pair % groups
        source, base = x, pair * reads * sizes[0] * sizes[1] * sizes[2] + row0 * pitch
        if not direct:
            lay_out(x, base - row0 * pitch, reads, sizes, indexes, phases, row0, tall, own)
            source, base = own, 0
        places = (min(rows, counts[1] - row0) - 1) * pitch + counts[2]
        for plane in range(counts[0]):
            at = 0
            while at < places:
                vectors = tile[1]
                for fewer in (tile[2], tile[3]):
                    if fewer * lanes >= places - at or (direct and vectors * lanes > places):
                        vectors = fewer
                length = vectors * lanes
                # The last tile ends with the last place; where a copy is read, it may also look behind it.
                here = min(at, max(0, places - length))
                start = base + plane * tall * pitch + here
                for block in range(blocks):
                    chosen = weights[(group * blocks + block) * terms * together :]
                    product(together, vectors, chosen, source, start, offsets, sums[block * together * length :])
                stop = min(here + length, places)
                while at < stop:
                    row, column = at // pitch, at % pitch
                    run = min(counts[2] - column, stop - at)
                    if run > 0:
                        depth, line = starts[0] + plane * steps[0], starts[1] + (row0 + row) * steps[1]
                        to = ((pair * writes * out[0] + depth) * out[1] + line) * out[2] + starts[2] + column * steps[2]
                        chosen = bias[group * writes :]
                        _write(sums, at - here, length, run, chosen, writes, y, to, out[0] * out[1] * out[2], steps[2])
                    at = at + run if run > 0 else (row + 1) * pitch
                at = max(at, stop)


@compiled
def _write(
    sums: Any, start: Any, length: Any, run: Any, bias: Any, channels: Any, y: Any, to: Any, apart: Any, step: Any
) -> None:
    """Write a run of places of every channel: `length` apart in the sums, and `apart` in y."""
    for o in range(channels):
        offset = bias[o] if bias.size else bias.dtype.type(0)
        if step == 1:
            write_run(y, to + o * apart, sums, start + o * length, run, offset)
        else:
            for n in range(run):
                y[to + o * apart + n * step] = sums[start + o * length + n] + offset


@compiled
def gradients(
    first: Any, last: Any, x: Any, dy: Any, sizes: Any, channels: Any, indexes: Any, phases: Any, direct: Any,
    offsets: Any, rows: Any, tile: Any, out: Any, wide: Any, total: Any,
) -> None:  # fmt: skip
    """Add some of the pieces (sample, group, stripe of rows) to ``total[g, k, o]``; `wide` is how long its rows are."""
    groups, reads, writes = channels
    vectors, lanes, span = tile
    pitch = indexes[2].size // phases[2]
    reach = indexes[1].size // phases[1] - out[1]
    deep = indexes[0].size // phases[0]
    stripes = -(-out[1] // rows)
    tall = sizes[1] if direct else rows + reach
    own = np.zeros(1 if direct else reads * phases[0] * phases[1] * phases[2] * deep * tall * pitch, x.dtype)
    terms = offsets.size
    columns = min(out[2], span)
    lines = max(1, span // columns)
    turned = np.zeros(lines * columns * wide, x.dtype)
    for unit in range(first, last):
        pair, row0 = unit // stripes, unit % stripes * rows
        group, row1 = pair % groups, min(row0 + rows, out[1])
        begin = pair * reads * sizes[0] * sizes[1] * sizes[2]
        source, base = x, begin + row0 * pitch
        if not direct:
            lay_out(x, begin, reads, sizes, indexes, phases, row0, tall, own)
            source, base = own, 0
        for plane in range(out[0]):
            for row in range(row0, row1, lines):
                height = min(lines, row1 - row)
                for column in range(0, out[2], columns):
                    width = min(columns, out[2] - column)
                    come = ((pair * writes * out[0] + plane) * out[1] + row) * out[2] + column
                    _turn(dy, come, out[0] * out[1] * out[2], out[2], writes, height, width, turned, wide)
                    start = base + (plane * tall + row - row0) * pitch + column
                    for k in range(0, terms, TERMS):
                        for o in range(0, wide, vectors * lanes):
                            here = total[(group * terms + k) * wide + o :]
                            add_outer(vectors, source, start, offsets[k:], height, width, pitch, turned[o:], wide, here)


@compiled
def add_outer(
    vectors: Any, a: Any, start: Any, offsets: Any, height: Any, width: Any, pitch: Any, b: Any, stride: Any, total: Any
) -> None:
    """Choose the tile of a size."""
    if vectors == 2:
        add_outer_tile(TERMS, 2, a, start, offsets, height, width, pitch, b, stride, total)
    else:
        add_outer_tile(TERMS, 1, a, start, offsets, height, width, pitch, b, stride, total)


@compiled
def _turn(
    dy: Any, start: Any, apart: Any, row: Any, channels: Any, height: Any, width: Any, turned: Any, wide: Any
) -> None:
    """Lay some places out one after the other, each with all its channels."""
    for o in range(channels):
        for h in range(height):
            come, to = start + o * apart + h * row, h * width * wide + o
            for w in range(width):
                turned[to + w * wide] = dy[come + w]
