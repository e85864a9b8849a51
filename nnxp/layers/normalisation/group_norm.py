"""Normalisation over groups of channels of each sample."""

import math
from dataclasses import dataclass, field

from nnxp._backend import Array, namespace
from nnxp._checks import Shape, check_number, check_positive_int, message
from nnxp.layers.layer import Layer, Mode, ParameterSpec, Views
from nnxp.layers.normalisation.formula import gradient_views, norm_backward, norm_parameters, normalised

__all__ = ["GroupNorm"]

# An input (N, C, *sizes) is seen as (N, groups, C / groups, places), and normalised over the last two.
AXES = (2, 3)


@dataclass(frozen=True)
class GroupNorm(Layer):
    """Normalisation over groups of channels, ``y = weight * z + bias`` with ``z = (x - mean) / sqrt(variance + eps)``.

    Backward, with ``d = weight * dy`` and means over the same group:
    ``dx = (d - mean(d) - z * mean(d * z)) / sqrt(variance + eps)``; ``dweight = sum(dy * z)`` and ``dbias = sum(dy)``
    over all but the channels.

    Parameters
    ----------
    num_groups : int
        How many groups the channels of a sample fall into: 1 normalises it as a whole, `num_channels` each channel.
    num_channels : int
        Size of axis 1 of the input (N, C, *sizes), a multiple of `num_groups`.
    eps : float
        Added to the variance, at least 0.
    affine : bool
        Whether to learn a weight and a bias for every channel.
    bias : bool
        Whether there is a bias beside the weight.

    Raises
    ------
    ValueError
        If an argument is outside its range, or the input has another number of channels.

    Notes
    -----
    The variance is the biased one, and measured in a second pass. ``weight`` starts at 1, ``bias`` at 0. Training and
    evaluation are the same. The cache is ``z``, and the reciprocal standard deviations.

    References
    ----------
    .. [1] Wu and He, "Group Normalization", 2018, arXiv:1803.08494, eq. 1, 2, 6 and 7.
    """

    num_groups: int
    num_channels: int
    eps: float = 1e-5
    affine: bool = True
    bias: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        check_positive_int("GroupNorm", "num_groups", self.num_groups)
        check_positive_int("GroupNorm", "num_channels", self.num_channels)
        if self.num_channels % self.num_groups:
            what = f"num_channels to be a multiple of num_groups={self.num_groups}"
            raise ValueError(message("GroupNorm", what, self.num_channels))
        check_number("GroupNorm", "eps", self.eps, low=0.0)

    def parameters(self, in_shape: Shape | None) -> dict[str, ParameterSpec]:
        """Return weight and bias (num_channels,), unless they are switched off."""
        return norm_parameters((self.num_channels,), self.bias) if self.affine else {}

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the input's shape."""
        if in_shape is not None and (not in_shape or in_shape[0] not in (None, self.num_channels)):
            raise ValueError(message("GroupNorm", f"samples of shape ({self.num_channels}, *)", in_shape))
        return in_shape

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, tuple[Array, Array]]:
        """Return the output; the cache is ``z``, in groups, and the reciprocal standard deviations."""
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            what = f"x of shape (batch, {self.num_channels}, *)"
            raise ValueError(message("GroupNorm.forward", what, tuple(x.shape)))
        y, z, rstd, _, _ = normalised(self._grouped(x), *self._views(p), AXES, self.eps)
        return namespace(x).reshape(y, x.shape), (z, rstd)

    def backward(self, p: Views, g: Views, cache: tuple[Array, Array], dy: Array) -> Array:
        """Write the gradients of weight and bias; return the input's."""
        dx = norm_backward(self._grouped(dy), *cache, self._views(p)[0], AXES, *gradient_views(g))
        return namespace(dy).reshape(dx, dy.shape)

    def _grouped(self, x: Array) -> Array:
        return namespace(x).reshape(x, (x.shape[0], *self._channels, math.prod(x.shape[2:])))

    @property
    def _channels(self) -> tuple[int, int]:
        return self.num_groups, self.num_channels // self.num_groups

    def _views(self, p: Views) -> tuple[Array | None, Array | None]:
        if not self.affine:
            return None, None
        xp, shape = namespace(p.weight), (1, *self._channels, 1)
        return xp.reshape(p.weight, shape), (xp.reshape(p.bias, shape) if self.bias else None)
