"""A map of two inputs that is linear in each."""

import math
from dataclasses import dataclass

from nnxp._backend import Array, namespace, sum_rows
from nnxp._checks import Shape, check_last_axis, check_positive_int, check_same_shape, message
from nnxp.initializers import uniform
from nnxp.layers.combine import every_shape
from nnxp.layers.layer import Layer, Mode, ParameterSpec, Views, rows

__all__ = ["Bilinear"]


@dataclass(frozen=True)
class Bilinear(Layer):
    """Bilinear map of the last axes, ``y[o] = bias[o] + sum of weight[o, i, j] * x1[i] * x2[j] over i, j``.

    Backward: ``dweight[o, i, j] = sum of dy[o] * x1[i] * x2[j]`` and ``dbias = sum of dy`` over the batch;
    ``dx1[i] = sum of dy[o] * weight[o, i, j] * x2[j]`` over o and j, and ``dx2[j]`` in the same way.

    Parameters
    ----------
    in1_features, in2_features : int
        Sizes of the last axes of the two inputs (*batch, in1_features) and (*batch, in2_features).
    out_features : int
        Size of the last axis of the output.
    bias : bool
        Whether to add a bias.

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, or the inputs are shaped otherwise.

    Notes
    -----
    ``weight`` (out_features, in1_features, in2_features) and ``bias`` (out_features,) start in U(-b, b) with
    ``b = 1 / sqrt(in1_features)``. The cache is the inputs; both passes work on all products ``x1[i] * x2[j]``.
    """

    in1_features: int
    in2_features: int
    out_features: int
    bias: bool = True

    def __post_init__(self) -> None:
        for name in ("in1_features", "in2_features", "out_features"):
            check_positive_int("Bilinear", name, getattr(self, name))

    def parameters(self, in_shape: Shape | None) -> dict[str, ParameterSpec]:
        """Return weight (out_features, in1_features, in2_features) and, unless switched off, bias (out_features,)."""
        bound = 1 / math.sqrt(self.in1_features)
        init = uniform(-bound, bound)
        specs = {"weight": ParameterSpec((self.out_features, self.in1_features, self.in2_features), init)}
        if self.bias:
            specs["bias"] = ParameterSpec((self.out_features,), init, "bias")
        return specs

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the first input's shape with `out_features` last."""
        shapes = every_shape(in_shape, 2)
        for name, size, shape in zip(("x1", "x2"), (self.in1_features, self.in2_features), shapes, strict=True):
            if shape is not None and shape[-1:] not in {(size,), (None,)}:
                raise ValueError(message("Bilinear", f"samples {name} of shape (*, {size})", tuple(shape)))
        return (self.out_features,) if in_shape is None else (*in_shape[:-1], self.out_features)

    def forward(  # type: ignore[override]
        self, p: Views, x1: Array, x2: Array, mode: Mode
    ) -> tuple[Array, tuple[Array, Array]]:
        """Return the output (*batch, out_features); the cache is the inputs."""
        check_last_axis("Bilinear.forward", x1, self.in1_features)
        wanted = (*x1.shape[:-1], self.in2_features)
        check_same_shape("Bilinear.forward", "x2", x2.shape, wanted)
        y = products(rows(x1), rows(x2)) @ self._matrix(p).T
        if self.bias:
            y += p.bias
        return namespace(y).reshape(y, (*x1.shape[:-1], self.out_features)), (x1, x2)

    def backward(self, p: Views, g: Views, cache: tuple[Array, Array], dy: Array) -> tuple[Array, Array]:
        """Write ``g.weight`` and ``g.bias``; return the gradients of both inputs."""
        x1, x2, rows_dy, xp = rows(cache[0]), rows(cache[1]), rows(dy), namespace(dy)
        g.weight[...] = xp.reshape(rows_dy.T @ products(x1, x2), g.weight.shape)
        if self.bias:
            g.bias[...] = sum_rows(rows_dy)
        d = xp.reshape(rows_dy @ self._matrix(p), (x1.shape[0], self.in1_features, self.in2_features))
        dx1 = xp.sum(d * x2[:, None, :], axis=2)
        dx2 = xp.sum(d * x1[:, :, None], axis=1)
        return xp.reshape(dx1, cache[0].shape), xp.reshape(dx2, cache[1].shape)

    def _matrix(self, p: Views) -> Array:
        return namespace(p.weight).reshape(p.weight, (self.out_features, self.in1_features * self.in2_features))


def products(x1: Array, x2: Array) -> Array:
    """Return all products of two features of a row: (n, a) and (n, b) -> (n, a * b)."""
    together = x1[:, :, None] * x2[:, None, :]
    return namespace(x1).reshape(together, (x1.shape[0], x1.shape[1] * x2.shape[1]))
