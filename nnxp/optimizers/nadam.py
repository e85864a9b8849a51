"""Adam with Nesterov's momentum."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from nnxp._backend import Array, namespace
from nnxp.optimizers.optimizer import Decay, Optimizer, blend, with_decay
from nnxp.schedules import Schedule

__all__ = ["NAdam"]


@dataclass(frozen=True)
class NAdam(Optimizer):
    """Adam that looks ahead along its momentum.

    ``theta -= lr * ((1 - mu_t) / (1 - P_t) * g + mu_{t+1} / (1 - P_{t+1}) * m) / (sqrt(v_hat) + eps)`` with the
    averages ``m``, ``v`` of `Adam`, ``mu_t = beta1 * (1 - 0.96**(t * momentum_decay) / 2)``, ``P_t = mu_1 * ... *
    mu_t``.

    Parameters
    ----------
    lr : float or callable
        Learning rate, or a schedule.
    betas : tuple of two floats
        How slowly the averages forget, in [0, 1).
    eps : float
        Added to the root, after the correction of the bias.
    weight_decay : float
        Factor of the L2 penalty's gradient, or of the decay when decoupled.
    momentum_decay : float
        How fast the momentum warms up.
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
    State: ``exp_avg``, ``exp_avg_sq``, and the one number ``mu_product`` (P).

    References
    ----------
    .. [1] Dozat, "Incorporating Nesterov Momentum into Adam", ICLR workshop 2016, algorithm 2.
    """

    lr: float | Schedule = 2e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0
    momentum_decay: float = 4e-3
    decoupled_weight_decay: bool = False
    decay: Decay = field(default="all", kw_only=True)
    scalars: ClassVar[frozenset[str]] = frozenset({"mu_product"})

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_betas(self.betas)
        self._check_not_negative("eps", "momentum_decay")

    def initial_state(self) -> dict[str, float]:
        """Return the two averages, and the product of all momenta."""
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0, "mu_product": 1.0}

    def _momentum(self, t: Any) -> Any:
        return self.betas[0] * (1.0 - 0.5 * 0.96 ** (t * self.momentum_decay))

    def begin_update(self, state: dict[str, Array], t: Any) -> None:
        """Multiply this update's momentum into the product."""
        product = state["mu_product"]
        product *= self._momentum(t)

    def step_run(
        self, theta: Array, gradient: Array, state: dict[str, Array], lr: Any, t: Any, weight_decay: float
    ) -> None:
        """Move one run, in place; see `Optimizer.step_run`."""
        beta1, beta2 = self.betas
        if self.decoupled_weight_decay:
            theta *= 1.0 - lr * weight_decay
        else:
            gradient = with_decay(theta, gradient, weight_decay)
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        blend(mean, gradient, beta1)
        blend(square, gradient * gradient, beta2)
        product, next_mu = state["mu_product"], self._momentum(t + 1)
        # `product` is a device's: its factors stay arrays of one number, and are never read.
        step = gradient * (lr * (1.0 - self._momentum(t)) / (1.0 - product))
        step += mean * (lr * next_mu / (1.0 - product * next_mu))
        denominator = namespace(theta).sqrt(square / (1.0 - beta2**t))
        denominator += self.eps
        step /= denominator
        theta -= step
