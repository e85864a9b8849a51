"""The shape of an optimizer: a frozen dataclass of hyperparameters, and one pure step on vectors."""

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from nnxp._backend import Array
from nnxp._checks import check_choice, check_number, message
from nnxp.schedules import Schedule

if TYPE_CHECKING:
    from nnxp.network import Network

__all__ = ["Decay", "Optimizer", "blend", "shrink", "with_decay"]

Decay = Literal["all", "weights"]


class Optimizer:
    """The base of all optimizers.

    An optimizer is a value; the network owns what training changes: ``net.optimizer_state``, vectors as long as
    ``theta`` under PyTorch's names, and ``net.step``. An optimizer of your own is a frozen dataclass with an `lr`,
    `step_run`, and `initial_state` where it remembers something.

    Attributes
    ----------
    lr : float or callable
        The learning rate; or a schedule, which takes the number of updates done so far.
    weight_decay : float
        How strongly parameters are drawn to 0.
    decay : {"all", "weights"}
        What `weight_decay` reaches: every parameter, as in PyTorch, or all but biases and normalisations.
    needs_closure : bool
        Whether it evaluates the loss itself, through ``minimize(net, closure)``.
    scalars : frozenset of str
        What in the state is one number, of shape (1,), for the whole network.
    """

    lr: float | Schedule = 1.0
    weight_decay: float = 0.0
    decay: Decay = "all"
    needs_closure: ClassVar[bool] = False
    scalars: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        where = type(self).__name__
        if not callable(self.lr):
            number = isinstance(self.lr, (int, float)) and not isinstance(self.lr, bool)
            if not number or not 0.0 <= self.lr < math.inf:
                raise ValueError(message(where, "lr to be a number of at least 0 or a schedule", self.lr))
        self._check_not_negative("weight_decay")
        check_choice(where, "decay", self.decay, ("all", "weights"))

    def _check_not_negative(self, *names: str) -> None:
        for name in names:
            check_number(type(self).__name__, name, getattr(self, name), low=0.0)

    def _check_betas(self, betas: Any) -> None:
        numbers = tuple(betas) if isinstance(betas, (tuple, list)) else ()
        if len(numbers) != 2 or not all(isinstance(b, (int, float)) and 0.0 <= b < 1.0 for b in numbers):
            raise ValueError(message(type(self).__name__, "betas to be two numbers in [0, 1)", betas))
        object.__setattr__(self, "betas", numbers)

    def initial_state(self) -> dict[str, float]:
        """Return the names of the state's vectors, and what they are filled with before the first update."""
        return {}

    def owns(self, net: "Network") -> bool:
        """Tell whether the network's state is this optimizer's own."""
        return net.optimizer_name == type(self).__name__ and net.optimizer_state.keys() == self.initial_state().keys()

    def rate(self, net: "Network", ahead: int = 0) -> float:
        """Return the learning rate of the network's next update, or of one that lies so many further ahead."""
        if callable(self.lr):
            return float(self.lr((net.step - net.optimizer_start if self.owns(net) else 0) + ahead))
        return float(self.lr)

    def update(self, net: "Network") -> None:
        """Move ``net.theta`` one step along ``net.gradient``, which stays as it is.

        Parameters
        ----------
        net : Network
            With its gradient filled. State left by another optimizer is replaced by a fresh one; frozen
            parameters do not move, and ``net.scale_lr`` counts.
        """
        state = self.claim(net)
        t = net.step - net.optimizer_start + 1
        lr = self.rate(net)
        if net.device.name == "cpu":  # where there is no context to enter, at a cost that small networks feel
            self._move(net, state, lr, t)
        else:
            with net.device.context():
                self._move(net, state, lr, t)
        net.advance()

    def _move(self, net: "Network", state: dict[str, Array], lr: float, t: int) -> None:
        self.begin_update(state, t)
        for theta, gradient, views, lr_scale, decay in net.stretches(state, self.scalars, self.decay == "weights"):
            # The dict is the step's own: what it might put there must not stay.
            self.step_run(theta, gradient, views.copy(), lr * lr_scale, t, self.weight_decay if decay else 0.0)

    def claim(self, net: "Network") -> dict[str, Array]:
        """Return the network's state; a fresh one, counted from here, unless it is this optimizer's own."""
        if not self.owns(net):
            n, dtype, device = net.theta.shape[0], net.theta.dtype, net.device
            with device.context():
                net.optimizer_state = {
                    name: device.library.vector(1 if name in self.scalars else n, value, dtype, device.handle)
                    for name, value in self.initial_state().items()
                }
            net.optimizer_name, net.optimizer_start = type(self).__name__, net.step
        return net.optimizer_state

    def begin_update(self, state: dict[str, Array], t: Any) -> None:
        """Move what is one number for the whole network, once before the runs of update `t`."""

    def step_run(
        self, theta: Array, gradient: Array, state: dict[str, Array], lr: Any, t: Any, weight_decay: float
    ) -> None:
        """Move one run of the parameters and of the state, in place; a pure function of vectors.

        Parameters
        ----------
        theta, gradient : array of shape (n,)
            Views of the network's vectors; `gradient` is only read.
        state : dict of str to array
            The same views of the state.
        lr : float or 0-d array of theta's dtype
            The learning rate.
        t : int or 0-d array of theta's dtype
            The number of this update; the first is 1.
        weight_decay : float
            0 where it does not reach.
        """
        raise NotImplementedError


def with_decay(theta: Array, gradient: Array, weight_decay: float) -> Array:
    """Return ``gradient + weight_decay * theta``: the gradient itself where nothing decays."""
    return gradient if weight_decay == 0.0 else gradient + weight_decay * theta


def blend(average: Array, value: Array, beta: float) -> None:
    """Move an exponential average in place, ``average = beta * average + (1 - beta) * value``."""
    average *= beta
    average += (1.0 - beta) * value


def shrink(theta: Array, keep: Any) -> None:
    """Decay apart from the gradient, ``theta *= keep``: nothing is done where nothing decays."""
    if type(keep) is not float or keep != 1.0:
        theta *= keep
