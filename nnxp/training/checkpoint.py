"""Where and how often a run writes down its state."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import KW_ONLY, dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnxp._checks import Words, check_choice, check_positive_int, message
from nnxp.training.run import MODES

if TYPE_CHECKING:
    from nnxp.network import Network
    from nnxp.training.keeper import Keeper

__all__ = ["Checkpoint", "keeper_of", "surroundings"]


@dataclass(frozen=True)
class Checkpoint:
    """A folder in which `fit` keeps the last and the best state of a run, each in one file that is replaced whole.

    Parameters
    ----------
    folder : path
        For ``last.safetensors`` and ``best.safetensors``. Made if it is not there.
    monitor : str or None
        The column of the history by which an epoch is the best; ``auto`` is ``val_loss``, or ``loss`` where there is
        no validation data. None keeps only the last.
    mode : {"auto", "min", "max"}
        Whether less or more is better.
    every_epochs : int
        Write after so many epochs, and after the last.
    every_steps : int, optional
        Within an epoch too, after so many updates.

    Raises
    ------
    ValueError
        If an argument is out of range.
    TypeError
        If `folder` is no path.

    Notes
    -----
    A state holds the network with its buffers, the optimizer's vectors and what callbacks changed of it, the counters
    that the noise is drawn by, the place in the data, the losses and metrics of the epoch that has begun, the history,
    what the callbacks remember, and versions and number of threads. It is written before the first step too, at the
    end of an epoch after all callbacks, and when Ctrl-C ends the run. `nnxp.load` reads it as a network.

    A run that goes on gives the same bits as one that never stopped, on the same device with the same versions. The
    bits of a matrix product depend on the number of threads, so `fit` works with that of before; it warns where it
    cannot, and of other versions. Another device gives the same to rounding. Arrays are taken up at the batch where
    they were left; their number and shape must be those of before, and what is in them is yours to keep: samples and
    weights that have changed are not noticed. An iterable must come in the same order once more: one that has a method
    ``set_epoch``, as samplers and data sets of other libraries have, is told the number of the epoch before each pass.

    Examples
    --------
    >>> net.fit(x, y, loss=loss, optimizer=optimizer, epochs=10, checkpoint=Checkpoint("run", every_steps=1000))
    """

    folder: str | PathLike[str]
    monitor: str | None = "auto"
    _: KW_ONLY
    mode: str = "auto"
    every_epochs: int = 1
    every_steps: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.folder, (str, PathLike)):
            raise TypeError(message("Checkpoint", "folder to be a path", Words(type(self.folder).__name__)))
        check_choice("Checkpoint", "mode", self.mode, MODES)
        check_positive_int("Checkpoint", "every_epochs", self.every_epochs)
        if self.every_steps is not None:
            check_positive_int("Checkpoint", "every_steps", self.every_steps)

    @property
    def last(self) -> Path:
        """The file of the last state."""
        return Path(self.folder) / "last.safetensors"

    @property
    def best(self) -> Path:
        """The file of the best epoch's state."""
        return Path(self.folder) / "best.safetensors"


def keeper_of(net: "Network", checkpoint: Any, resume: bool) -> "Keeper | None":
    """Return what keeps a run's state, where somebody wants it kept."""
    if checkpoint is None:
        if resume:
            raise ValueError(message("fit", "checkpoint, the folder of the run, with resume=True", None))
        return None
    from nnxp.training.keeper import Keeper, StepKeeper

    checkpoint = checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint(checkpoint)
    return (Keeper if checkpoint.every_steps is None else StepKeeper)(net, checkpoint, resume)


def surroundings(keeper: "Keeper | None", net: "Network") -> AbstractContextManager[None]:
    """Return the block in which a run works: of one that goes on, with as many threads as before."""
    return nullcontext() if keeper is None else keeper.surroundings(net)
