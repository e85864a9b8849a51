"""One set of values on trial."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from nnxp.training import Callback, Run

__all__ = ["Trial"]


class Trial(Mapping[str, Any]):
    """The values of one trial by name, and the way to tell how it goes.

    Attributes
    ----------
    number : int
        Which trial of the search it is, from 1.
    stopped : bool
        Whether it was ended since others did better by then.
    epochs : int
        For how many epochs it was watched.
    """

    def __init__(self, number: int, values: dict[str, Any], asked: Any) -> None:
        self.number = number
        self.stopped = False
        self.epochs = 0
        self._values = values
        self._asked = asked

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def watch(self, column: str = "val_loss") -> Callback:
        """Return a callback for `fit` that reports a column after every epoch, and ends the run when it is hopeless.

        Parameters
        ----------
        column : str
            Of the history; the number that the search looks at.
        """
        return _Watch(self, column)

    def report(self, value: float) -> bool:
        """Tell how it stands after one more epoch; the answer is whether to go on."""
        self.epochs += 1
        if math.isfinite(value):
            self._asked.report(value, self.epochs)
            self.stopped = self.stopped or bool(self._asked.should_prune())
        return not self.stopped


class _Watch(Callback):
    def __init__(self, trial: Trial, column: str) -> None:
        self._trial = trial
        self._column = column

    def on_epoch_end(self, run: Run) -> None:
        if not self._trial.report(float(run.row[self._column])):
            run.stop("other trials had come further by then")
