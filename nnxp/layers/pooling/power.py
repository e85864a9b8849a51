"""Power-average pooling."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from nnxp._backend import Array, namespace
from nnxp._checks import check_number
from nnxp.layers.layer import Mode, Views
from nnxp.layers.pooling.pool import Counts, Sizes, SlidingPool, Windows, divisor, lay_axes

__all__ = ["LPPool1d", "LPPool2d", "LPPool3d"]


@dataclass(frozen=True)
class PowerPool(SlidingPool):
    """What the power-average poolings share."""

    norm_type: float
    kernel_size: int | Sizes
    stride: int | Sizes | None = None
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(type(self).__name__, "norm_type", self.norm_type, low=0.0, open_low=True)

    def lay(self, sizes: Sizes) -> tuple[Windows, Counts]:
        """Lay the windows over an input, and count the places in each along each axis."""
        axes = self.all_axes(sizes)
        return lay_axes(axes), tuple(axis.padded_lengths for axis in axes)

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, tuple[Any, Array, Array, Array]]:
        """Return the roots of the sums of powers (N, C, *out); the cache is input, sums and output."""
        laid = windows, counts = self.laid_over(x)
        total = windows.total(x**self.norm_type)
        self._scale(total, counts)
        y = total ** (1.0 / self.norm_type)
        return y, (laid, x, total, y)

    def backward(self, p: Views, g: Views, cache: tuple[Any, Array, Array, Array], dy: Array) -> Array:
        """Return ``x^(p - 1) * total^(1/p - 1) * dy``, summed over the windows; 0 where the sum of powers is 0."""
        (windows, counts), x, total, y = cache
        slope = y / namespace(y).where(total == 0.0, 1.0, total)
        slope *= dy
        self._scale(slope, counts)
        dx: Array = windows.spread(slope)
        dx *= x ** (self.norm_type - 1.0)
        return dx

    def _scale(self, y: Array, counts: Counts) -> None:
        """Let windows that are cut off count as if they were whole."""
        if self.ceil_mode:
            kernel, *_ = self._options()
            y *= math.prod(kernel) / divisor(counts, y)


@dataclass(frozen=True)
class LPPool1d(PowerPool):
    """Power-average pooling along one axis: series (N, C, length) -> (N, C, length'); see `LPPool2d`.

    Sizes are numbers, or tuples of one number.
    """

    axes: ClassVar[int] = 1


@dataclass(frozen=True)
class LPPool2d(PowerPool):
    """Power-average pooling of images, ``y = (sum of x^norm_type over the window)^(1 / norm_type)``.

    Backward: ``dx = x^(norm_type - 1) * y^(1 - norm_type) * dy``, summed over the windows that see a place; 0 where
    ``y = 0``.

    Parameters
    ----------
    norm_type : float
        The power: 1 sums, 2 is the Euclidean norm, and large ones approach the maximum.
    kernel_size : int or tuple of int
        Of a window: one number for both axes, or (height, width).
    stride : int or tuple of int, optional
        How far apart the windows are; None takes `kernel_size`, so that they do not overlap.
    ceil_mode : bool
        Whether a last window that is cut off by the edge counts; its sum is scaled up to a whole window's, as PyTorch
        does.

    Raises
    ------
    ValueError
        If `norm_type` is not positive and finite, a size is out of range, or an image is too small.

    Notes
    -----
    Powers are of the numbers, not of their magnitudes: a negative sum of odd powers has no root, and gives NaN.
    The cache is the input, the sums and the output.

    References
    ----------
    .. [1] Gulcehre et al., "Learned-Norm Pooling for Deep Feedforward and Recurrent Neural Networks", 2013,
       arXiv:1311.1780, eq. 1.
    """

    axes: ClassVar[int] = 2


@dataclass(frozen=True)
class LPPool3d(PowerPool):
    """Power-average pooling of volumes (N, C, depth, height, width); see `LPPool2d`.

    Sizes are numbers, or tuples (depth, height, width).
    """

    axes: ClassVar[int] = 3
