"""Layers as they run in training, layers' backward, losses and an update in NumPy, whose text goes into a script."""

import numpy as np

from nnxp.io.plain.functions.types import Array

__all__ = [
    "alpha_dropout",
    "batch_norm",
    "batch_norm_backward",
    "bce",
    "bce_with_logits",
    "cross_entropy",
    "dropped",
    "kl_div",
    "l1",
    "layer_norm_backward",
    "leaky_relu_backward",
    "linear_backward",
    "log_softmax_backward",
    "mse",
    "nll",
    "poisson_nll",
    "relu_backward",
    "scaled",
    "sgd",
    "sigmoid_backward",
    "softmax_backward",
    "tanh_backward",
]


def dropped(x: Array, kept: Array, p: float) -> Array:
    """Dropout with the mask of that step, ``y = x * mask / (1 - p)``; backward is the same."""
    return x * (kept.astype(x.dtype) * (1.0 / (1.0 - p) if p < 1.0 else 0.0))


def alpha_dropout(x: Array, kept: Array, scale: float, floor: float, p: float) -> Array:
    """Dropout to SELU's floor with the mask of that step."""
    return kept.astype(x.dtype) * (x - floor) * scale + scale * floor * (1.0 - p)


def channel_axes(x: Array) -> tuple[int, ...]:
    """Return all axes of (N, C, *sizes) but that of the channels."""
    return (0, *range(2, x.ndim))


def normalised(x: Array, axes: tuple[int, ...], eps: float) -> tuple[Array, Array]:
    """Return ``z = (x - mean) / s`` and ``s = sqrt(variance + eps)``, over some axes."""
    z = x - x.mean(axis=axes, keepdims=True)
    s = np.sqrt((z * z).mean(axis=axes, keepdims=True) + eps)
    return z / s, s


def spread(values: Array, x: Array) -> Array:
    """Shape one number a channel (C,) to go with (N, C, *sizes)."""
    return values.reshape(-1, *(1,) * (x.ndim - 2))


def batch_norm(x: Array, eps: float, weight: Array | None = None, bias: Array | None = None) -> Array:
    """Normalisation of channels by the statistics of this batch, ``y = weight * z + bias``."""
    y = normalised(x, channel_axes(x), eps)[0]
    y = y if weight is None else y * spread(weight, x)
    return y if bias is None else y + spread(bias, x)


def batch_norm_backward(x: Array, dy: Array, eps: float, weight: Array | None = None) -> tuple[Array, Array, Array]:
    """Return dx, dweight and dbias: ``dx = (dz - mean(dz) - z * mean(dz * z)) / s`` with ``dz = dy * weight``."""
    axes = channel_axes(x)
    z, s = normalised(x, axes, eps)
    dz = dy if weight is None else dy * spread(weight, x)
    dx = (dz - dz.mean(axis=axes, keepdims=True) - z * (dz * z).mean(axis=axes, keepdims=True)) / s
    return dx, (dy * z).sum(axis=axes), dy.sum(axis=axes)


def layer_norm_backward(
    x: Array, dy: Array, count: int, eps: float, weight: Array | None = None
) -> tuple[Array, Array, Array]:
    """Return dx, dweight and dbias of a normalisation over the last `count` axes; see `batch_norm_backward`."""
    axes, others = tuple(range(-count, 0)), tuple(range(x.ndim - count))
    z, s = normalised(x, axes, eps)
    dz = dy if weight is None else dy * weight
    dx = (dz - dz.mean(axis=axes, keepdims=True) - z * (dz * z).mean(axis=axes, keepdims=True)) / s
    return dx, (dy * z).sum(axis=others), dy.sum(axis=others)


def linear_backward(x: Array, dy: Array, weight: Array) -> tuple[Array, Array, Array]:
    """Return ``dx = dy @ weight``, ``dweight = dy.T @ x`` and ``dbias = sum of dy``."""
    rows_x, rows_dy = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
    return (rows_dy @ weight).reshape(x.shape), rows_dy.T @ rows_x, rows_dy.sum(axis=0)


def relu_backward(x: Array, dy: Array) -> Array:
    """Return ``dx = dy * (x > 0)``."""
    return dy * (x > 0).astype(dy.dtype)


def leaky_relu_backward(x: Array, dy: Array, slope: float) -> Array:
    """Return ``dx = dy`` where ``x > 0``, else ``slope * dy``."""
    return np.where(x > 0, dy, slope * dy)


def sigmoid_backward(x: Array, dy: Array) -> Array:
    """Return ``dx = dy * y * (1 - y)``."""
    e = np.exp(-np.abs(x))
    y = np.where(x >= 0, 1.0, e) / (1.0 + e)
    return dy * (y * (1.0 - y))


def tanh_backward(x: Array, dy: Array) -> Array:
    """Return ``dx = dy * (1 - y^2)``."""
    y = np.tanh(x)
    return dy * (1.0 - y * y)


def softmax_backward(x: Array, dy: Array, axis: int) -> Array:
    """Return ``dx = y * (dy - sum of dy * y)`` along an axis."""
    y = np.exp(x - x.max(axis=axis, keepdims=True))
    y = y / y.sum(axis=axis, keepdims=True)
    return y * (dy - (dy * y).sum(axis=axis, keepdims=True))


def log_softmax_backward(x: Array, dy: Array, axis: int) -> Array:
    """Return ``dx = dy - softmax(x) * sum of dy`` along an axis."""
    y = np.exp(x - x.max(axis=axis, keepdims=True))
    return dy - y / y.sum(axis=axis, keepdims=True) * dy.sum(axis=axis, keepdims=True)


def mse(output: Array, target: Array) -> Array:
    """Squared differences."""
    return (output - target) ** 2


def l1(output: Array, target: Array) -> Array:
    """Absolute differences."""
    return np.abs(output - target)


def bce(output: Array, target: Array) -> Array:
    """Binary cross-entropy of probabilities, its logarithms not below -100."""
    no = np.maximum(np.log1p(-output), -100.0)
    return -(target * np.maximum(np.log(output), -100.0) + (1.0 - target) * no)


def bce_with_logits(output: Array, target: Array) -> Array:
    """Binary cross-entropy of logits, ``max(o, 0) - o * t + log(1 + exp(-|o|))``."""
    return np.maximum(output, 0.0) - output * target + np.log1p(np.exp(-np.abs(output)))


def cross_entropy(output: Array, target: Array) -> Array:
    """Cross-entropy of logits (N, C, *) and labels (N, *), ``log(sum exp o) - o[label]``."""
    top = output.max(axis=1, keepdims=True)
    total = np.log(np.exp(output - top).sum(axis=1)) + top[:, 0]
    return total + nll(output, target)


def nll(output: Array, target: Array) -> Array:
    """Return ``-o[label]``; NaN where there is no such class."""
    known = (target >= 0) & (target < output.shape[1])
    taken = np.take_along_axis(output, np.where(known, target, 0)[:, None], axis=1)[:, 0]
    return np.where(known, -taken, output.dtype.type(np.nan))


def kl_div(output: Array, target: Array) -> Array:
    """Kullback-Leibler divergence of log-probabilities, ``t * (log t - o)``; 0 where t is 0."""
    return np.where(target == 0.0, 0.0, target * (np.log(np.where(target == 0.0, 1.0, target)) - output))


def poisson_nll(output: Array, target: Array) -> Array:
    """Poisson's negative log-likelihood of a logarithm, ``exp(o) - t * o``."""
    return np.exp(output) - target * output


def sgd(theta: Array, gradient: Array, lr: float, weight_decay: float) -> Array:
    """Return ``theta - lr * (gradient + weight_decay * theta)``."""
    return theta - lr * (gradient + weight_decay * theta)


def scaled(x: Array, kept: Array) -> Array:
    """Return ``x * slope`` with the slopes of that step."""
    return x * kept
