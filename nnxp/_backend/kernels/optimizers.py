"""One pass over the parameters for each update, instead of one for each operation; Adam's kin are next door.

Numbers come to the kernels as Python's, which costs a fifth of NumPy's, and get the vectors' dtype inside. The
operations and their order are the plain function's, so that the results are the same to the last bit.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnxp._backend.kernels.compiling import compiled_exactly
from nnxp._backend.threads import for_each_piece

__all__ = ["adadelta", "adagrad", "lerp", "lion", "over_pieces", "rmsprop", "sgd", "sgd_with_momentum"]

# What one thread does in about the time that it takes to wake another.
_LEAST = 2**18


def over_pieces(kernel: Callable[..., None], theta: Any, others: Sequence[Any], numbers: Sequence[Any]) -> Any:
    """Run a kernel on pieces of vectors like theta, over threads; the numbers, and flags among them, are Python's."""
    shape, dtype = theta.shape, theta.dtype
    for v in others:
        if v.shape != shape or v.dtype != dtype:
            return NotImplemented  # the kernel would not look, and read beyond the end
    if len(shape) != 1:
        return NotImplemented
    if theta.size < 2 * _LEAST:
        kernel(theta, *others, *numbers)  # one piece, which need not be sliced
    else:
        _share(kernel, (theta, *others), numbers)
    return None


def _share(kernel: Callable[..., None], vectors: Sequence[Any], numbers: Sequence[Any]) -> None:
    size = vectors[0].size
    for_each_piece(lambda start, stop: kernel(*(v[start:stop] for v in vectors), *numbers), size, _LEAST, align=64)


def sgd(theta: Any, gradient: Any, rate: Any, weight_decay: float) -> Any:
    """Take the step of SGD without momentum."""
    return over_pieces(_sgd, theta, (gradient,), (float(rate), float(weight_decay)))


@compiled_exactly
def _sgd(theta: Any, gradient: Any, rate: float, weight_decay: float) -> None:
    number = theta.dtype.type
    r, w = number(rate), number(weight_decay)
    for i in range(theta.size):
        old = theta[i]
        g = gradient[i]
        if w:
            g += w * old
        theta[i] = old - r * g


def sgd_with_momentum(
    theta: Any, gradient: Any, buffer: Any,
    rate: Any, momentum: float, share: Any, nesterov: bool, weight_decay: float,
) -> Any:  # fmt: skip
    """Take the step of SGD with momentum."""
    numbers = float(rate), float(momentum), float(share), float(weight_decay)
    return over_pieces(_sgd_with_momentum, theta, (gradient, buffer), (bool(nesterov), *numbers))


@compiled_exactly
def _sgd_with_momentum(
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


def lerp(average: Any, value: Any, weight: float) -> Any:
    """Move an average towards a value."""
    return over_pieces(_lerp, average, (value,), (float(weight),))


@compiled_exactly
def _lerp(average: Any, value: Any, weight: float) -> None:
    w = average.dtype.type(weight)
    for i in range(average.size):
        average[i] += w * (value[i] - average[i])


def lion(
    theta: Any, gradient: Any, mean: Any, beta1: float, beta2: float, rate: Any, keep: Any
) -> Any:  # fmt: skip
    """Take the step of Lion."""
    return over_pieces(_lion, theta, (gradient, mean), (float(beta1), float(beta2), float(rate), float(keep)))


@compiled_exactly
def _lion(theta: Any, gradient: Any, mean: Any, beta1: float, beta2: float, rate: float, keep: float) -> None:
    number = theta.dtype.type
    b1, b2, rest1, rest2 = number(beta1), number(beta2), number(1.0 - beta1), number(1.0 - beta2)
    r, k = number(rate), number(keep)
    for i in range(theta.size):
        g, m = gradient[i], mean[i]
        theta[i] = k * theta[i] - r * np.sign(b1 * m + rest1 * g)
        mean[i] = b2 * m + rest2 * g


def rmsprop(
    theta: Any, gradient: Any, square: Any, mean: Any, buffer: Any,
    alpha: float, eps: float, rate: Any, momentum: float, weight_decay: float,
) -> Any:  # fmt: skip
    """Take the step of RMSprop; `mean` is None unless centered, `buffer` unless there is momentum."""
    centered, remembers = mean is not None, buffer is not None
    others = gradient, square, mean if centered else theta, buffer if remembers else theta
    numbers = float(alpha), float(eps), float(rate), float(momentum), float(weight_decay)
    return over_pieces(_rmsprop, theta, others, (centered, remembers, *numbers))


@compiled_exactly
def _rmsprop(
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


def adagrad(theta: Any, gradient: Any, total: Any, eps: float, rate: Any, weight_decay: float) -> Any:
    """Take the step of Adagrad."""
    return over_pieces(_adagrad, theta, (gradient, total), (float(eps), float(rate), float(weight_decay)))


@compiled_exactly
def _adagrad(theta: Any, gradient: Any, total: Any, eps: float, rate: float, weight_decay: float) -> None:
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


def adadelta(
    theta: Any, gradient: Any, square: Any, moved: Any, rho: float, eps: float, rate: Any, weight_decay: float
) -> Any:  # fmt: skip
    """Take the step of Adadelta."""
    numbers = float(rho), float(eps), float(rate), float(weight_decay)
    return over_pieces(_adadelta, theta, (gradient, square, moved), numbers)


@compiled_exactly
def _adadelta(
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
