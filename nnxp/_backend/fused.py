"""Functions that a library may do in fewer passes over memory than the standard can say."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from nnxp._backend.dispatch import library_of

__all__ = ["SPECIFICATIONS", "fused"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

# Every such function in standard Array API code, by name: what its faster twins are held against.
SPECIFICATIONS: dict[str, Callable[..., Any]] = {}


def fused(plain: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a library do a function of arrays its own way, where it has one and finds that it pays.

    Parameters
    ----------
    plain : callable
        In standard Array API code, its first argument an array: the specification, and what runs everywhere else.
        Names are unique. A library's `faster` twin under that name takes the same arguments, all by position, and
        may answer ``NotImplemented``.

    Returns
    -------
    callable
        Of the same arguments and results.
    """
    name = plain.__name__
    SPECIFICATIONS[name] = plain

    @wraps(plain)
    def call(*args: Any) -> Any:
        result = library_of(args[0]).faster.get(name, plain)(*args)
        return plain(*args) if result is NotImplemented else result  # type: ignore[call-arg]

    return call  # type: ignore[return-value]
