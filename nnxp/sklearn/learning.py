"""Networks for estimators: the perceptron that is built, and how one is trained and watched."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from nnxp._backend import to_host
from nnxp._checks import Words, message
from nnxp.layers import Dropout, Flatten, Layer, Linear, LogSoftmax, Sequential, Sigmoid
from nnxp.network import Network
from nnxp.optimizers import Optimizer
from nnxp.sklearn.samples import HostArray, Samples
from nnxp.training import Callback, EarlyStopping, History
from nnxp.training.run import Run

__all__ = ["Plan", "Scores", "perceptron", "train"]

# What a loss that takes probabilities, or their logarithms, needs after the last Linear.
_LAST: dict[str | None, Layer] = {"exp": LogSoftmax(1), "identity": Sigmoid()}


def perceptron(
    sample: Sequence[int], hidden: Iterable[int], activation: Layer, dropout: float, outputs: int, loss: Any
) -> Sequential:
    """Build the network that an estimator has unless it is given one.

    Parameters
    ----------
    sample : tuple of int
        Shape of one sample; of several axes it is flattened.
    hidden : iterable of int
        Widths of the hidden layers.
    activation : Layer
        After each of them.
    dropout : float
        After each activation, where it is not 0.
    outputs : int
        Width of the last layer.
    loss : loss
        May want probabilities, or their logarithms.
    """
    layers: list[Layer] = [Flatten()] if len(sample) > 1 else []
    width = prod(sample)
    for size in hidden:
        layers += [Linear(width, int(size)), activation]
        if dropout:
            layers.append(Dropout(dropout))
        width = int(size)
    layers.append(Linear(width, outputs))
    last = _LAST.get(getattr(loss, "probabilities", None))
    return Sequential(*layers, *([last] if last else []))


class Scores(Callback):
    """Scores the held-out samples after each epoch.

    Parameters
    ----------
    samples : Samples
        Those held out.
    score : callable
        Takes the network's outputs for them, and returns a number.

    Attributes
    ----------
    values : list of float
        One an epoch.
    """

    def __init__(self, samples: Samples, score: Callable[[HostArray, Samples], float]) -> None:
        self.samples = samples
        self.score = score
        self.values: list[float] = []

    def on_epoch_end(self, run: Run) -> None:
        """Score them."""
        self.values.append(self.score(run.net.predict(self.samples.x), self.samples))


@dataclass(frozen=True)
class Plan:
    """How a network is to be trained.

    Attributes
    ----------
    loss, optimizer : loss, Optimizer
        As `Network.fit` takes them.
    epochs : int
        How many further ones.
    batch_size : int or "auto"
        "auto" is 200, and all samples where the optimizer wants them all.
    shuffle : bool
        A new order for every epoch.
    callbacks : sequence of Callback
        The user's.
    verbose : str or bool
        As `Network.fit` takes it.
    patience : int or None
        Ends the run after so many epochs without an improvement; None never.
    min_delta : float
        What counts as one.
    """

    loss: Any
    optimizer: Optimizer
    epochs: int
    batch_size: int | str = "auto"
    shuffle: bool = True
    callbacks: Sequence[Callback] = ()
    verbose: str | bool = False
    patience: int | None = None
    min_delta: float = 0.0

    def size(self, n: int) -> int:
        """Return how many samples a batch has."""
        if self.batch_size != "auto":
            return int(self.batch_size)
        return n if self.optimizer.needs_closure else min(200, n)


def train(
    where: str, net: Network, samples: Samples, held_out: Samples | None, scores: Scores | None, plan: Plan
) -> History:
    """Train a network; where samples are held out, their loss says when to stop, and which epoch's weights stay.

    Raises
    ------
    ValueError
        If the weights are not finite in the end.
    """
    x, target, weight = samples.on(net)
    callbacks = [*([scores] if scores else []), *plan.callbacks]
    if plan.patience is not None:
        monitor = "loss" if held_out is None else "val_loss"
        callbacks.append(
            EarlyStopping(monitor, plan.patience, min_delta=plan.min_delta, restore_best=held_out is not None)
        )
    with np.errstate(over="ignore", invalid="ignore"):
        history = net.fit(
            x, target, sample_weight=weight, loss=plan.loss, optimizer=plan.optimizer, epochs=plan.epochs,
            batch_size=plan.size(len(samples.y)), shuffle=plan.shuffle, callbacks=callbacks, verbose=plan.verbose,
            validation=None if held_out is None else tuple(part for part in held_out.on(net) if part is not None),
        )  # fmt: skip
    if not np.isfinite(to_host(net.theta)).all():
        hint = "lower the optimizer's lr, or scale X with a StandardScaler"
        raise ValueError(message(where, "weights that stay finite", Words(f"a loss of {history['loss'][-1]:g}"), hint))
    return history
