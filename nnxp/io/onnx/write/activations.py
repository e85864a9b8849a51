"""Functions of each element, and of the elements of an axis."""

import math
from collections.abc import Callable
from typing import Any

from nnxp.io.onnx.write.shapes import Axis, reshape
from nnxp.io.onnx.write.writer import Place, Value
from nnxp.layers import (
    CELU,
    ELU,
    GELU,
    GLU,
    SELU,
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Maxout,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    RReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softmax2d,
    Softmin,
    Softplus,
    Softshrink,
    Softsign,
    Tanh,
    Tanhshrink,
    Threshold,
)
from nnxp.layers.rectifiers import SELU_ALPHA, SELU_SCALE
from nnxp.layers.smooth import CUBIC, STEEPNESS

__all__ = ["EXPORTERS"]

# From here on the bend of a softplus is below half a unit in float32's last place.
STRAIGHT = 20.0


def _plain(kind: str, **options: Any) -> Callable[[Place, Any, Value], Value]:
    return lambda at, layer, x: at.op(kind, x, **options)


def _clip(low: float, high: float) -> Callable[[Place, Any, Value], Value]:
    return lambda at, layer, x: at.op("Clip", x, at.number(low), at.number(high))


def _celu(at: Place, layer: CELU, x: Value) -> Value:
    if at.writer.dtype == "float32":
        return at.op("Celu", x, alpha=layer.alpha)
    alpha = at.number(layer.alpha)
    return at.op("Mul", at.op("Elu", at.op("Div", x, alpha), alpha=1.0), alpha)


def _gelu(at: Place, layer: GELU, x: Value) -> Value:
    if layer.approximate == "tanh":
        cube = at.op("Mul", at.op("Pow", x, at.number(3.0)), at.number(CUBIC))
        share = at.op("Tanh", at.op("Mul", at.op("Add", x, cube), at.number(STEEPNESS)))
    else:
        share = at.op("Erf", at.op("Div", x, at.number(math.sqrt(2.0))))
    return at.op("Mul", at.op("Mul", x, at.op("Add", share, at.number(1.0))), at.number(0.5))


def _softplus(at: Place, layer: Softplus, x: Value) -> Value:
    beta = at.number(layer.beta)
    scaled = x if layer.beta == 1.0 else at.op("Mul", x, beta)
    y = at.op("Softplus", scaled)
    y = y if layer.beta == 1.0 else at.op("Div", y, beta)
    if layer.threshold >= STRAIGHT:
        return y
    return at.op("Where", at.op("Greater", scaled, at.number(layer.threshold), dtype="bool"), x, y, dtype=x.dtype)


def _threshold(at: Place, layer: Threshold, x: Value) -> Value:
    small = at.op("LessOrEqual", x, at.number(layer.threshold), dtype="bool")
    return at.op("Where", small, at.number(layer.value), x, dtype=x.dtype)


def _prelu(at: Place, layer: PReLU, x: Value) -> Value:
    slope = at.weight("weight")
    if layer.num_parameters > 1 and x.ndim > 2:
        slope = at.op("Unsqueeze", slope, at.integers(*range(1, x.ndim - 1)))
    return at.op("PRelu", x, slope)


def _log_sigmoid(at: Place, layer: LogSigmoid, x: Value) -> Value:
    return at.op("Neg", at.op("Softplus", at.op("Neg", x)))


def _glu(at: Place, layer: GLU, x: Value) -> Value:
    a, b = (Value(name, x.shape, x.dtype) for name in at.ops("Split", 2, x, axis=layer.dim, num_outputs=2))
    return at.op("Mul", a, at.op("Sigmoid", b))


def _maxout(at: Place, layer: Maxout, x: Value) -> Value:
    axis = layer.dim % x.ndim
    size = x.shape[axis]
    units = -1 if size is None else size // layer.pieces
    before: list[int | Axis] = [Axis(i) for i in range(axis)]
    groups = reshape(at, x, [*before, units, layer.pieces, *(Axis(i) for i in range(axis + 1, x.ndim))])
    return at.op("ReduceMax", groups, at.integers(axis + 1), keepdims=0)


EXPORTERS: dict[type, Any] = {
    CELU: _celu,
    ELU: lambda at, layer, x: at.op("Elu", x, alpha=layer.alpha),
    GELU: _gelu,
    GLU: _glu,
    Hardshrink: lambda at, layer, x: at.op("Shrink", x, lambd=layer.lambd, bias=0.0),
    Hardsigmoid: _plain("HardSigmoid", alpha=1 / 6, beta=0.5),
    Hardswish: _plain("HardSwish"),
    Hardtanh: lambda at, layer, x: _clip(layer.min_val, layer.max_val)(at, layer, x),
    LeakyReLU: lambda at, layer, x: at.op("LeakyRelu", x, alpha=layer.negative_slope),
    LogSigmoid: _log_sigmoid,
    LogSoftmax: lambda at, layer, x: at.op("LogSoftmax", x, axis=layer.dim),
    Maxout: _maxout,
    Mish: _plain("Mish"),
    PReLU: _prelu,
    RReLU: lambda at, layer, x: at.op("LeakyRelu", x, alpha=(layer.lower + layer.upper) / 2),
    ReLU: _plain("Relu"),
    ReLU6: _clip(0.0, 6.0),
    SELU: _plain("Selu", alpha=SELU_ALPHA, gamma=SELU_SCALE),
    SiLU: lambda at, layer, x: at.op("Mul", x, at.op("Sigmoid", x)),
    Sigmoid: _plain("Sigmoid"),
    Softmax: lambda at, layer, x: at.op("Softmax", x, axis=layer.dim),
    Softmax2d: _plain("Softmax", axis=1),
    Softmin: lambda at, layer, x: at.op("Softmax", at.op("Neg", x), axis=layer.dim),
    Softplus: _softplus,
    Softshrink: lambda at, layer, x: at.op("Shrink", x, lambd=layer.lambd, bias=layer.lambd),
    Softsign: _plain("Softsign"),
    Tanh: _plain("Tanh"),
    Tanhshrink: lambda at, layer, x: at.op("Sub", x, at.op("Tanh", x)),
    Threshold: _threshold,
}
