"""Adam and its kin in one pass over the parameters, instead of one for each operation."""

from typing import Any

from nnxp._backend.kernels.kept import Kernel
from nnxp._backend.kernels.optimizers import over_pieces

__all__ = ["adam", "adamax", "nadam", "radam"]

_adam = Kernel("adam_loops", "adam")
_nadam = Kernel("adam_loops", "nadam")
_radam = Kernel("adam_loops", "radam")
_adamax = Kernel("adam_loops", "adamax")


def adam(
    theta: Any, gradient: Any, mean: Any, square: Any, largest: Any,
    beta1: float, beta2: float, eps: Any, rate: Any, keep: Any, weight_decay: float,
) -> Any:  # fmt: skip
    """Take the step of Adam or AdamW; `largest` is None where there is no amsgrad."""
    amsgrad = largest is not None
    others = gradient, mean, square, largest if amsgrad else theta
    numbers = float(beta1), float(beta2), float(eps), float(rate), float(keep), float(weight_decay)
    return over_pieces(_adam, theta, others, (amsgrad, *numbers))


def nadam(
    theta: Any, gradient: Any, mean: Any, square: Any,
    beta1: float, beta2: float, eps: Any, now: Any, ahead: Any, keep: Any, weight_decay: float,
) -> Any:  # fmt: skip
    """Take the step of NAdam."""
    numbers = float(beta1), float(beta2), float(eps), float(now), float(ahead), float(keep), float(weight_decay)
    return over_pieces(_nadam, theta, (gradient, mean, square), numbers)


def radam(
    theta: Any, gradient: Any, mean: Any, square: Any,
    beta1: float, beta2: float, eps: float, rate: Any, rectification: Any, trusted: Any, keep: Any, weight_decay: float,
) -> Any:  # fmt: skip
    """Take the step of RAdam."""
    numbers = float(beta1), float(beta2), float(eps), float(rate), float(rectification), float(keep)
    return over_pieces(_radam, theta, (gradient, mean, square), (bool(trusted), *numbers, float(weight_decay)))


def adamax(
    theta: Any, gradient: Any, mean: Any, largest: Any,
    beta1: float, beta2: float, eps: float, rate: Any, weight_decay: float,
) -> Any:  # fmt: skip
    """Take the step of Adamax."""
    numbers = float(beta1), float(beta2), float(eps), float(rate), float(weight_decay)
    return over_pieces(_adamax, theta, (gradient, mean, largest), numbers)
