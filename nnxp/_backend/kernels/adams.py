"""Adam and its kin in one pass over the parameters, instead of one for each operation."""

from typing import Any

import numpy as np

from nnxp._backend.kernels.compiling import compiled_exactly
from nnxp._backend.kernels.optimizers import over_pieces

__all__ = ["adam", "adamax", "nadam", "radam"]


def adam(
    theta: Any, gradient: Any, mean: Any, square: Any, largest: Any,
    beta1: float, beta2: float, eps: Any, rate: Any, keep: Any, weight_decay: float,
) -> Any:  # fmt: skip
    """Take the step of Adam or AdamW; `largest` is None where there is no amsgrad."""
    amsgrad = largest is not None
    others = gradient, mean, square, largest if amsgrad else theta
    numbers = float(beta1), float(beta2), float(eps), float(rate), float(keep), float(weight_decay)
    return over_pieces(_adam, theta, others, (amsgrad, *numbers))


@compiled_exactly
def _adam(
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


def nadam(
    theta: Any, gradient: Any, mean: Any, square: Any,
    beta1: float, beta2: float, eps: Any, now: Any, ahead: Any, keep: Any, weight_decay: float,
) -> Any:  # fmt: skip
    """Take the step of NAdam."""
    numbers = float(beta1), float(beta2), float(eps), float(now), float(ahead), float(keep), float(weight_decay)
    return over_pieces(_nadam, theta, (gradient, mean, square), numbers)


@compiled_exactly
def _nadam(
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


def radam(
    theta: Any, gradient: Any, mean: Any, square: Any,
    beta1: float, beta2: float, eps: float, rate: Any, rectification: Any, trusted: Any, keep: Any, weight_decay: float,
) -> Any:  # fmt: skip
    """Take the step of RAdam."""
    numbers = float(beta1), float(beta2), float(eps), float(rate), float(rectification), float(keep)
    return over_pieces(_radam, theta, (gradient, mean, square), (bool(trusted), *numbers, float(weight_decay)))


@compiled_exactly
def _radam(
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


def adamax(
    theta: Any, gradient: Any, mean: Any, largest: Any,
    beta1: float, beta2: float, eps: float, rate: Any, weight_decay: float,
) -> Any:  # fmt: skip
    """Take the step of Adamax."""
    numbers = float(beta1), float(beta2), float(eps), float(rate), float(weight_decay)
    return over_pieces(_adamax, theta, (gradient, mean, largest), numbers)


@compiled_exactly
def _adamax(
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
