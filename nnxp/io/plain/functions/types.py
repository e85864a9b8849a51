"""The names of types in the functions; each line that is needed goes into the written file."""

from collections.abc import Callable

from nnxp._backend import Array

__all__ = ["Array", "Pairs", "Sizes", "State", "Step"]

Sizes = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]
State = tuple[Array, ...]
Step = Callable[[Array, Array, State], State]
