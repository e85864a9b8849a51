"""Affine and bilinear maps, and tables that integers are looked up in."""

import numpy as np

from nnxp.io.plain.functions.types import Array

__all__ = ["bilinear", "embedding", "embedding_bag", "linear"]


def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """Affine map of the last axis, (*, in) -> (*, out): ``y = x @ weight.T + bias``."""
    y = x @ weight.T
    return y if bias is None else y + bias


def bilinear(x1: Array, x2: Array, weight: Array, bias: Array | None = None) -> Array:
    """Bilinear map of the last axes: ``y[o] = bias[o] + sum of weight[o, i, j] * x1[i] * x2[j] over i, j``."""
    y = np.einsum("...i,oij,...j->...o", x1, weight, x2)
    return y if bias is None else y + bias


def embedding(x: Array, weight: Array) -> Array:
    """Look integers up in a table, (*) -> (*, features): ``y = weight[x]``."""
    if x.size and not 0 <= x.min() <= x.max() < len(weight):
        raise ValueError(f"embedding: expected integers in [0, {len(weight)}), got {x.min()} to {x.max()}")
    return weight[x]


def embedding_bag(x: Array, weight: Array, mean: bool, padding: int | None = None) -> Array:
    """Sum or mean of looked-up vectors, (batch, length) -> (batch, features); the integer `padding` does not count."""
    counts = np.ones(x.shape, weight.dtype) if padding is None else (x != padding).astype(weight.dtype)
    total = (embedding(x, weight) * counts[:, :, None]).sum(axis=1)
    return total / np.maximum(counts.sum(axis=1, keepdims=True), 1.0) if mean else total
