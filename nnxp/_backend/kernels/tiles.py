"""Products of a few rows with a few vectors, held in registers: what convolutions are made of.

Numba's loops do not keep a block of sums in registers, so these are written as LLVM's vector operations. They do for a
convolution what a matrix library does for a product, but read the second matrix where it lies: its row `k` begins at
``offsets[k]`` in the image, so that no columns are ever written [1]_.

References
----------
.. [1] Georganas et al., "Anatomy of High-Performance Deep Learning Convolutions on SIMD Architectures", SC 2018,
   section II.
"""

from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = [
    "REGISTERS", "TERMS", "VECTOR_BYTES", "Block", "add_outer_tile", "copy_run", "pointers", "product_tile",
    "write_run",
]  # fmt: skip

_FEATURES = binding.get_host_cpu_features()
VECTOR_BYTES = 64 if _FEATURES.get("avx512f") else 32 if _FEATURES.get("avx") else 16
REGISTERS = 32 if _FEATURES.get("avx512f") or not _FEATURES.get("sse2") else 16
# Rows of a tile of the weight's gradient: a kernel of 3x3, where there are registers for it.
TERMS = 9 if REGISTERS == 32 else 5


class Block:
    """Sums of `rows` by `vectors` registers while code is generated, and what is done with them."""

    def __init__(self, context: Any, builder: Any, number: Any, rows: int, vectors: int) -> None:
        self.builder, self.rows, self.vectors = builder, rows, vectors
        scalar = context.get_data_type(number)
        self.itemsize = number.bitwidth // 8
        self.lanes = VECTOR_BYTES // self.itemsize
        self.type = ir.VectorType(scalar, self.lanes)
        self.sums = [cgutils.alloca_once(builder, self.type) for _ in range(rows * vectors)]
        for total in self.sums:
            builder.store(ir.Constant(self.type, [0.0] * self.lanes), total)

    def vector(self, pointer: Any, j: int) -> Any:
        """Point to the vector `j` behind a pointer to numbers."""
        builder = self.builder
        return builder.bitcast(builder.gep(pointer, [_int(j * self.lanes)]), self.type.as_pointer())

    def load(self, pointer: Any, j: int) -> Any:
        loaded = self.builder.load(self.vector(pointer, j))
        loaded.align = self.itemsize
        return loaded

    def store(self, value: Any, pointer: Any, j: int) -> None:
        self.builder.store(value, self.vector(pointer, j)).align = self.itemsize

    def spread(self, number: Any) -> Any:
        """Return a vector of one number."""
        nothing, index = ir.Constant(self.type, ir.Undefined), ir.IntType(32)
        first = self.builder.insert_element(nothing, number, index(0))
        everywhere = ir.Constant(ir.VectorType(index, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, nothing, everywhere)

    def add_products(self, numbers: list[Any], vectors: list[Any]) -> None:
        """Add the outer product of numbers, one a row, with vectors."""
        builder = self.builder
        for r, number in enumerate(numbers):
            spread = self.spread(number)
            for j, vector in enumerate(vectors):
                total = self.sums[r * self.vectors + j]
                product = builder.fmul(spread, vector, flags=("contract",))
                builder.store(builder.fadd(builder.load(total), product, flags=("contract",)), total)


def _int(value: int) -> Any:
    return ir.Constant(ir.IntType(64), value)


def pointers(context: Any, builder: Any, signature: Any, args: Any) -> list[Any]:
    """Return arrays as pointers to their data, and the rest as it is."""
    pairs = zip(signature.args, args, strict=True)
    return [context.make_array(t)(context, builder, a).data if isinstance(t, types.Array) else a for t, a in pairs]


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def product_tile(typing: Any, rows: Any, vectors: Any, a: Any, b: Any, start: Any, offsets: Any, out: Any) -> Any:
    """Write ``out[r, j] = sum of a[k, r] * b[start + offsets[k] + j] over k``; the sizes are literals."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block = Block(context, builder, b.dtype, rows.literal_value, vectors.literal_value)
        _, _, left, right, first, places, target = pointers(context, builder, signature, args)
        right = builder.gep(right, [first])
        count = context.make_array(offsets)(context, builder, args[5]).nitems
        with cgutils.for_range(builder, count) as loop:
            here = builder.gep(right, [builder.load(builder.gep(places, [loop.index]))])
            seen = [block.load(here, j) for j in range(block.vectors)]
            weights = builder.gep(left, [builder.mul(loop.index, _int(block.rows))])
            block.add_products([builder.load(builder.gep(weights, [_int(r)])) for r in range(block.rows)], seen)
        for i, total in enumerate(block.sums):
            block.store(builder.load(total), target, i)
        return context.get_dummy_value()

    return types.void(rows, vectors, a, b, start, offsets, out), generate


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def add_outer_tile(
    typing: Any, rows: Any, vectors: Any, a: Any, start: Any, offsets: Any, height: Any, width: Any, pitch: Any,
    b: Any, stride: Any, total: Any,
) -> Any:  # fmt: skip
    """Add to ``total[r, j]`` the sum of ``a[start + offsets[r] + y * pitch + x] * b[y * width + x, j]`` over y and x.

    Rows of `b` and `total` are `stride` apart.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block = Block(context, builder, a.dtype, rows.literal_value, vectors.literal_value)
        _, _, left, first, places, tall, wide, step, right, apart, target = pointers(context, builder, signature, args)
        left = builder.gep(left, [first])
        seen = [builder.gep(left, [builder.load(builder.gep(places, [_int(r)]))]) for r in range(block.rows)]
        with cgutils.for_range(builder, tall) as down:
            line = builder.mul(down.index, step)
            lower = builder.gep(right, [builder.mul(builder.mul(down.index, wide), apart)])
            with cgutils.for_range(builder, wide) as across:
                place = [builder.add(line, across.index)]
                here = builder.gep(lower, [builder.mul(across.index, apart)])
                numbers = [builder.load(builder.gep(pointer, place)) for pointer in seen]
                block.add_products(numbers, [block.load(here, j) for j in range(block.vectors)])
        for i, value in enumerate(block.sums):
            r, j = divmod(i, block.vectors)
            row = builder.gep(target, [builder.mul(apart, _int(r))])
            block.store(builder.fadd(block.load(row, j), builder.load(value)), row, j)
        return context.get_dummy_value()

    types_given = (rows, vectors, a, start, offsets, height, width, pitch, b, stride, total)
    return types.void(*types_given), generate


@intrinsic  # type: ignore[untyped-decorator]
def copy_run(typing: Any, out: Any, to: Any, x: Any, start: Any, count: Any) -> Any:
    """Copy ``out[to : to + count] = x[start : start + count]``; a loop would ask each time whether they overlap."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target, there, source, here, n = pointers(context, builder, signature, args)
        size = builder.mul(n, _int(out.dtype.bitwidth // 8))
        cgutils.raw_memcpy(builder, builder.gep(target, [there]), builder.gep(source, [here]), size, 1)
        return context.get_dummy_value()

    return types.void(out, to, x, start, count), generate


@intrinsic  # type: ignore[untyped-decorator]
def write_run(typing: Any, out: Any, to: Any, x: Any, start: Any, count: Any, offset: Any) -> Any:
    """Write ``out[to : to + count] = x[start : start + count] + offset``: the last vector may be written over."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block = Block(context, builder, out.dtype, 0, 0)
        target, there, source, here, n, number = pointers(context, builder, signature, args)
        target, source, lanes = builder.gep(target, [there]), builder.gep(source, [here]), _int(block.lanes)
        spread = block.spread(number)

        def write(i: Any) -> None:
            seen = block.load(builder.gep(source, [i]), 0)
            block.store(builder.fadd(seen, spread), builder.gep(target, [i]), 0)

        enough = builder.icmp_signed(">=", n, lanes)
        with builder.if_else(enough) as (many, few):
            with many:
                last = builder.sub(n, lanes)
                with cgutils.for_range(builder, builder.sdiv(n, lanes)) as loop:
                    write(builder.mul(loop.index, lanes))
                write(last)
            with few, cgutils.for_range(builder, n) as loop:
                seen = builder.load(builder.gep(source, [loop.index]))
                builder.store(builder.fadd(seen, number), builder.gep(target, [loop.index]))
        return context.get_dummy_value()

    return types.void(out, to, x, start, count, offset), generate
