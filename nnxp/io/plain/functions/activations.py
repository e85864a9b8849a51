"""Activations, element by element."""

import math

import numpy as np

from nnxp.io.plain.functions.types import Array

__all__ = [
    "celu",
    "elu",
    "gelu",
    "gelu_tanh",
    "hard_shrink",
    "hard_sigmoid",
    "hard_swish",
    "leaky_relu",
    "log_sigmoid",
    "mish",
    "prelu",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softplus",
    "softsign",
    "tanh_shrink",
    "threshold",
]


def relu(x: Array) -> Array:
    """Rectifier, ``y = max(x, 0)``."""
    return np.maximum(x, 0.0)


def leaky_relu(x: Array, slope: float) -> Array:
    """Leaky rectifier, ``y = x`` where ``x > 0``, else ``slope * x``."""
    return np.where(x > 0.0, x, slope * x)


def prelu(x: Array, weight: Array) -> Array:
    """Parametric rectifier, ``y = x`` where ``x > 0``, else ``weight * x``: one weight, or one for each channel."""
    slope = weight if weight.size == 1 else weight.reshape(-1, *(1,) * (x.ndim - 2))
    return np.where(x > 0.0, x, slope * x)


def elu(x: Array, alpha: float) -> Array:
    """Exponential linear unit, ``y = x`` where ``x > 0``, else ``alpha * (exp(x) - 1)``."""
    return np.where(x > 0.0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def celu(x: Array, alpha: float) -> Array:
    """Continuously differentiable ELU, ``y = x`` where ``x > 0``, else ``alpha * (exp(x / alpha) - 1)``."""
    return np.where(x > 0.0, x, alpha * np.expm1(np.minimum(x, 0.0) / alpha))


def selu(x: Array) -> Array:
    """Scaled exponential linear unit, ``y = scale * elu(x, alpha)``."""
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def sigmoid(x: Array) -> Array:
    """Logistic function, ``y = 1 / (1 + exp(-x))``, written so that nothing overflows."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0.0, 1.0, e) / (1.0 + e)


def log_sigmoid(x: Array) -> Array:
    """Logarithm of the sigmoid, ``y = -log(1 + exp(-x))``."""
    return -np.logaddexp(0.0, -x)


def gelu(x: Array) -> Array:
    """Gaussian error linear unit, ``y = x * (1 + erf(x / sqrt(2))) / 2``."""
    erf = np.vectorize(math.erf, otypes=[x.dtype])
    return 0.5 * x * (1.0 + erf(x * math.sqrt(0.5)))


def gelu_tanh(x: Array) -> Array:
    """Approximate GELU, ``y = x * (1 + tanh(u)) / 2`` with ``u = sqrt(2 / pi) * (x + 0.044715 * x^3)``."""
    return 0.5 * x * (1.0 + np.tanh(math.sqrt(2 / math.pi) * x * (1.0 + 0.044715 * x * x)))


def silu(x: Array) -> Array:
    """Sigmoid linear unit (swish), ``y = x * sigmoid(x)``."""
    return x * sigmoid(x)


def mish(x: Array) -> Array:
    """Self-regularised rectifier, ``y = x * tanh(log(1 + exp(x)))``."""
    return x * np.tanh(np.logaddexp(0.0, x))


def softplus(x: Array, beta: float, threshold: float) -> Array:
    """Smooth rectifier, ``y = log(1 + exp(beta * x)) / beta``; ``y = x`` where ``beta * x > threshold``."""
    return np.where(beta * x > threshold, x, np.logaddexp(0.0, beta * x) / beta)


def softsign(x: Array) -> Array:
    """Squash without an exponential, ``y = x / (1 + |x|)``."""
    return x / (1.0 + np.abs(x))


def hard_sigmoid(x: Array) -> Array:
    """Sigmoid in three straight lines, ``y = min(max(x + 3, 0), 6) / 6``."""
    return np.clip(x + 3.0, 0.0, 6.0) / 6.0


def hard_swish(x: Array) -> Array:
    """Swish with a hard sigmoid, ``y = x * min(max(x + 3, 0), 6) / 6``."""
    return x * hard_sigmoid(x)


def hard_shrink(x: Array, middle: float) -> Array:
    """Cut out the middle, ``y = x`` where ``|x| > middle``, else 0."""
    return x * (np.abs(x) > middle)


def soft_shrink(x: Array, middle: float) -> Array:
    """Pull towards 0, ``y = x - min(max(x, -middle), middle)``."""
    return x - np.clip(x, -middle, middle)


def tanh_shrink(x: Array) -> Array:
    """Take tanh away, ``y = x - tanh(x)``."""
    return x - np.tanh(x)


def threshold(x: Array, least: float, value: float) -> Array:
    """Replace what is small, ``y = value`` where ``x <= least``, else ``x``."""
    return np.where(x <= least, value, x)
