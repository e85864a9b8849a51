"""An average of the weights at the ends of the last epochs."""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import fields, is_dataclass, replace
from typing import Any

from nnxp._checks import Words, check_number, check_positive_int, message
from nnxp.training.batch_norm import has_statistics, renew_statistics
from nnxp.training.batches import IterableData
from nnxp.training.callbacks.averaging import Averaging, check_share
from nnxp.training.run import Run

__all__ = ["StochasticWeightAveraging"]


class StochasticWeightAveraging(Averaging):
    """Averages the weights after each of the last epochs, all alike, at a learning rate that stays high [1]_.

    Parameters
    ----------
    start : float or int
        After how much of the run averaging begins: a share of its epochs in [0, 1), or a number of epochs.
    lr : float, optional
        The learning rate from then on; None leaves it to the optimizer.
    anneal_epochs : int
        How many epochs it takes to come there from the rate that was, along half a cosine.
    validate : bool
        Let validation see the average, and with it whoever keeps the best weights. BatchNorm's statistics are the
        network's own then, which do not fit the average.
    at_end : bool
        Put the average into the network when the run ends, and measure BatchNorm's statistics anew with the training
        data, if the network has such layers.

    Attributes
    ----------
    average : array of shape (n,) or None
        On the network's device, as long as theta; None before the first.
    n_averaged : int
        How many epochs are in it.

    Raises
    ------
    ValueError
        If an argument is outside of its range.
    TypeError
        If `lr` is given with an optimizer that has none.

    References
    ----------
    .. [1] Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", UAI 2018,
       arXiv:1803.05407, algorithm 1.

    Examples
    --------
    >>> net.fit(x, y, loss=loss, optimizer=SGD(0.1), epochs=20, callbacks=[StochasticWeightAveraging(0.75, 0.05)])
    """

    def __init__(
        self,
        start: float | int = 0.75,
        lr: float | None = None,
        *,
        anneal_epochs: int = 10,
        validate: bool = False,
        at_end: bool = True,
    ) -> None:
        where = "StochasticWeightAveraging"
        if isinstance(start, float):
            check_share(where, "start", start)
        else:
            check_positive_int(where, "start", start, least=0)
        if lr is not None:
            check_number(where, "lr", lr, low=0.0, open_low=True)
        check_positive_int(where, "anneal_epochs", anneal_epochs, least=0)
        super().__init__(validate, at_end)
        self.start, self.lr, self.anneal_epochs = start, lr, anneal_epochs
        self._first_lr: float | None = None

    def on_start(self, run: Run) -> None:
        """Begin anew, and refuse what cannot be done when the time comes."""
        super().on_start(run)
        self._first_lr = None
        names: set[str] = {f.name for f in fields(run.optimizer)} if is_dataclass(run.optimizer) else set()
        if self.lr is not None and "lr" not in names:
            what = "an optimizer with a learning rate"
            raise TypeError(message("StochasticWeightAveraging", what, Words(type(run.optimizer).__name__)))
        data = run.passes.data
        once = isinstance(data, IterableData) and isinstance(data.source, Iterator)
        if self.at_end and once and has_statistics(run.net):
            hint = "BatchNorm's statistics take one more pass"
            raise ValueError(
                message("StochasticWeightAveraging", "data that can be run through again", Words("an iterator"), hint)
            )

    def _begins(self, run: Run) -> int:
        """Return after how many epochs of the run averaging begins."""
        return int(self.start * run.epochs) if isinstance(self.start, float) else self.start

    def on_epoch_start(self, run: Run) -> None:
        """Set the epoch's learning rate."""
        done = run.net.epoch - run.start - self._begins(run)
        if self.lr is None or done < 0:
            return
        if self._first_lr is None:
            self._first_lr = run.optimizer.rate(run.net)
        part = min(1.0, done / self.anneal_epochs) if self.anneal_epochs else 1.0
        left = 0.5 * (1.0 + math.cos(math.pi * part))
        lr = self.lr + (self._first_lr - self.lr) * left
        run.optimizer = replace(run.optimizer, lr=lr)  # type: ignore[type-var]  # on_start made sure

    def in_place(self, run: Run) -> AbstractContextManager[None]:
        """Give the network the average for a block, with the epoch that has just ended."""
        self._add_epoch(run)
        return super().in_place(run)

    def on_epoch_end(self, run: Run) -> None:
        """Average, unless validation has asked for it before."""
        self._add_epoch(run)

    def _add_epoch(self, run: Run) -> None:
        """Average, if it is time."""
        if self.n_averaged < run.net.epoch - run.start - self._begins(run):
            self.add(run, 1.0 / (self.n_averaged + 1))

    def state_dict(self) -> dict[str, Any]:
        """Return the average, of how many epochs it is, and the rate that annealing began with."""
        return super().state_dict() | {"first_lr": self._first_lr}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them back."""
        super().load_state_dict(state)
        self._first_lr = None if state["first_lr"] is None else float(state["first_lr"])

    def on_end(self, run: Run) -> None:
        """Put the average into the network, and measure BatchNorm's statistics anew, if that was asked for."""
        super().on_end(run)
        # After an error the data may be what raised it.
        failed = run.history.stop_reason.endswith(" was raised")
        if self.at_end and self.average is not None and not failed and has_statistics(run.net):
            with closing(run.passes.batches(run.net.epoch)) as batches:
                renew_statistics(run.net, (inputs for inputs, _, _ in batches))
