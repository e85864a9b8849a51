"""Activations with a straight line on the right: ReLU, LeakyReLU, ELU and SELU.

Each caches its output, which has the input's sign and which the next layer mostly keeps anyway. Selection
is by maximum, minimum and products: where a mask is as good as random, they take a tenth of the time of `where`.
"""

from dataclasses import dataclass

from nnxp._backend import Array, fused, namespace
from nnxp._checks import check_number
from nnxp.layers.layer import Layer, Mode, Views

__all__ = ["ELU", "SELU", "LeakyReLU", "ReLU"]

# Klambauer et al., 2017, section 2, to the digits that PyTorch prints.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


@dataclass(frozen=True)
class ReLU(Layer):
    """Rectifier, ``y = max(x, 0)``; backward ``dx = dy`` where ``y > 0``, else 0 (also at the kink).

    Notes
    -----
    NaN passes forward. The cache is the output.

    References
    ----------
    .. [1] Nair and Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines", ICML 2010.
    """

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return ``max(x, 0)``; the cache is the output."""
        y = relu(x)
        return y, y

    def backward(self, p: Views, g: Views, y: Array, dy: Array) -> Array:
        """Return `dy` where the output is positive."""
        return relu_backward(dy, y)


@dataclass(frozen=True)
class LeakyReLU(Layer):
    """Leaky rectifier, ``y = x`` where ``x > 0``, else ``negative_slope * x``.

    Backward: ``dx = dy`` where ``y > 0``, else ``negative_slope * dy`` (also at the kink).

    Parameters
    ----------
    negative_slope : float
        The slope on the left, at least 0, so that the output keeps the input's sign.

    Raises
    ------
    ValueError
        If the slope is negative or NaN.

    Notes
    -----
    The cache is the output.

    References
    ----------
    .. [1] Maas et al., "Rectifier Nonlinearities Improve Neural Network Acoustic Models", ICML 2013, eq. 2.
    """

    negative_slope: float = 0.01

    def __post_init__(self) -> None:
        check_number("LeakyReLU", "negative_slope", self.negative_slope, low=0.0)

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return the upper of the two lines (the lower, if the left one is the steeper); the cache is the output."""
        xp = namespace(x)
        y = (xp.maximum if self.negative_slope <= 1 else xp.minimum)(x, self.negative_slope * x)
        return y, y

    def backward(self, p: Views, g: Views, y: Array, dy: Array) -> Array:
        """Return `dy` times 1 or the negative slope."""
        dx = namespace(y).astype(y > 0, dy.dtype)
        dx *= 1.0 - self.negative_slope
        dx += self.negative_slope
        dx *= dy
        return dx


@dataclass(frozen=True)
class ELU(Layer):
    """Exponential linear unit, ``y = x`` where ``x > 0``, else ``alpha * (exp(x) - 1)``.

    Backward: ``dx = dy`` where ``y > 0``, else ``dy * (y + alpha)`` (at the kink ``alpha * dy``).

    Parameters
    ----------
    alpha : float
        Minus the value far on the left, at least 0, so that the output keeps the input's sign.

    Raises
    ------
    ValueError
        If `alpha` is negative or NaN.

    Notes
    -----
    The cache is the output.

    References
    ----------
    .. [1] Clevert et al., "Fast and Accurate Deep Network Learning by Exponential Linear Units", 2016,
       arXiv:1511.07289, eq. 15 and 16.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        check_number("ELU", "alpha", self.alpha, low=0.0)

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return the output, which is also the cache."""
        y = exponential_unit(x, 1.0, self.alpha)
        return y, y

    def backward(self, p: Views, g: Views, y: Array, dy: Array) -> Array:
        """Return `dy` times the slope, which the output tells."""
        return dy * exponential_unit_slope(y, 1.0, self.alpha)


@dataclass(frozen=True)
class SELU(Layer):
    """Scaled exponential linear unit, ``y = scale * ELU(x)`` with ``alpha = 1.6733...`` and ``scale = 1.0507...``.

    Backward: ``dx = scale * dy`` where ``y > 0``, else ``dy * (y + scale * alpha)``.

    Notes
    -----
    With weights from `nnxp.initializers.lecun_normal` activations keep mean 0 and variance 1. The cache is the output.

    References
    ----------
    .. [1] Klambauer et al., "Self-Normalizing Neural Networks", 2017, arXiv:1706.02515, eq. 2.
    """

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return the output, which is also the cache."""
        y = exponential_unit(x, SELU_SCALE, SELU_SCALE * SELU_ALPHA)
        return y, y

    def backward(self, p: Views, g: Views, y: Array, dy: Array) -> Array:
        """Return `dy` times the slope, which the output tells."""
        return dy * exponential_unit_slope(y, SELU_SCALE, SELU_SCALE * SELU_ALPHA)


@fused
def relu(x: Array) -> Array:
    """Return ``max(x, 0)``."""
    return namespace(x).maximum(x, 0.0)


@fused
def relu_backward(dy: Array, y: Array) -> Array:
    """Return `dy` where `y` is positive, else 0."""
    dx = namespace(y).astype(y > 0, dy.dtype)
    dx *= dy
    return dx


def exponential_unit(x: Array, right: float, left: float) -> Array:
    """Return ``right * x`` where x > 0, else ``left * (exp(x) - 1)``: the sum of both, each 0 on the other's side."""
    xp = namespace(x)
    y = xp.expm1(xp.minimum(x, 0.0))
    y *= left
    y += right * xp.maximum(x, 0.0)
    return y


def exponential_unit_slope(y: Array, right: float, left: float) -> Array:
    """Return `right` where y > 0, else ``y + left``."""
    xp = namespace(y)
    slope = xp.minimum(y, 0.0)
    slope += left
    if right != left:
        slope += (right - left) * xp.astype(y > 0, y.dtype)
    return slope
