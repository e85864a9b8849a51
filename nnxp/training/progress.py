"""Where a run stands: one bar on a terminal, one line an epoch in a log, or nothing."""

import sys
import time
from typing import Any

import numpy as np

from nnxp._checks import check_choice
from nnxp.training.run import Callback, Run

__all__ = ["ProgressBar", "ProgressLines", "progress"]

_SECONDS_BETWEEN_DRAWINGS = 0.1


class ProgressLines(Callback):
    """Prints one line at the end of each epoch."""

    def on_start(self, run: Run) -> None:
        """Remember where the count begins: a second fit goes on."""
        self._last = run.net.epoch + run.epochs

    def on_epoch_end(self, run: Run) -> None:
        """Print the row."""
        cells = ", ".join(f"{k} {_short(v)}" for k, v in run.row.items() if k not in {"epoch", "seconds"})
        print(f"epoch {run.row['epoch']}/{self._last}: {cells}, {run.row['seconds']:.2f} s", flush=True)

    def on_end(self, run: Run) -> None:
        """Say why the run ended before its time."""
        if run.net.epoch < self._last:
            print(f"stopped after epoch {run.net.epoch}: {run.history.stop_reason}", flush=True)


class ProgressBar(Callback):
    """Draws one bar for the whole run on the standard error, at most ten times a second."""

    def on_start(self, run: Run) -> None:
        """Draw the empty bar."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("updates"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            auto_refresh=False,
        )
        total = None if run.updates is None else run.updates * run.epochs
        self._last = run.net.epoch + run.epochs
        self._task = self._bar.add_task(f"epoch {run.net.epoch + 1}/{self._last}", total=total)
        self._done = 0
        self._drawn = 0.0
        self._bar.start()

    def on_step(self, run: Run) -> None:
        """Count, and draw if it is time."""
        self._done += 1
        now = time.perf_counter()
        if now - self._drawn >= _SECONDS_BETWEEN_DRAWINGS:
            self._drawn = now
            loss = float(np.asarray(run.net.device.get(run.value)))
            self._draw(f"epoch {run.net.epoch + 1}/{self._last}  loss {loss:.4g}")

    def on_epoch_end(self, run: Run) -> None:
        """Show the epoch's row."""
        cells = "  ".join(f"{k} {_short(v)}" for k, v in run.row.items() if k not in {"epoch", "seconds", "lr"})
        self._draw(f"epoch {run.row['epoch']}/{self._last}  {cells}")

    def _draw(self, text: str) -> None:
        self._bar.update(self._task, completed=self._done, description=text, refresh=True)

    def on_end(self, run: Run) -> None:
        """Leave the last state standing."""
        self._bar.stop()


def progress(verbose: str | bool) -> list[Callback]:
    """Choose how to show a run: ``"auto"`` (a bar on a terminal, else lines), ``"bar"``, ``"lines"``, or False."""
    check_choice("fit", "verbose", verbose, ["auto", "bar", "lines", True, False])
    if verbose is False:
        return []
    if verbose == "bar" or (verbose != "lines" and sys.stderr.isatty()):
        return [ProgressBar()]
    return [ProgressLines()]


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
