"""Activations that squash the line into an interval: Sigmoid and Tanh."""

from dataclasses import dataclass

from nnxp._backend import Array, fused, namespace
from nnxp.layers.layer import Layer, Mode, Views

__all__ = ["Sigmoid", "Tanh", "sigmoid"]


@dataclass(frozen=True)
class Sigmoid(Layer):
    """Logistic function, ``y = 1 / (1 + exp(-x))``; backward ``dx = dy * y * (1 - y)``.

    Notes
    -----
    The cache is the output. Small outputs keep their relative precision: far on the left ``y`` is ``exp(x)``.
    """

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return the output, which is also the cache."""
        y = sigmoid(x)
        return y, y

    def backward(self, p: Views, g: Views, y: Array, dy: Array) -> Array:
        """Return ``dy * y * (1 - y)``."""
        return sigmoid_backward(dy, y)


@dataclass(frozen=True)
class Tanh(Layer):
    """Hyperbolic tangent, ``y = tanh(x)``; backward ``dx = dy * (1 - y^2)``.

    Notes
    -----
    The cache is the output.
    """

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return the output, which is also the cache."""
        y = namespace(x).tanh(x)
        return y, y

    def backward(self, p: Views, g: Views, y: Array, dy: Array) -> Array:
        """Return ``dy * (1 - y^2)``."""
        return tanh_backward(dy, y)


@fused
def sigmoid(x: Array) -> Array:
    """Return ``exp(min(x, 0)) / (1 + exp(-|x|))``, in which nothing overflows."""
    xp = namespace(x)
    denominator = xp.exp(-xp.abs(x))
    denominator += 1.0
    y = xp.exp(xp.minimum(x, 0.0))
    y /= denominator
    return y


@fused
def sigmoid_backward(dy: Array, y: Array) -> Array:
    """Return ``dy * y * (1 - y)``."""
    dx = 1.0 - y
    dx *= y
    dx *= dy
    return dx


@fused
def tanh_backward(dy: Array, y: Array) -> Array:
    """Return ``dy * (1 - y^2)``."""
    dx = 1.0 - y * y
    dx *= dy
    return dx
