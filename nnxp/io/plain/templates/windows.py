"""Convolutions, poolings and paddings: what moves over the places of (N, C, *sizes)."""

from typing import Any

from nnxp import layers as nl
from nnxp.io.plain.functions import convolution as c
from nnxp.io.plain.functions import pooling as p
from nnxp.io.plain.writer import Template, Writer, refusal
from nnxp.layers import Layer

__all__ = ["TEMPLATES"]

Inputs = tuple[str, ...]

# NumPy's words for our borders.
_BORDERS = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _padded(w: Writer, x: str, before: Any, after: Any, border: str) -> str:
    pairs = tuple(zip(before, after, strict=True))
    if not any(map(any, pairs)):
        return x
    mode = _BORDERS[border]
    return w.call(c.pad, x, pairs, None if mode == "constant" else f'"{mode}"')


def _convolution(w: Writer, layer: Any, path: str, x: Inputs, target: str) -> str:
    window = layer.window
    seen = _padded(w, x[0], window.before, window.after, window.mode)
    arrays = w.array(path, "weight"), w.maybe(path, "bias")
    return w.call(c.convolution, seen, *arrays, window.stride, window.dilation, layer.groups)


def _transposed(w: Writer, layer: Any, path: str, x: Inputs, target: str) -> str:
    window = layer.window
    arrays = w.array(path, "weight"), w.maybe(path, "bias")
    crop = tuple((b, b - extra) for b, extra in zip(window.before, layer.extra, strict=True))
    return w.call(c.transposed_convolution, *x, *arrays, window.stride, window.dilation, layer.groups, crop)


def _max_pool(w: Writer, layer: Any, path: str, x: Inputs, target: str) -> str:
    _no_indices(layer, path)
    return w.call(p.max_pool, *x, *layer._options(), layer.ceil_mode)


def _no_indices(layer: Any, path: str) -> None:
    if layer.return_indices:
        raise refusal(layer, path, "the indices of maxima are not written: give it return_indices=False")


def _average_pool(w: Writer, layer: Any, path: str, x: Inputs, target: str) -> str:
    kernel, stride, padding, _ = layer._options()
    if getattr(layer, "divisor_override", None) is not None:
        total = w.call(p.window_sum, *x, kernel, stride, padding, layer.ceil_mode)
        return f"{total} / {layer.divisor_override}"
    return w.call(p.average_pool, *x, kernel, stride, padding, layer.ceil_mode, layer.count_include_pad)


def _power_pool(w: Writer, layer: Any, path: str, x: Inputs, target: str) -> str:
    kernel, stride, _, _ = layer._options()
    return w.call(p.power_pool, *x, float(layer.norm_type), kernel, stride, layer.ceil_mode)


def _adaptive_average(w: Writer, layer: Any, path: str, x: Inputs, target: str) -> str:
    return w.call(p.adaptive_pool, *x, layer._target(), "np.mean")


def _adaptive_maximum(w: Writer, layer: Any, path: str, x: Inputs, target: str) -> str:
    _no_indices(layer, path)
    return w.call(p.adaptive_pool, *x, layer._target(), "np.max")


def _global_average(w: Writer, layer: nl.GlobalAvgPool, path: str, x: Inputs, target: str) -> str:
    return f"{x[0]}.mean(axis=tuple(range(2, {x[0]}.ndim)))"


def _global_maximum(w: Writer, layer: nl.GlobalMaxPool, path: str, x: Inputs, target: str) -> str:
    return f"{x[0]}.max(axis=tuple(range(2, {x[0]}.ndim)))"


def _number_padding(w: Writer, layer: Any, path: str, x: Inputs, target: str) -> str:
    return w.call(c.pad, *x, tuple(zip(*layer.ends(), strict=True)), value=layer.fill() or None)


def _copy_padding(w: Writer, layer: Any, path: str, x: Inputs, target: str) -> str:
    before, after = layer.ends()
    return _padded(w, x[0], before, after, layer.border)


def _each(name: str) -> tuple[type[Layer], ...]:
    return tuple(getattr(nl, f"{name}{axes}d") for axes in (1, 2, 3))


TEMPLATES: dict[type[Layer], Template | str] = {
    **dict.fromkeys(_each("Conv"), _convolution),
    **dict.fromkeys(_each("ConvTranspose"), _transposed),
    **dict.fromkeys(_each("MaxPool"), _max_pool),
    **dict.fromkeys(_each("AvgPool"), _average_pool),
    **dict.fromkeys(_each("LPPool"), _power_pool),
    **dict.fromkeys(_each("AdaptiveAvgPool"), _adaptive_average),
    **dict.fromkeys(_each("AdaptiveMaxPool"), _adaptive_maximum),
    nl.GlobalAvgPool: _global_average,
    nl.GlobalMaxPool: _global_maximum,
    **dict.fromkeys((*_each("ConstantPad"), *_each("ZeroPad")), _number_padding),
    **dict.fromkeys((*_each("ReflectionPad"), *_each("ReplicationPad"), *_each("CircularPad")), _copy_padding),
}
