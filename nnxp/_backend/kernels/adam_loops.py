"""The loops of Adam's and its kin's updates, compiled; see `adams`."""

from typing import Any

import numpy as np

from nnxp._backend.kernels.compiling import compiled_exactly

__all__ = ["adam", "adamax", "nadam", "radam"]


@compiled_exactly
def adam(
    theta: Any, gradient: Any, mean: Any, square: Any, largest: Any, amsgrad: bool,
    beta1: float, beta2: float, eps: float, rate: float, keep: float, weight_decay: float,
) -> None:  # fmt: skip
    number = theta.dtype.type
    b1, b2, rest1, rest2 = number(beta1), number(beta2), number(1.0 - beta1), number(1.0 - beta2)
    e, r, k, w = number(eps), number(rate), number(keep), number(weight_decay)
    for i in range(theta.size):
        old = theta[i]
        g = gradient[i]
        if w:
            g += w * old
        m = b1 * mean[i] + rest1 * g
        v = b2 * square[i] + rest2 * (g * g)
        mean[i] = m
        square[i] = v
        if amsgrad:
            v = np.maximum(v, largest[i])
            largest[i] = v
        theta[i] = k * old - r * (m / (np.sqrt(v) + e))


@compiled_exactly
def nadam(
    theta: Any, gradient: Any, mean: Any, square: Any,
    beta1: float, beta2: float, eps: float, now: float, ahead: float, keep: float, weight_decay: float,
) -> None:  # fmt: skip
    number = theta.dtype.type
    b1, b2, rest1, rest2 = number(beta1), number(beta2), number(1.0 - beta1), number(1.0 - beta2)
    e, r, a, k, w = number(eps), number(now), number(ahead), number(keep), number(weight_decay)
    for i in range(theta.size):
        old = theta[i]
        g = gradient[i]
        if w:
            g += w * old
        m = b1 * mean[i] + rest1 * g
        v = b2 * square[i] + rest2 * (g * g)
        mean[i] = m
        square[i] = v
        theta[i] = k * old - (r * g + a * m) / (np.sqrt(v) + e)


@compiled_exactly
def radam(
    theta: Any, gradient: Any, mean: Any, square: Any, trusted: bool,
    beta1: float, beta2: float, eps: float, rate: float, rectification: float, keep: float, weight_decay: float,
) -> None:  # fmt: skip
    number = theta.dtype.type
    b1, b2, rest1, rest2 = number(beta1), number(beta2), number(1.0 - beta1), number(1.0 - beta2)
    e, r, f, k, w = number(eps), number(rate), number(rectification), number(keep), number(weight_decay)
    for i in range(theta.size):
        old = theta[i]
        g = gradient[i]
        if w:
            g += w * old
        m = b1 * mean[i] + rest1 * g
        v = b2 * square[i] + rest2 * (g * g)
        mean[i] = m
        square[i] = v
        step = r * m
        if trusted:
            step *= f / (np.sqrt(v) + e)
        theta[i] = k * old - step


@compiled_exactly
def adamax(
    theta: Any, gradient: Any, mean: Any, largest: Any,
    beta1: float, beta2: float, eps: float, rate: float, weight_decay: float,
) -> None:  # fmt: skip
    number = theta.dtype.type
    b1, b2, rest1 = number(beta1), number(beta2), number(1.0 - beta1)
    e, r, w = number(eps), number(rate), number(weight_decay)
    for i in range(theta.size):
        old = theta[i]
        g = gradient[i]
        if w:
            g += w * old
        m = b1 * mean[i] + rest1 * g
        u = np.maximum(b2 * largest[i], abs(g) + e)
        mean[i] = m
        largest[i] = u
        theta[i] = old - r * (m / u)
