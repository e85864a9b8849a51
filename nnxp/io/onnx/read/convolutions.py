"""Convolutions and transposed convolutions."""

from typing import Any

import nnxp.layers
from nnxp._checks import Words
from nnxp.io.onnx._operation import Operation
from nnxp.io.onnx.read.borders import axes_of, padded, pads_of, sizes_of
from nnxp.io.onnx.read.file import Host
from nnxp.io.onnx.read.reader import Reader, Ref

__all__ = ["READERS", "plain"]


def plain(sizes: tuple[int, ...]) -> Any:
    """Return one number for all axes, where it is the same."""
    return sizes[0] if len(set(sizes)) == 1 else sizes


def _kernel(r: Reader, o: Operation, x: Ref) -> tuple[Host, tuple[int, ...], int]:
    """Return the weight, the kernel's sizes, and into how many groups the channels fall."""
    weight, axes = r.constant(o, 1), axes_of(r, o, x)
    if weight.ndim != axes + 2 or 0 in weight.shape:
        raise r.refuse(o, f"a weight with {axes + 2} axes", Words(str(weight.shape)))
    return weight, weight.shape[2:], int(o.attributes.get("group", 1))


def _arrays(r: Reader, o: Operation, weight: Host) -> dict[str, Host]:
    bias = r.optional(o, 2)
    return {"weight": weight} if bias is None else {"weight": weight, "bias": bias}


def _conv(r: Reader, o: Operation) -> None:
    x = r.ref(o)
    weight, kernel, groups = _kernel(r, o, x)
    axes = len(kernel)
    strides, dilations = sizes_of(o, "strides", axes), sizes_of(o, "dilations", axes)
    before, after = pads_of(r, o, x, kernel)
    padding: Any = plain(before)
    if before != after:
        total = [d * (k - 1) for k, d in zip(kernel, dilations, strict=True)]
        same = tuple(n // 2 for n in total), tuple(n - n // 2 for n in total)
        padding = "same" if (before, after) == same and set(strides) == {1} else 0
    if padding == 0:
        x = padded(r, o, x, before, after, "constant")
    arrays = _arrays(r, o, weight)
    make: Any = getattr(nnxp.layers, f"Conv{axes}d")
    layer = make(
        weight.shape[1] * groups, weight.shape[0], plain(kernel), plain(strides), padding, plain(dilations), groups,
        "bias" in arrays,
    )  # fmt: skip
    r.put(o, r.emit(o, layer, x, arrays=arrays))


def _transposed(r: Reader, o: Operation) -> None:
    x = r.ref(o)
    weight, kernel, groups = _kernel(r, o, x)
    axes = len(kernel)
    strides, dilations = sizes_of(o, "strides", axes), sizes_of(o, "dilations", axes)
    extra = sizes_of(o, "output_padding", axes, 0)
    before, after = _cut(r, o, x, kernel, extra)
    # What is cut off less on the right is what PyTorch calls output padding.
    extra = tuple(e + b - a for e, b, a in zip(extra, before, after, strict=True))
    if any(e < 0 or b < 0 for e, b in zip(extra, before, strict=True)):
        raise r.refuse(o, "no more cut off on the right than on the left", Words(f"{before} and {after}"))
    arrays = _arrays(r, o, weight)
    make: Any = getattr(nnxp.layers, f"ConvTranspose{axes}d")
    layer = make(
        weight.shape[0], weight.shape[1] * groups, plain(kernel), plain(strides), plain(before), plain(extra), groups,
        "bias" in arrays, plain(dilations),
    )  # fmt: skip
    r.put(o, r.emit(o, layer, x, arrays=arrays))


def _cut(
    r: Reader, o: Operation, x: Ref, kernel: tuple[int, ...], extra: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return what a transposed convolution cuts off on both sides."""
    axes, auto, wanted = len(kernel), o.attributes.get("auto_pad", "NOTSET"), o.attributes.get("output_shape")
    if auto in ("NOTSET", "VALID") and wanted is None:
        pads = sizes_of(o, "pads", 2 * axes, 0) if auto == "NOTSET" else (0,) * (2 * axes)
        return pads[:axes], pads[axes:]
    strides, dilations = sizes_of(o, "strides", axes), sizes_of(o, "dilations", axes)
    before, after = [], []
    for i, size in enumerate(r.shape(o, x)[1:]):
        if size is None:
            raise r.refuse(o, "sizes that are known", None, "give input_shape")
        reach = dilations[i] * (kernel[i] - 1) + 1
        out = size * strides[i] if wanted is None else wanted[-axes:][i]
        total = strides[i] * (size - 1) + extra[i] + reach - out
        less = total // 2
        before.append(less if auto == "SAME_UPPER" else total - less)
        after.append(total - before[-1])
    return tuple(before), tuple(after)


READERS: dict[str, Any] = {"Conv": _conv, "ConvTranspose": _transposed}
