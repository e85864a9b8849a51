"""Steps normalised by the root of the mean square."""

from dataclasses import dataclass, field
from typing import Any

from nnxp._backend import Array, constant, fused, namespace
from nnxp.optimizers.optimizer import Decay, Optimizer, blend, with_decay
from nnxp.schedules import Schedule

__all__ = ["RMSprop"]


@fused
def rmsprop(
    theta: Array, gradient: Array, square: Array, mean: Array | None, buffer: Array | None,
    alpha: float, eps: float, rate: Any, momentum: float, weight_decay: float,
) -> None:  # fmt: skip
    """Move one run: ``theta -= rate * gradient / (sqrt(square) + eps)``, by way of the buffer if there is one."""
    xp = namespace(theta)
    gradient = with_decay(theta, gradient, weight_decay)
    blend(square, gradient * gradient, alpha)
    if mean is not None:
        blend(mean, gradient, alpha)
        square = xp.maximum(square - mean * mean, constant(0.0, square))
    denominator = xp.sqrt(square)
    denominator += eps
    step = gradient / denominator
    if buffer is not None:
        buffer *= momentum
        buffer += step
        step = buffer
    theta -= rate * step


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """RMSprop, ``theta -= lr * g / (sqrt(v) + eps)`` with ``v = alpha * v + (1 - alpha) * g**2``.

    Here ``g = gradient + weight_decay * theta``. Centered, ``v`` is lessened by the square of the average gradient;
    with momentum, ``b = momentum * b + g / (sqrt(v) + eps)`` and ``theta -= lr * b``.

    Parameters
    ----------
    lr : float or callable
        Learning rate, or a schedule.
    alpha : float
        How slowly the averages forget.
    eps : float
        Added to the root.
    weight_decay : float
        Factor of the L2 penalty's gradient.
    momentum : float
        How much of the last step goes into the next.
    centered : bool
        Whether to normalise by the variance instead of the mean square.
    decay : {"all", "weights"}
        "weights" spares biases and normalisations.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    State: ``square_avg`` (v), ``grad_avg`` when centered, ``momentum_buffer`` with momentum. A variance that rounding
    makes negative counts as 0 (PyTorch's becomes NaN).

    References
    ----------
    .. [1] Hinton, "Neural Networks for Machine Learning", 2012, lecture 6e.
    .. [2] Graves, "Generating Sequences With Recurrent Neural Networks", 2013, arXiv:1308.0850, eq. 38-45 (centered).
    """

    lr: float | Schedule = 1e-2
    alpha: float = 0.99
    eps: float = 1e-8
    weight_decay: float = 0
    momentum: float = 0
    centered: bool = False
    decay: Decay = field(default="all", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_not_negative("alpha", "eps", "momentum")

    def initial_state(self) -> dict[str, float]:
        """Return the averages, and the momentum buffer if there is momentum."""
        names = ["square_avg"] + ["grad_avg"] * self.centered + ["momentum_buffer"] * (self.momentum > 0)
        return dict.fromkeys(names, 0.0)

    def step_run(
        self, theta: Array, gradient: Array, state: dict[str, Array], lr: Any, t: Any, weight_decay: float
    ) -> None:
        """Move one run, in place; see `Optimizer.step_run`."""
        rmsprop(
            theta, gradient, state["square_avg"], state.get("grad_avg"), state.get("momentum_buffer"),
            self.alpha, self.eps, lr, self.momentum, weight_decay,
        )  # fmt: skip
