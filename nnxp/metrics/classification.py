"""Metrics of decisions: the class with the largest output, or one output against a threshold."""

from dataclasses import dataclass
from math import prod
from typing import Any

from nnxp._backend import Array, namespace
from nnxp._checks import check_number, check_positive_int, message
from nnxp.metrics.metric import Metric, aligned, ratio

__all__ = ["Accuracy", "TopK"]


@dataclass(frozen=True)
class Accuracy(Metric):
    """The share of samples that are classified correctly.

    Parameters
    ----------
    threshold : float
        Where the output is a single number, of shape (n,) or (n, 1), it means class 1 above this: 0.5 for
        probabilities, 0 for the logits that BCEWithLogitsLoss takes.

    Notes
    -----
    With an output of shape (n, classes, *extra) the first largest entry along axis 1 is the decision. The target
    holds labels of shape (n, *extra), or one-hot rows or probabilities in the output's shape, whose largest counts.
    """

    threshold: float = 0.5

    def __post_init__(self) -> None:
        check_number("Accuracy", "threshold", self.threshold)

    def statistics(self, output: Array, target: Array) -> tuple[Any, ...]:
        """Return how many decisions are right, and how many there are."""
        xp = namespace(output)
        decision, truth, _ = decide("Accuracy", output, target, self.threshold)
        return xp.sum(xp.astype(decision == truth, xp.int64)), prod(decision.shape)

    def result(self, *totals: Any) -> float:
        """Return right / all."""
        return ratio(*totals)


@dataclass(frozen=True)
class TopK(Metric):
    """The share of samples whose true class is among the k largest outputs.

    Parameters
    ----------
    k : int
        At least 1; ``TopK(1)`` is the accuracy.

    Notes
    -----
    Of equal outputs the one of the lower class ranks higher, so a constant output has no luck.
    Shapes are those of `Accuracy`, with at least k classes.
    """

    k: int = 5

    def __post_init__(self) -> None:
        check_positive_int("TopK", "k", self.k)

    @property
    def name(self) -> str:
        """Such as ``top5``."""
        return f"top{self.k}"

    def statistics(self, output: Array, target: Array) -> tuple[Any, ...]:
        """Return how many true classes rank among the first k, and how many samples there are."""
        if output.ndim < 2 or output.shape[1] < self.k:
            raise ValueError(message("TopK", f"outputs of at least {self.k} classes", tuple(output.shape)))
        xp = namespace(output)
        truth = labels_of("TopK", output, target)
        truth = xp.expand_dims(truth, axis=1)
        classes = xp.arange(output.shape[1], dtype=xp.int64, device=output.device)
        classes = xp.reshape(classes, (-1,) + (1,) * (output.ndim - 2))
        hot = classes == truth
        score = xp.sum(xp.where(hot, output, xp.zeros_like(output)), axis=1, keepdims=True)
        ahead = (output > score) | ((output == score) & (classes < truth))
        rank = xp.sum(xp.astype(ahead, xp.int64), axis=1)
        # A score of NaN is ahead of nothing and behind nothing, and a label out of range has no score.
        valid = xp.any(hot & (output == output), axis=1)
        return xp.sum(xp.astype((rank < self.k) & valid, xp.int64)), prod(rank.shape)

    def result(self, *totals: Any) -> float:
        """Return hits / all."""
        return ratio(*totals)


def decide(where: str, output: Array, target: Array, threshold: float) -> tuple[Array, Array, int]:
    """Return the decided and the true labels, in one shape, and how many classes there are."""
    xp = namespace(output)
    if output.ndim < 2 or output.shape[1] == 1:
        truth = xp.astype(aligned(where, output, target), xp.float64)
        return xp.astype(output > threshold, xp.int64), xp.astype(truth > 0.5, xp.int64), 2
    return xp.argmax(output, axis=1), labels_of(where, output, target), output.shape[1]


def labels_of(where: str, output: Array, target: Array) -> Array:
    """Return the true labels, whether the target holds labels or one row for each sample."""
    xp = namespace(target)
    if target.shape == output.shape:
        return xp.argmax(target, axis=1)
    shape = (output.shape[0], *output.shape[2:])
    if target.shape != shape or not xp.isdtype(target.dtype, "integral"):
        expected = f"integer labels of shape {shape} or a target of shape {tuple(output.shape)}"
        raise ValueError(message(where, expected, f"{_word(target.dtype)} of shape {tuple(target.shape)}"))
    return xp.astype(target, xp.int64)


def _word(dtype: Any) -> str:
    """Return a dtype's bare name, which libraries print in different ways."""
    return str(dtype).rpartition(".")[2]
