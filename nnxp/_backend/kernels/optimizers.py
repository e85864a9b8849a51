"""One pass over the parameters for each update, instead of one for each operation; Adam's kin are next door.

Numbers come to the kernels as Python's, which costs a fifth of NumPy's, and get the vectors' dtype inside. The
operations and their order are the plain function's, so that the results are the same to the last bit.
"""

from collections.abc import Callable, Sequence
from typing import Any

from nnxp._backend.kernels.kept import Kernel
from nnxp._backend.threads import for_each_piece

__all__ = ["adadelta", "adagrad", "lerp", "lion", "over_pieces", "rmsprop", "sgd", "sgd_with_momentum"]

# What one thread does in about the time that it takes to wake another.
_LEAST = 2**18

_sgd = Kernel("optimizer_loops", "sgd")
_sgd_with_momentum = Kernel("optimizer_loops", "sgd_with_momentum")
_lerp = Kernel("optimizer_loops", "lerp")
_lion = Kernel("optimizer_loops", "lion")
_rmsprop = Kernel("optimizer_loops", "rmsprop")
_adagrad = Kernel("optimizer_loops", "adagrad")
_adadelta = Kernel("optimizer_loops", "adadelta")


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


def sgd_with_momentum(
    theta: Any, gradient: Any, buffer: Any,
    rate: Any, momentum: float, share: Any, nesterov: bool, weight_decay: float,
) -> Any:  # fmt: skip
    """Take the step of SGD with momentum."""
    numbers = float(rate), float(momentum), float(share), float(weight_decay)
    return over_pieces(_sgd_with_momentum, theta, (gradient, buffer), (bool(nesterov), *numbers))


def lerp(average: Any, value: Any, weight: float) -> Any:
    """Move an average towards a value."""
    return over_pieces(_lerp, average, (value,), (float(weight),))


def lion(
    theta: Any, gradient: Any, mean: Any, beta1: float, beta2: float, rate: Any, keep: Any
) -> Any:  # fmt: skip
    """Take the step of Lion."""
    return over_pieces(_lion, theta, (gradient, mean), (float(beta1), float(beta2), float(rate), float(keep)))


def rmsprop(
    theta: Any, gradient: Any, square: Any, mean: Any, buffer: Any,
    alpha: float, eps: float, rate: Any, momentum: float, weight_decay: float,
) -> Any:  # fmt: skip
    """Take the step of RMSprop; `mean` is None unless centered, `buffer` unless there is momentum."""
    centered, remembers = mean is not None, buffer is not None
    others = gradient, square, mean if centered else theta, buffer if remembers else theta
    numbers = float(alpha), float(eps), float(rate), float(momentum), float(weight_decay)
    return over_pieces(_rmsprop, theta, others, (centered, remembers, *numbers))


def adagrad(theta: Any, gradient: Any, total: Any, eps: float, rate: Any, weight_decay: float) -> Any:
    """Take the step of Adagrad."""
    return over_pieces(_adagrad, theta, (gradient, total), (float(eps), float(rate), float(weight_decay)))


def adadelta(
    theta: Any, gradient: Any, square: Any, moved: Any, rho: float, eps: float, rate: Any, weight_decay: float
) -> Any:  # fmt: skip
    """Take the step of Adadelta."""
    numbers = float(rho), float(eps), float(rate), float(weight_decay)
    return over_pieces(_adadelta, theta, (gradient, square, moved), numbers)
