"""Layers whose output takes several inputs each: GLU and Maxout."""

from dataclasses import dataclass

from nnxp._backend import Array, namespace
from nnxp._checks import Shape, check_positive_int, check_whole_number, message
from nnxp.layers.layer import Layer, Mode, Views
from nnxp.layers.squashing import sigmoid

__all__ = ["GLU", "Maxout"]


@dataclass(frozen=True)
class GLU(Layer):
    """Gated linear unit, ``y = a * s`` with ``s = sigmoid(b)``, where a and b are the halves of an axis.

    Backward: ``da = dy * s``, ``db = dy * y * (1 - s)``.

    Parameters
    ----------
    dim : int
        The axis that is halved, the batch axis counted; not the batch axis itself.

    Raises
    ------
    ValueError
        If the input has no such axis, or it is not an even number long.
    TypeError
        If `dim` is not a whole number.

    Notes
    -----
    The cache is the output and ``s``.

    References
    ----------
    .. [1] Dauphin et al., "Language Modeling with Gated Convolutional Networks", 2016, arXiv:1612.08083, eq. 1 and 3.
    """

    dim: int = -1

    def __post_init__(self) -> None:
        check_other_axis("GLU", self.dim)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the input's shape with the axis halved."""
        return divided("GLU", in_shape, self.dim, 2)

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, tuple[Array, Array]]:
        """Return the first half times the sigmoid of the second; the cache is the output and the sigmoid."""
        axis = axis_in_parts("GLU.forward", tuple(x.shape), self.dim, 2)
        half, lead = x.shape[axis] // 2, (slice(None),) * axis
        s = sigmoid(x[(*lead, slice(half, None), ...)])
        y = x[(*lead, slice(0, half), ...)] * s
        return y, (y, s)

    def backward(self, p: Views, g: Views, cache: tuple[Array, Array], dy: Array) -> Array:
        """Return both halves' gradients."""
        y, s = cache
        gate = 1.0 - s
        gate *= y
        gate *= dy
        return namespace(dy).concat([dy * s, gate], axis=self.dim)


@dataclass(frozen=True)
class Maxout(Layer):
    """Largest of each group of features, ``y[j] = max of x[j * pieces + i] over i``; backward sends ``dy`` to it.

    Where several are largest, the first has the gradient.

    Parameters
    ----------
    pieces : int
        How many features that follow each other make a group.
    dim : int
        The axis of the features, the batch axis counted; 1 is the channels of images. Not the batch axis itself.

    Raises
    ------
    ValueError
        If `pieces` is not a whole number of at least 1, the input has no such axis, or it is not a multiple of `pieces`
        long.
    TypeError
        If `dim` is not a whole number.

    Notes
    -----
    Only the maximum: the paper's layer is ``Sequential(Linear(features, units * pieces), Maxout(pieces))``. PyTorch has
    none. NaN passes forward. The cache is the number of the largest in each group.

    References
    ----------
    .. [1] Goodfellow et al., "Maxout Networks", 2013, arXiv:1302.4389, section 3.
    """

    pieces: int
    dim: int = -1

    def __post_init__(self) -> None:
        check_positive_int("Maxout", "pieces", self.pieces)
        check_other_axis("Maxout", self.dim)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the input's shape with the axis divided by `pieces`."""
        return divided("Maxout", in_shape, self.dim, self.pieces)

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, tuple[Array, int]]:
        """Return the maxima; the cache is the number of the largest in each group, and the axis of the groups."""
        shape, xp = tuple(x.shape), namespace(x)
        axis = axis_in_parts("Maxout.forward", shape, self.dim, self.pieces)
        units = shape[axis] // self.pieces
        groups = xp.reshape(x, (*shape[:axis], units, self.pieces, *shape[axis + 1 :]))
        largest = xp.argmax(groups, axis=axis + 1, keepdims=True) if x.size else xp.zeros_like(groups, dtype=xp.int64)
        return xp.max(groups, axis=axis + 1), (largest, axis)

    def backward(self, p: Views, g: Views, cache: tuple[Array, int], dy: Array) -> Array:
        """Return `dy` at the largest of each group."""
        (largest, axis), xp = cache, namespace(dy)
        numbers = xp.arange(self.pieces, dtype=largest.dtype, device=dy.device)
        numbers = xp.reshape(numbers, (self.pieces, *(1,) * (dy.ndim - axis - 1)))
        dx = xp.astype(numbers == largest, dy.dtype)
        dx *= xp.expand_dims(dy, axis=axis + 1)
        return xp.reshape(dx, (*dy.shape[:axis], dy.shape[axis] * self.pieces, *dy.shape[axis + 1 :]))


def check_other_axis(where: str, dim: int) -> None:
    """Refuse what is no axis, or the batch's."""
    check_whole_number(where, "dim", dim)
    if dim == 0:
        raise ValueError(message(where, "dim to be another axis than the batch's", dim))


def axis_in_parts(where: str, shape: Shape, dim: int, parts: int) -> int:
    """Return the axis counted from the front; refuse one that is not a multiple of `parts` long."""
    axis = dim + len(shape) if dim < 0 else dim
    if not 0 < axis < len(shape):
        raise ValueError(message(where, f"x with axis {dim}, which is not the batch's", shape))
    size = shape[axis]
    if size is not None and size % parts:
        raise ValueError(message(where, f"axis {dim} to be a multiple of {parts} long", size))
    return axis


def divided(where: str, in_shape: Shape | None, dim: int, parts: int) -> Shape | None:
    """Return the shape of a sample with one axis divided; None is unknown."""
    if in_shape is None:
        return None
    at = axis_in_parts(where, (None, *in_shape), dim, parts) - 1
    size = in_shape[at]
    return (*in_shape[:at], None if size is None else size // parts, *in_shape[at + 1 :])
