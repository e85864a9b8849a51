"""Which learning rates a network learns with: a short run in which the rate grows until the loss breaks out."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from nnxp._checks import Words, check_number, check_positive_int, message
from nnxp.training.run import Callback, Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nnxp.losses import LossFunction
    from nnxp.network import Network
    from nnxp.optimizers import Optimizer

__all__ = ["LRFinding", "find_lr"]

HostArray = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class LRFinding:
    """What a run with a growing rate has found; prints as one sentence.

    Attributes
    ----------
    rates, losses : array of shape (updates,)
        The learning rate of every update, and its loss; both end where the loss broke out.
    smoothed : array of shape (updates,)
        The losses, averaged with their neighbours on both sides.
    minimum : float
        The rate at which the smoothed loss is least: about where training begins to break. NaN where it never falls.
    steepest : float
        The rate at which the smoothed loss falls most steeply over the logarithm of the rate; too high for some.
    suggestion : float
        A tenth of `minimum`, which is the careful one of the two rules in use.
    """

    rates: HostArray
    losses: HostArray
    smoothed: HostArray
    minimum: float
    steepest: float

    @property
    def suggestion(self) -> float:
        """A tenth of the rate at which the loss is least."""
        return self.minimum / 10.0

    def __str__(self) -> str:
        if math.isnan(self.minimum):
            reach = f"{self.rates[0]:.2g} to {self.rates[-1]:.2g}"
            return f"no rate from {reach} lowers the loss; look at the data and the loss, or begin lower"
        return (
            f"lr={self.suggestion:.2g}, a tenth of {self.minimum:.2g}, where the loss is least; "
            f"it falls most steeply at {self.steepest:.2g}"
        )

    def plot(self, path: str | PathLike[str] | None = None) -> "Figure":
        """Draw the losses over the rate; see `nnxp.plotting.plot_learning_rates`."""
        from nnxp.plotting import plot_learning_rates

        return plot_learning_rates(self, path=path)


class _Ramp(Callback):
    """Watches the losses, and ends the run when they break out."""

    def __init__(self, steps: int, break_out: float) -> None:
        self.steps, self.break_out = steps, break_out
        self.losses: list[float] = []
        self._mean = 0.0
        self._least = math.inf

    def on_step(self, run: Run) -> None:
        loss = float(run.net.device.get(run.value))
        if not math.isfinite(loss):
            run.stop("the loss is not finite")
            return
        self.losses.append(loss)
        n = len(self.losses)
        # A running mean without bias: what is old counts less, however few there are.
        self._mean = 0.9 * self._mean + 0.1 * loss
        mean = self._mean / (1.0 - 0.9**n)
        self._least = min(self._least, mean)
        if n >= self.steps:
            run.stop("all rates are tried")
        elif n > self.steps // 10 and mean > self.break_out * abs(self._least):
            run.stop("the loss breaks out")


def find_lr(
    net: "Network",
    x: Any,
    y: Any = None,
    *,
    loss: "LossFunction",
    optimizer: "Optimizer",
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 100,
    batch_size: int = 32,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | str | None = None,
    break_out: float = 4.0,
) -> LRFinding:
    """Train a copy of a network while the learning rate grows geometrically, and see where the loss is least [1]_.

    Parameters
    ----------
    net : Network
        It is not touched.
    x, y, loss, batch_size, sample_weight, class_weight
        As for `fit`.
    optimizer : Optimizer
        Begun anew; its own `lr` has no say.
    low, high : float
        The first rate, and the last.
    steps : int
        How many updates, as long as the loss holds.
    break_out : float
        End when the running mean of the loss is so many times its least value.

    Returns
    -------
    LRFinding
        With a `suggestion`, a tenth of the rate at which the loss is least.

    Raises
    ------
    ValueError
        If an argument is out of range, or the loss is not finite from the start.
    TypeError
        If the optimizer has no learning rate.

    Notes
    -----
    The loss is read from the device at every update. The best rate of a whole run may be lower, or higher with a
    schedule that comes down from it; this is where to begin.

    References
    ----------
    .. [1] Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017, arXiv:1506.01186, section 3.3.

    Examples
    --------
    >>> found = nnxp.find_lr(net, x, y, loss=CrossEntropyLoss(), optimizer=Adam())
    >>> net.fit(x, y, loss=CrossEntropyLoss(), optimizer=Adam(lr=found.suggestion))
    """
    check_number("find_lr", "low", low, low=0.0, open_low=True)
    check_number("find_lr", "high", high, low=low, open_low=True)
    check_positive_int("find_lr", "steps", steps, least=10)
    check_number("find_lr", "break_out", break_out, low=1.0, open_low=True)
    if isinstance(optimizer, type) or not is_dataclass(optimizer) or "lr" not in {f.name for f in fields(optimizer)}:
        got = Words(optimizer.__name__ if isinstance(optimizer, type) else type(optimizer).__name__)
        raise TypeError(message("find_lr", "an optimizer with a learning rate, such as Adam()", got))
    rates = np.geomspace(low, high, steps)
    watch, copy = _Ramp(steps, break_out), net.clone()
    copy.optimizer_name = ""  # so that its state and its count begin anew
    with np.errstate(all="ignore"):
        copy.fit(
            x, y, loss=loss, optimizer=replace(optimizer, lr=lambda step: float(rates[min(step, steps - 1)])),
            epochs=steps, batch_size=batch_size, sample_weight=sample_weight, class_weight=class_weight,
            callbacks=[watch], verbose=False,
        )  # fmt: skip
    losses = np.array(watch.losses)
    if len(losses) < 3:
        raise ValueError(message("find_lr", f"a finite loss at lr={low:g}", Words("none"), "give a lower low"))
    return _found(rates[: len(losses)], losses)


def _found(rates: HostArray, losses: HostArray) -> LRFinding:
    places = np.arange(len(losses))
    near = np.exp(-0.5 * ((places - places[:, None]) / max(len(losses) / 40, 1.0)) ** 2)
    smoothed = near @ losses / near.sum(axis=1)
    least = int(smoothed.argmin())
    if not least or smoothed[least] >= losses[0]:
        return LRFinding(rates, losses, smoothed, math.nan, math.nan)
    steepest = int(np.gradient(smoothed, np.log(rates))[: least + 1].argmin())
    return LRFinding(rates, losses, smoothed, float(rates[least]), float(rates[steepest]))
