"""The cross entropy of labels by NumPy, in fewer passes than every kind of target asks for."""

from typing import Any

import numpy as np

__all__ = ["cross_entropy"]


def cross_entropy(output: Any, labels: Any, loss: Any) -> Any:
    """Take rows of logits whose labels are all classes, without smoothing; the rest is for the plain way."""
    if type(labels) is not np.ndarray or labels.dtype != np.int64 or labels.shape != output.shape[:1]:
        return NotImplemented
    if output.ndim != 2 or not output.size or loss.label_smoothing or 0 <= loss.ignore_index < output.shape[1]:
        return NotImplemented
    # As numbers without a sign, negative labels are the largest.
    if np.maximum.reduce(labels.view(np.uint64)) >= output.shape[1]:
        return NotImplemented
    rows = len(output)
    at_label = np.arange(rows), labels
    dy = output - np.maximum.reduce(output, axis=1, keepdims=True)
    likelihood = dy[at_label]
    np.exp(dy, out=dy)
    mass = np.add.reduce(dy, axis=1, keepdims=True)
    dy /= mass
    dy[at_label] -= 1.0
    dy *= 1.0 / rows
    likelihood -= np.log(mass[:, 0])
    return -np.add.reduce(likelihood) / output.dtype.type(rows), dy
