"""What lies around an array: padding layers, and the borders of convolutions."""

from typing import Any

import numpy as np

from nnxp.io.onnx.write.shapes import slice_axis
from nnxp.io.onnx.write.writer import Place, Value
from nnxp.layers import padding as layers

__all__ = ["EXPORTERS", "pad"]

# Of the modes of opset 18; wrapping came later.
MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge"}
Sizes = tuple[int, ...]


def pad(at: Place, x: Value, before: Sizes, after: Sizes, mode: str, value: float = 0.0) -> Value:
    """Lengthen the last ``len(before)`` axes, or cut them where an amount is negative."""
    if not any(before) and not any(after):
        return x
    lead = x.ndim - len(before)
    sizes = (None if n is None else b + n + a for b, n, a in zip(before, x.shape[lead:], after, strict=True))
    shape = (*x.shape[:lead], *sizes)
    if mode == "circular":
        return _wrap(at, x, before, after, lead)
    amounts = at.integers(*(0,) * lead, *before, *(0,) * lead, *after)
    number = at.number(value) if mode == "zeros" else None
    return at.op("Pad", x, amounts, number, shape=shape, mode=MODES[mode])


def _wrap(at: Place, x: Value, before: Sizes, after: Sizes, lead: int) -> Value:
    for axis, (b, a) in enumerate(zip(before, after, strict=True), lead):
        parts = [x]
        if b:
            parts.insert(0, slice_axis(at, x, axis, -b, np.iinfo(np.int64).max))
        if a:
            parts.append(slice_axis(at, x, axis, 0, a))
        size = x.shape[axis]
        longer = None if size is None else size + b + a
        x = at.op("Concat", *parts, shape=(*x.shape[:axis], longer, *x.shape[axis + 1 :]), axis=axis)
    return x


def _number(at: Place, layer: Any, x: Value) -> Value:
    before, after = layer.ends()
    y = pad(at, x, before, after, "zeros", layer.fill())
    return at.op("Identity", x) if y is x else y


def _copies(at: Place, layer: Any, x: Value) -> Value:
    before, after = layer.ends()
    y = pad(at, x, before, after, layer.border)
    return at.op("Identity", x) if y is x else y


EXPORTERS: dict[type, Any] = {
    getattr(layers, name): _number if name.startswith(("Constant", "Zero")) else _copies for name in layers.__all__
}
