"""Lower the learning rate where progress ends."""

from dataclasses import fields, replace
from typing import Any

from nnxp._checks import Words, check_choice, check_number, check_positive_int, message
from nnxp.training.run import MODES, Callback, Monitor, Run

__all__ = ["ReduceLROnPlateau"]


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
    TypeError
        If the optimizer has no rate, as LBFGS.
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
        check_choice("ReduceLROnPlateau", "mode", mode, MODES)
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
        if "lr" not in {field.name for field in fields(run.optimizer)}:  # type: ignore[arg-type]  # as below
            what = "an optimizer with a learning rate"
            raise TypeError(message("ReduceLROnPlateau", what, Words(type(run.optimizer).__name__)))
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

    def state_dict(self) -> dict[str, Any]:
        """Return the best value, and how long it waits and cools down."""
        return {"best": self._monitor.best, "waited": self._waited, "cooling": self._cooling}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them back."""
        self._monitor.best = float(state["best"])
        self._waited, self._cooling = int(state["waited"]), int(state["cooling"])
