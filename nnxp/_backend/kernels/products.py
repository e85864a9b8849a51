"""Matrix products within kernels, a tile of the result in registers at a time.

Numba cannot be brought to keep a tile of sums in registers by loops alone, so the innermost loop is written in LLVM's
own terms [1]_: for each k it loads a row of b as vectors, and multiplies it by an element of each row of a. Before,
b's columns are packed into a panel as wide as a tile, so that they are read in order; flipping b on the way goes
through vectors too. All matrices are given by a flat array, an offset and two steps, so that either factor may be
flipped and either may be a part of something larger.

References
----------
.. [1] Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 34, 2008, section 4.
"""

from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnxp._backend.kernels.compiling import compiled

__all__ = ["ROWS", "VECTOR", "pack", "product", "room_for", "rows_dot", "write_tile"]

_FEATURES = binding.get_host_cpu_features()
# Bytes in a vector, and rows in a tile: two vectors wide, as many as there are registers for.
VECTOR, ROWS = (64, 12) if _FEATURES.get("avx512f") else (32, 6) if _FEATURES.get("avx2") else (16, 8)
# Panels that are packed at a time.
TOGETHER = 4
_WHOLE, _LANE = ir.IntType(64), ir.IntType(32)


class _Writer:
    """What generating code for one dtype needs."""

    def __init__(self, context: Any, builder: Any, signature: Any, values: Any) -> None:
        self.builder = builder
        kind = next(arg for arg in signature.args if isinstance(arg, types.Array)).dtype
        self.size = kind.bitwidth // 8
        self.lanes = VECTOR // self.size
        self.vector = ir.VectorType(context.get_value_type(kind), self.lanes)
        self.values = [
            context.make_array(arg)(context, builder, value).data if isinstance(arg, types.Array) else value
            for arg, value in zip(signature.args, values, strict=True)
        ]

    def whole(self, n: int) -> Any:
        return ir.Constant(_WHOLE, n)

    def place(self, base: Any, at: Any, vector: int = 0) -> Any:
        at = self.builder.add(at, self.whole(vector * self.lanes))
        return self.builder.bitcast(self.builder.gep(base, [at]), self.vector.as_pointer())

    def load(self, base: Any, at: Any, vector: int = 0) -> Any:
        loaded = self.builder.load(self.place(base, at, vector))
        loaded.align = self.size
        return loaded

    def store(self, value: Any, base: Any, at: Any, vector: int = 0) -> None:
        self.builder.store(value, self.place(base, at, vector)).align = self.size

    def mask(self, columns: Any) -> list[Any]:
        """Tell for every lane of both vectors whether it is among so many columns."""
        lanes = ir.VectorType(_LANE, self.lanes)
        nothing = ir.Constant(lanes, ir.Undefined)
        one = self.builder.insert_element(nothing, self.builder.trunc(columns, _LANE), ir.Constant(_LANE, 0))
        count = self.builder.shuffle_vector(one, nothing, ir.Constant(lanes, [0] * self.lanes))
        counted = [ir.Constant(lanes, list(range(v * self.lanes, (v + 1) * self.lanes))) for v in (0, 1)]
        return [self.builder.icmp_signed("<", c, count) for c in counted]

    def masked(self, kind: str, *args: Any) -> Any:
        """Load or store only where a mask says so."""
        result = self.vector if kind == "load" else ir.VoidType()
        align = ir.Constant(_LANE, self.size)
        given = [args[0], align, *args[1:]] if kind == "load" else [args[0], args[1], align, args[2]]
        name = f"llvm.masked.{kind}.v{self.lanes}f{self.size * 8}.p0"
        function = cgutils.get_or_insert_function(
            self.builder.module, ir.FunctionType(result, [value.type for value in given]), name
        )
        return self.builder.call(function, given)

    def everywhere(self, base: Any, at: Any) -> Any:
        nothing = ir.Constant(self.vector, ir.Undefined)
        one = self.builder.insert_element(
            nothing, self.builder.load(self.builder.gep(base, [at])), ir.Constant(_LANE, 0)
        )
        return self.builder.shuffle_vector(
            one, nothing, ir.Constant(ir.VectorType(_LANE, self.lanes), [0] * self.lanes)
        )


@intrinsic  # type: ignore[untyped-decorator]
def _tile(
    context: Any, a: Any, a_at: Any, a_row: Any, a_step: Any, panel: Any, start: Any, start_at: Any, start_row: Any,
    to: Any, to_at: Any, to_row: Any, depth: Any, last: Any, columns: Any,
) -> Any:  # fmt: skip
    """Write so many columns of a tile ``to = start + a @ panel``; rows behind the last repeat it."""
    n = types.intp
    return types.void(a, n, n, n, panel, start, n, n, to, n, n, n, n, n), write_tile


def write_tile(context: Any, builder: Any, signature: Any, values: Any, count: int = ROWS) -> Any:
    """Write the loop of a tile of so many rows."""
    w = _Writer(context, builder, signature, values)
    a, a_at, a_row, a_step, panel, start, start_at, start_row, to, to_at, to_row, depth, last, columns = w.values
    mask, zeros = w.mask(columns), ir.Constant(w.vector, [0.0] * w.lanes)
    counted = [w.whole(r) for r in range(count)]
    rows = [builder.select(builder.icmp_signed("<", r, last), r, last) for r in counted]
    starts = [builder.add(start_at, builder.mul(r, start_row)) for r in rows]
    sums = [[w.masked("load", w.place(start, at, v), mask[v], zeros) for v in (0, 1)] for at in starts]
    a_rows = [builder.add(a_at, builder.mul(r, a_row)) for r in rows]
    before, loop, after = builder.block, builder.append_basic_block("loop"), builder.append_basic_block("after")
    builder.branch(loop)
    builder.position_at_end(loop)
    k, a_k, at = (builder.phi(_WHOLE) for _ in range(3))
    held = [[builder.phi(w.vector) for _ in (0, 1)] for _ in rows]
    b = [w.load(panel, at, v) for v in (0, 1)]
    for row_held, row_sums, a_of_row in zip(held, sums, a_rows, strict=True):
        element = w.everywhere(a, builder.add(a_of_row, a_k))
        for v in (0, 1):
            row_held[v].add_incoming(row_sums[v], before)
            row_sums[v] = builder.fadd(row_held[v], builder.fmul(element, b[v], flags=["contract"]), flags=["contract"])
            row_held[v].add_incoming(row_sums[v], loop)
    for phi, step in ((k, w.whole(1)), (a_k, a_step), (at, w.whole(2 * w.lanes))):
        phi.add_incoming(w.whole(0), before)
        phi.add_incoming(builder.add(phi, step), loop)
    builder.cbranch(builder.icmp_signed("<", builder.add(k, w.whole(1)), depth), loop, after)
    builder.position_at_end(after)
    for row_sums, r in zip(sums, rows, strict=True):
        for v in (0, 1):
            w.masked("store", row_sums[v], w.place(to, builder.add(to_at, builder.mul(r, to_row)), v), mask[v])
    return context.get_dummy_value()


@intrinsic  # type: ignore[untyped-decorator]
def _flip_block(context: Any, source: Any, at: Any, row: Any, last: Any, to: Any, to_at: Any, to_row: Any) -> Any:
    """Copy a square block, as many rows as there are lanes, flipped; rows behind the last repeat it."""
    n = types.intp
    return types.void(source, n, n, n, to, n, n), _write_flip


def _write_flip(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    w = _Writer(context, builder, signature, values)
    source, at, row, last, to, to_at, to_row = w.values
    counted = [w.whole(i) for i in range(w.lanes)]
    rows = [builder.select(builder.icmp_signed("<", i, last), i, last) for i in counted]
    held = [w.load(source, builder.add(at, builder.mul(i, row))) for i in rows]
    step = w.lanes // 2
    while step:
        # Exchange the two off-diagonal quarters of every square of 2 * step.
        low = [i if not i & step else w.lanes + i - step for i in range(w.lanes)]
        high = [i + step if not i & step else w.lanes + i for i in range(w.lanes)]
        for i in range(w.lanes):
            if not i & step:
                pair = held[i], held[i + step]
                for place, lanes in ((i, low), (i + step, high)):
                    mask = ir.Constant(ir.VectorType(_LANE, w.lanes), lanes)
                    held[place] = builder.shuffle_vector(*pair, mask)
        step //= 2
    for i, vector in enumerate(held):
        w.store(vector, to, builder.add(to_at, builder.mul(w.whole(i), to_row)))
    return context.get_dummy_value()


@intrinsic  # type: ignore[untyped-decorator]
def _copy_row(context: Any, source: Any, at: Any, to: Any, to_at: Any) -> Any:
    """Copy as many numbers as a panel is wide."""
    return types.void(source, types.intp, to, types.intp), _write_copy


def _write_copy(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    w = _Writer(context, builder, signature, values)
    source, at, to, to_at = w.values
    for v in (0, 1):
        w.store(w.load(source, at, v), to, to_at, v)
    return context.get_dummy_value()


def room_for(depth: int, dtype: Any) -> int:
    """Return how many numbers a product of such a depth needs to work in."""
    return TOGETHER * depth * 2 * VECTOR // int(dtype.itemsize)


@compiled
def pack(b: Any, at: int, row: int, step: int, depth: int, columns: int, width: int, panels: Any) -> None:
    """Write up to `TOGETHER` panels of `columns` in all, zeros behind the last."""
    lanes = width // 2
    whole = columns // width
    if columns > whole * width:
        panels[whole * depth * width : (whole + 1) * depth * width] = 0
    if step == 1:
        # Row by row through all panels: rows lie far apart.
        for k in range(depth):
            for p in range(whole):
                _copy_row(b, at + k * row + p * width, panels, (p * depth + k) * width)
            for j in range(whole * width, columns):
                panels[(whole * depth + k) * width + j - whole * width] = b[at + k * row + j]
        return
    for p in range(whole + (columns > whole * width)):
        here = min(width, columns - p * width)
        to, source = p * depth * width, at + p * width * step
        if row == 1 and depth >= lanes:
            for k in range(0, depth, lanes):
                k = min(k, depth - lanes)  # the last block goes over some of the one before again
                for j in range(0, here, lanes):
                    _flip_block(b, source + k + j * step, step, here - 1 - j, panels, to + k * width + j, width)
        else:
            for j in range(here):
                for k in range(depth):
                    panels[to + k * width + j] = b[source + k * row + j * step]


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
    room : array of shape (at least room_for(depth, dtype),)
        To work in.
    """
    width = 2 * VECTOR // a.itemsize
    # Flipping reads along b's columns, and gains nothing from going through several panels.
    stride = TOGETHER * width if b_step == 1 else width
    for group in range(first, last, stride):
        end = min(group + stride, last)
        pack(b, b_at + group * b_step, b_row, b_step, depth, end - group, width, room)
        for j in range(group, end, width):
            panel = room[(j - group) * depth : (j - group + width) * depth]
            for i in range(0, rows, ROWS):
                _tile(
                    a, a_at + i * a_row, a_row, a_step, panel, start, start_at + i * start_row + j, start_row,
                    to, to_at + i * to_row + j, to_row, depth, rows - 1 - i, end - j,
                )  # fmt: skip


@compiled
def rows_dot(
    a: Any, a_at: int, b: Any, b_at: int, start: Any, start_at: int, to: Any, to_at: int,
    rows: int, columns: int, depth: int,
) -> None:  # fmt: skip
    """Write ``to = start + a @ b.T`` where packing b would not pay, for few rows or little depth; all lie together."""
    for i in range(rows):
        row_a = a[a_at + i * depth : a_at + (i + 1) * depth]
        for j in range(columns):
            row_b = b[b_at + j * depth : b_at + (j + 1) * depth]
            total = start[start_at + j]
            for k in range(depth):
                total += row_a[k] * row_b[k]
            to[to_at + i * columns + j] = total
