"""Steps normalised by the root of the sum of squares."""

from dataclasses import dataclass, field
from typing import Any

from nnxp._backend import Array, fused, namespace
from nnxp.optimizers.optimizer import Decay, Optimizer, with_decay
from nnxp.schedules import Schedule

__all__ = ["Adagrad"]


@fused
def adagrad(theta: Array, gradient: Array, total: Array, eps: float, rate: Any, weight_decay: float) -> None:
    """Move one run: ``theta -= rate * gradient / (sqrt(total) + eps)``, the square added to the total before."""
    gradient = with_decay(theta, gradient, weight_decay)
    total += gradient * gradient
    denominator = namespace(theta).sqrt(total)
    denominator += eps
    step = gradient / denominator
    step *= rate
    theta -= step


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Adagrad, ``theta -= lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)`` with ``s = s + g**2``.

    Here ``g = gradient + weight_decay * theta``.

    Parameters
    ----------
    lr : float or callable
        Learning rate, or a schedule.
    lr_decay : float
        How fast the rate falls with the number of updates.
    weight_decay : float
        Factor of the L2 penalty's gradient.
    initial_accumulator_value : float
        What ``s`` starts from.
    eps : float
        Added to the root.
    decay : {"all", "weights"}
        "weights" spares biases and normalisations.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    State: ``sum`` (s).

    References
    ----------
    .. [1] Duchi et al., "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", JMLR 12, 2011,
       section 1.1.
    """

    lr: float | Schedule = 1e-2
    lr_decay: float = 0
    weight_decay: float = 0
    initial_accumulator_value: float = 0
    eps: float = 1e-10
    decay: Decay = field(default="all", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_not_negative("lr_decay", "initial_accumulator_value", "eps")

    def initial_state(self) -> dict[str, float]:
        """Return the sum of squares."""
        return {"sum": float(self.initial_accumulator_value)}

    def step_run(
        self, theta: Array, gradient: Array, state: dict[str, Array], lr: Any, t: Any, weight_decay: float
    ) -> None:
        """Move one run, in place; see `Optimizer.step_run`."""
        adagrad(theta, gradient, state["sum"], self.eps, lr / (1.0 + (t - 1) * self.lr_decay), weight_decay)
