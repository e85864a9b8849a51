"""Adam in the infinity norm."""

from dataclasses import dataclass, field
from typing import Any

from nnxp._backend import Array, fused, namespace
from nnxp.optimizers.optimizer import Decay, Optimizer, blend, with_decay
from nnxp.schedules import Schedule

__all__ = ["Adamax"]


@fused
def adamax(
    theta: Array, gradient: Array, mean: Array, largest: Array,
    beta1: float, beta2: float, eps: float, rate: Any, weight_decay: float,
) -> None:  # fmt: skip
    """Move one run: ``theta -= rate * mean / largest``, both moved before."""
    xp = namespace(theta)
    gradient = with_decay(theta, gradient, weight_decay)
    blend(mean, gradient, beta1)
    size = xp.abs(gradient)
    size += eps
    largest[...] = xp.maximum(beta2 * largest, size)
    step = mean / largest
    step *= rate
    theta -= step


@dataclass(frozen=True)
class Adamax(Optimizer):
    """Adam in the infinity norm, ``theta -= lr / (1 - beta1**t) * m / u``.

    With ``g = gradient + weight_decay * theta``: ``m = beta1 * m + (1 - beta1) * g`` and ``u = max(beta2 * u, |g| +
    eps)``.

    Parameters
    ----------
    lr : float or callable
        Learning rate, or a schedule.
    betas : tuple of two floats
        How slowly ``m`` and ``u`` forget, in [0, 1).
    eps : float
        Keeps ``u`` above 0.
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
    State: ``exp_avg`` (m), ``exp_inf`` (u).

    References
    ----------
    .. [1] Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, arXiv:1412.6980, algorithm 2.
    """

    lr: float | Schedule = 2e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0
    decay: Decay = field(default="all", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_betas(self.betas)
        self._check_not_negative("eps")

    def initial_state(self) -> dict[str, float]:
        """Return the average and the largest gradient."""
        return {"exp_avg": 0.0, "exp_inf": 0.0}

    def step_run(
        self, theta: Array, gradient: Array, state: dict[str, Array], lr: Any, t: Any, weight_decay: float
    ) -> None:
        """Move one run, in place; see `Optimizer.step_run`."""
        beta1, beta2 = self.betas
        rate = lr / (1.0 - beta1**t)
        adamax(theta, gradient, state["exp_avg"], state["exp_inf"], beta1, beta2, self.eps, rate, weight_decay)
