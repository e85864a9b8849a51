"""The first thing to try with a network that does not learn: a handful of samples, by heart."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnxp._checks import Words, check_number, check_positive_int, message
from nnxp._nested import leaves
from nnxp.training.batches import Batch, as_source
from nnxp.training.run import Callback, Run

if TYPE_CHECKING:
    from nnxp.losses import LossFunction
    from nnxp.network import Network
    from nnxp.optimizers import Optimizer

__all__ = ["OverfitResult", "overfit_one_batch"]

# Of the first loss, unless a bound is given.
_SHARE = 0.01


@dataclass(frozen=True, eq=False)
class OverfitResult:
    """How it went; true if it passed, and prints as one sentence.

    Attributes
    ----------
    passed : bool
        Whether the loss fell below the bound.
    losses : array of shape (updates,)
        The loss before every update.
    bound : float
        What it had to fall below.
    samples : int
        How many there were.
    advice : str
        What to look at; empty if it passed.
    """

    passed: bool
    losses: np.ndarray[Any, Any]
    bound: float
    samples: int
    advice: str

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        way = f"the loss of {self.samples} samples went from {self.losses[0]:.4g} to {self.losses[-1]:.4g}"
        told = f"{way} in {len(self.losses)} updates"
        return f"passed: {told}" if self.passed else f"failed: {told}, not below {self.bound:.4g}; {self.advice}"


class _Watch(Callback):
    """Reads every loss, and the first gradient."""

    def __init__(self, bound: float | None) -> None:
        self.bound = bound
        self.losses: list[float] = []
        self.still = False

    def on_gradient(self, run: Run) -> None:
        net, loss = run.net, float(run.net.device.get(run.value))
        if not self.losses:
            self.still = not np.any(net.device.get(net.gradient))
            if self.bound is None and loss < 0.0:
                raise ValueError(message("overfit_one_batch", "a bound with a loss that may be below 0", None))
            self.bound = _SHARE * loss if self.bound is None else self.bound
        self.losses.append(loss)
        if not math.isfinite(loss) or loss <= self.bound:  # type: ignore[operator]  # the first loss gave it
            run.stop("there is nothing left to see")


def overfit_one_batch(
    net: "Network",
    x: Any,
    y: Any = None,
    *,
    loss: "LossFunction",
    optimizer: "Optimizer",
    steps: int = 300,
    batch_size: int = 8,
    bound: float | None = None,
) -> OverfitResult:
    """Train a copy of a network on its first few samples, until it knows them by heart.

    A network that cannot do that has a mistake that more data will not mend: in the model, the loss, the learning
    rate, or in how samples and targets are put together.

    Parameters
    ----------
    net : Network
        It is not touched.
    x, y, loss, optimizer
        As for `fit`; of arrays the first `batch_size` samples are taken, of an iterable its first batch.
    steps : int
        At most so many updates.
    batch_size : int
        How many samples.
    bound : float, optional
        The loss that is to be reached; None takes a hundredth of the first. A loss that cannot come near 0, because
        labels are smoothed, say, or that goes below it, needs one.

    Returns
    -------
    OverfitResult
        True if the bound was reached; printed, it says what to look at if not.

    Raises
    ------
    ValueError
        If an argument is out of range, or there is no data.

    Notes
    -----
    The copy trains as `fit` does: BatchNorm uses the statistics of the batch, dropout drops. The loss is read from the
    device at every update.

    Examples
    --------
    >>> assert nnxp.overfit_one_batch(net, x, y, loss=CrossEntropyLoss(), optimizer=Adam(lr=0.01))
    """
    check_positive_int("overfit_one_batch", "steps", steps)
    check_positive_int("overfit_one_batch", "batch_size", batch_size)
    if bound is not None:
        check_number("overfit_one_batch", "bound", bound)
    batch = next(iter(as_source("overfit_one_batch", x, y).batches(batch_size)), None)
    if batch is None:
        raise ValueError(message("overfit_one_batch", "at least one sample", Words("none")))
    inputs, target, weight = batch
    watch, copy = _Watch(bound), net.clone()
    copy.optimizer_name = ""
    samples = int(inputs[0].shape[0])
    with np.errstate(all="ignore"):
        copy.fit(
            inputs, target, loss=loss, optimizer=optimizer, epochs=steps, batch_size=samples, sample_weight=weight,
            callbacks=[watch], shuffle=False, verbose=False,
        )  # fmt: skip
    losses, bound = np.array(watch.losses), float(watch.bound)  # type: ignore[arg-type]  # the first loss gave it
    passed = bool(losses[-1] <= bound)
    advice = "" if passed else _advice(net, batch, losses, watch.still)
    return OverfitResult(passed, losses, bound, samples, advice)


def _advice(net: "Network", batch: Batch, losses: np.ndarray[Any, Any], still: bool) -> str:
    """Say what is the matter, the surest sign first."""
    first, last = losses[0], losses[-1]
    if not math.isfinite(last):
        return "lower lr, and let fit find the layer with TerminateOnNaN()"
    if still:
        frozen = ", or parameters that are frozen" if net.frozen else ""
        return f"no parameter has a gradient: look for units that never answer{frozen}"
    if twins := _twins(net, batch):
        return (
            f"samples {twins[0]} and {twins[1]} are equal but their targets differ, so no network can tell them apart"
        )
    if last > first:
        return "the loss rises: lower lr"
    if any("Dropout" in type(node.layer).__name__ for node in net.nodes):
        return "dropout keeps a network from learning by heart: try without, or give a higher bound or more steps"
    if losses[-1] < 0.9 * losses[len(losses) * 3 // 4]:
        return "the loss still falls: give more steps, or raise lr"
    return "give a bound if the loss cannot come near 0; else look at lr, at the model's size, and at the targets"


def _twins(net: "Network", batch: Batch) -> tuple[int, int] | None:
    """Find two samples that are equal, and have different targets."""
    inputs, target, _ = batch
    rows, wanted = ([np.asarray(net.device.get(a)) for a in leaves(part)] for part in (inputs, target))
    for i in range(len(rows[0])):
        for j in range(i):
            if all(np.array_equal(a[i], a[j]) for a in rows) and not all(np.array_equal(t[i], t[j]) for t in wanted):
                return j, i
    return None
