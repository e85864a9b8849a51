"""A training run in progress: what callbacks see, and the hooks they may answer."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from nnxp._backend import Array
from nnxp._checks import message
from nnxp.training.history import History

if TYPE_CHECKING:
    from nnxp.losses import LossFunction
    from nnxp.network import Network
    from nnxp.optimizers import Optimizer
    from nnxp.training.passes import Passes
    from nnxp.training.steps import Steps

__all__ = ["MODES", "Callback", "Monitor", "Run"]

# Whether less or more is better, or the column's name tells.
MODES = ["auto", "min", "max"]


@dataclass
class Run:
    """The state of one `fit`.

    Attributes
    ----------
    net, loss, optimizer : Network, loss, Optimizer
        A callback may put another optimizer here.
    history : History
        The epochs so far.
    columns : list of str
        The columns that the history will have.
    epochs : int
        How many epochs were asked for.
    updates : int or None
        Updates in an epoch, if it is known.
    passes : Passes
        The data, epoch by epoch, as often as one asks.
    steps : Steps
        What makes the updates.
    batch : tuple or None
        Inputs, target and weight of the batch in hand, on the device.
    number : int
        Which batch of its epoch that is; the one before the first is -1.
    value : array or None
        Its loss, on the device: reading it makes the host wait.
    row : dict
        The epoch that has just ended.
    start : int
        How many epochs the network had behind it when the run began.
    resumed : bool
        Whether the run goes on with what a checkpoint has kept of it; `net` and `history` are then as they were.
    interrupted : str
        What has been asked for from outside, such as by Ctrl-C; empty unless it was.
    judged : callable
        ``with run.judged():`` is a block in which the network has the weights that validation is to see: its own,
        unless a callback that averages them offers others.
    """

    net: "Network"
    loss: "LossFunction"
    optimizer: "Optimizer"
    epochs: int
    updates: int | None
    columns: list[str]
    history: History = field(init=False)
    passes: "Passes" = field(init=False)
    steps: "Steps" = field(init=False)
    batch: tuple[tuple[Array, ...], Array, Array | None] | None = None
    number: int = -1
    value: Array | None = None
    row: dict[str, Any] = field(default_factory=dict)
    start: int = field(init=False)
    resumed: bool = False
    interrupted: str = ""
    judged: Callable[[], AbstractContextManager[None]] = nullcontext

    def __post_init__(self) -> None:
        self.history = History(self.columns)
        self.start = self.net.epoch

    @property
    def last_epoch(self) -> int:
        """The number of the last epoch that was asked for."""
        return self.start + self.epochs

    def stop(self, reason: str) -> None:
        """End the run after the step in hand, and say why."""
        self.history.stop_reason = self.history.stop_reason or reason

    def interrupt(self, reason: str) -> None:
        """End the run after the step in hand, which is finished; the run may be resumed as if nobody had asked."""
        self.interrupted = self.interrupted or reason

    @property
    def stopped(self) -> bool:
        """Whether somebody has asked for the end."""
        return bool(self.history.stop_reason or self.interrupted)


class Callback:
    """Something that watches a run; answer only the hooks you need, the others cost nothing.

    Attributes
    ----------
    every_step : bool
        Whether `on_step` has to come after every update; False: after several it may come once.
    """

    every_step: ClassVar[bool] = True

    def on_start(self, run: Run) -> None:
        """Before the first epoch."""

    def on_epoch_start(self, run: Run) -> None:
        """Before each epoch."""

    def on_gradient(self, run: Run) -> None:
        """After each backward, before the update; `Run.stop` here leaves the update out."""

    def on_step(self, run: Run) -> None:
        """After each update."""

    def on_epoch_end(self, run: Run) -> None:
        """After each epoch, with its row in ``run.row``."""

    def on_end(self, run: Run) -> None:
        """After the last epoch, however the run ended."""

    def state_dict(self) -> dict[str, Any]:
        """Return what it must remember to go on in another process.

        Asked for at every checkpoint, after all hooks of that step or epoch. Names with None, booleans, numbers (NaN
        and infinity too), strings, arrays on the host or on the network's device, and lists, tuples or dictionaries
        of these. Nothing unless it answers; what its constructor was told need not be in it.
        """
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned: lists come as tuples, and arrays on the network's device.

        Called when a run is resumed, after `on_start` (and, within an epoch, after `on_epoch_start`), so that what
        they set anew is replaced; not called where nothing was kept.
        """


def hooks(callbacks: list[Callback], name: str) -> list[Callable[[Run], None]]:
    """Collect the callbacks that answer a hook."""
    return [getattr(c, name) for c in callbacks if getattr(type(c), name, None) is not getattr(Callback, name)]


@dataclass
class Monitor:
    """Keeps the best value of a column.

    Parameters
    ----------
    owner : str
        The callback's name, for messages.
    column : str
        Of the history, such as ``"val_loss"``.
    mode : {"auto", "min", "max"}
        Whether less or more is better; ``auto`` takes less for losses and errors, more for everything else.
    min_delta : float
        An improvement must exceed it.
    """

    owner: str
    column: str
    mode: str = "auto"
    min_delta: float = 0.0
    best: float = field(init=False, default=float("nan"))

    def start(self, run: Run) -> None:
        """Refuse a column that this run will not have, and forget what was."""
        if self.column not in run.columns:
            hint = "give fit validation data" if self.column.startswith("val_") else "see History's columns"
            raise ValueError(message(self.owner, f"monitor to be one of {', '.join(run.columns)}", self.column, hint))
        self.best = float("nan")

    def improved(self, row: dict[str, Any]) -> bool:
        """Take the epoch's value; tell whether it is the best so far. NaN never is."""
        value = float(row[self.column])
        less = self.mode == "min" or (self.mode == "auto" and _less_is_better(self.column))
        gain = self.best - value if less else value - self.best
        if value == value and (self.best != self.best or gain > self.min_delta):
            self.best = value
            return True
        return False


def _less_is_better(column: str) -> bool:
    return column.removeprefix("val_") in {"loss", "mae", "mse", "rmse", "seconds"} or column.endswith(
        ("loss", "error")
    )
