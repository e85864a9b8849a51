"""Normalisations."""

from typing import Any

import numpy as np

from nnxp.io.onnx.write.shapes import Axis, reshape
from nnxp.io.onnx.write.writer import Place, Value
from nnxp.layers import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    LayerNorm,
    LocalResponseNorm,
    RMSNorm,
)

__all__ = ["EXPORTERS"]


def _filled(at: Place, value: float, shape: tuple[int, ...]) -> Value:
    return at.constant(np.full(shape, value, dtype=at.writer.dtype))


def _scale_and_shift(at: Place, layer: Any, shape: tuple[int, ...]) -> tuple[Value, Value]:
    """Return weight and bias, ones and zeros where the layer has none."""
    scale = at.weight("weight") if layer.affine else _filled(at, 1.0, shape)
    return scale, at.weight("bias") if layer.affine and layer.bias else _filled(at, 0.0, shape)


def _features(at: Place, layer: Any, x: Value) -> int:
    known = layer.num_features or x.shape[1]
    if known is None:
        raise at.refuse("the number of features to be known", None, "give input_shape")
    return int(known)


def _channels(at: Place, layer: Any, x: Value) -> Value:
    """Write a batch or instance normalisation, by what was gathered if it was."""
    scale, shift = _scale_and_shift(at, layer, (_features(at, layer, x),))
    if layer.track_running_stats:
        gathered = at.weight("running_mean"), at.weight("running_var")
        # Theirs is the weight of the old value.
        kept: dict[str, Any] = {} if layer.momentum is None else {"momentum": 1.0 - layer.momentum}
        return at.op("BatchNormalization", x, scale, shift, *gathered, epsilon=layer.eps, **kept)
    if layer.first_axis == 2:
        return at.op("InstanceNormalization", x, scale, shift, epsilon=layer.eps)
    # Statistics of the batch itself, which the operator has in training alone.
    axes = at.integers(0, *range(2, x.ndim))
    centred = at.op("Sub", x, at.op("ReduceMean", x, axes, keepdims=1))
    variance = at.op("ReduceMean", at.op("Mul", centred, centred), axes, keepdims=1)
    z = at.op("Div", centred, at.op("Sqrt", at.op("Add", variance, at.number(layer.eps))))
    if not layer.affine:
        return z
    z = at.op("Mul", z, _column(at, scale, x))
    return at.op("Add", z, _column(at, shift, x)) if layer.bias else z


def _column(at: Place, values: Value, x: Value) -> Value:
    """Shape one number a channel to go with (N, C, *sizes)."""
    return values if x.ndim == 2 else at.op("Unsqueeze", values, at.integers(*range(1, x.ndim - 1)))


def _group_norm(at: Place, layer: GroupNorm, x: Value) -> Value:
    groups = layer.num_groups
    together = at.op("Reshape", x, at.integers(0, groups, -1), shape=(None, groups, None))
    ones, zeros = _filled(at, 1.0, (groups,)), _filled(at, 0.0, (groups,))
    z = at.op("InstanceNormalization", together, ones, zeros, epsilon=layer.eps)
    y = at.op("Reshape", z, at.op("Shape", x, shape=(x.ndim,), dtype="int64"), shape=x.shape)
    if not layer.affine:
        return y
    y = at.op("Mul", y, _column(at, at.weight("weight"), x))
    return at.op("Add", y, _column(at, at.weight("bias"), x)) if layer.bias else y


def _layer_norm(at: Place, layer: LayerNorm, x: Value) -> Value:
    sizes: Any = layer.normalized_shape
    affine = layer.elementwise_affine
    scale = at.weight("weight") if affine else _filled(at, 1.0, sizes)
    shift = at.weight("bias") if affine and layer.bias else None
    return at.op("LayerNormalization", x, scale, shift, axis=-len(sizes), epsilon=layer.eps)


def _rms_norm(at: Place, layer: RMSNorm, x: Value) -> Value:
    sizes: Any = layer.normalized_shape
    eps = float(np.finfo(at.writer.dtype).eps) if layer.eps is None else layer.eps
    axes = at.integers(*range(-len(sizes), 0))
    mean = at.op("ReduceMean", at.op("Mul", x, x), axes, keepdims=1)
    z = at.op("Div", x, at.op("Sqrt", at.op("Add", mean, at.number(eps))))
    return at.op("Mul", z, at.weight("weight")) if layer.elementwise_affine else z


def _local_response(at: Place, layer: LocalResponseNorm, x: Value) -> Value:
    shape = at.op("Shape", x, shape=(x.ndim,), dtype="int64")
    if layer.size % 2:
        # Runtimes know the operator for images alone.
        y = x if x.ndim == 4 else reshape(at, x, [Axis(0), Axis(1), -1, 1])
        y = at.op("LRN", y, size=layer.size, alpha=layer.alpha, beta=layer.beta, bias=layer.k)
        return y if x.ndim == 4 else at.op("Reshape", y, shape, shape=x.shape)
    # Nor do they know even windows; here the channels are the height of one image.
    squares = reshape(at, at.op("Mul", x, x), [Axis(0), 1, Axis(1), -1])
    pads = [layer.size // 2, 0, (layer.size - 1) // 2, 0]
    mean = at.op("AveragePool", squares, kernel_shape=[layer.size, 1], pads=pads, count_include_pad=1)
    sums = at.op("Add", at.op("Mul", mean, at.number(layer.alpha)), at.number(layer.k))
    scale = at.op("Reshape", at.op("Pow", sums, at.number(layer.beta)), shape, shape=x.shape)
    return at.op("Div", x, scale)


EXPORTERS: dict[type, Any] = {
    **dict.fromkeys((BatchNorm1d, BatchNorm2d, BatchNorm3d, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d), _channels),
    GroupNorm: _group_norm,
    LayerNorm: _layer_norm,
    LocalResponseNorm: _local_response,
    RMSNorm: _rms_norm,
}
