"""Callbacks: stop early, keep the best, write a log, lower the learning rate, end at the first NaN."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

from nnxp._backend import Array
from nnxp._checks import check_choice, check_number, check_positive_int, message
from nnxp.training.run import Callback, Monitor, Run

__all__ = ["CSVLog", "Checkpoint", "EarlyStopping", "ReduceLROnPlateau"]

_MODES = ["auto", "min", "max"]


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
        check_choice("EarlyStopping", "mode", mode, _MODES)
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

    def on_epoch_end(self, run: Run) -> None:
        """Keep the best weights, or lose patience."""
        if self._monitor.improved(run.row):
            self.best_epoch, self._waited = run.net.epoch, 0
            self._best = run.net.snapshot() if self.restore_best else None
            return
        self._waited += 1
        if self._waited >= self.patience:
            run.stop(f"{self._monitor.column} has not improved for {self.patience} epochs")

    def on_end(self, run: Run) -> None:
        """Put the best weights back."""
        if self._best is not None:
            run.net.restore(self._best)
            self._best = None


class Checkpoint(Callback):
    """Writes the network to ``last.safetensors`` after every epoch, and to ``best.safetensors`` when it improves.

    The last holds the optimizer's state too: `fit` goes on from ``nnxp.load`` of it as if it had not been interrupted.

    Parameters
    ----------
    folder : path
        Made if it is not there; each file is replaced whole.
    monitor : str, optional
        A column of the history; None writes only the last.
    mode : {"auto", "min", "max"}
        Whether less or more is better.
    """

    def __init__(self, folder: str | Path, monitor: str | None = "val_loss", *, mode: str = "auto") -> None:
        check_choice("Checkpoint", "mode", mode, _MODES)
        self.folder = Path(folder)
        self._monitor = None if monitor is None else Monitor("Checkpoint", monitor, mode)

    def on_start(self, run: Run) -> None:
        """Make the folder, so that a place that cannot be written to is known before any work is done."""
        if self._monitor is not None:
            self._monitor.start(run)
        self.folder.mkdir(parents=True, exist_ok=True)

    def on_epoch_end(self, run: Run) -> None:
        """Write."""
        run.net.save(self.folder / "last.safetensors", training=True)
        if self._monitor is not None and self._monitor.improved(run.row):
            run.net.save(self.folder / "best.safetensors")


class CSVLog(Callback):
    """Writes the history to a CSV file, a row after every epoch.

    Parameters
    ----------
    path : path
        A new file.
    append : bool
        Go on in a file that exists, instead of refusing it.
    """

    def __init__(self, path: str | Path, *, append: bool = False) -> None:
        self.path = Path(path)
        self.append = append

    def on_start(self, run: Run) -> None:
        """Write the head."""
        exists = self.path.exists()
        if exists and not self.append:
            raise FileExistsError(
                message("CSVLog", "a path without a file", str(self.path), "append=True goes on in it")
            )
        if not exists:
            self._write(run.columns)
        elif self.path.read_text().partition("\n")[0] != ",".join(run.columns):
            raise ValueError(message("CSVLog", f"a file with columns {','.join(run.columns)}", str(self.path)))
        self.append = True

    def on_epoch_end(self, run: Run) -> None:
        """Write a row."""
        self._write([run.row[column] for column in run.columns])

    def _write(self, cells: list[Any]) -> None:
        with self.path.open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow(cells)


class ReduceLROnPlateau(Callback):
    """Lowers the learning rate when a column has stopped improving, by PyTorch's rule.

    Parameters
    ----------
    monitor : str
        A column of the history.
    factor : float
        What the rate is multiplied with, in (0, 1).
    patience : int
        Epochs without an improvement that are let pass; the next one lowers the rate.
    threshold : float
        An improvement must exceed it.
    threshold_mode : {"rel", "abs"}
        Relative to the best value, or in the column's unit.
    cooldown : int
        Epochs after a reduction during which nothing is counted.
    min_lr, eps : float
        The rate never falls below `min_lr`, and a reduction by less than `eps` is left out.
    mode : {"auto", "min", "max"}
        Whether less or more is better.

    Raises
    ------
    ValueError
        If an argument is out of range, or the optimizer's rate is a schedule.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        *,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
        mode: str = "auto",
    ) -> None:
        check_number("ReduceLROnPlateau", "factor", factor, low=0.0, high=1.0, open_low=True)
        check_positive_int("ReduceLROnPlateau", "patience", patience, least=0)
        check_positive_int("ReduceLROnPlateau", "cooldown", cooldown, least=0)
        check_choice("ReduceLROnPlateau", "threshold_mode", threshold_mode, ["rel", "abs"])
        check_choice("ReduceLROnPlateau", "mode", mode, _MODES)
        self.factor, self.patience, self.cooldown = factor, patience, cooldown
        self.threshold, self.relative = threshold, threshold_mode == "rel"
        self.min_lr, self.eps = min_lr, eps
        self._monitor = Monitor("ReduceLROnPlateau", monitor, mode)
        self._waited = 0
        self._cooling = 0

    def on_start(self, run: Run) -> None:
        """Begin anew; a rate that is a schedule already has someone who moves it."""
        self._monitor.start(run)
        self._waited = self._cooling = 0
        if callable(run.optimizer.lr):
            raise ValueError(message("ReduceLROnPlateau", "an optimizer whose lr is a number", run.optimizer.lr))

    def on_epoch_end(self, run: Run) -> None:
        """Count the epochs without an improvement, and lower the rate when they are too many."""
        best = self._monitor.best
        self._monitor.min_delta = self.threshold * (abs(best) if self.relative and best == best else 1.0)
        self._waited = 0 if self._monitor.improved(run.row) else self._waited + 1
        if self._cooling > 0:
            self._cooling -= 1
            self._waited = 0
        if self._waited > self.patience:
            self._waited, self._cooling = 0, self.cooldown
            lr = float(run.optimizer.lr)  # type: ignore[arg-type]  # a number: on_start made sure
            lower = max(lr * self.factor, self.min_lr)
            if lr - lower > self.eps:
                run.optimizer = replace(run.optimizer, lr=lower)  # type: ignore[type-var]  # every optimizer is a dataclass
