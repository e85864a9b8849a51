"""Products with one matrix over and over, as a recurrent layer needs them at every step: packed once, for all.

Tiles have eight rows, since what a thread has of a batch is most often a multiple of that.
"""

from functools import partial
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from nnxp._backend.kernels.compiling import compiled
from nnxp._backend.kernels.products import ROWS, VECTOR, pack, write_tile

__all__ = ["add_row", "multiply_add", "packed", "packed_transpose"]

_ROWS = min(ROWS, 8)


@intrinsic  # type: ignore[untyped-decorator]
def _tile(
    context: Any, a: Any, a_at: Any, a_row: Any, a_step: Any, panel: Any, start: Any, start_at: Any, start_row: Any,
    to: Any, to_at: Any, to_row: Any, depth: Any, last: Any, columns: Any,
) -> Any:  # fmt: skip
    """Write so many columns of a tile ``to = start + a @ panel``; rows behind the last repeat it."""
    n = types.intp
    arguments = (a, n, n, n, panel, start, n, n, to, n, n, n, n, n)
    return types.void(*arguments), partial(write_tile, count=_ROWS)


def packed(b: Any) -> Any:
    """Return the panels of a matrix (depth, columns): an array (panels, depth, width)."""
    depth, columns = b.shape
    return _packed(b, depth, columns, columns, 1)


def packed_transpose(b: Any) -> Any:
    """Return the panels of the transpose of a matrix (columns, depth)."""
    columns, depth = b.shape
    return _packed(b, depth, columns, 1, depth)


def _packed(b: Any, depth: int, columns: int, row: int, step: int) -> Any:
    width = 2 * VECTOR // b.itemsize
    panels = np.empty((-(-columns // width), depth, width), b.dtype)
    pack(b.reshape(-1), 0, row, step, depth, columns, width, panels.reshape(-1))
    return panels


@compiled
def multiply_add(
    a: Any, a_at: int, panels: Any, start: Any, start_at: int, start_row: int, to: Any, to_at: int,
    rows: int, columns: int,
) -> None:  # fmt: skip
    """Write ``to = start + a @ b`` for so many rows; `to` overlaps neither."""
    count, depth, width = panels.shape
    for p in range(count):
        panel, first = panels[p].reshape(-1), p * width
        for i in range(0, rows, _ROWS):
            _tile(
                a, a_at + i * depth, depth, 1, panel, start, start_at + i * start_row + first, start_row,
                to, to_at + i * columns + first, columns, depth, rows - 1 - i, columns - first,
            )  # fmt: skip


@compiled
def add_row(row: Any, flat: Any, at: int) -> None:
    """Add what lies at a place of a vector."""
    added = flat[at : at + row.size]
    for j in range(row.size):
        row[j] += added[j]
