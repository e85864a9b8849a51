"""Adam, and Adam with decoupled weight decay."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from nnxp._backend import Array, fused, namespace
from nnxp.optimizers.optimizer import Decay, Optimizer, blend, shrink, with_decay
from nnxp.schedules import Schedule

__all__ = ["Adam", "AdamW"]


@fused
def adam(
    theta: Array, gradient: Array, mean: Array, square: Array, largest: Array | None,
    beta1: float, beta2: float, eps: Any, rate: Any, keep: Any, weight_decay: float,
) -> None:  # fmt: skip
    """Move one run: ``theta = keep * theta - rate * mean / (sqrt(square) + eps)``, the averages moved before."""
    xp = namespace(theta)
    gradient = with_decay(theta, gradient, weight_decay)
    blend(mean, gradient, beta1)
    blend(square, gradient * gradient, beta2)
    if largest is not None:
        largest[...] = xp.maximum(largest, square)
        square = largest
    denominator = xp.sqrt(square)
    denominator += eps
    step = mean / denominator
    step *= rate
    shrink(theta, keep)
    theta -= step


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam, ``theta -= lr * m_hat / (sqrt(v_hat) + eps)``.

    With ``g = gradient + weight_decay * theta``: ``m = beta1 * m + (1 - beta1) * g``, ``v = beta2 * v + (1 - beta2) *
    g**2``, ``m_hat = m / (1 - beta1**t)``, ``v_hat = v / (1 - beta2**t)``. With `amsgrad`, ``v_hat`` is made of the
    largest ``v`` so far.

    Parameters
    ----------
    lr : float or callable
        Learning rate, or a schedule.
    betas : tuple of two floats
        How slowly the averages ``m`` and ``v`` forget, in [0, 1).
    eps : float
        Added to the root, after the correction of the bias (some libraries add it before).
    weight_decay : float
        Factor of the L2 penalty's gradient, which is normalised with the rest; `AdamW` decays apart from it.
    amsgrad : bool
        Whether a step may never grow because ``v`` shrinks.
    decay : {"all", "weights"}
        "weights" spares biases and normalisations.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    State: ``exp_avg`` (m), ``exp_avg_sq`` (v), and ``max_exp_avg_sq`` with `amsgrad`.

    References
    ----------
    .. [1] Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, arXiv:1412.6980, algorithm 1.
    .. [2] Reddi et al., "On the Convergence of Adam and Beyond", 2018, arXiv:1904.09237, algorithm 2.
    """

    lr: float | Schedule = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0
    amsgrad: bool = False
    decay: Decay = field(default="all", kw_only=True)
    _decoupled: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_betas(self.betas)
        self._check_not_negative("eps")

    def initial_state(self) -> dict[str, float]:
        """Return the two averages, and the largest second one."""
        names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
        return dict.fromkeys(names[: 3 if self.amsgrad else 2], 0.0)

    def step_run(
        self, theta: Array, gradient: Array, state: dict[str, Array], lr: Any, t: Any, weight_decay: float
    ) -> None:
        """Move one run, in place; see `Optimizer.step_run`."""
        mean, square, largest = state["exp_avg"], state["exp_avg_sq"], state.get("max_exp_avg_sq")
        adam(theta, gradient, mean, square, largest, *self.numbers(lr, t, weight_decay))

    def numbers(self, lr: Any, t: Any, weight_decay: float) -> tuple[Any, ...]:
        """Return what the function of update `t` takes behind the vectors."""
        beta1, beta2 = self.betas
        keep = 1.0 - lr * weight_decay if self._decoupled else 1.0
        # Both corrections of the bias, gathered into two numbers instead of two passes over the vectors.
        root = (1.0 - beta2**t) ** 0.5
        rate = lr * root / (1.0 - beta1**t)
        return beta1, beta2, self.eps * root, rate, keep, 0.0 if self._decoupled else weight_decay


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: ``theta *= 1 - lr * weight_decay`` before the step of `Adam`.

    Parameters
    ----------
    lr : float or callable
        Learning rate, or a schedule.
    betas : tuple of two floats
        How slowly the averages forget, in [0, 1).
    eps : float
        Added to the root, after the correction of the bias.
    weight_decay : float
        Multiplied by the rate, as in PyTorch (not so in the paper).
    amsgrad : bool
        Whether a step may never grow because the second average shrinks.
    decay : {"all", "weights"}
        "weights" spares biases and normalisations.

    Raises
    ------
    ValueError
        If a number is out of its range.

    References
    ----------
    .. [1] Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019, arXiv:1711.05101, algorithm 2.
    """

    weight_decay: float = 1e-2
    _decoupled: ClassVar[bool] = True
