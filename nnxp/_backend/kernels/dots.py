"""Inner products of one vector with several others at once, for outputs of a sample or two.

Every number of the matrix is met once, so that reading is all it costs: several rows are read side by side, and the
vector that meets them is loaded once for all.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnxp._backend.kernels.compiling import compiled, once
from nnxp._backend.kernels.vectors import MASKS, Writer, address

__all__ = ["rows_dot"]

# Rows at a time, and vectors of each: as many sums as cover the time that an addition takes.
_TOGETHER, _VECTORS = 4, 2


@once
@compiled
def rows_dot(
    a: Any, a_at: int, b: Any, b_at: int, start: Any, start_at: int, to: Any, to_at: int,
    rows: int, columns: int, depth: int,
) -> None:  # fmt: skip
    """Write ``to = start + a @ b.T`` where packing b would not pay, for few rows or little depth; all lie together."""
    side_by_side = MASKS and columns >= _TOGETHER and depth > 0
    for i in range(rows):
        a_i, to_i = a_at + i * depth, to_at + i * columns
        if side_by_side:
            for k in range(0, columns, _TOGETHER):
                j = min(k, columns - _TOGETHER)  # the last do some of the others again
                _dots(
                    a.dtype.type(0), address(a, a_i), address(b, b_at + j * depth), depth,
                    address(start, start_at + j), address(to, to_i + j), depth,
                )  # fmt: skip
        else:
            for j in range(columns):
                to[to_i + j] = start[start_at + j] + _dot(a[a_i : a_i + depth], b[b_at + j * depth :])


@compiled
def _dot(a: Any, b: Any) -> Any:
    total = a.dtype.type(0)
    for k in range(a.size):
        total += a[k] * b[k]
    return total


@intrinsic  # type: ignore[untyped-decorator]
def _dots(context: Any, number: Any, a: Any, b: Any, b_row: Any, start: Any, to: Any, depth: Any) -> Any:
    """Write ``to = start + b @ a`` for `_TOGETHER` rows of b; `depth` is at least 1, matrices are addresses."""
    return types.void(number, *[types.intp] * 6), _write_dots


def _write_dots(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    w = Writer(context, builder, signature, values)
    a, b, b_row, start, to, depth = w.values
    a, b, start, to = w.pointers(a, b, start, to)
    rows = [builder.gep(b, [builder.mul(w.whole(r), b_row)]) for r in range(_TOGETHER)]
    step, nothing = w.whole(_VECTORS * w.lanes), ir.Constant(w.vector, [0.0] * w.lanes)

    def add_products(values: list[Any]) -> list[Any]:
        left, places, sums = values[0], values[1 : _TOGETHER + 2], values[_TOGETHER + 2 :]
        for v in range(_VECTORS):
            mask = w.mask(builder.sub(left, w.whole(v * w.lanes)))
            own, *theirs = (w.load(place, w.whole(0), v, mask) for place in places)
            for r, vector in enumerate(theirs, v * _TOGETHER):
                sums[r] = builder.fadd(sums[r], builder.fmul(own, vector, flags=["contract"]), flags=["contract"])
        return [builder.sub(left, step), *(builder.gep(place, [step]) for place in places), *sums]

    times = builder.sdiv(builder.add(depth, w.whole(_VECTORS * w.lanes - 1)), step)
    sums = w.loop(times, [depth, a, *rows, *[nothing] * _TOGETHER * _VECTORS], add_products)[_TOGETHER + 2 :]
    for r in range(_TOGETHER):
        total = sums[r]
        for v in range(1, _VECTORS):
            total = builder.fadd(total, sums[v * _TOGETHER + r])
        place = [w.whole(r)]
        builder.store(_sum(w, builder.load(builder.gep(start, place)), total), builder.gep(to, place))
    return context.get_dummy_value()


def _sum(w: Writer, start: Any, vector: Any) -> Any:
    """Add a vector's numbers to another, in whatever order is quickest."""
    kind = ir.FunctionType(start.type, [start.type, vector.type])
    name = f"llvm.vector.reduce.fadd.v{w.lanes}f{w.size * 8}"
    function = cgutils.get_or_insert_function(w.builder.module, kind, name)
    return w.builder.call(function, [start, vector], fastmath=("reassoc",))
