"""Images of another size."""

import math
from typing import Any

import numpy as np

from nnxp.io.onnx.write.writer import Place, Value
from nnxp.layers import Upsample

__all__ = ["EXPORTERS"]


def _upsample(at: Place, layer: Upsample, x: Value) -> Value:
    axes = list(range(2, x.ndim))
    if layer.mode == "nearest":
        tables = _differing(layer, x)
        if tables is not None:
            for axis, places in tables:
                x = at.op("Gather", x, at.integers(*places), axis=axis)
            return x
        options: dict[str, Any] = {
            "mode": "nearest",
            "coordinate_transformation_mode": "asymmetric",
            "nearest_mode": "floor",
        }
    else:
        corners = "align_corners" if layer.align_corners else "half_pixel"
        options = {"mode": "linear", "coordinate_transformation_mode": corners}
    sizes = at.out_shape(layer, x)[2:]
    # Where corners are aligned, ONNX takes the scale at its word and PyTorch the size that comes of it.
    if layer.size is not None or (layer.align_corners and None not in sizes):
        known = (n for n in sizes if n is not None)
        return at.op("Resize", x, None, None, at.integers(*known), axes=axes, **options)
    if layer.align_corners and any(layer._factor(i) % 1 for i in range(len(axes))):
        raise at.refuse("sizes that are known, to align corners", x.shape[1:], "give input_shape")
    factors = np.asarray([layer._factor(i) for i in range(len(axes))], dtype=np.float32)
    return at.op("Resize", x, None, at.constant(factors), axes=axes, **options)


def _differing(layer: Upsample, x: Value) -> list[tuple[int, tuple[int, ...]]] | None:
    """Return the places that are taken, where the operator's rounding would take others somewhere; else None."""
    if None in x.shape[1:]:
        return None
    shape = (1, *(n for n in x.shape[1:] if n is not None))
    tables = [(axis, taps[0][0]) for axis, taps in layer._taps(shape)]
    for axis, places in tables:
        size = shape[axis]
        scale = np.float32(len(places) / size if layer.scale_factor is None else layer._factor(axis - 2))
        theirs = (min(math.floor(np.float32(o) / scale), size - 1) for o in range(len(places)))
        if tuple(theirs) != places:
            return tables
    return None


EXPORTERS: dict[type, Any] = {Upsample: _upsample}
