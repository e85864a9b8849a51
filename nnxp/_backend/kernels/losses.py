"""Losses with their gradients in one pass over the output."""

import math
from typing import Any

import numpy as np
from numpy import empty, ndarray  # looking them up in the module costs small networks dearly

from nnxp._backend.kernels.compiling import compiled

__all__ = ["cross_entropy"]

_LABELS = np.dtype(np.int64)


def cross_entropy(output: Any, labels: Any, loss: Any) -> Any:
    """Take rows of logits whose labels are all classes; what is ignored or invalid is for the plain way."""
    if type(labels) is not ndarray or labels.dtype != _LABELS or output.ndim != 2:
        return NotImplemented
    rows, classes = output.shape
    if labels.shape != (rows,) or not rows or not classes or 0 <= loss.ignore_index < classes:
        return NotImplemented
    if not output.flags.c_contiguous or not labels.flags.c_contiguous:
        return NotImplemented
    dtype = output.dtype
    dy = empty((rows, classes), dtype)
    value = _cross_entropy(output, labels, float(loss.label_smoothing), 1.0 / rows, dy)
    return NotImplemented if value is None else (dtype.type(value), dy)


@compiled
def _cross_entropy(output: Any, labels: Any, smoothing: Any, scale: Any, dy: Any) -> Any:
    rows, classes = output.shape
    number = output.dtype.type
    smoothing, scale = number(smoothing), number(scale)
    elsewhere = smoothing / classes
    total = 0.0
    for i in range(rows):
        label = labels[i]
        if label < 0 or label >= classes:
            return None
        largest = output[i, 0]
        for j in range(1, classes):
            if not output[i, j] <= largest:  # NaN passes
                largest = output[i, j]
        mass = below = scale * 0
        for j in range(classes):
            shifted = output[i, j] - largest
            e = np.exp(shifted)
            dy[i, j] = e
            mass += e
            if smoothing:  # 0 times the infinity of a class that is ruled out would be NaN
                below += shifted
        for j in range(classes):
            dy[i, j] = scale * (dy[i, j] / mass - elsewhere)
        dy[i, label] -= scale * (1 - smoothing)
        total += math.log(mass) - elsewhere * below
        if smoothing < 1:
            total -= (1 - smoothing) * (output[i, label] - largest)
    return total * scale
