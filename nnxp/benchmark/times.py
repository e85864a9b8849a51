"""What was measured: times by net, width, batch size and device, as a table and as plain values."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nnxp._table import Table
from nnxp.benchmark.advice import advice

__all__ = ["StepTime", "StepTimes"]


@dataclass(frozen=True)
class StepTime:
    """The time of one training step.

    Attributes
    ----------
    net : str
        What it is called.
    width : int or None
        Of the net, where it has one.
    batch_size : int
        Samples a step.
    device : str
        Where it ran.
    blocks : tuple of float
        Seconds a step, in each block of steps.
    memory : int or None
        Bytes for the network and its steps, at most: how far the host's resident memory grew, or a GPU's in use;
        None where the system does not tell.
    """

    net: str
    width: int | None
    batch_size: int
    device: str
    blocks: tuple[float, ...]
    memory: int | None

    @cached_property
    def seconds(self) -> float:
        """The median."""
        return float(np.median(self.blocks))

    @property
    def spread(self) -> tuple[float, float]:
        """The lower and the upper quartile, in seconds."""
        low, high = np.quantile(self.blocks, (0.25, 0.75))
        return float(low), float(high)

    @property
    def samples_per_second(self) -> float:
        """How many samples are trained on in a second."""
        return self.batch_size / self.seconds


@dataclass(frozen=True)
class StepTimes:
    """The times of training steps; prints as a table, and adds to others.

    Attributes
    ----------
    steps : tuple of StepTime
        Of one net or several.
    left_out : tuple of str
        What did not fit into memory, a phrase each.
    """

    steps: tuple[StepTime, ...]
    left_out: tuple[str, ...] = ()

    def __add__(self, other: "StepTimes") -> "StepTimes":
        return StepTimes(self.steps + other.steps, self.left_out + other.left_out)

    @property
    def devices(self) -> list[str]:
        """Their names; the first is what the others are compared with."""
        return list(dict.fromkeys(step.device for step in self.steps))

    def ratio(self, step: StepTime) -> float | None:
        """Return how many times as fast as the first device this one is: the median over the rounds.

        Parameters
        ----------
        step : StepTime
            One of `steps`.

        Returns
        -------
        float or None
            None where the first device has no such step.
        """
        key = (step.net, step.width, step.batch_size, self.devices[0])
        for first in self.steps:
            if (first.net, first.width, first.batch_size, first.device) == key:
                return float(np.median(np.divide(first.blocks, step.blocks)))
        return None

    @property
    def advice(self) -> str:
        """Where to train, in a sentence; for several nets, in one for each."""
        nets = list(dict.fromkeys(step.net for step in self.steps))
        return "\n".join(f"{net}: {advice([s for s in self.steps if s.net == net], self.devices)}" for net in nets)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the steps as plain values, in seconds and bytes."""
        return [
            {
                "net": step.net,
                "width": step.width,
                "batch_size": step.batch_size,
                "device": step.device,
                "seconds": step.seconds,
                "seconds_quartiles": list(step.spread),
                "samples_per_second": step.samples_per_second,
                "memory_bytes": step.memory,
                "times_as_fast": self.ratio(step),
            }
            for step in self.steps
        ]

    def _table(self) -> Table:
        speed = f"times {self.devices[0]}'s speed"
        columns = ["net", "width", "batch", "device", "us per step", "quartiles", "samples/s", "MB", speed]
        return Table(columns, [self._row(step) for step in self.steps], [*self.left_out, *self.advice.splitlines()])

    def _row(self, step: StepTime) -> list[str]:
        ratio = self.ratio(step)
        low, high = step.spread
        return [
            step.net,
            "" if step.width is None else str(step.width),
            str(step.batch_size),
            step.device,
            f"{step.seconds * 1e6:,.0f}",
            f"{low * 1e6:,.0f} to {high * 1e6:,.0f}",
            f"{step.samples_per_second:,.0f}",
            "" if step.memory is None else f"{step.memory / 1e6:,.1f}",
            "" if ratio is None else f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.1g}",
        ]

    def __str__(self) -> str:
        return str(self._table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self._table().to_html()
