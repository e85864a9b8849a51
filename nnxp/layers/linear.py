"""The affine map."""

import math
from dataclasses import dataclass

from nnxp._backend import Array, fused, matmul, sum_rows
from nnxp._checks import Shape, check_last_axis, check_positive_int, message
from nnxp.initializers import uniform
from nnxp.layers.layer import Layer, Mode, ParameterSpec, Views, rows, unrows, weight_uses

__all__ = ["Linear"]


@dataclass(frozen=True)
class Linear(Layer):
    """Affine map of the last axis, ``y = x @ weight.T + bias``.

    Backward: ``dweight = dy.T @ x``, ``dbias = sum of dy over the batch``, ``dx = dy @ weight``.

    Parameters
    ----------
    in_features : int or None
        Size of the last axis of the input; None takes it from the network's ``input_shape``.
    out_features : int
        Size of the last axis of the output.
    bias : bool
        Whether to add a bias.

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, or the input's last axis is not `in_features` long.

    Notes
    -----
    ``weight`` (out_features, in_features) and ``bias`` (out_features,) start in U(-b, b), ``b = 1/sqrt(in_features)``.
    The cache is the input.

    Examples
    --------
    >>> net = Network(Linear(3, 2), seed=0)
    >>> net.predict([[1.0, 2.0, 3.0]]).shape
    (1, 2)
    """

    in_features: int | None
    out_features: int
    bias: bool = True

    def __post_init__(self) -> None:
        if self.in_features is not None:
            check_positive_int("Linear", "in_features", self.in_features)
        check_positive_int("Linear", "out_features", self.out_features)

    def parameters(self, in_shape: Shape | None) -> dict[str, ParameterSpec]:
        """Return weight (out_features, in_features) and, unless switched off, bias (out_features,)."""
        in_features = self.in_features or (in_shape[-1] if in_shape else None)
        if in_features is None:
            hint = "give in_features, or Network(..., input_shape=...)"
            raise ValueError(message("Linear", "in_features to be known when the network is built", None, hint))
        init = uniform(-1 / math.sqrt(in_features), 1 / math.sqrt(in_features))
        specs = {"weight": ParameterSpec((self.out_features, in_features), init)}
        if self.bias:
            specs["bias"] = ParameterSpec((self.out_features,), init, "bias")
        return specs

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the input's shape with `out_features` last."""
        if in_shape is None:
            return (self.out_features,)
        if not in_shape or (None not in (self.in_features, in_shape[-1]) and in_shape[-1] != self.in_features):
            wanted = "*, in_features" if self.in_features is None else f"*, {self.in_features}"
            hint = "flatten images with Flatten()" if math.prod(n or 0 for n in in_shape) == self.in_features else ""
            raise ValueError(message("Linear", f"samples of shape ({wanted})", in_shape, hint))
        return (*in_shape[:-1], self.out_features)

    def multiply_adds(self, in_shape: Shape | None, out_shape: Shape | None) -> int | None:
        """Count the products: every weight at every place of the batch axes."""
        return weight_uses(self, in_shape, out_shape and out_shape[:-1])

    def forward(self, p: Views, x: Array, mode: Mode) -> tuple[Array, tuple[Array, bool]]:
        """Return the output (*batch, out_features); the cache is the input, and whether its gradient is wanted."""
        check_last_axis("Linear.forward", x, p.weight.shape[1])
        y = mapped(rows(x), p.weight, p.bias if self.bias else None)
        return unrows(y, x), (x, mode.input_gradient)

    def backward(self, p: Views, g: Views, cache: tuple[Array, bool], dy: Array) -> Array | None:
        """Write ``g.weight`` and ``g.bias``; return the input's gradient."""
        x, dx_wanted = cache
        rows_x, rows_dy = rows(x), rows(dy)
        matmul(rows_dy.T, rows_x, out=g.weight)
        if self.bias:
            g.bias[...] = sum_rows(rows_dy)
        return unrows(matmul(rows_dy, p.weight), dy) if dx_wanted else None


def mapped(x: Array, weight: Array, bias: Array | None) -> Array:
    """Return ``x @ weight.T``, and the bias added to it if there is one."""
    return matmul(x, weight.T) if bias is None else affine(x, weight, bias)


@fused
def affine(x: Array, weight: Array, bias: Array) -> Array:
    """Return ``x @ weight.T + bias``."""
    y = matmul(x, weight.T)
    y += bias
    return y
