"""What all poolings share: how their windows are laid over an input, once for each of its sizes."""

import math
from functools import lru_cache
from typing import Any, ClassVar

from nnxp._backend import Array, constant, namespace
from nnxp._checks import Shape, as_sizes, message
from nnxp.layers.images import check_images, check_sample_images
from nnxp.layers.layer import Layer
from nnxp.layers.pooling.axis import Axis
from nnxp.layers.pooling.boxes import Boxes
from nnxp.layers.pooling.grid import Grid

__all__ = ["Counts", "Pool", "SlidingPool", "Windows", "divisor", "laid", "lay_axes"]

Windows = Grid | Boxes
Sizes = tuple[int, ...]
Counts = tuple[tuple[int, ...], ...]

# A window on its own costs a few operations, as does a place of the kernel; but slices of all windows are faster.
MOST_PLACES_A_WINDOW = 8


class Pool(Layer):
    """A pooling along the last `axes` axes of (N, C, *sizes)."""

    axes: ClassVar[int]

    def count(self, axis: int, size: int | None) -> int | None:
        """Return how many windows lie along an axis; None where that depends on an unknown size."""
        raise NotImplementedError

    def lay(self, sizes: Sizes) -> Any:
        """Lay the windows over an input."""
        raise NotImplementedError

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return (C, *out), indices left out; what is unknown stays so."""
        if in_shape is None:
            return None
        check_sample_images(type(self).__name__, in_shape, self.axes)
        return (in_shape[0], *(self.count(i, n) for i, n in enumerate(in_shape[1:])))

    def laid_over(self, x: Array) -> Any:
        """Return the windows over a batch."""
        check_images(f"{type(self).__name__}.forward", x, self.axes)
        return laid(self, tuple(x.shape[2:]))


@lru_cache(maxsize=512)
def laid(pool: Pool, sizes: Sizes) -> Any:
    """Lay the windows, or remember how they lie."""
    return pool.lay(sizes)


class SlidingPool(Pool):
    """A pooling with a kernel that moves."""

    kernel_size: int | Sizes
    stride: int | Sizes | None
    padding: int | Sizes = 0
    dilation: int | Sizes = 1
    ceil_mode: bool

    def __post_init__(self) -> None:
        where, (kernel, _, padding, dilation) = type(self).__name__, self._options()
        for k, p, d in zip(kernel, padding, dilation, strict=True):
            if 2 * p > d * (k - 1) + 1:
                what = f"padding of at most half the window, whose size is {spanned(kernel, dilation)}"
                raise ValueError(message(where, what, self.padding))

    def _options(self) -> tuple[Sizes, Sizes, Sizes, Sizes]:
        """Return kernel, stride, padding and dilation, one number an axis."""
        where = type(self).__name__
        kernel = as_sizes(where, "kernel_size", self.kernel_size, self.axes)
        stride = kernel if self.stride is None else as_sizes(where, "stride", self.stride, self.axes)
        padding = as_sizes(where, "padding", self.padding, self.axes, least=0)
        return kernel, stride, padding, as_sizes(where, "dilation", self.dilation, self.axes)

    def axis(self, i: int, size: int) -> Axis:
        """Return the windows along one axis, and refuse a size that has none."""
        kernel, stride, padding, dilation = self._options()
        axis = Axis(size, kernel[i], stride[i], padding[i], dilation[i], self.ceil_mode)
        if not axis.fits:
            what = f"axis {i + 2} to be long enough for a window of {axis.reach}"
            raise ValueError(message(type(self).__name__, what, size))
        return axis

    def count(self, axis: int, size: int | None) -> int | None:
        """Return how many windows lie along an axis."""
        return None if size is None else self.axis(axis, size).count

    def all_axes(self, sizes: Sizes) -> tuple[Axis, ...]:
        """Return the windows along every axis."""
        return tuple(self.axis(i, size) for i, size in enumerate(sizes))


def spanned(kernel: Sizes, dilation: Sizes) -> Sizes:
    """Return how many places of each axis a window spans."""
    return tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))


def lay_axes(axes: tuple[Axis, ...]) -> Windows:
    """Go place by place of the kernel or window by window, whichever has the fewer steps."""
    places, windows = math.prod(a.kernel for a in axes), math.prod(a.count for a in axes)
    if places > MOST_PLACES_A_WINDOW * windows:
        return Boxes(tuple(a.size for a in axes), tuple(a.spans for a in axes))
    return Grid(axes)


def divisor(counts: Counts, like: Array) -> Any:
    """Return the product of the windows' lengths along the axes: a number if all agree, else an array of (*out,)."""
    total: Any = 1.0
    for i, lengths in enumerate(counts):
        if len(set(lengths)) == 1:
            total = total * lengths[0]
        else:
            shape = (len(lengths),) + (1,) * (len(counts) - 1 - i)
            total = total * namespace(like).reshape(constant(lengths, like), shape)
    return total
