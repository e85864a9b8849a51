"""The cross entropy of labels by NumPy, in fewer passes than every kind of target asks for."""

from functools import lru_cache
from typing import Any

import numpy as np

__all__ = ["are_classes", "cross_entropy"]


def cross_entropy(output: Any, labels: Any, loss: Any) -> Any:
    """Take rows of logits whose labels are all classes, without smoothing; the rest is for the plain way."""
    if type(labels) is not np.ndarray or labels.dtype != np.int64 or labels.shape != output.shape[:1]:
        return NotImplemented
    if output.ndim != 2 or not output.size or loss.label_smoothing or 0 <= loss.ignore_index < output.shape[1]:
        return NotImplemented
    rows, classes = output.shape
    if not are_classes(labels, classes):
        return NotImplemented
    at_label = _starts(rows, classes) + labels
    dy = np.subtract(output, np.maximum.reduce(output, axis=1, keepdims=True), order="C")
    flat = dy.reshape(-1)
    likelihood = flat.take(at_label)
    np.exp(dy, dy)
    mass = np.add.reduce(dy, axis=1, keepdims=True)
    likelihood -= np.log(mass)[:, 0]
    mass *= rows  # the gradient is divided by the rows, as the mean is
    dy /= mass
    flat[at_label] -= 1.0 / rows
    return np.add.reduce(likelihood) / output.dtype.type(-rows), dy


def are_classes(labels: Any, classes: int) -> bool:
    """Tell whether every label is one of so many classes; as numbers without a sign, negative ones are the largest."""
    return bool(np.maximum.reduce(labels.view(np.uint64)) < classes)


@lru_cache(maxsize=16)
def _starts(rows: int, classes: int) -> Any:
    """Return where each row begins; nobody writes to it."""
    return np.arange(0, rows * classes, classes)
