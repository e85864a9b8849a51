"""Packing: the columns of a factor in panels as wide as a tile, which is read in order then.

A panel holds, for every k, two vectors of columns; what it holds behind the last column is anything.
"""

from typing import Any

from numba import types
from numba.extending import intrinsic

from nnxp._backend.kernels.compiling import compiled
from nnxp._backend.kernels.vectors import VECTOR, Writer, size_of

__all__ = ["flip_block", "pack"]

# Bytes in a row of the squares within which the processor exchanges numbers of two vectors at once.
_SQUARE = 16


@compiled
def pack(number: Any, b: int, row: int, step: int, depth: int, columns: int, panels: int) -> None:
    """Write the panels of so many columns of a matrix, given by the steps to its next row and column."""
    size = size_of(number)
    lanes = VECTOR // size
    if step != 1:
        for j in range(0, columns, lanes):
            to = panels + j // (2 * lanes) * depth * 2 * VECTOR + j % (2 * lanes) * size
            _flip(number, b + j * step * size, row, step, depth, min(lanes, columns - j), to)
        return
    # Row by row through all panels: rows lie far apart.
    for k in range(depth):
        source, to, left = b + k * row * size, panels + k * 2 * VECTOR, columns
        while left >= 2 * lanes:
            _copy_pair(number, source, to)
            source, to, left = source + 2 * VECTOR, to + depth * 2 * VECTOR, left - 2 * lanes
        while left > 0:
            _copy_some(number, source, to, left)
            source, to, left = source + VECTOR, to + VECTOR, left - lanes


@compiled
def _flip(number: Any, b: int, row: int, step: int, depth: int, columns: int, to: int) -> None:
    """Write a vector of columns that do not lie together."""
    size = size_of(number)
    lanes = VECTOR // size
    if row == 1 and depth >= lanes:
        for k in range(0, depth, lanes):
            k = min(k, depth - lanes)  # the last block goes over some of the one before again
            flip_block(number, b + k * size, step, columns - 1, to + k * 2 * VECTOR, 2 * lanes)
    else:
        for k in range(depth):
            for j in range(columns):
                _copy_some(number, b + (k * row + j * step) * size, to + k * 2 * VECTOR + j * size, 1)


@intrinsic  # type: ignore[untyped-decorator]
def _copy_pair(context: Any, number: Any, source: Any, to: Any) -> Any:
    """Copy as many numbers as two vectors hold."""
    return types.void(number, types.intp, types.intp), _write_copy


@intrinsic  # type: ignore[untyped-decorator]
def _copy_some(context: Any, number: Any, source: Any, to: Any, count: Any) -> Any:
    """Copy as many numbers as a vector holds, or less."""
    return types.void(number, types.intp, types.intp, types.intp), _write_copy


def _write_copy(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    w = Writer(context, builder, signature, values)
    source, to = w.pointers(*w.values[:2])
    mask = w.mask(w.values[2]) if len(w.values) > 2 else None
    for v in (0, 1) if mask is None else (0,):
        w.store(w.load(source, w.whole(0), v, mask), to, w.whole(0), v, mask)
    return context.get_dummy_value()


@intrinsic  # type: ignore[untyped-decorator]
def flip_block(context: Any, number: Any, source: Any, row: Any, last: Any, to: Any, to_row: Any) -> Any:
    """Copy a square block, as many rows as there are lanes, flipped; rows behind the last repeat it."""
    return types.void(number, *[types.intp] * 5), _write_flip


def _write_flip(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    w = Writer(context, builder, signature, values)
    row, last, to_row = w.values[1], w.values[2], w.values[4]
    source, to = w.pointers(w.values[0], w.values[3])
    counted, side = [w.whole(i) for i in range(w.lanes)], _SQUARE // w.size
    rows = [builder.select(builder.icmp_signed("<", i, last), i, last) for i in counted]
    held = [w.load(source, builder.mul(i, row)) for i in rows]
    # The squares of neighbouring rows first; then each square goes to its place.
    groups = [_flipped(w, held[i : i + side], 1) for i in range(0, w.lanes, side)]
    columns = [_sorted(w, list(group)) for group in zip(*groups, strict=True)]
    for square in range(w.lanes // side):
        for i in range(side):
            w.store(columns[i][square], to, builder.mul(counted[square * side + i], to_row))
    return context.get_dummy_value()


def _flipped(w: Writer, vectors: list[Any], step: int) -> list[Any]:
    """Exchange rows and columns of all squares, weaving stretches of `step` numbers."""
    if len(vectors) == 1:
        return vectors
    side, pairs, found = _SQUARE // w.size, list(zip(vectors[::2], vectors[1::2], strict=True)), []
    for half in (0, side // 2):
        starts = [square + half + i for square in range(0, w.lanes, side) for i in range(0, side // 2, step)]
        lanes = [of + i + e for i in starts for of in (0, w.lanes) for e in range(step)]
        found += _flipped(w, [w.shuffled(*pair, lanes) for pair in pairs], 2 * step)
    return found


def _sorted(w: Writer, vectors: list[Any]) -> list[Any]:
    """Exchange vectors and their squares: all first squares become the first vector."""
    if len(vectors) == 1:
        return vectors
    side, pairs, found = _SQUARE // w.size, list(zip(vectors[::2], vectors[1::2], strict=True)), []
    for odd in (0, side):
        starts = [of + odd + square for of in (0, w.lanes) for square in range(0, w.lanes, 2 * side)]
        lanes = [i + e for i in starts for e in range(side)]
        found.append(_sorted(w, [w.shuffled(*pair, lanes) for pair in pairs]))
    return [vector for pair in zip(*found, strict=True) for vector in pair]
