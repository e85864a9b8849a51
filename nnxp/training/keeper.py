"""What writes a run's state down."""

import os
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnxp._checks import Words, message
from nnxp.io.architecture import to_config
from nnxp.io.state import write_state
from nnxp.training.batches import ArrayData, IterableData
from nnxp.training.checkpoint import Checkpoint
from nnxp.training.facts import changed_fields, describe, environment, sizes
from nnxp.training.resuming import find_past
from nnxp.training.run import Callback, Monitor, Run

if TYPE_CHECKING:
    from nnxp.network import Network

__all__ = ["Keeper", "StepKeeper"]


class Keeper(Callback):
    """The last of a run's callbacks, so that it writes what the others have left.

    Parameters
    ----------
    net : Network
        Which trains; where the run was begun before, it gets the seed of then.
    checkpoint : Checkpoint
        Where and how often.
    resume : bool
        Go on with what is there.

    Raises
    ------
    FileExistsError
        If there is a state, and nobody wants to go on with it.
    FormatError
        If it is damaged.
    ValueError
        If it is that of another network.
    """

    def __init__(self, net: "Network", checkpoint: Checkpoint, resume: bool) -> None:
        self._checkpoint = checkpoint
        model = to_config(net.model)  # refuses a model that no file can hold
        self._past = find_past(checkpoint, resume)
        if self._past is not None:
            self._past.check_model(model, net.dtype)
            # The same rows are held out, and the same noise is drawn, as before.
            net.seed = net._draw.seed = self._past.seed

    def enter(
        self,
        run: Run,
        callbacks: list[Callback],
        facts: dict[str, Any],
        data: ArrayData | IterableData,
        held_out: ArrayData | IterableData | None,
    ) -> None:
        """Learn what the run is made of; one that goes on gets its network and its history back."""
        self._callbacks = [*callbacks, self]
        self._facts, self._optimizer = describe(sizes(data, held_out) | facts), run.optimizer
        column = self._checkpoint.monitor
        if column == "auto":
            column = "val_loss" if "val_loss" in run.columns else "loss"
        self._monitor = None if column is None else Monitor("Checkpoint", column, self._checkpoint.mode)
        if self._past is not None:
            self._past.check_facts(self._facts)
            self._past.check_epochs(run.epochs)
            self._past.restore(run)

    def surroundings(self, net: "Network") -> AbstractContextManager[None]:
        """Return the block in which the run works."""
        return nullcontext() if self._past is None else self._past.surroundings(net)

    def next_epoch(self, run: Run) -> tuple[int, Callable[[], None] | None]:
        """Return how many batches of the next epoch are done, and what puts the run back into their midst."""
        past = self._past
        if past is None or not past.batches:
            return 0, None
        return past.batches, lambda: past.give_back(run, self._callbacks, self._optimizer)

    def on_start(self, run: Run) -> None:
        """Make the folder; write the state before the first step, or give the callbacks theirs back."""
        if self._monitor is not None:
            self._monitor.start(run)
        _make(Path(self._checkpoint.folder))
        if self._past is None:
            self._write(run)
            return
        self._written = (run.net.epoch, self._past.batches)
        if not self._past.batches:
            self._past.give_back(run, self._callbacks, self._optimizer)

    def on_epoch_end(self, run: Run) -> None:
        """Write the best state when it is the best, and the last one when it is time."""
        if run.steps.broken:
            return
        done = len(run.history.updates)
        due = done % self._checkpoint.every_epochs == 0 or done == run.epochs or run.stopped
        best = self._monitor is not None and self._monitor.improved(run.row)
        # The best first: a run that is killed between the two finds it once more.
        same = best and self._write_best(run)
        if due and same and _link(self._checkpoint.best, self._checkpoint.last):
            self._written = _place(run)
        elif due:
            self._write(run)

    def _write_best(self, run: Run) -> bool:
        """Write the weights that were found to be the best; tell whether they are those that train."""
        tree = self._tree(run)
        if run.judged is nullcontext:
            write_state(run.net, self._checkpoint.best, tree)
            return True
        tree["weights"] = run.net.snapshot()
        with run.judged():
            write_state(run.net, self._checkpoint.best, tree)
        return False

    def finish(self, run: Run) -> None:
        """Write what was done since the last time, unless a step was left in its midst."""
        if not run.steps.broken and _place(run) != self._written:
            self._write(run)

    def state_dict(self) -> dict[str, Any]:
        """Return the best value so far."""
        return {} if self._monitor is None else {"best": self._monitor.best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the best value so far back."""
        if self._monitor is not None:
            self._monitor.best = float(state["best"])

    def _write(self, run: Run) -> None:
        write_state(run.net, self._checkpoint.last, self._tree(run))
        self._written = _place(run)

    def _tree(self, run: Run) -> dict[str, Any]:
        within = _place(run)[1] > 0
        return {
            "facts": self._facts,
            "environment": environment(run.net),
            "start": run.start,
            "begun": {"number": run.number, "steps": run.steps.state_dict()} if within else None,
            "history": run.history.state_dict(),
            "stopped": run.history.stop_reason,
            "weights": None,
            "optimizer": self._changes(run),
            "callbacks": [{"type": type(c).__name__, "state": c.state_dict()} for c in self._callbacks],
        }

    def _changes(self, run: Run) -> dict[str, Any]:
        """Return what callbacks have changed of the optimizer."""
        if type(run.optimizer) is not type(self._optimizer):
            got = Words(f"{type(run.optimizer).__name__} in the place of {type(self._optimizer).__name__}")
            raise TypeError(message("fit", "callbacks that keep the optimizer's type, with checkpoint", got))
        return changed_fields(self._optimizer, run.optimizer)


class StepKeeper(Keeper):
    """One that writes within an epoch too."""

    def on_step(self, run: Run) -> None:
        """Write, if it is time."""
        if run.net.step % (self._checkpoint.every_steps or 1) == 0 and not run.steps.broken:
            self._write(run)


def _place(run: Run) -> tuple[int, int]:
    """Return how many epochs are done, and how many batches of the next."""
    return run.net.epoch, run.number + 1 if run.steps.within else 0


def _link(path: Path, name: Path) -> bool:
    """Give a file a second name, which costs no second writing: such files are replaced, and never changed."""
    temporary = name.with_name(f".nnxp-{secrets.token_hex(6)}{name.suffix}")
    try:
        os.link(path, temporary)
        os.replace(temporary, name)
    except OSError:  # not every file system can
        temporary.unlink(missing_ok=True)
        return False
    return True


def _make(folder: Path) -> None:
    """Make the folder, and clear away what a killed writer has left there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        got = Words(f"{folder} ({error.strerror})")
        raise type(error)(message("Checkpoint", "a folder that can be made", got)) from None
    if not os.access(folder, os.W_OK):
        raise PermissionError(message("Checkpoint", "a folder that may be written to", str(folder)))
    for left in folder.glob(".nnxp-*.safetensors"):
        left.unlink(missing_ok=True)
