"""The shape of a metric: statistics that add up over batches, and one number made of their totals."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnxp._backend import Array, namespace, to_host
from nnxp._backend.dispatch import is_array
from nnxp._checks import message

__all__ = ["FunctionMetric", "Metric"]


class Metric:
    """The base of all metrics.

    A metric of your own is a frozen dataclass with two methods. ``statistics`` gets one batch on the network's
    device and reads nothing back; ``result`` gets the totals over all batches on the host::

        @dataclass(frozen=True)
        class Bias(Metric):
            def statistics(self, output, target):
                xp = namespace(output)
                return xp.sum(output - target), output.shape[0]

            def result(self, total, n):
                return total / n

    Called with whole arrays, ``Bias()(output, target)``, it is a plain function.
    """

    @property
    def name(self) -> str:
        """What the metric is called in tables: the class's name in lower case."""
        return type(self).__name__.lower()

    def statistics(self, output: Array, target: Array) -> tuple[Any, ...]:
        """Return what one batch adds to the totals: arrays on its device, or Python numbers."""
        raise NotImplementedError

    def result(self, *totals: Any) -> float:
        """Return the metric from the totals, which are NumPy arrays; NaN where it is undefined."""
        raise NotImplementedError

    def add(self, totals: tuple[Any, ...], statistics: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the totals with one more batch in them."""
        return tuple(total + statistic for total, statistic in zip(totals, statistics, strict=True))

    def __call__(self, output: Any, target: Any) -> float:
        """Return the metric of whole arrays or lists."""
        output, target = (x if is_array(x) else np.asarray(x) for x in (output, target))
        return float(self.result(*_get(self.statistics(output, target))))


@dataclass(frozen=True)
class FunctionMetric(Metric):
    """Any function of all outputs and all targets, where no sum over batches will do.

    Parameters
    ----------
    function : callable
        ``(output, target) -> float``; both are NumPy arrays of shape (n, ...).

    Notes
    -----
    The outputs of all batches stay in the device's memory until the last one.
    """

    function: Callable[[Any, Any], float]

    @property
    def name(self) -> str:
        """The function's name."""
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    def statistics(self, output: Array, target: Array) -> tuple[Any, ...]:
        """Return the batch itself."""
        return (output,), (target,)

    def result(self, *totals: Any) -> float:
        """Join the batches and call the function."""
        outputs, targets = totals
        return float(self.function(np.concatenate(outputs), np.concatenate(targets)))


def aligned(where: str, output: Array, target: Array) -> Array:
    """Return the target in the output's shape, from which it may differ by axes of length 1: (n,) and (n, 1)."""
    if target.shape == output.shape:
        return target
    if [n for n in target.shape[1:] if n != 1] != [n for n in output.shape[1:] if n != 1] or target.shape[
        :1
    ] != output.shape[:1]:
        raise ValueError(message(where, f"target of shape {tuple(output.shape)}", tuple(target.shape)))
    return namespace(target).reshape(target, output.shape)


def ratio(part: Any, whole: Any) -> float:
    """Divide two totals; nothing of nothing is NaN."""
    return float(part) / float(whole) if whole else float("nan")


def _get(x: Any) -> Any:
    return tuple(_get(part) for part in x) if isinstance(x, tuple) else to_host(x)
