"""Activations made of straight lines: Hardtanh, ReLU6, Hardsigmoid, Hardswish and Threshold."""

from dataclasses import dataclass

from nnxp._backend import Array, namespace
from nnxp._checks import check_number, message
from nnxp.layers.layer import Layer, Mode, Views

__all__ = ["Hardsigmoid", "Hardswish", "Hardtanh", "ReLU6", "Threshold"]


@dataclass(frozen=True)
class Hardtanh(Layer):
    """Clamp, ``y = min(max(x, min_val), max_val)``; backward ``dx = dy`` strictly between the bounds, else 0.

    Parameters
    ----------
    min_val, max_val : float
        The bounds, the first below the second.

    Raises
    ------
    ValueError
        If a bound is not finite, or they are in the wrong order.

    Notes
    -----
    NaN passes forward. The cache is the output.
    """

    min_val: float = -1.0
    max_val: float = 1.0

    def __post_init__(self) -> None:
        check_number("Hardtanh", "min_val", self.min_val)
        check_number("Hardtanh", "max_val", self.max_val)
        if self.min_val >= self.max_val:
            raise ValueError(message("Hardtanh", f"max_val to be greater than min_val={self.min_val}", self.max_val))

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return what lies between the bounds; the cache is the output."""
        y = clamp(x, self.min_val, self.max_val)
        return y, y

    def backward(self, p: Views, g: Views, y: Array, dy: Array) -> Array:
        """Return `dy` strictly between the bounds."""
        return inside(y, self.min_val, self.max_val, dy)


@dataclass(frozen=True)
class ReLU6(Layer):
    """Rectifier with a ceiling, ``y = min(max(x, 0), 6)``; backward ``dx = dy`` where ``0 < y < 6``, else 0.

    Notes
    -----
    NaN passes forward. The cache is the output.

    References
    ----------
    .. [1] Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017,
       arXiv:1704.04861.
    """

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return what lies between 0 and 6; the cache is the output."""
        y = clamp(x, 0.0, 6.0)
        return y, y

    def backward(self, p: Views, g: Views, y: Array, dy: Array) -> Array:
        """Return `dy` strictly between the bounds."""
        return inside(y, 0.0, 6.0, dy)


@dataclass(frozen=True)
class Hardsigmoid(Layer):
    """Sigmoid in three straight lines, ``y = min(max(x + 3, 0), 6) / 6``; backward ``dx = dy / 6`` where ``0 < y < 1``.

    Notes
    -----
    The cache is the output. PyTorch's slope is 1/6 rounded to float32, whatever the dtype; ours is not.
    """

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return the output, which is also the cache."""
        y = clamp(x + 3.0, 0.0, 6.0)
        y /= 6.0
        return y, y

    def backward(self, p: Views, g: Views, y: Array, dy: Array) -> Array:
        """Return a sixth of `dy` strictly between the bounds."""
        dx = inside(y, 0.0, 1.0, dy)
        dx /= 6.0
        return dx


@dataclass(frozen=True)
class Hardswish(Layer):
    """Swish with a hard sigmoid, ``y = x * min(max(x + 3, 0), 6) / 6``.

    Backward: ``dx = dy * (x / 3 + 1 / 2)`` where ``-3 < x < 3``, 0 to the left (also at -3) and ``dy`` to the right
    (also at 3).

    Notes
    -----
    The cache is the input.

    References
    ----------
    .. [1] Howard et al., "Searching for MobileNetV3", 2019, arXiv:1905.02244, section 5.2.
    """

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return the output; the cache is the input."""
        y = clamp(x + 3.0, 0.0, 6.0)
        y /= 6.0
        y *= x
        return y, x

    def backward(self, p: Views, g: Views, x: Array, dy: Array) -> Array:
        """Return `dy` times the slope: the line from -1/2 to 3/2, and what brings its ends to 0 and 1."""
        xp = namespace(x)
        dx = clamp(x, -3.0, 3.0)
        dx /= 3.0
        dx += 0.5 * xp.astype(x <= -3.0, x.dtype)
        dx -= 0.5 * xp.astype(x >= 3.0, x.dtype)
        dx += 0.5
        dx *= dy
        return dx


@dataclass(frozen=True)
class Threshold(Layer):
    """Replace what is small, ``y = x`` where ``x > threshold``, else `value`; backward ``dx = dy`` there, else 0.

    Parameters
    ----------
    threshold : float
        What is at most this is replaced.
    value : float
        By this.

    Raises
    ------
    ValueError
        If one of them is not finite.

    Notes
    -----
    NaN passes forward. The cache is where the input came through, in booleans.
    """

    threshold: float
    value: float

    def __post_init__(self) -> None:
        check_number("Threshold", "threshold", self.threshold)
        check_number("Threshold", "value", self.value)

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return the input, or the value; the cache is where the input came through."""
        xp = namespace(x)
        through = xp.logical_not(x <= self.threshold)
        return xp.where(through, x, self.value), through

    def backward(self, p: Views, g: Views, through: Array, dy: Array) -> Array:
        """Return `dy` where the input came through."""
        return dy * namespace(dy).astype(through, dy.dtype)


def clamp(x: Array, low: float, high: float) -> Array:
    """Return ``min(max(x, low), high)``."""
    xp = namespace(x)
    return xp.minimum(xp.maximum(x, low), high)


def inside(y: Array, low: float, high: float, dy: Array) -> Array:
    """Return `dy` where y is strictly between the bounds, else 0."""
    return dy * namespace(y).astype((y > low) & (y < high), dy.dtype)
