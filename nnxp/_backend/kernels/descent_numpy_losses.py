"""Losses of many batches by NumPy: what gradients are made with is there beforehand, and values come at the end."""

from typing import Any

import numpy as np
from numpy import divide, exp, maximum, multiply, subtract  # looking them up costs small networks dearly

__all__ = ["CrossEntropy", "Squares"]

# Up to so many classes a product that has every sum as often as it is wanted is quicker than one sum for each.
_FEW = 32


class CrossEntropy:
    """The means of ``-log softmax`` over batches of logits.

    Parameters
    ----------
    y : array of shape (batches, classes, rows)
        To be filled in, each batch before its slope is asked for, and all slopes before the values.
    smoothing : float
        How much of every label is spread over all classes.
    """

    def __init__(self, y: Any, smoothing: float) -> None:
        batches, classes, rows = y.shape
        self.y, self.smoothing = y, smoothing
        self.starts = np.arange(0, y.size, classes * rows)[:, None] + np.arange(rows)
        self.elsewhere = smoothing / classes / rows
        self.wanted = np.empty_like(y)
        self.largest = np.empty((batches, rows), y.dtype)
        # All of the gradient is divided by the rows.
        self.sums = np.full((classes if classes <= _FEW else 1, classes), rows, y.dtype)
        self.masses = np.empty((batches, len(self.sums), rows), y.dtype)
        self.each = list(zip(y, self.wanted, self.largest, self.masses, strict=True))

    def expect(self, labels: Any) -> None:
        """Say of which classes (batches * rows,) the batches to come are."""
        self.at = labels.reshape(self.largest.shape) * self.largest.shape[1] + self.starts
        self.wanted[...] = self.elsewhere
        self.wanted.reshape(-1)[self.at] = self.elsewhere + (1.0 - self.smoothing) / self.largest.shape[1]

    def slope(self, i: int, dy: Any) -> None:
        """Write the gradient of a batch (classes, rows)."""
        y, wanted, largest, masses = self.each[i]
        maximum.reduce(y, 0, None, largest)
        subtract(y, largest, dy)
        exp(dy, dy)
        self.sums.dot(dy, masses)
        divide(dy, masses, dy)
        subtract(dy, wanted, dy)

    def values(self) -> Any:
        """Return the loss of every batch."""
        y, (_, classes, rows) = self.y, self.y.shape
        terms = np.log(self.masses[:, 0] / y.dtype.type(rows))
        if self.smoothing < 1.0:
            likelihood = y.reshape(-1)[self.at] - self.largest
            terms -= (1.0 - self.smoothing) * likelihood if self.smoothing else likelihood
        if self.smoothing:  # 0 times the infinity of a class that is ruled out would be NaN
            terms -= self.smoothing / classes * np.add.reduce(y - self.largest[:, None], axis=1)
        return np.add.reduce(terms, axis=1) / y.dtype.type(rows)


class Squares:
    """The means of squares over batches of outputs.

    Parameters
    ----------
    y : array of shape (batches, features, rows)
        To be filled in, each batch before its slope is asked for.
    """

    def __init__(self, y: Any) -> None:
        self.y, self.scale, self.wanted = y, y.dtype.type(2.0 / y[0].size), np.empty_like(y)
        self.each = list(zip(y, self.wanted, strict=True))

    def expect(self, target: Any) -> None:
        """Say what the batches to come are compared with: (batches * rows, features)."""
        batches, features, rows = self.y.shape
        self.wanted[...] = target.reshape(batches, rows, features).transpose(0, 2, 1)

    def slope(self, i: int, dy: Any) -> None:
        """Write the gradient of a batch (features, rows)."""
        subtract(*self.each[i], dy)
        multiply(dy, self.scale, dy)

    def values(self) -> Any:
        """Return the loss of every batch."""
        difference = (self.y - self.wanted).reshape(len(self.y), -1)
        return np.add.reduce(difference * difference, axis=1) / self.y.dtype.type(difference.shape[1])
