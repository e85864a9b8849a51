"""What batch, instance, group and layer normalisation share: the formula, forward and backward, over any axes.

Normalised over some axes, ``z = (x - mean) * rstd`` with ``rstd = 1 / sqrt(variance + eps)`` and the biased variance,
then ``y = weight * z + bias``. The normalisations differ in the axes, and in the shape of weight and bias.
"""

import math
from typing import Any

from nnxp._backend import Array, fused, namespace
from nnxp._checks import message
from nnxp.initializers import ones, zeros
from nnxp.layers.layer import ParameterSpec, Views

__all__ = [
    "count",
    "gradient_views",
    "norm_backward",
    "norm_parameters",
    "normalised",
    "normalised_shape",
    "reciprocal_std",
    "scaled",
]  # fmt: skip

Axes = tuple[int, ...]


def norm_parameters(shape: tuple[int, ...], bias: bool) -> dict[str, ParameterSpec]:
    """Return a weight that starts at 1 and, unless switched off, a bias that starts at 0."""
    specs = {"weight": ParameterSpec(shape, ones(), "norm")}
    if bias:
        specs["bias"] = ParameterSpec(shape, zeros(), "norm")
    return specs


def normalised_shape(where: str, value: Any) -> tuple[int, ...]:
    """Return the sizes of the last axes as a tuple; one number is one axis."""
    sizes = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if not sizes or any(isinstance(n, bool) or not hasattr(n, "__index__") or n < 1 for n in sizes):
        what = "normalized_shape to be a whole number of at least 1 or a tuple of them"
        raise ValueError(message(where, what, value))
    return sizes


def count(x: Array, axes: Axes) -> int:
    """Return how many values are normalised together; 1 for none, so that nothing divides by 0."""
    together: int = math.prod(x.shape[axis] for axis in axes)
    return max(1, together)


@fused
def normalised(
    x: Array, weight: Array | None, bias: Array | None, axes: Axes, eps: float
) -> tuple[Array, Array, Array, Array, Array]:
    """Return ``y``, ``z``, ``rstd``, the mean, and the variance, which is measured in a second pass."""
    xp, n = namespace(x), count(x, axes)
    mean = xp.sum(x, axis=axes, keepdims=True) / n
    z = x - mean
    variance = xp.sum(z * z, axis=axes, keepdims=True) / n
    rstd = reciprocal_std(variance, eps)
    z *= rstd
    return scaled(z, weight, bias), z, rstd, mean, variance


def reciprocal_std(variance: Array, eps: float) -> Array:
    """Return ``1 / sqrt(variance + eps)``."""
    return 1.0 / namespace(variance).sqrt(variance + eps)


def scaled(z: Array, weight: Array | None, bias: Array | None) -> Array:
    """Return ``weight * z + bias``, without what is None."""
    if weight is None:
        return z
    y = z * weight
    if bias is not None:
        y += bias
    return y


@fused
def norm_backward(
    dy: Array, z: Array, rstd: Array, weight: Array | None, axes: Axes, dweight: Array | None, dbias: Array | None
) -> Array:
    """Write `dweight` and `dbias` where there are such; return the input's gradient.

    With ``d = weight * dy`` it is ``dx = rstd * (d - mean(d) - z * mean(d * z))``, means over `axes`; without axes
    the statistics were constants, and it is ``rstd * d``. A weight is one number wherever its axis is 1 long: what
    is summed over for its gradient and normalised over is summed once.
    """
    xp = namespace(dy)
    together = tuple(a for a in range(dy.ndim) if weight is None or weight.shape[a] == 1)
    common = tuple(a for a in axes if a in together)
    dy_z = dy * z
    sums = [xp.sum(part, axis=common, keepdims=True) if common else part for part in (dy, dy_z)]
    scale = rstd
    if weight is not None:
        rest = tuple(a for a in together if a not in common)
        for view, part in zip((dbias, dweight), sums, strict=True):
            if view is not None:
                view[...] = xp.reshape(xp.sum(part, axis=rest) if rest else part, view.shape)
        sums = [part * weight for part in sums]
        scale = rstd * weight
    dx = dy * scale
    if axes:
        rest = tuple(a for a in axes if a not in common)
        shift, slope = (xp.sum(part, axis=rest, keepdims=True) if rest else part for part in sums)
        inverse = rstd / count(dy, axes)
        dx -= shift * inverse
        dx -= z * (slope * inverse)
    return dx


def gradient_views(g: Views) -> tuple[Array | None, Array | None]:
    """Return where the gradients of weight and bias go, None where there are none."""
    return getattr(g, "weight", None), getattr(g, "bias", None)
