"""Pooling with a kernel, and over the whole image."""

import math
from typing import Any

from nnxp.io.onnx.write.borders import pad
from nnxp.io.onnx.write.writer import Place, Value
from nnxp.layers import (
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    GlobalAvgPool,
    GlobalMaxPool,
    LPPool1d,
    LPPool2d,
    LPPool3d,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
)

__all__ = ["EXPORTERS", "places"]

Sizes = tuple[int, ...]


def _lengthened(at: Place, layer: Any, x: Value, explicit: bool) -> tuple[Sizes, bool]:
    """Return what is added behind each axis, and whether the operator is to round its number of windows up.

    Runtimes disagree about a last window that would begin in the padding; so where there is one, and where `explicit`
    is asked for, what a cut-off window lacks is added as padding.
    """
    _, _, padding, _ = layer._options()
    if not layer.ceil_mode:
        return padding, False
    if None in x.shape[2:]:
        if explicit:
            raise at.refuse("sizes that are known, with ceil_mode", x.shape[1:], "give input_shape")
        return padding, True
    axes = layer.all_axes(tuple(x.shape[2:]))
    floors = [(a.size + 2 * a.padding - a.reach) // a.stride + 1 for a in axes]
    missing = tuple(max(0, (a.count - 1) * a.stride + a.reach - a.size - 2 * a.padding) for a in axes)
    cut = [a.count > floor for a, floor in zip(axes, floors, strict=True)]
    rounded = [-(-(a.size + 2 * a.padding - a.reach) // a.stride) + 1 for a in axes]
    dropped = any(n > a.count for n, a in zip(rounded, axes, strict=True))
    if any(cut) and not dropped and not explicit:
        return padding, True
    extra = (p + (m if c else 0) for p, m, c in zip(padding, missing, cut, strict=True))
    return tuple(extra), False


def _window(layer: Any, before: Sizes, after: Sizes, ceil: bool) -> dict[str, Any]:
    kernel, stride, _, _ = layer._options()
    return {
        "kernel_shape": list(kernel), "strides": list(stride), "pads": [*before, *after], "ceil_mode": int(ceil),
    }  # fmt: skip


def _max_pool(at: Place, layer: Any, x: Value) -> Any:
    _, _, padding, dilation = layer._options()
    after, ceil = _lengthened(at, layer, x, explicit=False)
    options = _window(layer, padding, after, ceil) | {"dilations": list(dilation)}
    if not layer.return_indices:
        return at.op("MaxPool", x, **options)
    shape = at.out_shape(layer, x)
    y, flat = at.ops("MaxPool", 2, x, **options)
    return Value(y, shape, x.dtype), places(at, x, Value(flat, shape, "int64"))


def places(at: Place, x: Value, flat: Value) -> Value:
    """Return indices into a sample's flattened image, from indices into the whole flattened batch."""
    sizes = at.op("Shape", x, shape=(x.ndim - 2,), dtype="int64", start=2)
    return at.op("Mod", flat, at.op("ReduceProd", sizes, keepdims=0))


def _avg_pool(at: Place, layer: Any, x: Value) -> Value:
    kernel, _, padding, _ = layer._options()
    divisor = layer.divisor_override
    after, ceil = _lengthened(at, layer, x, explicit=divisor is not None or (layer.count_include_pad and any(padding)))
    if divisor is not None:
        y = at.op("AveragePool", x, **_window(layer, padding, after, False), count_include_pad=1)
        return at.op("Mul", y, at.number(math.prod(kernel) / divisor))
    include = layer.count_include_pad and any(padding)
    if include and after != padding:
        # What lies beyond the padding never counts: then the padding is made part of the image.
        x = pad(at, x, padding, padding, "zeros")
        after = tuple(a - p for a, p in zip(after, padding, strict=True))
        padding, include = (0,) * len(padding), False
    return at.op("AveragePool", x, **_window(layer, padding, after, ceil), count_include_pad=int(include))


def _lp_pool(at: Place, layer: Any, x: Value) -> Value:
    kernel, _, padding, _ = layer._options()
    if layer.norm_type % 2 == 0 and not layer.ceil_mode:
        options = _window(layer, padding, padding, False)
        return at.op("LpPool", x, p=int(layer.norm_type), **options)
    after, ceil = _lengthened(at, layer, x, explicit=False)
    powers = at.op("Pow", x, at.number(layer.norm_type))
    mean = at.op("AveragePool", powers, **_window(layer, padding, after, ceil), count_include_pad=0)
    total = at.op("Mul", mean, at.number(math.prod(kernel)))
    return at.op("Pow", total, at.number(1.0 / layer.norm_type))


def _overall(kind: str) -> Any:
    return lambda at, layer, x: at.op("Flatten", at.op(kind, x), axis=1)


EXPORTERS: dict[type, Any] = {
    **dict.fromkeys((AvgPool1d, AvgPool2d, AvgPool3d), _avg_pool),
    **dict.fromkeys((LPPool1d, LPPool2d, LPPool3d), _lp_pool),
    **dict.fromkeys((MaxPool1d, MaxPool2d, MaxPool3d), _max_pool),
    GlobalAvgPool: _overall("GlobalAveragePool"),
    GlobalMaxPool: _overall("GlobalMaxPool"),
}
