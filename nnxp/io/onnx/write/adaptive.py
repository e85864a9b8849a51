"""Pooling to an output of a given size."""

from typing import Any

from nnxp.io.onnx.write.poolings import places
from nnxp.io.onnx.write.shapes import slice_axis
from nnxp.io.onnx.write.writer import Place, Value
from nnxp.layers import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
)
from nnxp.layers.pooling.adaptive import spans

__all__ = ["EXPORTERS"]


def _adaptive(at: Place, layer: Any, x: Value) -> Any:
    maximum = hasattr(layer, "return_indices")
    indices = maximum and layer.return_indices
    target = layer._target()
    if set(target) == {1} and not indices:
        return at.op("GlobalMaxPool" if maximum else "GlobalAveragePool", x)
    sizes = [1 if out is None else n for n, out in zip(x.shape[2:], target, strict=True)]
    outs = [1 if out is None else out for out in target]
    if None in sizes:
        raise at.refuse("sizes that are known, to pool them adaptively", x.shape[1:], "give input_shape")
    known = [n for n in sizes if n is not None]
    if any(n % out for n, out in zip(known, outs, strict=True)):
        if indices:
            hint = "give return_indices=False, or sizes that are multiples of output_size"
            raise at.refuse("windows that are all alike, where their indices are wanted", x.shape[1:], hint)
        return _window_by_window(at, layer, x, "ReduceMax" if maximum else "ReduceMean")
    kernel = [n // out for n, out in zip(known, outs, strict=True)]
    options: dict[str, Any] = {"kernel_shape": kernel, "strides": kernel}
    if not indices:
        return at.op("MaxPool" if maximum else "AveragePool", x, **options)
    shape = at.out_shape(layer, x)
    y, flat = at.ops("MaxPool", 2, x, **options)
    return Value(y, shape, x.dtype), places(at, x, Value(flat, shape, "int64"))


def _window_by_window(at: Place, layer: Any, x: Value, kind: str) -> Value:
    """Reduce axis by axis: a box's mean is the mean of means, and its maximum the maximum of maxima."""
    for axis, out in enumerate(layer._target(), 2):
        size = x.shape[axis]
        if out is None or size is None or size == out:
            continue
        parts = []
        for span in spans(size, out):
            piece = slice_axis(at, x, axis, span.start, span.stop)
            parts.append(at.op(kind, piece, at.integers(axis), keepdims=1))
        shape = (*x.shape[:axis], out, *x.shape[axis + 1 :])
        x = at.op("Concat", *parts, shape=shape, axis=axis)
    return x


EXPORTERS: dict[type, Any] = dict.fromkeys(
    (AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d),
    _adaptive,
)
