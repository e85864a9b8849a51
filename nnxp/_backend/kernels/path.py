"""The way to a kernel: taken by arrays that are large enough, and loaded by the first of them."""

import os
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from nnxp._backend.fused import SPECIFICATIONS
from nnxp._backend.kernels.blocks import in_blocks
from nnxp._checks import message

__all__ = ["Path", "numba_is_here", "switch"]

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


@cache
def switch() -> str:
    """Return the environment's ``NNXP_FAST``: 1 for every path, numpy for those that need no Numba, 0 for none."""
    chosen = os.environ.get("NNXP_FAST") or "1"
    if chosen not in ("0", "1", "numpy"):
        raise ValueError(message("nnxp", "the environment's NNXP_FAST to be 0, 1 or numpy", chosen))
    return chosen


@cache
def numba_is_here() -> bool:
    """Tell whether kernels can be compiled, and may be."""
    return switch() == "1" and find_spec("numba") is not None


class Path:
    """One faster twin.

    Parameters
    ----------
    name : str
        Of the plain function.
    room : str
        The module beside this one that holds a function of that name; empty where only NumPy without Numba has one.
    least : int
        From how many elements of its first array it pays.
    compiled : bool, optional
        Whether the room is compiled by Numba, and without it the path closed; None: it has a way for both.
    elementwise : bool
        Whether the function works in place, element by element: without Numba it then runs in blocks.
    numpy : str, optional
        The module that holds the function where Numba is missing.
    """

    def __init__(
        self,
        name: str,
        room: str,
        *,
        least: int,
        compiled: bool | None = True,
        elementwise: bool = False,
        numpy: str | None = None,
    ) -> None:
        self.name, self.room, self.least, self.compiled, self.elementwise = name, room, least, compiled, elementwise
        self.numpy = numpy
        self._kernel: Callable[..., Any] | None = None

    def __call__(self, *args: Any) -> Any:
        """Take the path, or answer ``NotImplemented``; the first argument decides."""
        x = args[0]
        if x.size < self.least or x.dtype not in _FLOATS:
            return NotImplemented
        return (self._kernel or self._load())(*args)

    @property
    def way(self) -> str:
        """What large arrays take: ``Numba``, ``NumPy`` in pieces, or the ``layer`` itself."""
        if self.compiled is not False and numba_is_here():
            return "Numba"
        return "layer" if self.compiled and not (self.elementwise or self.numpy) else "NumPy"

    def _load(self) -> Callable[..., Any]:
        room = self.room if not self.compiled or numba_is_here() else self.numpy
        if room:
            self._kernel = getattr(import_module(f"nnxp._backend.kernels.{room}"), self.name)
        else:
            self._kernel = in_blocks(SPECIFICATIONS[self.name]) if self.elementwise else _closed
        return self._kernel


def _closed(*args: Any) -> Any:
    return NotImplemented
