"""Activations that are flat around 0: Hardshrink, Softshrink and Tanhshrink."""

from dataclasses import dataclass

from nnxp._backend import Array, namespace
from nnxp._checks import check_number
from nnxp.layers.hard import clamp
from nnxp.layers.layer import Layer, Mode, Views

__all__ = ["Hardshrink", "Softshrink", "Tanhshrink"]


@dataclass(frozen=True)
class Hardshrink(Layer):
    """Cut out the middle, ``y = x`` where ``|x| > lambd``, else 0; backward ``dx = dy`` there, else 0.

    Parameters
    ----------
    lambd : float
        How far the middle reaches, at least 0.

    Raises
    ------
    ValueError
        If `lambd` is negative.

    Notes
    -----
    The cache is the output.
    """

    lambd: float = 0.5

    def __post_init__(self) -> None:
        check_number("Hardshrink", "lambd", self.lambd, low=0.0)

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return the output, which is also the cache."""
        xp = namespace(x)
        y = x * xp.astype(xp.abs(x) > self.lambd, x.dtype)
        return y, y

    def backward(self, p: Views, g: Views, y: Array, dy: Array) -> Array:
        """Return `dy` outside the middle."""
        return outside(y, dy)


@dataclass(frozen=True)
class Softshrink(Layer):
    """Pull towards 0, ``y = x - lambd`` where ``x > lambd``, ``x + lambd`` where ``x < -lambd``, else 0.

    Backward: ``dx = dy`` where ``|x| > lambd``, else 0.

    Parameters
    ----------
    lambd : float
        How far, at least 0.

    Raises
    ------
    ValueError
        If `lambd` is negative.

    Notes
    -----
    The cache is the output.
    """

    lambd: float = 0.5

    def __post_init__(self) -> None:
        check_number("Softshrink", "lambd", self.lambd, low=0.0)

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return what is left of the input without its part in the middle; the cache is the output."""
        y = x - clamp(x, -self.lambd, self.lambd)
        return y, y

    def backward(self, p: Views, g: Views, y: Array, dy: Array) -> Array:
        """Return `dy` outside the middle."""
        return outside(y, dy)


@dataclass(frozen=True)
class Tanhshrink(Layer):
    """What tanh takes away, ``y = x - tanh(x)``; backward ``dx = dy * tanh(x)^2``.

    Notes
    -----
    The cache is ``tanh(x)``.
    """

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return the output; the cache is ``tanh(x)``."""
        squashed = namespace(x).tanh(x)
        return x - squashed, squashed

    def backward(self, p: Views, g: Views, squashed: Array, dy: Array) -> Array:
        """Return ``dy * tanh(x)^2``."""
        dx = squashed * squashed
        dx *= dy
        return dx


def outside(y: Array, dy: Array) -> Array:
    """Return `dy` where y is not 0."""
    return dy * namespace(y).astype(y != 0.0, dy.dtype)
