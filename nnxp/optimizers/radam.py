"""Adam with a rectified variance."""

from dataclasses import dataclass, field
from typing import Any

from nnxp._backend import Array, fused, namespace
from nnxp.optimizers.optimizer import Decay, Optimizer, blend, shrink, with_decay
from nnxp.schedules import Schedule

__all__ = ["RAdam"]


@fused
def radam(
    theta: Array, gradient: Array, mean: Array, square: Array,
    beta1: float, beta2: float, eps: float, rate: Any, rectification: Any, trusted: Any, keep: Any, weight_decay: float,
) -> None:  # fmt: skip
    """Move one run: ``theta = keep * theta - rate * mean``, the step rectified by the variance if it is trusted."""
    xp = namespace(theta)
    gradient = with_decay(theta, gradient, weight_decay)
    blend(mean, gradient, beta1)
    blend(square, gradient * gradient, beta2)
    step = mean * rate
    if trusted is not False:
        factor = rectification / (xp.sqrt(square) + eps)
        step *= factor if trusted is True else xp.where(trusted, factor, xp.ones_like(factor))
    shrink(theta, keep)
    theta -= step


@dataclass(frozen=True)
class RAdam(Optimizer):
    """Adam that waits for its variance: ``theta -= lr * m_hat * r_t / sqrt(v_hat)`` once ``rho_t > 5``.

    Before, ``theta -= lr * m_hat``. The averages are those of `Adam`, ``sqrt(v_hat)`` stands for ``(sqrt(v) + eps) /
    sqrt(1 - beta2**t)``, ``rho_inf = 2 / (1 - beta2) - 1``, ``rho_t = rho_inf - 2 * t * beta2**t / (1 - beta2**t)`` and
    ``r_t**2 = (rho_t - 4) * (rho_t - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho_t)``.

    Parameters
    ----------
    lr : float or callable
        Learning rate, or a schedule.
    betas : tuple of two floats
        How slowly the averages forget, in [0, 1).
    eps : float
        Added to the root before the correction of the bias.
    weight_decay : float
        Factor of the L2 penalty's gradient, or of the decay when decoupled.
    decoupled_weight_decay : bool
        Whether to decay as `AdamW` does, ``theta *= 1 - lr * weight_decay``.
    decay : {"all", "weights"}
        "weights" spares biases and normalisations.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    State: ``exp_avg``, ``exp_avg_sq``. With the default betas the first five updates are plain momentum.

    References
    ----------
    .. [1] Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", 2020, arXiv:1908.03265, algorithm 2
       (which asks for ``rho_t > 4``; 5 is PyTorch's).
    """

    lr: float | Schedule = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0
    decoupled_weight_decay: bool = False
    decay: Decay = field(default="all", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_betas(self.betas)
        self._check_not_negative("eps")

    def initial_state(self) -> dict[str, float]:
        """Return the two averages."""
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0}

    def step_run(
        self, theta: Array, gradient: Array, state: dict[str, Array], lr: Any, t: Any, weight_decay: float
    ) -> None:
        """Move one run, in place; see `Optimizer.step_run`."""
        beta1, beta2 = self.betas
        keep = 1.0 - lr * weight_decay if self.decoupled_weight_decay else 1.0
        rectification, trusted = self._rectification(t)
        radam(
            theta, gradient, state["exp_avg"], state["exp_avg_sq"], beta1, beta2, self.eps, lr / (1.0 - beta1**t),
            rectification, trusted, keep, 0.0 if self.decoupled_weight_decay else weight_decay,
        )  # fmt: skip

    def _rectification(self, t: Any) -> tuple[Any, Any]:
        """Return ``r_t * sqrt(1 - beta2**t)``, and whether the variance can be trusted."""
        power = self.betas[1] ** t
        rho_inf = 2.0 / (1.0 - self.betas[1]) - 1.0
        rho = rho_inf - 2.0 * t * power / (1.0 - power)
        trusted = rho > 5.0
        if trusted is False or rho_inf <= 5.0:
            return 1.0, False
        if trusted is not True:
            # On a device both branches are computed; where the other one is taken, r_t is made a harmless 1.
            rho = namespace(rho).where(trusted, rho, namespace(rho).full_like(rho, rho_inf))
        rectification = (rho - 4.0) * (rho - 2.0) * rho_inf / ((rho_inf - 4.0) * (rho_inf - 2.0) * rho)
        return (rectification * (1.0 - power)) ** 0.5, trusted
