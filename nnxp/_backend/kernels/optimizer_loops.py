"""The loops of updates, compiled; see `optimizers`."""

from typing import Any

import numpy as np

from nnxp._backend.kernels.compiling import compiled_exactly

__all__ = ["adadelta", "adagrad", "lerp", "lion", "rmsprop", "sgd", "sgd_with_momentum"]


@compiled_exactly
def sgd(theta: Any, gradient: Any, rate: float, weight_decay: float) -> None:
    number = theta.dtype.type
    r, w = number(rate), number(weight_decay)
    for i in range(theta.size):
        old = theta[i]
        g = gradient[i]
        if w:
            g += w * old
        theta[i] = old - r * g


@compiled_exactly
def sgd_with_momentum(
    theta: Any, gradient: Any, buffer: Any, nesterov: bool,
    rate: float, momentum: float, share: float, weight_decay: float,
) -> None:  # fmt: skip
    number = theta.dtype.type
    r, mu, s, w = number(rate), number(momentum), number(share), number(weight_decay)
    for i in range(theta.size):
        old = theta[i]
        g = gradient[i]
        if w:
            g += w * old
        b = mu * buffer[i] + s * g
        buffer[i] = b
        theta[i] = old - r * (g + mu * b if nesterov else b)


@compiled_exactly
def lerp(average: Any, value: Any, weight: float) -> None:
    w = average.dtype.type(weight)
    for i in range(average.size):
        average[i] += w * (value[i] - average[i])


@compiled_exactly
def lion(theta: Any, gradient: Any, mean: Any, beta1: float, beta2: float, rate: float, keep: float) -> None:
    number = theta.dtype.type
    b1, b2, rest1, rest2 = number(beta1), number(beta2), number(1.0 - beta1), number(1.0 - beta2)
    r, k = number(rate), number(keep)
    for i in range(theta.size):
        g, m = gradient[i], mean[i]
        theta[i] = k * theta[i] - r * np.sign(b1 * m + rest1 * g)
        mean[i] = b2 * m + rest2 * g


@compiled_exactly
def rmsprop(
    theta: Any, gradient: Any, square: Any, mean: Any, buffer: Any, centered: bool, remembers: bool,
    alpha: float, eps: float, rate: float, momentum: float, weight_decay: float,
) -> None:  # fmt: skip
    number = theta.dtype.type
    a, rest, e = number(alpha), number(1.0 - alpha), number(eps)
    r, mu, w = number(rate), number(momentum), number(weight_decay)
    for i in range(theta.size):
        old = theta[i]
        g = gradient[i]
        if w:
            g += w * old
        v = a * square[i] + rest * (g * g)
        square[i] = v
        if centered:
            m = a * mean[i] + rest * g
            mean[i] = m
            v = np.maximum(v - m * m, number(0.0))
        step = g / (np.sqrt(v) + e)
        if remembers:
            step += mu * buffer[i]
            buffer[i] = step
        theta[i] = old - r * step


@compiled_exactly
def adagrad(theta: Any, gradient: Any, total: Any, eps: float, rate: float, weight_decay: float) -> None:
    number = theta.dtype.type
    e, r, w = number(eps), number(rate), number(weight_decay)
    for i in range(theta.size):
        old = theta[i]
        g = gradient[i]
        if w:
            g += w * old
        v = total[i] + g * g
        total[i] = v
        theta[i] = old - r * (g / (np.sqrt(v) + e))


@compiled_exactly
def adadelta(
    theta: Any, gradient: Any, square: Any, moved: Any, rho: float, eps: float, rate: float, weight_decay: float
) -> None:  # fmt: skip
    number = theta.dtype.type
    a, rest = number(rho), number(1.0 - rho)
    e, r, w = number(eps), number(rate), number(weight_decay)
    for i in range(theta.size):
        old = theta[i]
        g = gradient[i]
        if w:
            g += w * old
        v = a * square[i] + rest * (g * g)
        step = np.sqrt(moved[i] + e) / np.sqrt(v + e) * g
        square[i] = v
        moved[i] = a * moved[i] + rest * (step * step)
        theta[i] = old - r * step
