"""Pooling."""

import math
from typing import Any

import nnxp.layers
from nnxp._checks import Words
from nnxp.io.onnx._operation import Operation
from nnxp.io.onnx.read.borders import axes_of, padded, pads_of, sizes_of
from nnxp.io.onnx.read.convolutions import plain
from nnxp.io.onnx.read.reader import Reader, Ref
from nnxp.layers import GlobalAvgPool, GlobalMaxPool, Permute

__all__ = ["READERS"]

Sizes = tuple[int, ...]


def _window(r: Reader, o: Operation, x: Ref) -> tuple[Sizes, Sizes, Sizes, Sizes, bool]:
    """Return kernel, strides, padding before and behind, and whether the number of windows is rounded up."""
    axes = axes_of(r, o, x)
    kernel = sizes_of(o, "kernel_shape", axes)
    if len(kernel) != axes:
        raise r.refuse(o, f"a kernel with {axes} sizes", kernel)
    return kernel, sizes_of(o, "strides", axes), *pads_of(r, o, x, kernel), bool(o.attributes.get("ceil_mode", 0))


def _settled(
    r: Reader, o: Operation, x: Ref, before: Sizes, after: Sizes, most: Sizes, value: float
) -> tuple[Ref, Sizes]:
    """Leave padding to the pooling where it is the same on both sides, and at most half a window."""
    if before == after and all(2 * n <= reach for n, reach in zip(before, most, strict=True)):
        return x, before
    return padded(r, o, x, before, after, "constant", value), (0,) * len(before)


def _max_pool(r: Reader, o: Operation) -> None:
    x = r.ref(o)
    kernel, strides, before, after, ceil = _window(r, o, x)
    dilations = sizes_of(o, "dilations", len(kernel))
    if any(name and r.uses[name] for name in o.outputs[1:]):
        raise r.refuse(o, "maxima without their indices", Words("both"))
    most = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True))
    x, padding = _settled(r, o, x, before, after, most, -math.inf)
    make: Any = getattr(nnxp.layers, f"MaxPool{len(kernel)}d")
    layer = make(plain(kernel), plain(strides), plain(padding), plain(dilations), ceil_mode=ceil)
    r.put(o, r.emit(o, layer, x))


def _avg_pool(r: Reader, o: Operation) -> None:
    x = r.ref(o)
    kernel, strides, before, after, ceil = _window(r, o, x)
    include = bool(o.attributes.get("count_include_pad", 0))
    if set(sizes_of(o, "dilations", len(kernel))) != {1}:
        raise r.refuse(o, "windows without gaps", o.attributes["dilations"])
    given = x
    x, padding = _settled(r, o, x, before, after, kernel, 0.0)
    if x is not given and not include:
        what = "padding that counts, or is the same on both sides and at most half a window"
        raise r.refuse(o, what, Words(f"{before} and {after}"))
    make: Any = getattr(nnxp.layers, f"AvgPool{len(kernel)}d")
    # PyTorch counts padding by default; without any it is all the same.
    layer = make(plain(kernel), plain(strides), plain(padding), ceil, include or not any(padding))
    r.put(o, r.emit(o, layer, x))


def _lp_pool(r: Reader, o: Operation) -> None:
    x, power = r.ref(o), o.attributes.get("p", 2)
    kernel, strides, before, after, ceil = _window(r, o, x)
    if power % 2 or set(sizes_of(o, "dilations", len(kernel))) != {1} or ceil:
        raise r.refuse(o, "an even power, windows without gaps and no ceil_mode", power)
    x = padded(r, o, x, before, after, "constant")
    make: Any = getattr(nnxp.layers, f"LPPool{len(kernel)}d")
    r.put(o, r.emit(o, make(float(power), plain(kernel), plain(strides)), x))


def _to_one(kind: str) -> Any:
    def read(r: Reader, o: Operation) -> None:
        make: Any = getattr(nnxp.layers, f"Adaptive{kind}Pool{axes_of(r, o, r.ref(o))}d")
        r.layer(o, make(1))

    return read


def _reduce(kind: str, overall: Any) -> Any:
    def read(r: Reader, o: Operation) -> None:
        x = r.ref(o)
        ndim, given = len(r.shape(o, x)) + 1, r.optional(o, 1)
        axes = sorted(int(i) % ndim for i in given.reshape(-1)) if given is not None else []
        if axes and axes == list(range(2, ndim)):
            if o.attributes.get("keepdims", 1):
                _to_one(kind)(r, o)
            else:
                r.layer(o, overall)
        elif axes == [1] and ndim == 3 and not o.attributes.get("keepdims", 1):
            r.put(o, r.emit(o, overall, r.emit(o, Permute((0, 2, 1)), x)))
        else:
            raise r.refuse(o, "all axes behind the channels", axes)

    return read


def _overall(layer: Any) -> Any:
    def read(r: Reader, o: Operation) -> None:
        if o.attributes.get("axis", 1) != 1:
            raise r.refuse(o, "axis 1, behind the batch's", o.attributes["axis"])
        r.layer(o, layer)

    return read


READERS: dict[str, Any] = {
    "AveragePool": _avg_pool,
    "GlobalAveragePool": _to_one("Avg"),
    "GlobalMaxPool": _to_one("Max"),
    "LpPool": _lp_pool,
    "MaxPool": _max_pool,
    "ReduceMax": _reduce("Max", GlobalMaxPool()),
    "ReduceMean": _reduce("Avg", GlobalAvgPool()),
    "nnxp:GlobalAvgPool": _overall(GlobalAvgPool()),
    "nnxp:GlobalMaxPool": _overall(GlobalMaxPool()),
}
