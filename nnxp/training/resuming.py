"""A run that goes on: its state is found, held against what is to go on with it, and given back."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nnxp._backend import threads
from nnxp._checks import Words, message
from nnxp.errors import FormatError
from nnxp.io._json import short
from nnxp.io.architecture import REFUSALS
from nnxp.io.state import TrainingState, read_state
from nnxp.training.checkpoint import Checkpoint
from nnxp.training.facts import environment, first_difference
from nnxp.training.run import Callback, Run

if TYPE_CHECKING:
    from nnxp.network import Network
    from nnxp.optimizers import Optimizer

__all__ = ["Past", "find_past"]

# What the last bits of a result depend on, besides the threads.
_MATTERS = ("nnxp", "numpy", "kernels", "machine", "torch", "cuda", "strict")


def find_past(checkpoint: Checkpoint, resume: bool) -> "Past | None":
    """Return the state that a folder holds; refuse one that nobody wants to go on with."""
    last, best, folder = checkpoint.last, checkpoint.best, str(checkpoint.folder)
    if last.exists():
        if not resume:
            hint = "resume=True goes on with it"
            raise FileExistsError(message("fit", "checkpoint to be a folder without a state", folder, hint))
        return Past(read_state(last), folder)
    if best.exists():
        raise FileExistsError(message("fit", f"{last.name} beside {best.name}", folder, f"copy {best.name} to go on"))
    return None


class Past:
    """What was done of a run before.

    Parameters
    ----------
    state : TrainingState
        As it was read; what it says of the run is taken with care.
    folder : str
        Where it was found, for messages.
    """

    def __init__(self, state: TrainingState, folder: str) -> None:
        self._state = state
        self._folder = folder
        self.seed: int = state.about["seed"]
        self.batches = 0  # of the next epoch, which are done
        with self._understood():
            self._begun = state.run["begun"]
            if self._begun is not None:
                self.batches = int(self._begun["number"]) + 1

    def check_model(self, model: Any, dtype: str) -> None:
        """Refuse another network."""
        about = self._state.about
        self._check({"model": about["model"], "dtype": about["dtype"]}, {"model": model, "dtype": dtype})

    def check_facts(self, facts: dict[str, Any]) -> None:
        """Refuse other data, another loss, another optimizer, or other ways to use them."""
        with self._understood():
            known = self._state.run["facts"]
        self._check(known, facts)

    def check_epochs(self, epochs: int) -> None:
        """Refuse an end that lies before the epoch that has begun: there is nothing to do, and no epoch's end."""
        with self._understood():
            done = len(self._state.run["history"]["updates"])
        if self.batches and epochs <= done:
            what = f"epochs to be at least {done + 1}, which the run in {self._folder} has begun"
            raise ValueError(message("fit", what, epochs))

    def _check(self, known: Any, present: Any) -> None:
        found = first_difference(known, present)
        if found is not None:
            name, before, now = found
            hint = "give another folder to begin anew"
            expected = f"{name} to be {short(before)}, as in the run in {self._folder}"
            raise ValueError(message("fit", expected, Words(short(now)), hint))

    def restore(self, run: Run) -> None:
        """Put network and history back where they were."""
        self._state.restore(run.net)
        with self._understood():
            if self._state.run["weights"] is not None:
                run.net.restore(_on_device(run.net, self._state.run["weights"]))
            run.history.load_state_dict(self._state.run["history"])
            run.start, run.resumed = int(self._state.run["start"]), True

    def give_back(self, run: Run, callbacks: list[Callback], optimizer: "Optimizer") -> None:
        """Give the epoch that has begun, the optimizer (as `fit` was given it) and the callbacks back what they had."""
        kept = self._state.run
        with self._understood():
            if self.batches:
                run.steps.load_state_dict(_on_device(run.net, self._begun["steps"]))
                self.batches = 0
            # Not the run's: callbacks that have nothing back yet may have changed it.
            run.optimizer = replace(optimizer, **kept["optimizer"])  # type: ignore[type-var]  # every optimizer is a dataclass
            left = [(entry["type"], entry["state"]) for entry in kept["callbacks"]]
            for callback in callbacks:
                place = next((i for i, (name, _) in enumerate(left) if name == type(callback).__name__), None)
                state = {} if place is None else left.pop(place)[1]
                if state:
                    callback.load_state_dict(_on_device(run.net, state))
            if len(run.history.updates) >= run.epochs:
                run.stop(str(kept.get("stopped", "")))

    @contextmanager
    def surroundings(self, net: "Network") -> Iterator[None]:
        """Work with the number of threads of before, for a block; say what else the last bits depend on."""
        with self._understood():
            before = dict(self._state.run["environment"])
            wanted = int(before["threads"])
        now = environment(net)
        changed = [f"{name} {before[name]} (now {now[name]})" for name in _MATTERS if _differs(before, now, name)]
        if wanted != now["threads"] and not 1 <= wanted <= threads.cores():
            changed.append(f"{wanted} threads (now {now['threads']}, on {threads.cores()} cores)")
        elif wanted != now["threads"] and threads.told() is not None:
            changed.append(f"{wanted} threads (now {now['threads']}, as set_num_threads was told)")
        elif wanted != now["threads"]:
            with threads.temporarily(wanted):
                yield
            return
        if changed:
            text = f"fit: the run in {self._folder} had {', '.join(changed)}: results may differ in rounding"
            warnings.warn(text, stacklevel=4)
        yield

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """Whatever a file says that is no state of `fit`'s is one sentence."""
        try:
            yield
        except FormatError:
            raise
        except REFUSALS as error:
            got = Words(f"another one ({type(error).__name__}: {short(str(error))})")
            raise FormatError(message(self._state.where, "a state that fit wrote", got)) from error


def _differs(before: dict[str, Any], now: dict[str, Any], name: str) -> bool:
    return name in before and name in now and before[name] != now[name]


def _on_device(net: "Network", value: Any) -> Any:
    """Bring the arrays of a nested value to the network's device."""
    if isinstance(value, tuple):
        return tuple(_on_device(net, part) for part in value)
    if isinstance(value, dict):
        return {name: _on_device(net, part) for name, part in value.items()}
    return net.device.put(value) if isinstance(value, np.ndarray) else value
