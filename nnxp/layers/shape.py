"""Layers that leave the values alone: Flatten and Identity."""

from dataclasses import dataclass
from math import prod

from nnxp._backend import Array, namespace
from nnxp._checks import Shape, check_whole_number, message
from nnxp.layers.layer import Layer, Mode, Views

__all__ = ["Flatten", "Identity"]


@dataclass(frozen=True)
class Flatten(Layer):
    """Merge the axes from `start_dim` to `end_dim` into one; backward gives ``dy`` the input's shape back.

    Parameters
    ----------
    start_dim, end_dim : int
        First and last axis to merge, the batch axis counted: by default all but the batch axis.

    Raises
    ------
    ValueError
        If the input lacks one of them, or they are in the wrong order.
    TypeError
        If one of them is not a whole number.

    Notes
    -----
    The cache is the input's shape.

    Examples
    --------
    >>> Network(Flatten(), input_shape=(3, 28, 28)).output_shape
    (2352,)
    """

    start_dim: int = 1
    end_dim: int = -1

    def __post_init__(self) -> None:
        check_whole_number("Flatten", "start_dim", self.start_dim)
        check_whole_number("Flatten", "end_dim", self.end_dim)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the shape of one sample with the axes merged."""
        if in_shape is None:
            return None
        start, stop = self._span("Flatten", (None, *in_shape))
        if start == 0:  # the batch axis takes the others in
            return in_shape[stop - 1 :]
        merged = in_shape[start - 1 : stop - 1]
        size = None if None in merged else prod(n for n in merged if n is not None)
        return (*in_shape[: start - 1], size, *in_shape[stop - 1 :])

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, tuple[int, ...]]:
        """Return the input with the axes merged; the cache is its shape."""
        shape = tuple(x.shape)
        start, stop = self._span("Flatten.forward", shape)
        y = namespace(x).reshape(x, (*shape[:start], prod(shape[start:stop]), *shape[stop:]))
        return y, shape

    def backward(self, p: Views, g: Views, shape: tuple[int, ...], dy: Array) -> Array:
        """Return `dy` in the input's shape."""
        return namespace(dy).reshape(dy, shape)

    def _span(self, where: str, shape: Shape) -> tuple[int, int]:
        """Return the first axis to merge and the one behind the last, counted from the front."""
        ndim = len(shape)
        start = self.start_dim + ndim if self.start_dim < 0 else self.start_dim
        end = self.end_dim + ndim if self.end_dim < 0 else self.end_dim
        if not 0 <= start <= end < ndim:
            wanted = f"x with axes {self.start_dim} to {self.end_dim} in this order"
            raise ValueError(message(where, wanted, shape))
        return start, end + 1


@dataclass(frozen=True)
class Identity(Layer):
    """The input as it is, ``y = x``; backward ``dx = dy``. Nothing is copied."""

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, None]:
        """Return the input itself; there is nothing to cache."""
        return x, None

    def backward(self, p: Views, g: Views, cache: None, dy: Array) -> Array:
        """Return `dy` itself."""
        return dy
