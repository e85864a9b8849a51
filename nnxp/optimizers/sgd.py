"""Gradient descent, with momentum."""

from dataclasses import dataclass, field
from typing import Any

from nnxp._backend import Array, fused, namespace
from nnxp._checks import check_number, message
from nnxp.optimizers.optimizer import Decay, Optimizer, with_decay
from nnxp.schedules import Schedule

__all__ = ["SGD"]


@fused
def sgd(theta: Array, gradient: Array, rate: Any, weight_decay: float) -> None:
    """Move one run: ``theta -= rate * gradient``."""
    theta -= rate * with_decay(theta, gradient, weight_decay)


@fused
def sgd_with_momentum(
    theta: Array, gradient: Array, buffer: Array,
    rate: Any, momentum: float, share: Any, nesterov: bool, weight_decay: float,
) -> None:  # fmt: skip
    """Move one run: ``theta -= rate * buffer`` with ``buffer = momentum * buffer + share * gradient``."""
    gradient = with_decay(theta, gradient, weight_decay)
    buffer *= momentum
    buffer += gradient if type(share) is float and share == 1.0 else share * gradient
    theta -= rate * (gradient + momentum * buffer if nesterov else buffer)


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent, ``theta -= lr * b`` with ``b = momentum * b + (1 - dampening) * g``.

    Here ``g = gradient + weight_decay * theta``. The first ``b`` is ``g`` itself, undamped; with Nesterov's momentum
    the step is ``g + momentum * b``; without momentum it is ``g``.

    Parameters
    ----------
    lr : float or callable
        Learning rate, or a schedule.
    momentum : float
        How much of the last step goes into the next.
    dampening : float
        How much of the gradient is kept out of the momentum.
    weight_decay : float
        Factor of the L2 penalty's gradient.
    nesterov : bool
        Whether to look ahead along the momentum.
    decay : {"all", "weights"}
        "weights" spares biases and normalisations.

    Raises
    ------
    ValueError
        If a number is out of its range, or `nesterov` comes without momentum or with dampening.

    Notes
    -----
    The rate stays outside of the buffer, as in PyTorch: a new rate scales the whole step at once. State:
    ``momentum_buffer``, with momentum only.

    References
    ----------
    .. [1] Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013, section 2.
    """

    lr: float | Schedule = 1e-3
    momentum: float = 0
    dampening: float = 0
    weight_decay: float = 0
    nesterov: bool = False
    decay: Decay = field(default="all", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_not_negative("momentum")
        check_number("SGD", "dampening", self.dampening)
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            got = (self.momentum, self.dampening)
            raise ValueError(message("SGD", "momentum above 0 and dampening 0 with nesterov", got))

    def initial_state(self) -> dict[str, float]:
        """Return the momentum buffer, if there is momentum."""
        return {"momentum_buffer": 0.0} if self.momentum else {}

    def step_run(
        self, theta: Array, gradient: Array, state: dict[str, Array], lr: Any, t: Any, weight_decay: float
    ) -> None:
        """Move one run, in place; see `Optimizer.step_run`."""
        update: Any = sgd_with_momentum if self.momentum else sgd
        update(theta, gradient, *state.values(), *self.numbers(lr, t, weight_decay))

    def numbers(self, lr: Any, t: Any, weight_decay: float) -> tuple[Any, ...]:
        """Return what the function of update `t` takes behind the vectors."""
        if not self.momentum:
            return lr, weight_decay
        return lr, self.momentum, self._share(t) if self.dampening else 1.0, self.nesterov, weight_decay

    def _share(self, t: Any) -> Any:
        """Return how much of a gradient goes into the buffer: all of the first."""
        later = min(t - 1, 1) if isinstance(t, int) else namespace(t).minimum(t - 1.0, namespace(t).ones_like(t))
        return 1.0 - self.dampening * later
