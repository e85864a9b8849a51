"""Normalisations, as they run when predicting."""

import math

import numpy as np

from nnxp.io.plain.functions.types import Array

__all__ = [
    "batch_norm",
    "channel_norm",
    "group_norm",
    "layer_norm",
    "local_response_norm",
    "per_channel",
    "rms_norm",
    "standardise",
]


def per_channel(values: Array, x: Array) -> Array:
    """Shape one number a channel (C,) to go with (N, C, *sizes)."""
    return values.reshape(-1, *(1,) * (x.ndim - 2))


def batch_norm(
    x: Array, mean: Array, variance: Array, eps: float, weight: Array | None = None, bias: Array | None = None
) -> Array:
    """Normalisation of channels by known statistics, ``y = weight * (x - mean) / sqrt(variance + eps) + bias``."""
    y = (x - per_channel(mean, x)) / np.sqrt(per_channel(variance, x) + eps)
    y = y if weight is None else y * per_channel(weight, x)
    return y if bias is None else y + per_channel(bias, x)


def standardise(x: Array, axes: tuple[int, ...], eps: float) -> Array:
    """Return ``z = (x - mean) / sqrt(variance + eps)``, mean and biased variance over some axes."""
    z = x - x.mean(axis=axes, keepdims=True)
    return z / np.sqrt((z * z).mean(axis=axes, keepdims=True) + eps)


def channel_norm(
    x: Array, axes: tuple[int, ...], eps: float, weight: Array | None = None, bias: Array | None = None
) -> Array:
    """Normalisation of channels by the statistics of this very input, ``y = weight * z + bias``."""
    y = standardise(x, axes, eps)
    y = y if weight is None else y * per_channel(weight, x)
    return y if bias is None else y + per_channel(bias, x)


def group_norm(x: Array, groups: int, eps: float, weight: Array | None = None, bias: Array | None = None) -> Array:
    """Normalisation over groups of channels of each sample, ``y = weight * z + bias``."""
    y = standardise(x.reshape(len(x), groups, math.prod(x.shape[1:]) // groups), (2,), eps).reshape(x.shape)
    y = y if weight is None else y * per_channel(weight, x)
    return y if bias is None else y + per_channel(bias, x)


def layer_norm(
    x: Array, axes: tuple[int, ...], eps: float, weight: Array | None = None, bias: Array | None = None
) -> Array:
    """Normalisation over the last axes, ``y = weight * z + bias``."""
    y = standardise(x, axes, eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def rms_norm(x: Array, axes: tuple[int, ...], eps: float, weight: Array | None = None) -> Array:
    """Normalisation by the root mean square of the last axes, ``y = weight * x / sqrt(mean(x^2) + eps)``."""
    y = x / np.sqrt((x * x).mean(axis=axes, keepdims=True) + eps)
    return y if weight is None else y * weight


def local_response_norm(x: Array, size: int, alpha: float, beta: float, k: float) -> Array:
    """Division by the neighbouring channels, ``y = x * (k + alpha / size * W(x^2))^-beta``.

    ``W`` sums over the `size` channels from ``size // 2`` before each one to ``(size - 1) // 2`` behind it.
    """
    squares = np.pad(x * x, ((0, 0), (size // 2, (size - 1) // 2), *((0, 0),) * (x.ndim - 2)))
    total = sum(squares[:, i : i + x.shape[1]] for i in range(size))
    return x * (k + alpha / size * total) ** -beta
