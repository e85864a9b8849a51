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
    """Prints one line at the end of each epoch: its row, how many samples a second, and the time that is left."""

    def on_start(self, run: Run) -> None:
        """Say where a run that was begun before goes on."""
        if run.resumed:
            print(f"going on after epoch {run.net.epoch}/{run.last_epoch}", flush=True)

    def on_epoch_end(self, run: Run) -> None:
        """Print the row."""
        cells = ", ".join(f"{k} {_short(v)}" for k, v in run.row.items() if k not in {"epoch", "seconds"})
        seconds, waiting = run.row["seconds"], run.last_epoch - run.net.epoch
        rate = f"{sum(run.steps.sizes) / max(seconds, 1e-9):,.0f} samples/s"
        # Epochs take alike; those of before a run was resumed count too.
        left = f", {_clock(waiting * float(np.mean(run.history['seconds'])))} left" if waiting > 0 else ""
        print(f"epoch {run.net.epoch}/{run.last_epoch}: {cells}, {seconds:.2f} s, {rate}{left}", flush=True)

    def on_end(self, run: Run) -> None:
        """Say why the run ended before its time."""
        if run.net.epoch < run.last_epoch:
            print(f"stopped after epoch {run.net.epoch}: {run.history.stop_reason}", flush=True)


class ProgressBar(Callback):
    """Draws one bar for the whole run on the standard error, at most ten times a second.

    Beside it: how many updates are done, how many samples a second, and the time that is left.
    """

    every_step = False

    def on_start(self, run: Run) -> None:
        """Draw the empty bar."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.table import Column

        # On a narrow terminal the bar gives way, and no number does.
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(table_column=Column(no_wrap=True)),
            console=Console(stderr=True),
            auto_refresh=False,
        )
        total = None if run.updates is None else run.updates * run.epochs
        text, done = f"epoch {run.net.epoch + 1}/{run.last_epoch}", (run.history.updates or [0])[-1]
        self._task = self._bar.add_task(text, total=total, completed=done, rate="")
        self._drawn = 0.0
        self._counted = self._samples = 0
        self._bar.start()

    def on_epoch_start(self, run: Run) -> None:
        """Count the epoch's samples from here."""
        self._counted = self._samples = 0

    def on_step(self, run: Run) -> None:
        """Count, and draw if it is time."""
        now = time.perf_counter()
        if now - self._drawn >= _SECONDS_BETWEEN_DRAWINGS:
            self._drawn = now
            loss = float(np.asarray(run.net.device.get(run.value)))
            done = (run.history.updates or [0])[-1] + len(run.steps.sizes)
            self._draw(run, done, f"epoch {run.net.epoch + 1}/{run.last_epoch}  loss {loss:.4g}")

    def on_epoch_end(self, run: Run) -> None:
        """Show the epoch's row."""
        cells = "  ".join(f"{k} {_short(v)}" for k, v in run.row.items() if k not in {"epoch", "seconds", "lr"})
        if run.updates is None:
            # Of an iterable that did not know it, the first epoch has counted.
            self._bar.update(self._task, total=len(run.steps.sizes) * run.epochs)
        self._draw(run, run.history.updates[-1], f"epoch {run.row['epoch']}/{run.last_epoch}  {cells}")

    def _draw(self, run: Run, done: int, text: str) -> None:
        sizes = run.steps.sizes
        self._samples += sum(sizes[self._counted :])
        self._counted = len(sizes)
        rate = self._samples / max(time.perf_counter() - run.steps.started, 1e-9)
        self._bar.update(self._task, completed=done, description=text, rate=f"{rate:,.0f} samples/s", refresh=True)

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


def _clock(seconds: float) -> str:
    """Write a time as minutes and seconds, with hours in front where there are some."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
