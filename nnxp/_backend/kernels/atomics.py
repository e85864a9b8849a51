"""Counters that several threads share within kernels, for work that is claimed piece by piece.

Who finds a piece that nobody has claimed does it: a thread that wakes late, or never, is not waited for, and what it
would have done others do. Only pieces that a thread is at are waited for.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from nnxp._backend.kernels.compiling import compiled

__all__ = ["add_one", "wait_for"]


def _counter(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, values[0])
    return builder.gep(array.data, [values[1]])


@intrinsic  # type: ignore[untyped-decorator]
def add_one(context: Any, counters: Any, at: Any) -> Any:
    """Add one to a counter, and return what it was."""

    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _counter(context, builder, signature, values)
        return builder.atomic_rmw("add", place, ir.Constant(ir.IntType(64), 1), "seq_cst")

    return types.int64(counters, types.intp), write


@intrinsic  # type: ignore[untyped-decorator]
def _value(context: Any, counters: Any, at: Any) -> Any:
    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _counter(context, builder, signature, values)
        return builder.load_atomic(place, "acquire", 8)

    return types.int64(counters, types.intp), write


@compiled
def wait_for(counters: Any, at: int, number: int) -> None:
    """Return when a counter has come to a number; those who count are running."""
    while _value(counters, at) < number:
        pass
