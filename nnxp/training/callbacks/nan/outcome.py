"""A step whose forward and backward were clean: what its update did, or how large its loss was."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnxp.training.callbacks.nan.examining import Clue, loss_name
from nnxp.training.callbacks.nan.finding import HostArray, Subject

if TYPE_CHECKING:
    from nnxp.optimizers import Optimizer
    from nnxp.training.run import Run

__all__ = ["Outcome", "of_outcome"]


@dataclass
class Outcome:
    """How a step ended, on the host.

    Attributes
    ----------
    optimizer : Optimizer
        Which made the update.
    theta, gradient : array of shape (n,)
        After the update; the gradient as the optimizer took it.
    value : float
        The loss.
    """

    optimizer: "Optimizer"
    theta: HostArray
    gradient: HostArray
    value: float

    @classmethod
    def of(cls, run: "Run", optimizer: "Optimizer") -> "Outcome":
        """Read the run as it is after the step."""
        get = run.net.device.get
        value = float(np.asarray(get(run.net.device.put(run.value))))
        return cls(optimizer, np.array(get(run.net.theta)), np.array(get(run.net.gradient)), value)


def of_outcome(run: "Run", outcome: Outcome, threshold: float) -> Clue:
    """Name the parameter that an update spoiled, or say how large the loss was; the network is as it was before."""
    bad = [n for n, s in run.net.layout.items() if not np.all(np.isfinite(outcome.theta[s.start : s.stop]))]
    if bad:
        return _of_update(run, outcome, bad)
    if outcome.value > threshold:
        name = loss_name(run.loss)
        words = f"the loss {name} is {outcome.value:.6g}, above {threshold:g},"
        return Clue("loss", name, words, [], Subject(outputs={"value": np.asarray(outcome.value)}))
    words = "something is not finite when the layers run together, and nothing when they run one by one,"
    return Clue("unknown", "", words, [], Subject())


def _of_update(run: "Run", outcome: Outcome, bad: list[str]) -> Clue:
    net, optimizer = run.net, outcome.optimizer
    where = net.layout[bad[0]]
    place = slice(where.start, where.stop)
    owned = optimizer.owns(net)
    decayed = next(
        r.decay for r in net.runs(weights_only=optimizer.decay == "weights") if r.start <= where.start < r.stop
    )
    lr, decay = optimizer.rate(net), optimizer.weight_decay if decayed else 0.0
    inputs = {"theta": np.array(net.device.get(net.theta))[place], "gradient": outcome.gradient[place]}
    for name, value in optimizer.initial_state().items():
        size = 1 if name in optimizer.scalars else len(outcome.theta)
        whole = np.array(net.device.get(net.optimizer_state[name])) if owned else np.full(size, value, net.dtype)
        inputs[f"state.{name}"] = whole if size == 1 else whole[place]
    settings = {
        "dtype": net.dtype,
        "lr": lr * net._store.lr_scales.get(bad[0], 1.0),
        "t": net.step - net.optimizer_start + 1 if owned else 1,
        "weight_decay": decay,
    }
    others = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
    words = f"the update of {type(optimizer).__name__} (lr {lr:g}) makes {bad[0]}{others} not finite"
    hint = f"lower lr or weight_decay, whose product is {lr * decay:g}" if lr * decay > 1.0 else "lower lr"
    subject = Subject(optimizer, inputs, {}, {"theta": outcome.theta[place]}, settings)
    return Clue("update", bad[0], words, [], subject, hint)
