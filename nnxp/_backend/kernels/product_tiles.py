"""The innermost loop of products: a tile of the result, held in registers.

For each k it loads a row of b as vectors, and multiplies it by an element of each row of a [1]_. Every sum begins at
its start and goes through k in order, whatever the tile, so that no result depends on how a product is cut.

References
----------
.. [1] Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 34, 2008, section 4.
"""

from collections.abc import Iterator
from typing import Any

from numba import types
from numba.extending import intrinsic

from nnxp._backend.kernels.vectors import FEATURES, MASKS, VECTOR, Writer

__all__ = ["ROWS", "tile"]

# Rows in a tile: two vectors wide, as many as there are registers for.
ROWS = 12 if FEATURES.get("avx512f") else 6 if FEATURES.get("avx2") else 4 if FEATURES.get("sse2") else 8
# Rows that are found from one pointer; from one for all, the compiler would make a chain of additions.
_NEIGHBOURS = 4


@intrinsic  # type: ignore[untyped-decorator]
def tile(
    context: Any, number: Any, a: Any, a_row: Any, a_step: Any, b: Any, b_row: Any,
    start: Any, start_row: Any, to: Any, to_row: Any, depth: Any, rows: Any, columns: Any,
) -> Any:  # fmt: skip
    """Write up to two vectors of the columns of 1 to `ROWS` rows of ``to = start + a @ b``; `depth` is at least 1."""
    return types.void(number, *[types.intp] * 12), _write_tiles


def _write_tiles(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    """Write a loop for every number of rows, of one vector and of two."""
    w = Writer(context, builder, signature, values)
    rows, columns = w.values[10:]
    end = builder.append_basic_block("end")
    for least, masks in _widths(w, columns):
        fits, narrower = builder.append_basic_block("fits"), builder.append_basic_block("narrower")
        builder.cbranch(builder.icmp_signed(">=", columns, w.whole(least)), fits, narrower)
        builder.position_at_end(fits)
        choice = builder.switch(rows, end)
        for count in range(1, ROWS + 1):
            block = builder.append_basic_block(f"rows{count}")
            choice.add_case(w.whole(count), block)
            builder.position_at_end(block)
            _write_tile(w, count, masks)
            builder.branch(end)
        builder.position_at_end(narrower)
    builder.branch(end)
    builder.position_at_end(end)
    return context.get_dummy_value()


def _widths(w: Writer, columns: Any) -> Iterator[tuple[int, list[Any]]]:
    """Return from how many columns on there are so many vectors, each with its mask."""
    if VECTOR < 64:  # where masks cost something
        yield 2 * w.lanes, [None, None]
    yield w.lanes + 1, [None, w.mask(w.builder.sub(columns, w.whole(w.lanes)))]
    yield 1, [w.mask(columns)]


def _write_tile(w: Writer, count: int, masks: list[Any]) -> None:
    builder, rows = w.builder, [w.whole(r) for r in range(count)]
    a, a_row, a_step, b, b_row, start, start_row, to, to_row, depth = w.values[:10]
    a, b, start, to = w.pointers(a, b, start, to)
    a_rows = [builder.gep(a, [builder.mul(r, a_row)]) for r in rows[::_NEIGHBOURS]]
    starts = [w.load(start, builder.mul(r, start_row), v, mask) for r in rows for v, mask in enumerate(masks)]

    def add_products(values: list[Any]) -> list[Any]:
        places, sums = values[: len(a_rows) + 1], values[len(a_rows) + 1 :]
        vectors = [w.load(places[-1], w.whole(0), v, mask if MASKS else None) for v, mask in enumerate(masks)]
        for r in range(count):
            element = w.everywhere(places[r // _NEIGHBOURS], builder.mul(w.whole(r % _NEIGHBOURS), a_row))
            for i, vector in enumerate(vectors, r * len(masks)):
                product = builder.fmul(element, vector, flags=["contract"])
                sums[i] = builder.fadd(sums[i], product, flags=["contract"])
        steps = [a_step] * len(a_rows) + [b_row]
        return [w.opaque(builder.gep(place, [step])) for place, step in zip(places, steps, strict=True)] + sums

    sums = w.loop(depth, [*a_rows, b, *starts], add_products)[len(a_rows) + 1 :]
    for i, total in enumerate(sums):
        r, v = divmod(i, len(masks))
        w.store(total, to, builder.mul(rows[r], to_row), v, masks[v])
