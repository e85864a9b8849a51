"""Pooling over the whole image."""

import math
from dataclasses import dataclass

from nnxp._backend import Array, namespace
from nnxp._checks import Shape, Words, message
from nnxp.layers.layer import Layer, Mode, Views
from nnxp.layers.pooling.boxes import Boxes

__all__ = ["GlobalAvgPool", "GlobalMaxPool"]


class GlobalPool(Layer):
    """What the global poolings share: (N, C, *sizes) -> (N, C)."""

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return (C,)."""
        if in_shape is None:
            return (None,)
        if len(in_shape) < 2 or 0 in in_shape[1:]:
            what = Words("samples of shape (C, *sizes), none of the sizes 0")
            raise ValueError(message(type(self).__name__, what, in_shape))
        return in_shape[:1]

    def _check(self, x: Array) -> tuple[int, ...]:
        """Return the sizes of a batch."""
        if x.ndim < 3 or 0 in x.shape[2:]:
            what = "x of shape (batch, C, *sizes), none of the sizes 0"
            raise ValueError(message(f"{type(self).__name__}.forward", what, tuple(x.shape)))
        return tuple(x.shape[2:])


@dataclass(frozen=True)
class GlobalAvgPool(GlobalPool):
    """The mean of each channel, ``y = sum of x over all axes but the first two / number of places``.

    Backward: ``dx = dy / number of places`` at every place.

    Raises
    ------
    ValueError
        If an image has no places.

    Notes
    -----
    Input (N, C, *sizes) with any number of axes, output (N, C): what PyTorch writes as ``AdaptiveAvgPool2d(1)`` and
    ``Flatten()``. The cache is the sizes.

    References
    ----------
    .. [1] Lin et al., "Network In Network", 2013, arXiv:1312.4400, section 3.2.
    """

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, tuple[int, ...]]:
        """Return the means (N, C); the cache is the sizes of the axes that are gone."""
        sizes = self._check(x)
        return namespace(x).mean(x, axis=tuple(range(2, x.ndim))), sizes

    def backward(self, p: Views, g: Views, sizes: tuple[int, ...], dy: Array) -> Array:
        """Share the gradient of each mean out."""
        xp = namespace(dy)
        dx = xp.empty((*dy.shape, *sizes), dtype=dy.dtype, device=dy.device)
        dx[...] = xp.reshape(dy / math.prod(sizes), (*dy.shape, *(1 for _ in sizes)))
        return dx


@dataclass(frozen=True)
class GlobalMaxPool(GlobalPool):
    """The maximum of each channel, ``y = max of x over all axes but the first two``.

    Backward: ``dx = dy`` where the maximum was found, else 0.

    Raises
    ------
    ValueError
        If an image has no places.

    Notes
    -----
    Input (N, C, *sizes) with any number of axes, output (N, C): what PyTorch writes as ``AdaptiveMaxPool2d(1)`` and
    ``Flatten()``. The first of several maxima counts, NaN passes through. The cache is the sizes and the place of
    each maximum.
    """

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, tuple[Boxes, Array | None]]:
        """Return the maxima (N, C); the cache is where they were found."""
        sizes = self._check(x)
        windows = Boxes(sizes, tuple((slice(0, n),) for n in sizes))
        y, winner = windows.maxima(x, mode.keep_cache)
        return namespace(x).reshape(y, x.shape[:2]), (windows, winner)

    def backward(self, p: Views, g: Views, cache: tuple[Boxes, Array], dy: Array) -> Array:
        """Return `dy` where the maxima were found."""
        windows, winner = cache
        return windows.route(winner, namespace(dy).reshape(dy, winner.shape))
