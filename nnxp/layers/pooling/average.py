"""Average pooling."""

from dataclasses import dataclass
from typing import ClassVar

from nnxp._backend import Array
from nnxp._checks import check_positive_int
from nnxp.layers.layer import Mode, Views
from nnxp.layers.pooling.pool import Counts, Pool, Sizes, SlidingPool, Windows, divisor, lay_axes

__all__ = ["AveragePool", "AvgPool1d", "AvgPool2d", "AvgPool3d"]


class AveragePool(Pool):
    """What the average poolings share, sliding or adaptive: everything but their windows."""

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, tuple[Windows, Counts]]:
        """Return the means (N, C, *out); the cache is how the windows lie."""
        windows, counts = cache = self.laid_over(x)
        y = windows.total(x)
        y /= divisor(counts, y)
        return y, cache

    def backward(self, p: Views, g: Views, cache: tuple[Windows, Counts], dy: Array) -> Array:
        """Share each window's gradient out among its places."""
        windows, counts = cache
        return windows.spread(dy / divisor(counts, dy))


class SlidingAveragePool(SlidingPool, AveragePool):
    """What the average poolings with a kernel share."""

    count_include_pad: bool
    divisor_override: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.divisor_override is not None:
            check_positive_int(type(self).__name__, "divisor_override", self.divisor_override)

    def lay(self, sizes: Sizes) -> tuple[Windows, Counts]:
        """Lay the windows over an input, and count what each divides by along each axis."""
        axes = self.all_axes(sizes)
        if self.divisor_override is not None:
            return lay_axes(axes), ((self.divisor_override,),)
        if self.count_include_pad:
            return lay_axes(axes), tuple(axis.padded_lengths for axis in axes)
        return lay_axes(axes), tuple(tuple(span.stop - span.start for span in axis.spans) for axis in axes)


@dataclass(frozen=True)
class AvgPool1d(SlidingAveragePool):
    """Average pooling along one axis: series (N, C, length) -> (N, C, length'); see `AvgPool2d`.

    Sizes are numbers, or tuples of one number; PyTorch has no `divisor_override` here.
    """

    kernel_size: int | Sizes
    stride: int | Sizes | None = None
    padding: int | Sizes = 0
    ceil_mode: bool = False
    count_include_pad: bool = True

    axes: ClassVar[int] = 1


@dataclass(frozen=True)
class AvgPool2d(SlidingAveragePool):
    """Average pooling of images, ``y[p] = sum of x[stride * p + k - padding] over k / (height * width of a window)``.

    Backward: ``dy[p] / (height * width)`` is added to ``dx`` at every place of the window.

    Parameters
    ----------
    kernel_size : int or tuple of int
        Of a window: one number for both axes, or (height, width).
    stride : int or tuple of int, optional
        How far apart the windows are; None takes `kernel_size`, so that they do not overlap.
    padding : int or tuple of int
        How far windows may begin outside of the image, at most half their size; there are zeros.
    ceil_mode : bool
        Whether a last window that is cut off by the edge counts, provided that it does not start in the padding.
    count_include_pad : bool
        Whether the padding counts in the divisor; what lies beyond it, in `ceil_mode`, never does.
    divisor_override : int, optional
        Divides every sum instead.

    Raises
    ------
    ValueError
        If a size is out of range, the padding is larger than half a window, or an image is too small.

    Notes
    -----
    Input (N, C, height, width), output (N, C, height', width') with ``height' = (height + 2 * padding - kernel_size)
    // stride + 1``, rounded up in `ceil_mode`. No array is cached.

    Examples
    --------
    >>> Network(AvgPool2d(3, stride=2, padding=1), input_shape=(16, 28, 28)).output_shape
    (16, 14, 14)
    """

    kernel_size: int | Sizes
    stride: int | Sizes | None = None
    padding: int | Sizes = 0
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: int | None = None

    axes: ClassVar[int] = 2


@dataclass(frozen=True)
class AvgPool3d(AvgPool2d):
    """Average pooling of volumes (N, C, depth, height, width); see `AvgPool2d`.

    Sizes are numbers, or tuples (depth, height, width).
    """

    axes: ClassVar[int] = 3
