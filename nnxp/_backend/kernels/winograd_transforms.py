"""Winograd's convolution of a tile: its rows are taken to the points, and then its columns.

Each function does so for as many channels at once as a vector has lanes. What it reads begins at a place of a flat
array, and has steps between rows and between columns; the pairs of points lie at equal distances.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from nnxp._backend.kernels import winograd_points as along
from nnxp._backend.kernels.tiles import VECTOR_BYTES, pointers
from nnxp._backend.kernels.winograd_points import KERNEL, SEEN, WRITTEN, Line, Vector

__all__ = ["LANES", "PAIRS", "take_gradient", "take_input", "take_kernel", "write_kernel_gradient", "write_output"]

LANES = VECTOR_BYTES // 4
PAIRS = SEEN * SEEN


class _Tile:
    """What generating code for a tile needs."""

    def __init__(self, context: Any, builder: Any, signature: Any, args: Any) -> None:
        self.builder, self.given = builder, pointers(context, builder, signature, args)
        self.type = ir.VectorType(ir.FloatType(), LANES)

    def place(self, base: Any, at: Any, step: Any = None, i: int = 0) -> Any:
        at = self.builder.add(at, self.builder.mul(step, ir.Constant(step.type, i))) if i else at
        return self.builder.bitcast(self.builder.gep(base, [at]), self.type.as_pointer())

    def load(self, *place: Any) -> Vector:
        loaded = self.builder.load(self.place(*place))
        loaded.align = 4
        return Vector(self.builder, loaded)

    def store(self, vector: Vector, *place: Any) -> None:
        self.builder.store(vector.value, self.place(*place)).align = 4

    def square(self, size: int, base: Any, at: Any, row: Any, step: Any) -> list[Line]:
        """Load the places of a tile."""
        starts = [self.builder.add(at, self.builder.mul(row, ir.Constant(row.type, i))) for i in range(size)]
        return [[self.load(base, start, step, j) for j in range(size)] for start in starts]


def _both_ways(function: Callable[[Line], Line], square: list[Line]) -> list[Line]:
    columns = [function(list(column)) for column in zip(*map(function, square), strict=True)]
    return [list(row) for row in zip(*columns, strict=True)]


def _taking(function: Callable[[Line], Line], size: int, *given: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        tile = _Tile(context, builder, signature, args)
        source, at, row, step, to, to_at, apart = tile.given
        lines = _both_ways(function, tile.square(size, source, at, row, step))
        for i, vector in enumerate(vector for line in lines for vector in line):
            tile.store(vector, to, to_at, apart, i)
        return context.get_dummy_value()

    source, to = given
    n = types.intp
    return types.void(source, n, n, n, to, n, n), generate


@intrinsic  # type: ignore[untyped-decorator]
def take_input(typing: Any, x: Any, at: Any, row: Any, step: Any, to: Any, to_at: Any, apart: Any) -> Any:
    """Write ``B.T @ x @ B`` of a tile of 6x6 places."""
    return _taking(along.input_line, SEEN, x, to)


@intrinsic  # type: ignore[untyped-decorator]
def take_kernel(typing: Any, weight: Any, at: Any, row: Any, step: Any, to: Any, to_at: Any, apart: Any) -> Any:
    """Write ``G @ weight @ G.T`` of a kernel of 3x3 places."""
    return _taking(along.kernel_line, KERNEL, weight, to)


@intrinsic  # type: ignore[untyped-decorator]
def take_gradient(typing: Any, dy: Any, at: Any, row: Any, step: Any, to: Any, to_at: Any, apart: Any) -> Any:
    """Write ``A @ dy @ A.T`` of a tile of 4x4 places."""
    return _taking(along.gradient_line, WRITTEN, dy, to)


@intrinsic  # type: ignore[untyped-decorator]
def write_kernel_gradient(typing: Any, m: Any, at: Any, row: Any, step: Any, to: Any, to_at: Any, apart: Any) -> Any:
    """Write ``G.T @ m @ G``, the gradient of a kernel's 3x3 places, from pairs of points."""
    return _taking(along.kernel_gradient_line, SEEN, m, to)


@intrinsic  # type: ignore[untyped-decorator]
def write_output(
    typing: Any, m: Any, at: Any, apart: Any, bias: Any, bias_at: Any, to: Any, to_at: Any, row: Any, step: Any,
    check: Any,
) -> Any:  # fmt: skip
    """Write ``A.T @ m @ A + bias``, 4x4 places; `check`, a vector, becomes NaN where one of them is not finite."""
    n = types.intp

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        tile = _Tile(context, builder, signature, args)
        m, at, apart, bias, bias_at, to, to_at, row, step, check = tile.given
        added = tile.load(bias, bias_at)
        square = tile.square(SEEN, m, at, builder.mul(apart, ir.Constant(apart.type, SEEN)), apart)
        sums = []
        for i, line in enumerate(_both_ways(along.output_line, square)):
            start = builder.add(to_at, builder.mul(row, ir.Constant(row.type, i)))
            written = [vector + added for vector in line]
            for j, vector in enumerate(written):
                tile.store(vector, to, start, step, j)
            sums.append((written[0] + written[1]) + (written[2] + written[3]))
        total = (sums[0] + sums[1]) + (sums[2] + sums[3])
        first = ir.Constant(at.type, 0)
        tile.store(tile.load(check, first) + 0.0 * total, check, first)
        return context.get_dummy_value()

    return types.void(m, n, n, bias, n, to, n, n, n, check), generate
