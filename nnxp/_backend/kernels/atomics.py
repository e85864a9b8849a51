"""Counters that several threads share within kernels, for work that is claimed piece by piece.

Who finds a piece that nobody has claimed does it: a thread that wakes late, or never, is not waited for, and what it
would have done others do. Only pieces that a thread is at are waited for.
"""

import sys
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnxp._backend.kernels.compiling import compiled

__all__ = ["add_one", "wait_for"]

# What the system calls giving way, and how often a counter is read before: some ten microseconds.
_YIELD = "SwitchToThread" if sys.platform == "win32" else "sched_yield"
_PATIENCE = 2**13


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


@intrinsic  # type: ignore[untyped-decorator]
def _give_way(context: Any) -> Any:
    """Let another thread run on this core, if one is waiting."""

    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, _YIELD), [])
        return context.get_dummy_value()

    return types.void(), write


@compiled
def wait_for(counters: Any, at: int, number: int) -> None:
    """Return when a counter has come to a number; those who count are running, or would if they had a core."""
    rounds = 0
    while _value(counters, at) < number:
        rounds += 1
        if rounds > _PATIENCE:
            _give_way()
