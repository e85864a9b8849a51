"""Padding, and what convolutions and poolings say of theirs."""

import math
from typing import Any

import numpy as np

from nnxp import layers
from nnxp._checks import Words
from nnxp.io.onnx._operation import Operation
from nnxp.io.onnx.read.activations import scalar
from nnxp.io.onnx.read.reader import Reader, Ref

__all__ = ["READERS", "axes_of", "padded", "pads_of", "sizes_of"]

Sizes = tuple[int, ...]
KINDS = {"constant": "Constant", "reflect": "Reflection", "edge": "Replication", "wrap": "Circular"}


def axes_of(r: Reader, o: Operation, x: Ref) -> int:
    """Return how many axes stand behind the channels; refuse none, and more than three."""
    axes = len(r.shape(o, x)) - 1
    if not 1 <= axes <= 3:
        raise r.refuse(o, "series, images or volumes: 1 to 3 axes behind the channels", axes)
    return axes


def sizes_of(o: Operation, name: str, axes: int, default: int = 1) -> Sizes:
    """Return one number an axis."""
    return tuple(o.attributes.get(name) or (default,) * axes)


def pads_of(r: Reader, o: Operation, x: Ref, kernel: Sizes) -> tuple[Sizes, Sizes]:
    """Return what an operator adds before and behind each axis."""
    axes, auto = len(kernel), o.attributes.get("auto_pad", "NOTSET")
    if auto == "NOTSET":
        pads = sizes_of(o, "pads", 2 * axes, 0)
        return pads[:axes], pads[axes:]
    if auto == "VALID":
        return (0,) * axes, (0,) * axes
    strides, dilations = sizes_of(o, "strides", axes), sizes_of(o, "dilations", axes)
    before, after = [], []
    for size, k, s, d in zip(r.shape(o, x)[1:], kernel, strides, dilations, strict=True):
        if size is None and s > 1:
            raise r.refuse(o, f"sizes that are known, for auto_pad {auto!r}", None, "give input_shape")
        # As many windows as strides fit in, the last one begun: how far it reaches beyond the axis.
        beyond = 1 if size is None else size - (size - 1) // s * s
        total = max(0, d * (k - 1) + 1 - beyond)
        less = total // 2
        before.append(total - less if auto == "SAME_LOWER" else less)
        after.append(less if auto == "SAME_LOWER" else total - less)
    return tuple(before), tuple(after)


def padded(r: Reader, o: Operation, x: Ref, before: Sizes, after: Sizes, mode: str, value: float = 0.0) -> Ref:
    """Add a padding layer, if there is anything to add."""
    if not any(before) and not any(after):
        return x
    # PyTorch begins with the last axis.
    amounts = tuple(n for pair in zip(reversed(before), reversed(after), strict=True) for n in pair)
    kind = "Zero" if mode == "constant" and value == 0 else KINDS[mode]
    make: Any = getattr(layers, f"{kind}Pad{len(before)}d")
    return r.emit(o, make(amounts, value) if kind == "Constant" else make(amounts), x)


def _pad(r: Reader, o: Operation) -> None:
    x, mode = r.ref(o), o.attributes.get("mode", "constant")
    axes = axes_of(r, o, x)
    amounts = [int(n) for n in r.constant(o, 1).reshape(-1)]
    chosen = r.optional(o, 3)
    ndim = axes + 2
    places = list(range(ndim)) if chosen is None else [int(i) % ndim for i in chosen.reshape(-1)]
    value = scalar(r, o, 2) if mode == "constant" else None
    if mode not in KINDS or len(amounts) != 2 * len(places):
        raise r.refuse(o, f"a mode of {', '.join(KINDS)} with two amounts an axis", mode)
    full = np.zeros((2, ndim), dtype=np.int64)
    full[:, places] = np.asarray(amounts).reshape(2, -1)
    if full[:, :2].any() or math.isnan(value or 0.0):
        raise r.refuse(o, "padding behind the channels alone", Words(str(amounts)))
    before, after = (tuple(int(n) for n in row[2:]) for row in full)
    if mode != "constant" and full.min() < 0:
        raise r.refuse(o, "amounts of at least 0", Words(str(amounts)))
    y = padded(r, o, x, before, after, mode, value or 0.0)
    r.put(o, r.emit(o, layers.Identity(), x) if y is x else y)


READERS: dict[str, Any] = {"Pad": _pad}
