"""Metrics of numbers: how far predictions are from their targets."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from nnxp._backend import Array, namespace
from nnxp.metrics.metric import Metric, aligned, ratio

__all__ = ["MAE", "MSE", "R2"]


@dataclass(frozen=True)
class MAE(Metric):
    """The mean absolute error, over samples and outputs.

    Notes
    -----
    Output and target have one shape, up to axes of length 1. Sums are float64 whatever the dtype.
    """

    def statistics(self, output: Array, target: Array) -> tuple[Any, ...]:
        """Return the sum of absolute errors, and how many there are."""
        error = _error("MAE", output, target)
        xp = namespace(error)
        return xp.sum(xp.abs(error)), prod(error.shape)

    def result(self, *totals: Any) -> float:
        """Return sum / count."""
        return ratio(*totals)


@dataclass(frozen=True)
class MSE(Metric):
    """The mean squared error, over samples and outputs; shapes as for `MAE`."""

    def statistics(self, output: Array, target: Array) -> tuple[Any, ...]:
        """Return the sum of squared errors, and how many there are."""
        error = _error("MSE", output, target)
        return namespace(error).sum(error * error), prod(error.shape)

    def result(self, *totals: Any) -> float:
        """Return sum / count."""
        return ratio(*totals)


@dataclass(frozen=True)
class R2(Metric):
    """The coefficient of determination, ``1 - sum of squared errors / sum of squared deviations of the target``.

    1 is perfect, 0 as good as always saying the mean, and there is no lower end.

    Notes
    -----
    Several outputs count equally. For a target that never changes it is 1 if every prediction is exact, else 0.
    The deviations come from the sums of t and t^2 in float64, so about ``1e-16 (mean / deviation)^2`` of relative
    error is theirs: nothing beside the rounding of a float32 target.
    """

    def statistics(self, output: Array, target: Array) -> tuple[Any, ...]:
        """Return for each output the sums of squared errors, targets and squared targets; and the sample count."""
        xp = namespace(output)
        error = _error("R2", output, target)
        truth = xp.astype(xp.reshape(target, error.shape), xp.float64)
        sums = (xp.sum(a, axis=0) for a in (error * error, truth, truth * truth))
        return (*sums, error.shape[0])

    def result(self, *totals: Any) -> float:
        """Average over the outputs."""
        errors, sums, squares, n = totals
        if n == 0:
            return float("nan")
        deviations = np.asarray(squares - sums * sums / n)
        # What is left of a target that never changes is rounding.
        constant = deviations <= 1e-14 * squares
        varying = 1.0 - errors / np.where(constant, 1.0, deviations)
        return float(np.mean(np.where(constant & (errors > 0), 0.0, varying)))


def _error(where: str, output: Array, target: Array) -> Array:
    """Return output - target in float64, which sums of many small batches need."""
    xp = namespace(output)
    return xp.astype(output, xp.float64) - xp.astype(aligned(where, output, target), xp.float64)
