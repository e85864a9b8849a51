"""How Numba compiles the kernels. Only their rooms import this, so that nothing else waits for Numba."""

from collections.abc import Callable
from typing import Any

import numba

__all__ = ["compiled"]

# What lets loops become vector instructions, but for the two flags that would let NaN and infinity mean anything.
_MATH = {"reassoc", "contract", "arcp", "nsz", "afn"}


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function at its first call for its arguments' types, keep it on disk, and let others run meanwhile."""
    result: Callable[..., Any] = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=_MATH)(function)
    return result
