"""Relatives of the softmax: Softmin and Softmax2d."""

from dataclasses import dataclass

from nnxp._backend import Array
from nnxp._checks import Shape, check_whole_number
from nnxp.layers.images import check_images, check_sample_images
from nnxp.layers.layer import Layer, Mode, Views
from nnxp.layers.softmax import check_dim, shares, shares_backward

__all__ = ["Softmax2d", "Softmin"]


@dataclass(frozen=True)
class Softmin(Layer):
    """Shares that fall with the value, ``y = exp(-x) / sum(exp(-x))``; backward ``dx = -y * (dy - sum(dy * y))``.

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
    The softmax of ``-x``. The cache is the output.
    """

    dim: int = -1

    def __post_init__(self) -> None:
        check_whole_number("Softmin", "dim", self.dim)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the input's shape."""
        if in_shape is not None:
            check_dim("Softmin", self.dim, (None, *in_shape))
        return in_shape

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return the shares, which are also the cache."""
        check_dim("Softmin.forward", self.dim, x.shape)
        y = shares(-x, self.dim)
        return y, y

    def backward(self, p: Views, g: Views, y: Array, dy: Array) -> Array:
        """Return ``-y * (dy - sum(dy * y))``."""
        dx = shares_backward(y, self.dim, dy)
        dx *= -1.0
        return dx


@dataclass(frozen=True)
class Softmax2d(Layer):
    """Shares of the channels at every place of an image (N, C, height, width), as by ``Softmax(1)``.

    Raises
    ------
    ValueError
        If the input is shaped otherwise.

    Notes
    -----
    The cache is the output.
    """

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the input's shape."""
        if in_shape is not None:
            check_sample_images("Softmax2d", in_shape, 2)
        return in_shape

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array]:
        """Return the shares, which are also the cache."""
        check_images("Softmax2d.forward", x, 2)
        y = shares(x, 1)
        return y, y

    def backward(self, p: Views, g: Views, y: Array, dy: Array) -> Array:
        """Return ``y * (dy - sum(dy * y))``."""
        return shares_backward(y, 1, dy)
