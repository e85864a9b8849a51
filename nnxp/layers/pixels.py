"""Channels as places, and places as channels."""

from dataclasses import dataclass

from nnxp._backend import Array, namespace
from nnxp._checks import Shape, check_positive_int, message
from nnxp.layers.images import check_images, check_sample_images
from nnxp.layers.layer import Layer, Mode, Views

__all__ = ["PixelShuffle", "PixelUnshuffle"]


@dataclass(frozen=True)
class PixelShuffle(Layer):
    """Make channels places, ``y[n, c, r * h + i, r * w + j] = x[n, c * r^2 + i * r + j, h, w]``; backward the reverse.

    Parameters
    ----------
    upscale_factor : int
        The r above: how much larger images become.

    Raises
    ------
    ValueError
        If it is not a whole number of at least 1, or does not divide the channels as ``r^2``.

    Notes
    -----
    Input (N, C * r^2, height, width), output (N, C, r * height, r * width). Nothing is cached.

    References
    ----------
    .. [1] Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional
       Neural Network", 2016, arXiv:1609.05158, eq. 4.
    """

    upscale_factor: int

    def __post_init__(self) -> None:
        check_positive_int("PixelShuffle", "upscale_factor", self.upscale_factor)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return (C, r * height, r * width); a size that is unknown stays so."""
        if in_shape is None:
            return None
        check_sample_images("PixelShuffle", in_shape, 2)
        channels, *sizes = in_shape
        r = self.upscale_factor
        self._check("PixelShuffle", channels)
        return (None if channels is None else channels // r**2, *(None if n is None else n * r for n in sizes))

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, None]:
        """Return fewer channels and more places; there is nothing to cache."""
        check_images("PixelShuffle.forward", x, 2)
        self._check("PixelShuffle.forward", x.shape[1])
        return spread_out(x, self.upscale_factor), None

    def backward(self, p: Views, g: Views, cache: None, dy: Array) -> Array:
        """Put every number back."""
        return gather_up(dy, self.upscale_factor)

    def _check(self, where: str, channels: int | None) -> None:
        if channels is not None and channels % self.upscale_factor**2:
            raise ValueError(message(where, f"channels in multiples of {self.upscale_factor**2}", channels))


@dataclass(frozen=True)
class PixelUnshuffle(Layer):
    """Make places channels, the reverse of `PixelShuffle`; backward is `PixelShuffle`.

    Parameters
    ----------
    downscale_factor : int
        How much smaller images become.

    Raises
    ------
    ValueError
        If it is not a whole number of at least 1, or does not divide height and width.

    Notes
    -----
    Input (N, C, r * height, r * width), output (N, C * r^2, height, width). Nothing is cached.
    """

    downscale_factor: int

    def __post_init__(self) -> None:
        check_positive_int("PixelUnshuffle", "downscale_factor", self.downscale_factor)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return (C * r^2, height, width); a size that is unknown stays so."""
        if in_shape is None:
            return None
        check_sample_images("PixelUnshuffle", in_shape, 2)
        channels, *sizes = in_shape
        r = self.downscale_factor
        self._check("PixelUnshuffle", in_shape[1:])
        return (None if channels is None else channels * r**2, *(None if n is None else n // r for n in sizes))

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, None]:
        """Return more channels and fewer places; there is nothing to cache."""
        check_images("PixelUnshuffle.forward", x, 2)
        self._check("PixelUnshuffle.forward", tuple(x.shape[2:]))
        return gather_up(x, self.downscale_factor), None

    def backward(self, p: Views, g: Views, cache: None, dy: Array) -> Array:
        """Put every number back."""
        return spread_out(dy, self.downscale_factor)

    def _check(self, where: str, sizes: Shape) -> None:
        if any(n is not None and n % self.downscale_factor for n in sizes):
            raise ValueError(message(where, f"height and width in multiples of {self.downscale_factor}", sizes))


def spread_out(x: Array, r: int) -> Array:
    """(N, C * r^2, height, width) -> (N, C, r * height, r * width)."""
    xp, (samples, channels, height, width) = namespace(x), x.shape
    blocks = xp.reshape(x, (samples, channels // r**2, r, r, height, width))
    return xp.reshape(xp.permute_dims(blocks, (0, 1, 4, 2, 5, 3)), (samples, channels // r**2, height * r, width * r))


def gather_up(x: Array, r: int) -> Array:
    """(N, C, r * height, r * width) -> (N, C * r^2, height, width)."""
    xp, (samples, channels, height, width) = namespace(x), x.shape
    blocks = xp.reshape(x, (samples, channels, height // r, r, width // r, r))
    return xp.reshape(xp.permute_dims(blocks, (0, 1, 3, 5, 2, 4)), (samples, channels * r**2, height // r, width // r))
