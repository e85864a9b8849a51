"""What batch and instance normalisation share: each channel by statistics of its own, which training may gather."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from nnxp._backend import Array, namespace
from nnxp._checks import Shape, check_number, check_positive_int, message
from nnxp.layers.channels import stars
from nnxp.layers.layer import BufferSpec, Layer, Mode, ParameterSpec, Views
from nnxp.layers.normalisation.formula import (
    gradient_views,
    norm_backward,
    norm_parameters,
    normalised,
    reciprocal_std,
    scaled,
)

__all__ = ["ChannelNorm"]


@dataclass(frozen=True)
class ChannelNorm(Layer):
    """A normalisation of channels; kinds differ in the axes that share statistics."""

    num_features: int | None
    eps: float = 1e-5
    momentum: float | None = 0.1
    affine: bool = True
    track_running_stats: bool = True
    bias: bool = field(default=True, kw_only=True)

    sizes: ClassVar[tuple[int, ...]]  # how many axes may follow the channels
    first_axis: ClassVar[int]  # the first of the axes that share statistics, of which axis 1 is not one
    value: ClassVar[str]  # what a statistic takes more than one of
    remedy: ClassVar[str] = ""

    def __post_init__(self) -> None:
        where = type(self).__name__
        if self.num_features is not None:
            check_positive_int(where, "num_features", self.num_features)
        check_number(where, "eps", self.eps, low=0.0)

    def parameters(self, in_shape: Shape | None) -> dict[str, ParameterSpec]:
        """Return weight and bias (num_features,), unless they are switched off."""
        return norm_parameters((self._features(in_shape),), self.bias) if self.affine else {}

    def buffers(self, in_shape: Shape | None) -> dict[str, BufferSpec]:
        """Return running_mean and running_var (num_features,) and num_batches_tracked (), if they are tracked."""
        if not self.track_running_stats:
            return {}
        shape = (self._features(in_shape),)
        return {
            "running_mean": BufferSpec(shape, 0.0),
            "running_var": BufferSpec(shape, 1.0),
            "num_batches_tracked": BufferSpec((), 0, "int64"),
        }

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the input's shape."""
        if in_shape is not None:
            self._check(type(self).__name__, "samples", (), in_shape, self.num_features)
        return in_shape

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, tuple[Array, Array, tuple[int, ...]]]:
        """Return the output; the cache is ``z``, the reciprocal deviations, and the axes they were measured over."""
        where = f"{type(self).__name__}.forward"
        known = p.weight if self.affine else p.running_mean if self.track_running_stats else None
        features = self.num_features if known is None else known.shape[0]
        self._check(where, "x", ("batch",), tuple(x.shape), features)
        axes: tuple[int, ...] = ()
        weight, bias = self._columns(p, x)
        if mode.training or not self.track_running_stats:
            axes = tuple(axis for axis in range(self.first_axis, x.ndim) if axis != 1)
            n = math.prod(x.shape[axis] for axis in axes)
            if n == 1:
                raise ValueError(message(where, f"more than 1 {self.value} when training", tuple(x.shape), self.remedy))
            y, z, rstd, mean, variance = normalised(x, weight, bias, axes, self.eps)
            if mode.training and self.track_running_stats:
                self._track(p, mean, variance, n)
        else:
            rstd = reciprocal_std(column(p.running_var, x), self.eps)
            z = x - column(p.running_mean, x)
            z *= rstd
            y = scaled(z, weight, bias)
        return y, (z, rstd, axes)

    def backward(self, p: Views, g: Views, cache: tuple[Array, Array, tuple[int, ...]], dy: Array) -> Array:
        """Write the gradients of weight and bias; return the input's."""
        z, rstd, axes = cache
        return norm_backward(dy, z, rstd, self._columns(p, dy)[0], axes, *gradient_views(g))

    def _track(self, p: Views, mean: Array, variance: Array, n: int) -> None:
        """Move the running statistics towards this batch's, the variance being the unbiased one."""
        xp, rate = namespace(mean), self._rate(p)
        if n == 0 or mean.shape[0] == 0:
            return
        for running, value in ((p.running_mean, mean), (p.running_var, variance * (n / (n - 1)))):
            # Instances have statistics of their own, which count alike.
            measured = xp.reshape(xp.sum(value, axis=0), running.shape) / value.shape[0]
            running[...] = running + rate * (measured - running)

    def _rate(self, p: Views) -> Array | float:
        """Return the weight of what was measured just now."""
        raise NotImplementedError

    def _columns(self, p: Views, x: Array) -> tuple[Array | None, Array | None]:
        if not self.affine:
            return None, None
        return column(p.weight, x), (column(p.bias, x) if self.bias else None)

    def _features(self, in_shape: Shape | None) -> int:
        features = self.num_features or (in_shape[0] if in_shape else None)
        if features is None:
            hint = "give num_features, or Network(..., input_shape=...)"
            what = "num_features to be known when the network is built"
            raise ValueError(message(type(self).__name__, what, None, hint))
        return features

    def _check(self, where: str, name: str, lead: tuple[str, ...], shape: Shape, features: int | None) -> None:
        """Refuse a shape that is not (*lead, features, *sizes)."""
        axis = len(lead)
        fits = len(shape) - axis - 1 in self.sizes
        if not fits or (None not in (features, shape[axis]) and shape[axis] != features):
            shapes = (stars(*lead, features, axes=n) for n in self.sizes)
            raise ValueError(message(where, f"{name} of shape {' or '.join(shapes)}", shape))


def column(values: Array, x: Array) -> Array:
    """Shape one number a channel (C,) to go with (N, C, *sizes)."""
    return namespace(values).reshape(values, (1, values.shape[0], *(1,) * (x.ndim - 2)))
