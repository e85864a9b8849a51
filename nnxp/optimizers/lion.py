"""Steps of the sign alone."""

from dataclasses import dataclass, field
from typing import Any

from nnxp._backend import Array, fused, namespace
from nnxp.optimizers.optimizer import Decay, Optimizer, blend, shrink
from nnxp.schedules import Schedule

__all__ = ["Lion"]


@fused
def lion(theta: Array, gradient: Array, mean: Array, beta1: float, beta2: float, rate: Any, keep: Any) -> None:
    """Move one run: ``theta = keep * theta - rate * sign(a blend of mean and gradient)``, then the average."""
    direction = beta1 * mean
    direction += (1.0 - beta1) * gradient
    shrink(theta, keep)
    theta -= rate * namespace(theta).sign(direction)
    blend(mean, gradient, beta2)


@dataclass(frozen=True)
class Lion(Optimizer):
    """Lion, ``theta -= lr * (sign(beta1 * m + (1 - beta1) * g) + weight_decay * theta)``.

    Afterwards ``m = beta2 * m + (1 - beta2) * g``.

    Parameters
    ----------
    lr : float or callable
        Learning rate, or a schedule. Every entry moves by it, so it wants a third to a tenth of Adam's.
    betas : tuple of two floats
        How much of ``m`` goes into the step, and how slowly ``m`` forgets; in [0, 1).
    weight_decay : float
        Decoupled, and multiplied by the rate; wants three to ten times AdamW's.
    decay : {"all", "weights"}
        "weights" spares biases and normalisations.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    State: ``exp_avg`` (m), half of what Adam keeps.

    References
    ----------
    .. [1] Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023, arXiv:2302.06675, algorithm 2.
    """

    lr: float | Schedule = 1e-4
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.0
    decay: Decay = field(default="all", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_betas(self.betas)

    def initial_state(self) -> dict[str, float]:
        """Return the average gradient."""
        return {"exp_avg": 0.0}

    def step_run(
        self, theta: Array, gradient: Array, state: dict[str, Array], lr: Any, t: Any, weight_decay: float
    ) -> None:
        """Move one run, in place; see `Optimizer.step_run`."""
        beta1, beta2 = self.betas
        lion(theta, gradient, state["exp_avg"], beta1, beta2, lr, 1.0 - lr * weight_decay if weight_decay else 1.0)
