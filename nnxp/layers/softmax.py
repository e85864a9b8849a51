"""Shares that add up to 1 along an axis: Softmax and LogSoftmax."""

from dataclasses import dataclass

from nnxp._backend import Array, fused, namespace
from nnxp._checks import Shape, check_whole_number, message
from nnxp.layers.layer import Layer, Mode, Views

__all__ = ["LogSoftmax", "Softmax", "check_dim", "shares", "shares_backward"]


@dataclass(frozen=True)
class Softmax(Layer):
    """Shares of an axis, ``y = exp(x) / sum(exp(x))``; backward ``dx = y * (dy - sum(dy * y))``.

    Parameters
    ----------
    dim : int
        The axis that the sums run over, the batch axis counted.

    Raises
    ------
    ValueError
        If the input has no such axis.
    TypeError
        If `dim` is not a whole number.

    Notes
    -----
    The axis' maximum is subtracted first, which leaves the shares as they are and lets nothing overflow. The cache
    is the output. To train a classifier, give its raw outputs to the cross-entropy loss instead.
    """

    dim: int = -1

    def __post_init__(self) -> None:
        check_whole_number("Softmax", "dim", self.dim)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the input's shape."""
        if in_shape is not None:
            check_dim("Softmax", self.dim, (None, *in_shape))
        return in_shape

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return the shares, which are also the cache."""
        check_dim("Softmax.forward", self.dim, x.shape)
        y = shares(x, self.dim)
        return y, y

    def backward(self, p: Views, g: Views, y: Array, dy: Array) -> Array:
        """Return ``y * (dy - sum(dy * y))``."""
        return shares_backward(y, self.dim, dy)


@dataclass(frozen=True)
class LogSoftmax(Layer):
    """Logarithm of the shares of an axis, ``y = x - log(sum(exp(x)))``; backward ``dx = dy - exp(y) * sum(dy)``.

    Parameters
    ----------
    dim : int
        The axis that the sums run over, the batch axis counted.

    Raises
    ------
    ValueError
        If the input has no such axis.
    TypeError
        If `dim` is not a whole number.

    Notes
    -----
    The axis' maximum is subtracted first, so that the sum is between 1 and the axis' length. The cache is the output.
    """

    dim: int = -1

    def __post_init__(self) -> None:
        check_whole_number("LogSoftmax", "dim", self.dim)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the input's shape."""
        if in_shape is not None:
            check_dim("LogSoftmax", self.dim, (None, *in_shape))
        return in_shape

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return the logarithms, which are also the cache."""
        check_dim("LogSoftmax.forward", self.dim, x.shape)
        if 0 in x.shape:
            return x, x
        xp = namespace(x)
        shifted = x - xp.max(x, axis=self.dim, keepdims=True)
        y = shifted - xp.log(xp.sum(xp.exp(shifted), axis=self.dim, keepdims=True))
        return y, y

    def backward(self, p: Views, g: Views, y: Array, dy: Array) -> Array:
        """Return ``dy - exp(y) * sum(dy)``."""
        xp = namespace(y)
        return dy - xp.exp(y) * xp.sum(dy, axis=self.dim, keepdims=True)


@fused
def shares(x: Array, dim: int) -> Array:
    """Return ``exp(x) / sum(exp(x))`` along an axis."""
    if 0 in x.shape:
        return x
    xp = namespace(x)
    y = xp.exp(x - xp.max(x, axis=dim, keepdims=True))
    y /= xp.sum(y, axis=dim, keepdims=True)
    return y


@fused
def shares_backward(y: Array, dim: int, dy: Array) -> Array:
    """Return ``y * (dy - sum(dy * y))``."""
    dx = dy - namespace(y).sum(dy * y, axis=dim, keepdims=True)
    dx *= y
    return dx


def check_dim(where: str, dim: int, shape: Shape) -> None:
    """Refuse an axis that a batch of this shape lacks."""
    if not -len(shape) <= dim < len(shape):
        raise ValueError(message(where, f"x with an axis {dim}", tuple(shape)))
