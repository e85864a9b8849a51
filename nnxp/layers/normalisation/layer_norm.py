"""Normalisation over the last axes of each sample."""

from dataclasses import dataclass

from nnxp._backend import Array, namespace
from nnxp._checks import Shape, check_number, message
from nnxp.layers.layer import Layer, Mode, ParameterSpec, Views
from nnxp.layers.normalisation.formula import (
    gradient_views,
    norm_backward,
    norm_parameters,
    normalised,
    normalised_shape,
)

__all__ = ["LayerNorm", "check_last_axes"]


@dataclass(frozen=True)
class LayerNorm(Layer):
    """Normalisation over the last axes, ``y = weight * z + bias`` with ``z = (x - mean) / sqrt(variance + eps)``.

    Backward, with ``d = weight * dy`` and means over the same axes:
    ``dx = (d - mean(d) - z * mean(d * z)) / sqrt(variance + eps)``; ``dweight = sum(dy * z)`` and ``dbias = sum(dy)``
    over all other axes.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        Sizes of the last axes of the input, which are normalised together.
    eps : float
        Added to the variance, at least 0.
    elementwise_affine : bool
        Whether to learn weight and bias, shaped `normalized_shape`.
    bias : bool
        Whether there is a bias beside the weight.

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, `eps` is negative, or the input ends in other sizes.

    Notes
    -----
    The variance is the biased one, and measured in a second pass. ``weight`` starts at 1, ``bias`` at 0. Training and
    evaluation are the same. The cache is ``z``, and the reciprocal standard deviations.

    References
    ----------
    .. [1] Ba et al., "Layer Normalization", 2016, arXiv:1607.06450, eq. 4.
    """

    normalized_shape: int | tuple[int, ...]
    eps: float = 1e-5
    elementwise_affine: bool = True
    bias: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "normalized_shape", normalised_shape("LayerNorm", self.normalized_shape))
        check_number("LayerNorm", "eps", self.eps, low=0.0)

    def parameters(self, in_shape: Shape | None) -> dict[str, ParameterSpec]:
        """Return weight and bias, shaped `normalized_shape`, unless they are switched off."""
        return norm_parameters(self._sizes, self.bias) if self.elementwise_affine else {}

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the input's shape."""
        if in_shape is not None:
            check_last_axes("LayerNorm", "samples", in_shape, self._sizes, batch=False)
        return in_shape

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, tuple[Array, Array]]:
        """Return the output; the cache is ``z`` and the reciprocal standard deviations."""
        check_last_axes("LayerNorm.forward", "x", x.shape, self._sizes, batch=True)
        y, z, rstd, _, _ = normalised(x, *self._views(p, x), self._axes(x), self.eps)
        return y, (z, rstd)

    def backward(self, p: Views, g: Views, cache: tuple[Array, Array], dy: Array) -> Array:
        """Write the gradients of weight and bias; return the input's."""
        return norm_backward(dy, *cache, self._views(p, dy)[0], self._axes(dy), *gradient_views(g))

    @property
    def _sizes(self) -> tuple[int, ...]:
        return self.normalized_shape if isinstance(self.normalized_shape, tuple) else (self.normalized_shape,)

    def _axes(self, x: Array) -> tuple[int, ...]:
        return tuple(range(x.ndim - len(self._sizes), x.ndim))

    def _views(self, p: Views, x: Array) -> tuple[Array | None, Array | None]:
        """Return weight and bias with as many axes as `x`."""
        if not self.elementwise_affine:
            return None, None
        xp, shape = namespace(x), (*(1,) * (x.ndim - len(self._sizes)), *self._sizes)
        return xp.reshape(p.weight, shape), (xp.reshape(p.bias, shape) if self.bias else None)


def check_last_axes(where: str, name: str, shape: Shape, sizes: tuple[int, ...], *, batch: bool) -> None:
    """Refuse a shape that does not end in `sizes`, behind a batch axis if it has one; None within it is unknown."""
    behind = shape[len(shape) - len(sizes) :]
    if len(sizes) + batch > len(shape) or any(n not in (None, m) for n, m in zip(behind, sizes, strict=True)):
        wanted = ", ".join(["*batch" if batch else "*", *map(str, sizes)])
        raise ValueError(message(where, f"{name} of shape ({wanted})", tuple(shape)))
