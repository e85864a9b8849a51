"""What each layer does while a network learns, written down as a table."""

import csv
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnxp._backend import Array
from nnxp._checks import Words, check_number, check_positive_int, message
from nnxp._files import write_atomic
from nnxp.training.callbacks._meter import Meter, norms
from nnxp.training.run import Callback, Run

__all__ = ["Diagnostics"]

# fmt: off
_COLUMNS = [
    "epoch", "step", "layer", "kind", "mean", "std", "zeros", "dead", "samples", "gradient", "weight", "update",
    "forward_seconds", "backward_seconds",
]
# fmt: on
# How many samples in a row a unit must be silent to be called dead.
_SAMPLES = 256


class Diagnostics(Callback):
    """Writes what every layer does to a CSV file: a row a layer, at the first update of each epoch.

    Parameters
    ----------
    path : path
        Such as ``RUN/diagnostics.csv``. A file that an earlier part of the same run left is gone on with: what it
        says of epochs that are still to come is dropped.
    every : int, optional
        Measure at every so many updates instead.
    share : float or None
        At most this share of the run's time is spent on it: a measurement that would go beyond waits for the next
        occasion. The first one, which has to warm up, is always made and not counted. None measures every time.

    Raises
    ------
    ValueError
        If an argument is out of range, the file is not a table of these columns, or the optimizer asks for the loss
        by itself, as LBFGS does.

    Notes
    -----
    The columns are

    - ``epoch`` (from 1), ``step`` (updates before), ``layer`` (its path), ``kind``;
    - ``mean``, ``std``, ``zeros``: of the layer's output for the batch in hand, the last as a share;
    - ``dead``: the share of its units that were 0 for each of the last 256 ``samples`` that were measured (of all,
      while they are fewer), though what the layer was given there was not 0. A unit is a channel of an image, else
      an entry of a sample;
    - ``gradient``, ``weight``: Euclidean norms of its parameters' gradient, before any clipping, and of the
      parameters; ``update``: the norm of what the update changed, divided by ``weight``;
    - ``forward_seconds``, ``backward_seconds``: of the batch in this layer alone, run by itself.

    Cells that do not apply are empty. Training is left bit for bit as it is: the batch is run again on a network of
    its own, which takes the memory of parameters and gradients a second time.
    """

    def __init__(self, path: str | Path, *, every: int | None = None, share: float | None = 0.03) -> None:
        if every is not None:
            check_positive_int("Diagnostics", "every", every)
        if share is not None:
            check_number("Diagnostics", "share", share, low=0.0, high=1.0)
        self.path, self.every, self.share = Path(path), every, share
        self._meter: Meter | None = None

    def on_start(self, run: Run) -> None:
        """Prepare the file; the network beside the one that trains is made when it is first needed."""
        if run.optimizer.needs_closure:
            got = Words(type(run.optimizer).__name__)
            raise ValueError(message("Diagnostics", "an optimizer that takes one gradient an update", got))
        kept = _read(self.path, run.net.epoch) if self.path.exists() else []
        write_atomic(self.path, "".join(f"{line}\n" for line in [",".join(_COLUMNS), *kept]))
        self._meter = None
        self._samples, self._epoch = 0, -1
        self._pending: _Pending | None = None
        self._spent, self._last = 0.0, 0.0
        self._started = time.perf_counter()

    def on_gradient(self, run: Run) -> None:
        """Measure, if it is time and there is time."""
        net = run.net
        if net.step % self.every if self.every is not None else net.epoch == self._epoch:
            return
        self._epoch = net.epoch
        start = time.perf_counter()
        if self.share is not None and self._spent + self._last > self.share * (start - self._started):
            return
        warm = self._meter is not None
        if self._meter is None:
            # A first pass loads and compiles what the others use.
            self._meter = Meter(net)
            self._meter.measure(run)
            start = time.perf_counter()
        with np.errstate(all="ignore"):
            rows = self._measure(run, self._meter)
        theta = net.device.xp.asarray(net.theta, copy=True)
        self._pending = _Pending(net.step, theta, rows, time.perf_counter() - start, warm)

    def on_step(self, run: Run) -> None:
        """Add what the update changed, and write."""
        pending = self._pending
        if pending is None or run.net.step == pending.step:
            return
        start = time.perf_counter()
        self._pending = None
        with np.errstate(all="ignore"):
            moved = norms(run.net, run.net.theta - pending.theta)
        for row in pending.rows:
            if row.get("weight"):
                row["update"] = moved[row["layer"]] / row["weight"]
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
            writer.writerows({name: _cell(value) for name, value in row.items()} for row in pending.rows)
        self._last = pending.seconds + time.perf_counter() - start
        self._spent += self._last if pending.counts else 0.0

    def _measure(self, run: Run, meter: Meter) -> list[dict[str, Any]]:
        """Return a row for each layer, without what the update will change."""
        assert run.batch is not None
        net = run.net
        self._samples += int(run.batch[0][0].shape[0])
        enough = min(self._samples, _SAMPLES)
        readings, activations, silence = meter.measure(run), meter.activations(), meter.silence()
        gradients, weights = norms(net, net.gradient), norms(net, net.theta)
        rows = []
        for node in net.nodes:
            path, row = node.path, {"epoch": net.epoch + 1, "step": net.step, "layer": node.path}
            row |= {"kind": node.layer.display_name, "samples": enough}
            if path in readings:
                seconds = {"forward_seconds": readings[path].forward, "backward_seconds": readings[path].backward}
                row |= activations.get(path, {}) | seconds
            if path in silence:
                row["dead"] = float(np.mean(silence[path] >= enough))
            if path in weights:
                row |= {"gradient": gradients[path], "weight": weights[path]}
            if path in readings or path in weights:
                rows.append(row)
        return rows


@dataclass(frozen=True)
class _Pending:
    """A measurement that waits for its update: what it took so far, and whether that counts as time spent."""

    step: int
    theta: Array
    rows: list[dict[str, Any]]
    seconds: float
    counts: bool


def _read(path: Path, epoch: int) -> list[str]:
    """Return the lines of an earlier part of a run, up to an epoch."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines or lines[0] != ",".join(_COLUMNS):
        raise ValueError(message("Diagnostics", f"a new file, or one with columns {','.join(_COLUMNS)}", str(path)))
    full = [line for line in lines[1:] if line.count(",") == len(_COLUMNS) - 1]
    return [line for line in full if int(line.partition(",")[0]) <= epoch]


def _cell(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value
