"""A run's curves for TensorBoard."""

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nnxp._checks import check_positive_int
from nnxp.training.run import Callback, Run

__all__ = ["TensorBoard"]


class TensorBoard(Callback):
    """Writes events that ``tensorboard --logdir FOLDER`` shows, also while the run goes on; needs tensorboardX.

    Parameters
    ----------
    folder : path
        Made if it is not there; every run adds a file of its own, and runs side by side have folders side by side.
    every : int, optional
        Write the loss of every so many updates too, under ``batch_loss``; each has to be read from the device.
    histograms : bool
        Write how the values of every parameter are distributed, after every epoch, under ``parameters/<name>``.

    Raises
    ------
    ImportError
        If tensorboardX is not installed.
    ValueError
        If `every` is no whole number of at least 1.

    Notes
    -----
    The columns of the history are written after every epoch, ``epoch`` and ``seconds`` left out. The horizontal axis is
    ``net.step``, the number of updates. A run that is resumed hides what was written after the state that it goes on
    from.

    Examples
    --------
    >>> net.fit(x, y, loss=loss, optimizer=Adam(), callbacks=[TensorBoard("runs/first", every=10)])
    """

    def __init__(self, folder: str | PathLike[str], *, every: int | None = None, histograms: bool = False) -> None:
        if every is not None:
            check_positive_int("TensorBoard", "every", every)
        self.folder = Path(folder)
        self.every = every
        self.histograms = histograms
        self._writer: Any = None

    def on_start(self, run: Run) -> None:
        """Look for the library, before any work is done."""
        self._library()
        self._writer = None

    def on_epoch_start(self, run: Run) -> None:
        """Open the file: from here on the end of the run closes it, however it comes."""
        if self._writer is None:
            step = run.net.step
            # Files are named by the second, and read in the order of their names.
            self._writer = self._library().SummaryWriter(
                str(self.folder), purge_step=step + 1 if run.resumed else None, filename_suffix=f".{step:010}"
            )

    def on_step(self, run: Run) -> None:
        """Write the loss, if it is time."""
        if self.every is not None and run.net.step % self.every == 0:
            self._writer.add_scalar("batch_loss", float(run.net.device.get(run.value)), run.net.step)

    def on_epoch_end(self, run: Run) -> None:
        """Write the row, and the distributions if they were asked for."""
        net = run.net
        for column in run.columns:
            if column not in ("epoch", "seconds"):
                self._writer.add_scalar(column, run.row[column], net.step)
        if self.histograms:
            for name, array in net.parameters.items():
                self._writer.add_histogram(f"parameters/{name}", np.asarray(net.device.get(array)), net.step)
        self._writer.flush()

    def on_end(self, run: Run) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    @staticmethod
    def _library() -> Any:
        try:
            import tensorboardX
        except ImportError:
            hint = "pip install 'nnxp[tensorboard]'"
            raise ImportError(f"TensorBoard: expected tensorboardX to be installed; {hint}") from None
        return tensorboardX
