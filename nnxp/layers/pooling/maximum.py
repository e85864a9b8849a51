"""Maximum pooling."""

from dataclasses import dataclass
from typing import Any, ClassVar

from nnxp._backend import Array, namespace
from nnxp.layers.layer import Mode, Views
from nnxp.layers.pooling.pool import Pool, Sizes, SlidingPool, Windows, lay_axes

__all__ = ["MaxPool1d", "MaxPool2d", "MaxPool3d", "MaximumPool"]


class MaximumPool(Pool):
    """What the maximum poolings share, sliding or adaptive: everything but their windows."""

    return_indices: bool

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Any, tuple[Windows, Array | None, Any]]:
        """Return the maxima (N, C, *out), with their indices if asked for; the cache is where they were found."""
        windows: Windows = self.laid_over(x)
        y, winner = windows.maxima(x, mode.keep_cache or self.return_indices)
        return (y, windows.indices(winner)) if self.return_indices else y, (windows, winner, x.dtype)

    def backward(self, p: Views, g: Views, cache: tuple[Windows, Array, Any], dy: Any) -> Array:
        """Return `dy` where the maxima were found."""
        windows, winner, dtype = cache
        if self.return_indices:
            dy = dy[0]
        if dy is None:
            dy = namespace(winner).zeros(winner.shape, dtype=dtype, device=winner.device)
        return windows.route(winner, dy)


@dataclass(frozen=True)
class SlidingMaximumPool(SlidingPool, MaximumPool):
    """What the maximum poolings with a kernel share."""

    kernel_size: int | Sizes
    stride: int | Sizes | None = None
    padding: int | Sizes = 0
    dilation: int | Sizes = 1
    return_indices: bool = False
    ceil_mode: bool = False

    def lay(self, sizes: Sizes) -> Windows:
        """Lay the windows over an input."""
        return lay_axes(self.all_axes(sizes))


@dataclass(frozen=True)
class MaxPool1d(SlidingMaximumPool):
    """Maximum pooling along one axis: series (N, C, length) -> (N, C, length'); see `MaxPool2d`.

    Sizes are numbers, or tuples of one number.
    """

    axes: ClassVar[int] = 1


@dataclass(frozen=True)
class MaxPool2d(SlidingMaximumPool):
    """Maximum pooling of images, ``y[p] = max of x[stride * p + dilation * k - padding] over k``.

    Backward: ``dy[p]`` is added to ``dx`` where the maximum was found.

    Parameters
    ----------
    kernel_size : int or tuple of int
        Of a window: one number for both axes, or (height, width).
    stride : int or tuple of int, optional
        How far apart the windows are; None takes `kernel_size`, so that they do not overlap.
    padding : int or tuple of int
        How far windows may begin outside of the image, at most half of what they span; nothing is found there.
    dilation : int or tuple of int
        Distance between the places that a window sees.
    return_indices : bool
        Whether the output is ``(y, indices)``, with int64 indices into the flattened (height, width).
    ceil_mode : bool
        Whether a last window that is cut off by the edge counts, provided that it does not start in the padding.

    Raises
    ------
    ValueError
        If a size is out of range, the padding is larger than half a window, or an image is too small.

    Notes
    -----
    Input (N, C, height, width), output (N, C, height', width') with ``height' = (height + 2 * padding - dilation *
    (kernel_size - 1) - 1) // stride + 1``, rounded up in `ceil_mode`. The first of several maxima counts. A NaN passes
    through, and takes the gradient (the last, if there are several). With indices ``dy`` is ``(dy, None)``.
    The cache is the number of the place in each window, one byte for kernels of up to 127 places.

    Examples
    --------
    >>> Network(MaxPool2d(2), input_shape=(16, 28, 28)).output_shape
    (16, 14, 14)
    """

    axes: ClassVar[int] = 2


@dataclass(frozen=True)
class MaxPool3d(SlidingMaximumPool):
    """Maximum pooling of volumes (N, C, depth, height, width); see `MaxPool2d`.

    Sizes are numbers, or tuples (depth, height, width).
    """

    axes: ClassVar[int] = 3
