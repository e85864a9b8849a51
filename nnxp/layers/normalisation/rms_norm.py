"""Normalisation over the last axes by their root mean square alone."""

from dataclasses import dataclass

from nnxp._backend import Array, fused, namespace
from nnxp._checks import Shape, check_number
from nnxp.layers.layer import Layer, Mode, ParameterSpec, Views
from nnxp.layers.normalisation.formula import (
    Axes,
    count,
    gradient_views,
    norm_parameters,
    normalised_shape,
    reciprocal_std,
    scaled,
)
from nnxp.layers.normalisation.layer_norm import check_last_axes

__all__ = ["RMSNorm"]


@dataclass(frozen=True)
class RMSNorm(Layer):
    """Normalisation by the root mean square, ``y = weight * z`` with ``z = x / sqrt(mean(x^2) + eps)``.

    Backward, with ``d = weight * dy`` and means over the same axes:
    ``dx = (d - z * mean(d * z)) / sqrt(mean(x^2) + eps)``; ``dweight = sum(dy * z)`` over all other axes.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        Sizes of the last axes of the input, which are normalised together.
    eps : float, optional
        Added to the mean square, at least 0; None takes the machine epsilon of the input's dtype.
    elementwise_affine : bool
        Whether to learn a weight, shaped `normalized_shape`.

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, `eps` is negative, or the input ends in other sizes.

    Notes
    -----
    ``weight`` starts at 1. Training and evaluation are the same. The cache is ``z``, and the reciprocal roots.

    References
    ----------
    .. [1] Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019, arXiv:1910.07467, eq. 4.
    """

    normalized_shape: int | tuple[int, ...]
    eps: float | None = None
    elementwise_affine: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "normalized_shape", normalised_shape("RMSNorm", self.normalized_shape))
        if self.eps is not None:
            check_number("RMSNorm", "eps", self.eps, low=0.0)

    def parameters(self, in_shape: Shape | None) -> dict[str, ParameterSpec]:
        """Return the weight, shaped `normalized_shape`, unless it is switched off."""
        return norm_parameters(self._sizes, bias=False) if self.elementwise_affine else {}

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the input's shape."""
        if in_shape is not None:
            check_last_axes("RMSNorm", "samples", in_shape, self._sizes, batch=False)
        return in_shape

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, tuple[Array, Array]]:
        """Return the output; the cache is ``z`` and the reciprocal roots."""
        check_last_axes("RMSNorm.forward", "x", x.shape, self._sizes, batch=True)
        # NumPy's epsilon is a NumPy scalar, which a stricter library would not take.
        eps = float(namespace(x).finfo(x.dtype).eps) if self.eps is None else self.eps
        y, z, rstd = rms_normalised(x, self._weight(p, x), self._axes(x), eps)
        return y, (z, rstd)

    def backward(self, p: Views, g: Views, cache: tuple[Array, Array], dy: Array) -> Array:
        """Write the gradient of the weight; return the input's."""
        return rms_backward(dy, *cache, self._weight(p, dy), self._axes(dy), gradient_views(g)[0])

    @property
    def _sizes(self) -> tuple[int, ...]:
        return self.normalized_shape if isinstance(self.normalized_shape, tuple) else (self.normalized_shape,)

    def _axes(self, x: Array) -> tuple[int, ...]:
        return tuple(range(x.ndim - len(self._sizes), x.ndim))

    def _weight(self, p: Views, x: Array) -> Array | None:
        """Return the weight with as many axes as `x`."""
        if not self.elementwise_affine:
            return None
        return namespace(x).reshape(p.weight, (*(1,) * (x.ndim - len(self._sizes)), *self._sizes))


@fused
def rms_normalised(x: Array, weight: Array | None, axes: Axes, eps: float) -> tuple[Array, Array, Array]:
    """Return ``y``, ``z`` and the reciprocal roots."""
    rstd = reciprocal_std(namespace(x).sum(x * x, axis=axes, keepdims=True) / count(x, axes), eps)
    z = x * rstd
    return scaled(z, weight, None), z, rstd


@fused
def rms_backward(dy: Array, z: Array, rstd: Array, weight: Array | None, axes: Axes, dweight: Array | None) -> Array:
    """Write `dweight` where there is one; return the input's gradient."""
    xp = namespace(dy)
    d, dz = dy, dy * z
    if weight is not None:
        if dweight is not None:
            total = xp.sum(dz, axis=tuple(range(axes[0])))
            dweight[...] = xp.reshape(total, dweight.shape)
        d = dy * weight
        dz *= weight
    dx = d - z * (xp.sum(dz, axis=axes, keepdims=True) / count(dy, axes))
    dx *= rstd
    return dx
