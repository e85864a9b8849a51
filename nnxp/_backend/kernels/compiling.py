"""How Numba compiles the kernels. Only their rooms import this, so that nothing else waits for Numba."""

from collections.abc import Callable
from typing import Any

import numba
from numba import types

from nnxp._backend.kernels.kept import stamp

__all__ = ["compiled", "compiled_exactly", "once"]

# What lets loops become vector instructions, but for the two flags that would let NaN and infinity mean anything.
_MATH = {"reassoc", "contract", "arcp", "nsz", "afn"}


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function at its first call for its arguments' types, keep it on disk, and let others run meanwhile."""
    return _kept(numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=_MATH)(function))


def compiled_exactly(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile likewise, every operation as it is written: enough where elements never meet, with NumPy's bits."""
    # Said out loud: else the first to call it from a kernel of the other kind would hand its own mathematics down.
    return _kept(numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=False)(function))


def once(kernel: Any) -> Callable[..., Any]:
    """Compile but once for all numbers: those that are written where a kernel is called would be types of their own."""
    choose = kernel.get_call_template
    kernel.get_call_template = lambda args, kws: choose([types.unliteral(arg) for arg in args], kws)
    result: Callable[..., Any] = kernel
    return result


def _kept(dispatcher: Any) -> Callable[..., Any]:
    # What is kept holds the code of functions from other rooms too, but Numba looks at the time of its own file alone.
    dispatcher._cache._cache_file._source_stamp = stamp()
    result: Callable[..., Any] = dispatcher
    return result
