"""Vectors in LLVM's own terms, for what Numba's loops cannot be brought to: what they are made of.

Matrices come as addresses and a number of their dtype, since an array costs whoever passes it on: it is counted who
holds it.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["FEATURES", "MASKS", "VECTOR", "Writer", "address", "size_of"]

FEATURES = binding.get_host_cpu_features()
# Bytes in a vector, and whether a part of one is loaded as quickly as the whole.
VECTOR = 64 if FEATURES.get("avx512f") else 32 if FEATURES.get("avx2") else 16
MASKS = VECTOR > 16
WHOLE, LANE = ir.IntType(64), ir.IntType(32)


class Writer:
    """What generating code for the dtype of the first argument needs; the others are `values`."""

    def __init__(self, context: Any, builder: Any, signature: Any, values: Any) -> None:
        self.builder = builder
        number = context.get_value_type(signature.args[0])
        self.size = signature.args[0].bitwidth // 8
        self.lanes = VECTOR // self.size
        self.vector, self.pointer = ir.VectorType(number, self.lanes), number.as_pointer()
        self.values = values[1:]

    def whole(self, n: int) -> Any:
        return ir.Constant(WHOLE, n)

    def pointers(self, *addresses: Any) -> list[Any]:
        return [self.builder.inttoptr(each, self.pointer) for each in addresses]

    def load(self, base: Any, at: Any, vector: int = 0, mask: Any = None) -> Any:
        """Load the vector that so many numbers and vectors lie behind a pointer, or 0 where the mask says so."""
        place = self._place(base, at, vector)
        if mask is not None:
            nothing = ir.Constant(self.vector, [0.0] * self.lanes)
            return self._masked("load", self.vector, place, ir.Constant(LANE, self.size), mask, nothing)
        loaded = self.builder.load(place)
        loaded.align = self.size
        return loaded

    def store(self, value: Any, base: Any, at: Any, vector: int = 0, mask: Any = None) -> None:
        place = self._place(base, at, vector)
        if mask is not None:
            self._masked("store", ir.VoidType(), value, place, ir.Constant(LANE, self.size), mask)
        else:
            self.builder.store(value, place).align = self.size

    def mask(self, columns: Any) -> Any:
        """Tell for every lane whether it is among so many columns."""
        lanes = ir.VectorType(LANE, self.lanes)
        count = self._spread(self.builder.trunc(columns, LANE), lanes)
        return self.builder.icmp_signed("<", ir.Constant(lanes, list(range(self.lanes))), count)

    def everywhere(self, base: Any, at: Any) -> Any:
        return self._spread(self.builder.load(self.builder.gep(base, [at])), self.vector)

    def shuffled(self, first: Any, second: Any, lanes: list[int]) -> Any:
        return self.builder.shuffle_vector(first, second, ir.Constant(ir.VectorType(LANE, len(lanes)), lanes))

    def loop(self, times: Any, first: list[Any], body: Callable[[list[Any]], list[Any]]) -> list[Any]:
        """Let a body make new values of old ones so many times, at least once; return the last."""
        builder, before = self.builder, self.builder.block
        loop, after = builder.append_basic_block("loop"), builder.append_basic_block("after")
        builder.branch(loop)
        builder.position_at_end(loop)
        phis = [builder.phi(value.type) for value in (times, *first)]
        values = body(phis[1:])
        left = builder.sub(phis[0], self.whole(1))
        for phi, begin, following in zip(phis, [times, *first], [left, *values], strict=True):
            phi.add_incoming(begin, before)
            phi.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed(">", left, self.whole(0)), loop, after)
        builder.position_at_end(after)
        return values

    def opaque(self, value: Any) -> Any:
        """Return a value of which the compiler knows nothing."""
        through = ir.InlineAsm(ir.FunctionType(value.type, [value.type]), "", "=r,0")
        return self.builder.call(through, [value])

    def _place(self, base: Any, at: Any, vector: int) -> Any:
        at = self.builder.add(at, self.whole(vector * self.lanes))
        return self.builder.bitcast(self.builder.gep(base, [at]), self.vector.as_pointer())

    def _spread(self, number: Any, vector: Any) -> Any:
        nothing = ir.Constant(vector, ir.Undefined)
        one = self.builder.insert_element(nothing, number, ir.Constant(LANE, 0))
        return self.shuffled(one, nothing, [0] * self.lanes)

    def _masked(self, kind: str, result: Any, *args: Any) -> Any:
        name = f"llvm.masked.{kind}.v{self.lanes}f{self.size * 8}.p0"
        function = ir.FunctionType(result, [value.type for value in args])
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, function, name), args)


@intrinsic  # type: ignore[untyped-decorator]
def address(context: Any, array: Any, at: Any) -> Any:
    """Return where an element of a flat array lies."""

    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, values[0]).data
        return builder.ptrtoint(builder.gep(data, [values[1]]), WHOLE)

    return types.intp(array, types.intp), write


@intrinsic  # type: ignore[untyped-decorator]
def size_of(context: Any, number: Any) -> Any:
    """Return how many bytes a number has."""
    return types.intp(number), lambda *_: ir.Constant(WHOLE, number.bitwidth // 8)
