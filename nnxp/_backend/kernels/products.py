"""Matrix products within kernels, a tile of the result in registers at a time.

Where b has many rows of a to meet, or lies flipped, its columns are packed first, so that they are read in order. All
matrices are given by a flat array, an offset and two steps, so that either factor may be flipped and either may be a
part of something larger.
"""

from typing import Any

from nnxp._backend.kernels.compiling import compiled, once
from nnxp._backend.kernels.packing import pack
from nnxp._backend.kernels.product_tiles import ROWS, tile
from nnxp._backend.kernels.vectors import MASKS, VECTOR, address, size_of

__all__ = ["ROWS", "block", "product"]

# Panels that are packed at a time, for which there is room even where they have to begin a little later.
_TOGETHER = 3
# Up to how many rows of a packing does not pay, and as long as all of them together would read how many bytes of b.
_FEW, _NEAR = 128, 2**27


@once
@compiled
def block(
    number: Any, a: int, a_row: int, a_step: int, b: int, b_row: int, panel: int,
    start: int, start_row: int, to: int, to_row: int, rows: int, columns: int, depth: int,
) -> None:  # fmt: skip
    """Write ``to = start + a @ b`` in tiles that are about equally high.

    Steps are numbers, but matrices addresses and `panel`, the step to the next two vectors of columns of b, bytes.
    """
    size = size_of(number)
    width = 2 * VECTOR // size
    tiles = (rows + ROWS - 1) // ROWS
    height = (rows + tiles - 1) // tiles
    for i in range(0, rows, height):
        high = min(height, rows - i)
        a_i, b_j, start_j, to_j = a + i * a_row * size, b, start + i * start_row * size, to + i * to_row * size
        for j in range(0, columns, width):
            tile(number, a_i, a_row, a_step, b_j, b_row, start_j, start_row, to_j, to_row, depth, high, columns - j)
            b_j, start_j, to_j = b_j + panel, start_j + 2 * VECTOR, to_j + 2 * VECTOR


@once
@compiled
def product(
    a: Any, a_at: int, a_row: int, a_step: int, b: Any, b_at: int, b_row: int, b_step: int,
    start: Any, start_at: int, start_row: int, to: Any, to_at: int, to_row: int,
    rows: int, first: int, last: int, depth: int, room: Any,
) -> None:  # fmt: skip
    """Write columns `first` to `last` of ``to = start + a @ b``, whose rows lie together.

    Parameters
    ----------
    a, b, start, to : array of shape (n,)
        The factors (rows, depth) and (depth, columns), what is added, and the result. `start` lies together by rows
        too; with ``start_row = 0`` it is one row for all. `to` overlaps none of them.
    *_at, *_row, *_step : int
        Where a matrix begins, and the steps from one row, and from one column, to the next.
    rows, first, last, depth : int
        What is to be done.
    room : array
        To work in, of `room_of` such a depth.
    """
    number, size = a.dtype.type(0), a.itemsize
    width = 2 * VECTOR // size
    few = rows <= _FEW and rows * depth * b_row * size < _NEAR
    direct = few and b_step == 1 and (MASKS or (last - first) % (width // 2) == 0)
    # Vectors that lie across two lines of the cache take twice as long.
    panels = (address(room, 0) + VECTOR - 1) // VECTOR * VECTOR
    for group in range(first, last, _TOGETHER * width):
        columns = min(_TOGETHER * width, last - group)
        b_here, row, panel = address(b, b_at + group * b_step), b_row, 2 * VECTOR
        if not direct:
            pack(number, b_here, b_row, b_step, depth, columns, panels)
            b_here, row, panel = panels, width, depth * 2 * VECTOR
        block(
            number, address(a, a_at), a_row, a_step, b_here, row, panel, address(start, start_at + group), start_row,
            address(to, to_at + group), to_row, rows, columns, depth,
        )  # fmt: skip
