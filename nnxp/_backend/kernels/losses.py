"""Losses with their gradients in one pass over the output."""

from typing import Any

import numpy as np
from numpy import empty, ndarray  # looking them up in the module costs small networks dearly

from nnxp._backend.kernels.kept import Kernel

__all__ = ["cross_entropy"]

_LABELS = np.dtype(np.int64)
_cross_entropy = Kernel("loss_loops", "cross_entropy")


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
    return NotImplemented if value == -1.0 else (dtype.type(value), dy)
