"""Functions of a whole axis, and of two inputs."""

import numpy as np

from nnxp.io.plain.functions.activations import sigmoid
from nnxp.io.plain.functions.types import Array

__all__ = ["cosine_similarity", "glu", "log_softmax", "maxout", "softmax"]


def softmax(x: Array, axis: int = -1) -> Array:
    """Shares of an axis, ``y = exp(x) / sum(exp(x))``; the largest x is subtracted first, so nothing overflows."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def log_softmax(x: Array, axis: int = -1) -> Array:
    """Logarithm of the shares of an axis, ``y = x - log(sum(exp(x)))``."""
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def glu(x: Array, axis: int) -> Array:
    """Gated linear unit, ``y = a * sigmoid(b)``, where a and b are the halves of an axis."""
    a, b = np.split(x, 2, axis=axis)
    return a * sigmoid(b)


def maxout(x: Array, pieces: int, axis: int) -> Array:
    """Largest of each group of features, ``y[j] = max of x[j * pieces + i] over i``, along an axis."""
    axis %= x.ndim
    units = x.shape[axis] // pieces
    return x.reshape(*x.shape[:axis], units, pieces, *x.shape[axis + 1 :]).max(axis=axis + 1)


def cosine_similarity(x1: Array, x2: Array, axis: int, eps: float) -> Array:
    """Cosine of the angle between two inputs, ``y = sum(z1 * z2)`` with ``z = x / max(|x|, eps)``, along an axis."""
    z1, z2 = (x / np.maximum(np.sqrt((x * x).sum(axis=axis, keepdims=True)), eps) for x in (x1, x2))
    return (z1 * z2).sum(axis=axis)
