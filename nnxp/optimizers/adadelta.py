"""Steps in the units of the parameters."""

from dataclasses import dataclass, field
from typing import Any

from nnxp._backend import Array, fused, namespace
from nnxp._checks import check_number
from nnxp.optimizers.optimizer import Decay, Optimizer, blend, with_decay
from nnxp.schedules import Schedule

__all__ = ["Adadelta"]


@fused
def adadelta(
    theta: Array, gradient: Array, square: Array, moved: Array, rho: float, eps: float, rate: Any, weight_decay: float
) -> None:
    """Move one run: ``theta -= rate * sqrt(moved + eps) / sqrt(square + eps) * gradient``, and both averages."""
    xp = namespace(theta)
    gradient = with_decay(theta, gradient, weight_decay)
    blend(square, gradient * gradient, rho)
    step = xp.sqrt(moved + eps)
    step /= xp.sqrt(square + eps)
    step *= gradient
    blend(moved, step * step, rho)
    step *= rate
    theta -= step


@dataclass(frozen=True)
class Adadelta(Optimizer):
    """Adadelta, ``theta -= lr * d`` with ``d = sqrt(a + eps) / sqrt(v + eps) * g``.

    With ``g = gradient + weight_decay * theta``: ``v = rho * v + (1 - rho) * g**2`` before the step, and
    ``a = rho * a + (1 - rho) * d**2`` after it.

    Parameters
    ----------
    lr : float or callable
        Factor of the step, or a schedule.
    rho : float
        How slowly the averages forget, in [0, 1].
    eps : float
        Added inside both roots; it starts the first steps.
    weight_decay : float
        Factor of the L2 penalty's gradient.
    decay : {"all", "weights"}
        "weights" spares biases and normalisations.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    State: ``square_avg`` (v), ``acc_delta`` (a).

    References
    ----------
    .. [1] Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012, arXiv:1212.5701, algorithm 1.
    """

    lr: float | Schedule = 1.0
    rho: float = 0.9
    eps: float = 1e-6
    weight_decay: float = 0
    decay: Decay = field(default="all", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("Adadelta", "rho", self.rho, low=0.0, high=1.0)
        self._check_not_negative("eps")

    def initial_state(self) -> dict[str, float]:
        """Return the average squares of gradients and of steps."""
        return {"square_avg": 0.0, "acc_delta": 0.0}

    def step_run(
        self, theta: Array, gradient: Array, state: dict[str, Array], lr: Any, t: Any, weight_decay: float
    ) -> None:
        """Move one run, in place; see `Optimizer.step_run`."""
        adadelta(theta, gradient, state["square_avg"], state["acc_delta"], self.rho, self.eps, lr, weight_decay)
