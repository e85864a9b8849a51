"""Noise that switches whole channels off."""

from dataclasses import dataclass
from typing import ClassVar

from nnxp._backend import Array
from nnxp._checks import Shape, check_number
from nnxp.layers.dropout import factors, survivors_scale
from nnxp.layers.images import check_images, check_sample_images
from nnxp.layers.layer import Layer, Mode, Views

__all__ = ["Dropout1d", "Dropout2d", "Dropout3d"]


@dataclass(frozen=True)
class ChannelDropout(Layer):
    """What they share: everything but how many axes follow the channels."""

    p: float = 0.5

    axes: ClassVar[int]

    def __post_init__(self) -> None:
        check_number(type(self).__name__, "p", self.p, low=0.0, high=1.0)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the input's shape."""
        if in_shape is not None:
            check_sample_images(type(self).__name__, in_shape, self.axes)
        return in_shape

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, Array | None]:
        """Return the channels that are kept, scaled up to the same mean; the cache is the mask (N, C, 1, ...)."""
        check_images(f"{type(self).__name__}.forward", x, self.axes)
        if not mode.training or self.p == 0 or 0 in x.shape:
            return x, None
        mask = mode.random.keep(x[(slice(None), slice(None), *(slice(0, 1),) * self.axes)], self.p)
        return x * factors(mask, survivors_scale(self.p), x), mask

    def backward(self, p: Views, g: Views, mask: Array | None, dy: Array) -> Array:
        """Return the gradient of what was kept."""
        return dy if mask is None else dy * factors(mask, survivors_scale(self.p), dy)


@dataclass(frozen=True)
class Dropout1d(ChannelDropout):
    """Dropout of whole channels of series (N, C, length); see `Dropout2d`."""

    axes: ClassVar[int] = 1


@dataclass(frozen=True)
class Dropout2d(ChannelDropout):
    """Dropout of whole channels of images, ``y = x * mask / (1 - p)`` in training and ``y = x`` otherwise.

    Backward: ``dx = dy * mask / (1 - p)``, with the same mask. Neighbouring places of a channel are so much alike that
    dropping one of them changes little.

    Parameters
    ----------
    p : float
        The probability that a channel of a sample (N, C, height, width) is dropped; 1 gives zeros.

    Raises
    ------
    ValueError
        If `p` is outside [0, 1], or the input is shaped otherwise.

    Notes
    -----
    The mask is drawn as by `Dropout`. The cache is the mask, one boolean a channel; None where nothing is dropped.

    References
    ----------
    .. [1] Tompson et al., "Efficient Object Localization Using Convolutional Networks", 2014, arXiv:1411.4280,
       section 3.2.
    """

    axes: ClassVar[int] = 2


@dataclass(frozen=True)
class Dropout3d(ChannelDropout):
    """Dropout of whole channels of volumes (N, C, depth, height, width); see `Dropout2d`."""

    axes: ClassVar[int] = 3
