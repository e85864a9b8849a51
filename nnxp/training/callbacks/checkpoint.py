"""Write the network down as it trains."""

from pathlib import Path

from nnxp._checks import check_choice
from nnxp.training.run import MODES, Callback, Monitor, Run

__all__ = ["Checkpoint"]


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
        check_choice("Checkpoint", "mode", mode, MODES)
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
