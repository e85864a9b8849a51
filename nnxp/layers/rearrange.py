"""The same numbers in axes of another order or number: Permute and Unflatten."""

import math
from dataclasses import dataclass

from nnxp._backend import Array, namespace
from nnxp._checks import Shape, check_positive_int, check_whole_number, message
from nnxp.layers.layer import Layer, Mode, Views

__all__ = ["Permute", "Unflatten"]


@dataclass(frozen=True)
class Permute(Layer):
    """Reorder the axes: axis i of the output is axis ``dims[i]`` of the input; backward puts them back.

    Parameters
    ----------
    dims : tuple of int
        Every axis once, the batch axis 0 first: ``(0, 2, 3, 1)`` puts channels last.

    Raises
    ------
    ValueError
        If `dims` is anything else, or an input has another number of axes.

    Notes
    -----
    The output is a view where the library has them; nothing is cached. PyTorch has the function alone.
    """

    dims: tuple[int, ...]

    def __post_init__(self) -> None:
        dims = self.dims if isinstance(self.dims, tuple) else ()
        if not dims or dims[0] != 0 or sorted(dims) != list(range(len(dims))):
            raise ValueError(message("Permute", "dims to be a tuple of all axes from 0 on, 0 first", self.dims))

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the sizes in their new order."""
        if in_shape is None:
            return None
        if len(in_shape) != len(self.dims) - 1:
            raise ValueError(message("Permute", f"samples with {len(self.dims) - 1} axes", in_shape))
        return tuple(in_shape[dim - 1] for dim in self.dims[1:])

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, None]:
        """Return the input with its axes reordered; there is nothing to cache."""
        if x.ndim != len(self.dims):
            raise ValueError(message("Permute.forward", f"x with {len(self.dims)} axes", tuple(x.shape)))
        return namespace(x).permute_dims(x, self.dims), None

    def backward(self, p: Views, g: Views, cache: None, dy: Array) -> Array:
        """Return `dy` with its axes where they were."""
        back = sorted(range(len(self.dims)), key=self.dims.__getitem__)
        return namespace(dy).permute_dims(dy, tuple(back))


@dataclass(frozen=True)
class Unflatten(Layer):
    """Split one axis into several; backward merges them again.

    Parameters
    ----------
    dim : int
        The axis, the batch axis counted; not the batch axis itself.
    unflattened_size : tuple of int
        What it is split into; one of them may be -1: whatever is left.

    Raises
    ------
    ValueError
        If a size is neither -1 nor a whole number of at least 1, or the sizes do not multiply up to the axis.
    TypeError
        If `dim` is not a whole number.

    Notes
    -----
    The cache is the input's shape.

    Examples
    --------
    >>> Network(Unflatten(1, (16, 7, -1)), input_shape=(784,)).output_shape
    (16, 7, 7)
    """

    dim: int
    unflattened_size: tuple[int, ...]

    def __post_init__(self) -> None:
        check_whole_number("Unflatten", "dim", self.dim)
        if self.dim == 0:
            raise ValueError(message("Unflatten", "dim to be another axis than the batch's", self.dim))
        sizes = self.unflattened_size
        if not isinstance(sizes, tuple) or not sizes or sizes.count(-1) > 1:
            what = "unflattened_size to be a tuple of sizes, at most one of them -1"
            raise ValueError(message("Unflatten", what, sizes))
        for size in sizes:
            if size != -1:
                check_positive_int("Unflatten", "every size but -1", size)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return one sample's shape with the axis split."""
        if in_shape is None:
            return None
        shape = (None, *in_shape)
        axis = self._axis("Unflatten", shape)
        return (*in_shape[: axis - 1], *self._sizes("Unflatten", shape[axis]), *in_shape[axis:])

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, tuple[int, ...]]:
        """Return the input with the axis split; the cache is its shape."""
        shape = tuple(x.shape)
        axis = self._axis("Unflatten.forward", shape)
        sizes = self._sizes("Unflatten.forward", shape[axis])
        return namespace(x).reshape(x, (*shape[:axis], *sizes, *shape[axis + 1 :])), shape

    def backward(self, p: Views, g: Views, shape: tuple[int, ...], dy: Array) -> Array:
        """Return `dy` in the input's shape."""
        return namespace(dy).reshape(dy, shape)

    def _axis(self, where: str, shape: Shape) -> int:
        axis = self.dim + len(shape) if self.dim < 0 else self.dim
        if not 0 < axis < len(shape):
            raise ValueError(message(where, f"x with axis {self.dim}, which is not the batch's", shape))
        return axis

    def _sizes(self, where: str, size: int | None) -> Shape:
        """Return the sizes, the one that was left open among them where it is known."""
        known = math.prod(n for n in self.unflattened_size if n != -1)
        free = -1 in self.unflattened_size
        if size is not None and (size % known or (not free and size != known)):
            what = f"axis {self.dim} to be {'a multiple of ' if free else ''}{known} long"
            raise ValueError(message(where, what, size))
        return tuple(n if n != -1 else None if size is None else size // known for n in self.unflattened_size)
