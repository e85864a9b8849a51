"""Stop early, and keep the best."""

from typing import Any

from nnxp._backend import Array
from nnxp._checks import check_choice, check_number, check_positive_int
from nnxp.training.run import MODES, Callback, Monitor, Run

__all__ = ["EarlyStopping"]


class EarlyStopping(Callback):
    """Ends a run that has stopped improving, and puts the best weights back.

    Parameters
    ----------
    monitor : str
        A column of the history.
    patience : int
        How many epochs in a row may pass without an improvement; the run ends at the `patience`-th.
    min_delta : float
        An improvement must exceed it.
    mode : {"auto", "min", "max"}
        Whether less or more is better; ``auto`` decides by the column's name.
    restore_best : bool
        Put the weights and buffers of the best epoch back at the end, also after Ctrl-C.

    Attributes
    ----------
    best_epoch : int
        The epoch with the best value; 0 before the first.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        *,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best: bool = True,
    ) -> None:
        check_positive_int("EarlyStopping", "patience", patience)
        check_number("EarlyStopping", "min_delta", min_delta, low=0.0)
        check_choice("EarlyStopping", "mode", mode, MODES)
        self.patience = patience
        self.restore_best = restore_best
        self.best_epoch = 0
        self._monitor = Monitor("EarlyStopping", monitor, mode, min_delta)
        self._waited = 0
        self._best: dict[str, Array] | None = None

    def on_start(self, run: Run) -> None:
        """Forget an earlier run."""
        self._monitor.start(run)
        self.best_epoch, self._waited, self._best = 0, 0, None

    def on_epoch_start(self, run: Run) -> None:
        """End a run that had lost patience when it was left."""
        self._stop_if_patience_is_lost(run)

    def on_epoch_end(self, run: Run) -> None:
        """Keep the best weights, or lose patience."""
        if self._monitor.improved(run.row):
            self.best_epoch, self._waited = run.net.epoch, 0
            with run.judged():
                self._best = run.net.snapshot() if self.restore_best else None
            return
        self._waited += 1
        self._stop_if_patience_is_lost(run)

    def _stop_if_patience_is_lost(self, run: Run) -> None:
        if self._waited >= self.patience:
            run.stop(f"{self._monitor.column} has not improved for {self.patience} epochs")

    def state_dict(self) -> dict[str, Any]:
        """Return the best value, its epoch and weights, and how long it is ago."""
        return {
            "best": self._monitor.best, "best_epoch": self.best_epoch, "waited": self._waited, "weights": self._best,
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them back."""
        self._monitor.best, self._best = float(state["best"]), state["weights"]
        self.best_epoch, self._waited = int(state["best_epoch"]), int(state["waited"])

    def on_end(self, run: Run) -> None:
        """Put the best weights back."""
        if self._best is not None:
            run.net.restore(self._best)
            self._best = None
