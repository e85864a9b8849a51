"""Layers that make one array of several: Add and Concatenate."""

from dataclasses import dataclass
from typing import Any

from nnxp._backend import Array, namespace
from nnxp._checks import Shape, check_same_shape, check_whole_number, message
from nnxp.layers.layer import Layer, Views

__all__ = ["Add", "Concatenate", "Shapes", "common_shape", "every_shape", "laid_shape", "split"]


class Shapes(tuple[int | None, ...]):
    """The shape of the first of several inputs, which is what most layers ask for, and in `every` those of all."""

    every: tuple[Shape | None, ...]

    @staticmethod
    def of(shapes: list[Shape | None]) -> Shape | None:
        """Return the one shape of one input, the shapes of several, or None if the first is unknown."""
        if len(shapes) == 1 or shapes[0] is None:
            return shapes[0]
        several = Shapes(shapes[0])
        several.every = tuple(shapes)
        return several


def every_shape(in_shape: Shape | None, count: int | None = None) -> tuple[Shape | None, ...]:
    """Return the shapes of all inputs; of `count`, where only the first is known."""
    if isinstance(in_shape, Shapes):
        return in_shape.every
    return (in_shape,) + (None,) * ((count or 1) - 1)


@dataclass(frozen=True)
class Add(Layer):
    """The sum of several inputs, ``y = x1 + x2 + ...``; each gets the gradient ``dy``.

    Raises
    ------
    ValueError
        If the inputs are not of one shape.

    Notes
    -----
    For the nodes of a `Graph`. The cache is the number of inputs.
    """

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the shape of all inputs."""
        return common_shape("Add", "inputs", every_shape(in_shape))

    def forward(self, p: Views, *inputs_and_mode: Any) -> tuple[Array, int]:
        """Return the sum."""
        *xs, _ = inputs_and_mode
        y = xs[0]
        for x in xs[1:]:
            check_same_shape("Add.forward", "every input", x.shape, xs[0].shape)
            y = y + x
        return y, len(xs)

    def backward(self, p: Views, g: Views, count: int, dy: Array) -> Any:
        """Return the same gradient for every input."""
        return (dy,) * count if count > 1 else dy


@dataclass(frozen=True)
class Concatenate(Layer):
    """Several inputs side by side; each gets its part of the gradient.

    Parameters
    ----------
    dim : int
        The axis, the batch axis counted; 1 is the features of a matrix and the channels of images.

    Raises
    ------
    TypeError
        If `dim` is not a whole number.
    ValueError
        If `dim` is the batch axis, or the inputs differ in another one.

    Notes
    -----
    For the nodes of a `Graph`. The cache is the inputs' lengths along the axis.
    """

    dim: int = 1

    def __post_init__(self) -> None:
        check_whole_number("Concatenate", "dim", self.dim)
        if self.dim == 0:
            raise ValueError(message("Concatenate", "dim to be another axis than the batch's", self.dim))

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the inputs' shape, their lengths along the axis added up."""
        return laid_shape("Concatenate", "inputs", every_shape(in_shape), self.dim)

    def forward(self, p: Views, *inputs_and_mode: Any) -> tuple[Array, list[int]]:
        """Return the inputs in one array."""
        *xs, _ = inputs_and_mode
        for x in xs[1:]:
            wanted = [*xs[0].shape]
            wanted[self.dim] = x.shape[self.dim] if x.ndim == xs[0].ndim else wanted[self.dim]
            check_same_shape("Concatenate.forward", "every input", x.shape, tuple(wanted))
        return namespace(xs[0]).concat(xs, axis=self.dim), [x.shape[self.dim] for x in xs]

    def backward(self, p: Views, g: Views, sizes: list[int], dy: Array) -> Any:
        """Return each input's part."""
        parts = split(dy, sizes, self.dim)
        return tuple(parts) if len(parts) > 1 else parts[0]


def common_shape(where: str, name: str, shapes: tuple[Shape | None, ...]) -> Shape | None:
    """Return the one shape that all have; None if one is unknown."""
    known = [shape for shape in shapes if shape is not None]
    if len(set(known)) > 1:
        raise ValueError(message(where, f"{name} of one shape", known))
    return None if len(known) < len(shapes) else known[0]


def laid_shape(where: str, name: str, shapes: tuple[Shape | None, ...], dim: int) -> Shape | None:
    """Return the shape of arrays side by side along an axis, the batch axis counted; None if one is unknown."""
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes):
        return None
    ndim = len(known[0])
    axis = dim - 1 if dim > 0 else dim + ndim
    if not 0 <= axis < ndim:
        raise ValueError(message(where, f"dim within the {ndim + 1} axes of its {name}", dim))
    if len({(len(shape), shape[:axis], shape[axis + 1 :]) for shape in known}) > 1:
        raise ValueError(message(where, f"{name} of one shape but for axis {dim}", known))
    sizes = [shape[axis] for shape in known]
    total = None if None in sizes else sum(n for n in sizes if n is not None)
    return (*known[0][:axis], total, *known[0][axis + 1 :])


def split(x: Array, sizes: list[int], dim: int) -> list[Array]:
    """Cut an array along an axis into parts of the given lengths."""
    axis, parts, start = dim % x.ndim, [], 0
    for size in sizes:
        parts.append(x[(slice(None),) * axis + (slice(start, start + size), ...)])
        start += size
    return parts
