"""One pass over the parameters for each update, instead of one for each operation."""

from typing import Any

import numpy as np

from nnxp._backend.kernels.compiling import compiled
from nnxp._backend.threads import for_each_piece

__all__ = ["adam"]

# What one thread does in about the time that it takes to wake another.
_LEAST = 2**15


def adam(
    theta: Any, gradient: Any, mean: Any, square: Any, largest: Any,
    beta1: float, beta2: float, eps: float, rate: float, keep: float, weight_decay: float,
) -> None:  # fmt: skip
    """Take the step of Adam or AdamW; `largest` is `square` itself where there is no amsgrad."""
    number = theta.dtype.type
    numbers = [number(v) for v in (beta1, beta2, 1.0 - beta1, 1.0 - beta2, eps, rate, keep, weight_decay)]
    amsgrad = largest is not None

    def piece(start: int, stop: int) -> None:
        vectors = [v[start:stop] for v in (theta, gradient, mean, square, largest if amsgrad else square)]
        _adam(*vectors, amsgrad, *numbers)

    for_each_piece(piece, theta.size, _LEAST, align=64)


@compiled
def _adam(
    theta: Any, gradient: Any, mean: Any, square: Any, largest: Any, amsgrad: bool,
    beta1: Any, beta2: Any, rest1: Any, rest2: Any, eps: Any, rate: Any, keep: Any, weight_decay: Any,
) -> None:  # fmt: skip
    for i in range(theta.size):
        old = theta[i]
        g = gradient[i] + weight_decay * old
        m = beta1 * mean[i] + rest1 * g
        v = beta2 * square[i] + rest2 * g * g
        mean[i] = m
        square[i] = v
        if amsgrad:
            v = max(v, largest[i])
            largest[i] = v
        theta[i] = keep * old - rate * m / (np.sqrt(v) + eps)
