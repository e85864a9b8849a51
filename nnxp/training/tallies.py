"""Losses and metrics over many batches: added up on the device, and read from it rarely."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnxp._backend import Array
from nnxp._checks import message
from nnxp._nested import leaves
from nnxp.losses.calls import as_function
from nnxp.losses.combined import CombinedLoss
from nnxp.metrics import Metric

if TYPE_CHECKING:
    from nnxp.losses import LossFunction
    from nnxp.network import Network

__all__ = ["LossTally", "Tally", "denominator_of", "to_floats"]


class Tally:
    """Metrics over many batches: their statistics are added up on the device and read once.

    Parameters
    ----------
    net : Network
        Whose device the sums are on.
    metrics : sequence of Metric
        What is measured.
    """

    def __init__(self, net: "Network", metrics: Sequence[Metric]) -> None:
        self._net = net
        self._metrics = metrics
        self._totals: list[tuple[Array, ...] | None] = [None] * len(metrics)

    def add(self, output: Any, target: Any) -> None:
        """Count a batch."""
        for i, metric in enumerate(self._metrics):
            statistics = metric.statistics(output, target)
            total = self._totals[i]
            self._totals[i] = statistics if total is None else metric.add(total, statistics)

    @property
    def totals(self) -> list[tuple[Array, ...] | None]:
        """The sums so far, a tuple for each metric; None where nothing was counted. What is put here is counted on."""
        return self._totals

    @totals.setter
    def totals(self, totals: Sequence[tuple[Array, ...] | None]) -> None:
        if len(totals) != len(self._metrics):
            raise ValueError(message("fit", f"sums of {len(self._metrics)} metrics", len(totals)))
        self._totals = list(totals)

    def results(self) -> dict[str, float]:
        """Read the sums and finish each metric; NaN where nothing was counted."""
        found = {}
        for metric, totals in zip(self._metrics, self._totals, strict=True):
            host = None if totals is None else [self._net.device.get(total) for total in totals]
            found[metric.name] = float("nan") if host is None else float(metric.result(*host))
        return found


class LossTally:
    """A loss over many batches, exact however they are cut; of a combined loss the parts too.

    Parameters
    ----------
    net : Network
        Whose outputs are judged.
    loss : loss
        What judges them.
    """

    def __init__(self, net: "Network", loss: "LossFunction") -> None:
        self._net = net
        self._loss = loss
        self._function = as_function(loss)
        self._values: list[list[Any]] = []
        self._counts: list[list[Any]] = []

    def add(self, output: Any, target: Any, weight: Array | None) -> None:
        """Judge a batch."""
        if isinstance(self._loss, CombinedLoss):
            self._values.append(self._loss.parts(output, target, weight)[0])
            self._counts.append(self._loss.denominators(output, target, weight))
            return
        judge = self._function
        value, _ = judge(output, target) if weight is None else judge(output, target, weight)
        self._values.append([value])
        self._counts.append([denominator_of(judge, output, target, weight)])

    def results(self) -> dict[str, float]:
        """Read the values: the loss, and each part under its name."""
        loss = self._loss
        columns = list(zip(*self._values, strict=True)) or [()]
        counts = list(zip(*self._counts, strict=True)) or [()]
        means = [self._mean(list(column), list(count)) for column, count in zip(columns, counts, strict=True)]
        if not isinstance(loss, CombinedLoss) or not self._values:
            return {"loss": means[0]}
        return {"loss": float(loss.total(means)), **dict(zip(loss.columns, means, strict=True))}

    def _mean(self, values: list[Any], counts: list[Any]) -> float:
        host = to_floats(self._net, values)
        if getattr(self._loss, "reduction", "mean") == "sum":
            return float(host.sum())
        weights = to_floats(self._net, counts)
        # A batch without a single counted sample has a NaN for its mean, and no say.
        counted = weights != 0
        return float(np.average(host[counted], weights=weights[counted])) if counted.any() else float("nan")


def denominator_of(loss: Any, output: Any, target: Any, weight: Array | None) -> Any:
    """Return what a loss divided its batch by, so that means of batches can be averaged exactly."""
    rule = getattr(loss, "denominator", None)
    return float(leaves(output)[0].shape[0]) if rule is None else rule(output, target, weight)


def to_floats(net: "Network", values: list[Any]) -> np.ndarray[Any, Any]:
    """Read many 0-d device arrays in one go; numbers among them pass."""
    if net.device.name == "cpu" or not values or not net.device.owns(values[0]):
        return np.array([float(v) for v in values])
    xp = net.device.xp
    with net.device.context():
        stacked = xp.stack([xp.asarray(v) for v in values])
    return np.asarray(net.device.get(stacked), dtype=np.float64)
