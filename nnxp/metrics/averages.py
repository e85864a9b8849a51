"""Precision, recall and F1: a value for each class, averaged over the classes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnxp._backend import Array, namespace
from nnxp._checks import check_choice, check_number, message
from nnxp.metrics.classification import decide
from nnxp.metrics.metric import Metric, ratio

__all__ = ["F1", "Precision", "Recall"]

_AVERAGES = (None, "binary", "macro", "micro", "weighted")


@dataclass(frozen=True)
class _Averaged(Metric):
    """What the three share: counts for each class, and the ways to average over classes."""

    average: str | None = None
    threshold: float = 0.5

    def __post_init__(self) -> None:
        check_choice(type(self).__name__, "average", self.average, _AVERAGES)
        check_number(type(self).__name__, "threshold", self.threshold)

    @property
    def name(self) -> str:
        """Such as ``f1``, or ``f1_macro`` where the average is given."""
        name = type(self).__name__.lower()
        return name if self.average is None else f"{name}_{self.average}"

    def statistics(self, output: Array, target: Array) -> tuple[Any, ...]:
        """Return for each class how often it was decided rightly, decided, and true."""
        where = type(self).__name__
        xp = namespace(output)
        decided, true, classes = decide(where, output, target, self.threshold)
        if self.average == "binary" and classes != 2:
            raise ValueError(message(where, "two classes with average='binary'", classes, "use average='macro'"))
        labels = xp.arange(classes, dtype=xp.int64, device=output.device)
        is_decided = xp.reshape(decided, (-1, 1)) == labels
        is_true = xp.reshape(true, (-1, 1)) == labels
        counts = (is_decided & is_true, is_decided, is_true)
        return tuple(xp.sum(xp.astype(count, xp.int64), axis=0) for count in counts)

    def result(self, *totals: Any) -> float:
        """Average the values of the classes."""
        right, decided, true = (np.asarray(total, dtype=np.float64) for total in totals)
        average = self.average or ("binary" if len(true) == 2 else "macro")
        if average == "binary":
            return float(self.of_class(right[1], decided[1], true[1]))
        if average == "micro":
            return float(self.of_class(right.sum(), decided.sum(), true.sum()))
        values = self.of_class(right, decided, true)
        # In the plain mean, a class that is neither true nor decided anywhere has no say.
        weights = true if average == "weighted" else (true + decided > 0).astype(np.float64)
        return ratio((values * weights).sum(), weights.sum())

    def of_class(self, right: Any, decided: Any, true: Any) -> Any:
        """Return the value of each class; 0 where its denominator is."""
        raise NotImplementedError


@dataclass(frozen=True)
class Precision(_Averaged):
    """The share of a class's decisions that are right, ``right / decided``.

    Parameters
    ----------
    average : {None, "binary", "macro", "micro", "weighted"}
        ``binary`` is the value of class 1 of two; ``macro`` the mean over the classes that occur, ``weighted`` the
        mean by how often each is true, ``micro`` the value of all counts together. None means ``binary`` where there
        are two classes and ``macro`` where there are more.
    threshold : float
        As for `Accuracy`, whose shapes hold here too.

    Raises
    ------
    ValueError
        If `average` is none of these, or ``binary`` meets more than two classes.

    Notes
    -----
    A class that was never decided has the value 0.
    """

    def of_class(self, right: Any, decided: Any, true: Any) -> Any:
        """Return ``right / decided``."""
        return right / np.maximum(decided, 1.0)


@dataclass(frozen=True)
class Recall(_Averaged):
    """The share of a class's samples that are found, ``right / true``.

    Parameters
    ----------
    average, threshold
        As for `Precision`.

    Notes
    -----
    A class that never occurs has the value 0.
    """

    def of_class(self, right: Any, decided: Any, true: Any) -> Any:
        """Return ``right / true``."""
        return right / np.maximum(true, 1.0)


@dataclass(frozen=True)
class F1(_Averaged):
    """The harmonic mean of precision and recall, ``2 right / (decided + true)``.

    Parameters
    ----------
    average, threshold
        As for `Precision`.

    Notes
    -----
    A class that is neither decided nor true has the value 0.
    """

    def of_class(self, right: Any, decided: Any, true: Any) -> Any:
        """Return ``2 right / (decided + true)``."""
        return 2.0 * right / np.maximum(decided + true, 1.0)
