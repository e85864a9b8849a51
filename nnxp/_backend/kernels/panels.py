"""Products with one matrix over and over, as a recurrent layer needs them at every step: packed once, for all."""

from typing import Any

import numpy as np

from nnxp._backend.kernels.compiling import compiled
from nnxp._backend.kernels.packing import pack
from nnxp._backend.kernels.products import block
from nnxp._backend.kernels.vectors import VECTOR, address

__all__ = ["add_row", "multiply_add", "packed", "packed_transpose"]


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
    _pack(b.reshape(-1), row, step, depth, columns, panels.reshape(-1))
    return panels


@compiled
def _pack(b: Any, row: int, step: int, depth: int, columns: int, panels: Any) -> None:
    pack(b.dtype.type(0), address(b, 0), row, step, depth, columns, address(panels, 0))


@compiled
def multiply_add(
    a: Any, a_at: int, panels: Any, start: Any, start_at: int, start_row: int, to: Any, to_at: int,
    rows: int, columns: int,
) -> None:  # fmt: skip
    """Write ``to = start + a @ b`` for so many rows; `to` overlaps neither."""
    _, depth, width = panels.shape
    block(
        a.dtype.type(0), address(a, a_at), depth, 1, address(panels, 0), width, depth * 2 * VECTOR,
        address(start, start_at), start_row, address(to, to_at), columns, rows, columns, depth,
    )  # fmt: skip


@compiled
def add_row(row: Any, flat: Any, at: int) -> None:
    """Add what lies at a place of a vector."""
    added = flat[at : at + row.size]
    for j in range(row.size):
        row[j] += added[j]
