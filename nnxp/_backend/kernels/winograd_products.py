"""Products at a pair of points, where parts of every sum are made in registers and then added to one another.

So a sum of many terms has about the error of one part, while added one after the other its terms' errors would be
what the tiles of the output show.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnxp._backend.kernels.compiling import compiled
from nnxp._backend.kernels.products import ROWS
from nnxp._backend.kernels.tiles import Block, pointers
from nnxp._backend.kernels.winograd_transforms import LANES

__all__ = ["WIDTH", "add_product"]

# Columns of the second factor and of the result.
WIDTH = 2 * LANES
# Rows of a tile and of one for what is left: of two vectors, and of one where there are no more columns.
_MANY, _FEW, _MANY_NARROW, _FEW_NARROW = ROWS, ROWS // 3, 2 * ROWS, 2 * (ROWS // 3)
# Terms of a part.
_TERMS = 32


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def _add_tile(
    typing: Any, rows: Any, vectors: Any, a: Any, a_at: Any, a_row: Any, a_step: Any, last: Any, b: Any, b_at: Any,
    depth: Any, to: Any, to_at: Any, fresh: Any,
) -> Any:  # fmt: skip
    """Write ``to (+)= a @ b`` for so many vectors of columns; rows behind the last repeat it."""
    n = types.intp

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block = Block(context, builder, a.dtype, rows.literal_value, vectors.literal_value)
        given = pointers(context, builder, signature, args)[2:]
        left, left_at, row, step, end, right, right_at, count, target, target_at, new = given
        numbered, wide = [ir.Constant(end.type, r) for r in range(block.rows)], ir.Constant(end.type, WIDTH)
        kept = [builder.select(builder.icmp_signed("<", r, end), r, end) for r in numbered]
        lines = [builder.gep(left, [builder.add(left_at, builder.mul(r, row))]) for r in kept]
        right = builder.gep(right, [right_at])
        with cgutils.for_range(builder, count) as loop:
            here, place = builder.gep(right, [builder.mul(loop.index, wide)]), [builder.mul(loop.index, step)]
            numbers = [builder.load(builder.gep(line, place)) for line in lines]
            block.add_products(numbers, [block.load(here, j) for j in range(block.vectors)])
        starts = [builder.gep(target, [builder.add(target_at, builder.mul(r, wide))]) for r in kept]
        _write(block, [(start, j) for start in starts for j in range(block.vectors)], new)
        return context.get_dummy_value()

    return types.void(rows, vectors, a, n, n, n, n, b, n, n, to, n, n), generate


def _write(block: Block, places: list[Any], fresh: Any) -> None:
    """Store the sums, or add them to what is there: all are read before, since a row that is repeated is written."""
    sums = [block.builder.load(total) for total in block.sums]
    with block.builder.if_else(block.builder.icmp_signed("!=", fresh, ir.Constant(fresh.type, 0))) as (first, later):
        with first:
            for total, place in zip(sums, places, strict=True):
                block.store(total, *place)
        with later:
            before = [block.load(*place) for place in places]
            for total, there, place in zip(sums, before, places, strict=True):
                block.store(block.builder.fadd(there, total), *place)


@compiled
def add_product(
    a: Any, a_at: int, a_row: int, a_step: int, b: Any, b_at: int, to: Any, to_at: int,
    rows: int, depth: int, columns: int, fresh: bool,
) -> None:  # fmt: skip
    """Write ``to = a @ b`` where it is fresh, else add it; rows of b and of `to` have `WIDTH` places."""
    narrow = columns <= LANES
    most, least = (_MANY_NARROW, _FEW_NARROW) if narrow else (_MANY, _FEW)
    i = 0
    while i < rows:
        last = rows - 1 - i
        many = last >= 2 * least
        for k in range(0, depth, _TERMS):
            count, new = min(_TERMS, depth - k), int(fresh and k == 0)
            at, come, here = a_at + i * a_row + k * a_step, b_at + k * WIDTH, to_at + i * WIDTH
            if narrow and many:
                _add_tile(_MANY_NARROW, 1, a, at, a_row, a_step, last, b, come, count, to, here, new)
            elif narrow:
                _add_tile(_FEW_NARROW, 1, a, at, a_row, a_step, last, b, come, count, to, here, new)
            elif many:
                _add_tile(_MANY, 2, a, at, a_row, a_step, last, b, come, count, to, here, new)
            else:
                _add_tile(_FEW, 2, a, at, a_row, a_step, last, b, come, count, to, here, new)
        i += most if many else least
