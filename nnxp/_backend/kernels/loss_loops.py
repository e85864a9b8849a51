"""The loops of losses, compiled; see `losses`."""

import math
from typing import Any

from nnxp._backend.kernels.compiling import compiled
from nnxp._backend.kernels.elementary import exp
from nnxp._backend.kernels.lines import line

__all__ = ["cross_entropy"]


@compiled
def cross_entropy(output: Any, labels: Any, smoothing: Any, scale: Any, dy: Any) -> Any:
    """Return the mean and write its gradient; return -1, which no mean is, where a label is no class."""
    rows, classes = output.shape
    number = output.dtype.type
    smoothing, scale = number(smoothing), number(scale)
    total = 0.0
    for i in range(rows):
        label = labels[i]
        if label < 0 or label >= classes:
            return -1.0
        row, shifted = output[i], dy[i]
        largest = row[0]
        for j in range(1, classes):
            largest = row[j] if row[j] > largest else largest  # NaN comes back with its exponential
        for j in range(classes):
            shifted[j] = row[j] - largest
        if smoothing < 1:
            total -= (1 - smoothing) * shifted[label]
        if smoothing:  # 0 times the infinity of a class that is ruled out would be NaN
            below = scale * 0
            for j in range(classes):
                below += shifted[j]
            total -= smoothing / classes * below
    # Rows are shorter than vectors: all of them at once.
    exponentials = line(dy)
    for j in range(exponentials.size):
        exponentials[j] = exp(exponentials[j])
    return (total + _to_gradients(labels, smoothing, scale, dy)) * scale


@compiled
def _to_gradients(labels: Any, smoothing: Any, scale: Any, dy: Any) -> Any:
    """Turn rows of exponentials into gradients; return the sum of the logarithms of their sums."""
    rows, classes = dy.shape
    elsewhere = scale * smoothing / classes
    logarithms, product = 0.0, 1.0
    for i in range(rows):
        d = dy[i]
        mass = scale * 0
        for j in range(classes):
            mass += d[j]
        share = scale / mass
        for j in range(classes):
            d[j] = share * d[j] - elsewhere
        d[labels[i]] -= scale * (1 - smoothing)
        # Each is at least 1: one logarithm of a product that is far from too large serves many rows.
        product *= mass
        if product > 1e200:
            logarithms += math.log(product)
            product = 1.0
    return logarithms + math.log(product)
