"""The callback: rare looks, and a good state to go back to."""

import math
from os import PathLike
from pathlib import Path

import numpy as np

from nnxp._checks import check_number, check_positive_int, message
from nnxp.training.callbacks.nan.finding import Finding
from nnxp.training.callbacks.nan.state import Kept, Stretch, finite
from nnxp.training.run import Callback, Run
from nnxp.training.tallies import to_floats

__all__ = ["TerminateOnNaN"]


class TerminateOnNaN(Callback):
    """Ends a run at the first value that is not finite, names where it arose, and leaves the weights of before.

    Parameters
    ----------
    every : int
        Look at every so many updates, and at the end of every epoch. What happened between two looks is found out by
        making the steps again, so the place is the same for every choice; a look costs one product of two vectors
        and one number that is read, and then one copy of the state.
    folder : path, optional
        Where to write a recording, when there is something to record: ``replay_nan.py``, which runs the one layer,
        loss or update in question again and says what it meets, and its data, ``replay_nan.npz``.
    threshold : float, optional
        A loss above it counts as well.

    Attributes
    ----------
    finding : Finding or None
        What was found; `History.stop_reason` is its sentence.

    Raises
    ------
    ValueError
        If a number is out of range, or `folder` is a file.

    Notes
    -----
    Parameters, inputs and targets are looked at first, then the layers' outputs in the order of the forward pass, the
    loss, the layers' gradients in the order of the backward pass, and the update. The network is left as it was before
    the step that went wrong: put this callback before others that keep weights.

    Memory: one copy of theta, of the buffers and of the optimizer's vectors, and one more once something was found.
    Nothing is read from the device between two looks, and no result changes by a bit.

    The steps are made again with the same batches, noise and optimizers, and every loss must come out as it was. Where
    it does not, since a callback changed the network or the data differ, or where the batches are an iterable's, which
    cannot be had again, the present batch is looked at with the last good weights, and the sentence says so;
    ``every=1`` needs no batch but the present one.

    Examples
    --------
    >>> net.fit(x, y, loss=loss, optimizer=optimizer, callbacks=[TerminateOnNaN(folder="run")])
    """

    def __init__(
        self, every: int = 50, *, folder: str | PathLike[str] | None = None, threshold: float | None = None
    ) -> None:
        check_positive_int("TerminateOnNaN", "every", every)
        if threshold is not None:
            check_number("TerminateOnNaN", "threshold", threshold, low=0.0)
        self.every = every
        self.folder = None if folder is None else Path(folder)
        self.threshold = threshold
        self.finding: Finding | None = None

    def on_start(self, run: Run) -> None:
        """Forget an earlier run; refuse a folder that is none before any work is done."""
        if self.folder is not None and self.folder.exists() and not self.folder.is_dir():
            raise ValueError(message("TerminateOnNaN", "folder to be a folder", str(self.folder)))
        self.finding = None
        self._good: Kept | None = None
        self._stretch = Stretch(0, [], [])

    def on_epoch_start(self, run: Run) -> None:
        """Keep the state."""
        self._keep(run)

    def on_step(self, run: Run) -> None:
        """Count, and look if it is time."""
        stretch = self._stretch
        if not stretch.losses:
            # Several batches may have made the update; such groups begin with the epoch.
            stretch.first = run.number - run.number % run.steps.accumulate
        stretch.losses.append(run.value)
        stretch.optimizers.append(run.steps.optimizer)
        if len(stretch.losses) >= self.every and self._is_fine(run):
            self._keep(run)

    def on_epoch_end(self, run: Run) -> None:
        """Look at what has not been looked at."""
        if self._stretch.losses and self.finding is None:
            epoch = run.net.epoch
            self._is_fine(run)
            run.net.epoch = epoch  # it has been counted, and has its row
        self._stretch = Stretch(0, [], [])

    def _keep(self, run: Run) -> None:
        """Copy the state: nothing was wrong so far."""
        if self._good is None:
            self._good = Kept(run.net)
        else:
            self._good.take()
        self._stretch = Stretch(0, [], [])

    def _is_fine(self, run: Run) -> bool:
        """Look; if something is wrong find out what, and end the run."""
        assert self._good is not None
        limit = math.inf if self.threshold is None else self.threshold
        with np.errstate(all="ignore"), run.net.device.context():
            if not self._suspicious(run, limit) or not self._wrong(run, limit):
                return True
            from nnxp.training.callbacks.nan.replaying import investigate

            self.finding = investigate(run, self._good, self._stretch, limit)
        sentence = self.finding.sentence
        if self.folder is not None:
            sentence += self._record(self.folder)
        run.stop(sentence)
        # What was done of this epoch does not belong to the weights that are left.
        run.steps.broken = True
        return False

    def _suspicious(self, run: Run, limit: float) -> bool:
        """Read the losses, and one number for all parameters and gradients; it may overflow where nothing is wrong."""
        net = run.net
        return not (self._losses_are_fine(run, limit) and finite(net, net.theta @ net.gradient))

    def _wrong(self, run: Run, limit: float) -> bool:
        """Look at every number."""
        return not (self._losses_are_fine(run, limit) and finite(run.net, (run.net.theta, run.net.gradient)))

    def _losses_are_fine(self, run: Run, limit: float) -> bool:
        losses = to_floats(run.net, self._stretch.losses)
        return bool(np.all(np.isfinite(losses) & (losses <= limit)))

    def _record(self, folder: Path) -> str:
        """Write the recording; say where it is, or why there is none."""
        from nnxp.training.callbacks.nan.recording import record

        assert self.finding is not None
        try:
            script = record(self.finding, folder)
        except Exception as error:  # whatever goes wrong here must not hide what was found
            return f"; no recording: {error}"
        self.finding.script = script
        return f"; run {script} to see it again"
