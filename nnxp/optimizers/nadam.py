"""Adam with Nesterov's momentum."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from nnxp._backend import Array, fused, namespace
from nnxp.optimizers.optimizer import Decay, Optimizer, blend, shrink, with_decay
from nnxp.schedules import Schedule

__all__ = ["NAdam"]


@fused
def nadam(
    theta: Array, gradient: Array, mean: Array, square: Array,
    beta1: float, beta2: float, eps: Any, now: Any, ahead: Any, keep: Any, weight_decay: float,
) -> None:  # fmt: skip
    """Move one run: ``theta = keep * theta - (now * gradient + ahead * mean) / (sqrt(square) + eps)``."""
    gradient = with_decay(theta, gradient, weight_decay)
    blend(mean, gradient, beta1)
    blend(square, gradient * gradient, beta2)
    denominator = namespace(theta).sqrt(square)
    denominator += eps
    step = gradient * now
    step += mean * ahead
    step /= denominator
    shrink(theta, keep)
    theta -= step


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
        keep = 1.0 - lr * weight_decay if self.decoupled_weight_decay else 1.0
        # `product` is a device's: what is made of it stays an array of one number, and is never read.
        product, mu, next_mu = state["mu_product"][0], self._momentum(t), self._momentum(t + 1)
        root = (1.0 - beta2**t) ** 0.5
        now, ahead = lr * root * (1.0 - mu) / (1.0 - product), lr * root * next_mu / (1.0 - product * next_mu)
        nadam(
            theta, gradient, state["exp_avg"], state["exp_avg_sq"], beta1, beta2, self.eps * root,
            now, ahead, keep, 0.0 if self.decoupled_weight_decay else weight_decay,
        )  # fmt: skip
