"""Classes that are to score above the others by a margin: one of them, or several."""

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from nnxp._backend import Array, checked_labels, constant, namespace
from nnxp._checks import Shape, check_choice, check_number, message
from nnxp.losses._inputs import check_beside, check_integers, check_output, check_shape
from nnxp.losses._values import Values, freeze_classes, per_class
from nnxp.losses.counted_loss import CountedLoss
from nnxp.losses.loss import check_reduction, check_sample_shape

__all__ = ["MultiLabelMarginLoss", "MultiMarginLoss"]


@dataclass(frozen=True)
class MultiMarginLoss(CountedLoss):
    """Hinge of one label ``y``, ``weight[y] sum_i max(0, margin - x[y] + x[i])**p / classes`` over ``i != y`` [1]_.

    Backward: ``dy[i] = weight[y] p max(0, margin - x[y] + x[i])**(p - 1) / classes`` where the maximum is not 0, and
    less the sum of these at ``y``; divided as the value is.

    Parameters
    ----------
    p : {1, 2}
        The power of the hinge.
    margin : float
        By how much the label is to score above the others.
    weight : array of shape (classes,), optional
        What each class counts for; the mean does not divide by it.
    reduction : {"mean", "sum", "none"}
        What becomes of the terms, one for each sample; see `Loss`.

    Raises
    ------
    ValueError
        If an argument is out of range, the output is not of shape (batch, classes) and the target of shape (batch,),
        or, on the host, a label is no class. On a device such a label makes the value NaN.
    TypeError
        If the target is not of integers.

    References
    ----------
    .. [1] Crammer and Singer, "On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines",
       JMLR 2 (2001), whose hinge takes the largest term instead of the mean.
    """

    p: int = 1
    margin: float = 1.0
    weight: Values = None
    _: KW_ONLY
    reduction: str = "mean"

    accepts_indices: ClassVar[bool] = True

    def __post_init__(self) -> None:
        where = "MultiMarginLoss"
        check_reduction(self)
        check_choice(where, "p", self.p, (1, 2))
        check_number(where, "margin", self.margin)
        object.__setattr__(self, "weight", freeze_classes(where, "weight", self.weight))

    def __call__(self, output: Array, target: Array, sample_weight: Array | None = None) -> tuple[Array, Array]:
        """Return the loss, and its gradient with respect to the output; see `Loss`."""
        xp = namespace(output)
        _check_scores("MultiMarginLoss", output, target)
        check_shape("MultiMarginLoss", target, (output.shape[0],))
        safe, invalid = checked_labels("MultiMarginLoss", target, output.shape[1], None)
        hot = _one_hot(safe, output)
        score = xp.sum(xp.where(hot, output, 0.0), axis=1, keepdims=True)
        over = xp.where(hot, 0.0, xp.maximum(self.margin - score + output, constant(0.0, like=output)))
        dy = 2.0 * over if self.p == 2 else xp.astype(over > 0.0, output.dtype)
        terms = xp.sum(over * over if self.p == 2 else over, axis=1)
        dy -= xp.where(hot, xp.sum(dy, axis=1, keepdims=True), 0.0)
        scale: Any = 1.0 / output.shape[1]
        if self.weight is not None:
            weights = per_class("MultiMarginLoss", "weight", self.weight, output)
            scale = scale * xp.sum(xp.where(hot, weights, 0.0), axis=1)
        terms *= scale
        dy *= scale if self.weight is None else scale[:, None]
        if invalid is not None:
            terms = xp.where(invalid, math.nan, terms)
        return self._weighted(terms, dy, sample_weight)

    def check_labels(self, labels: Array, output_shape: Shape | None) -> None:
        """Hold all labels of a data set against the network, once, before training; see `Loss`."""
        if output_shape is not None:
            check_sample_shape("MultiMarginLoss", labels, output_shape[1:])
            if output_shape[0] is not None:
                checked_labels("MultiMarginLoss", labels, output_shape[0], None)


@dataclass(frozen=True)
class MultiLabelMarginLoss(CountedLoss):
    """Hinge of several labels, ``sum_ki max(0, 1 - x[k] + x[i]) / classes`` over labels ``k`` and other classes ``i``.

    Backward: 1 at ``i`` and -1 at ``k`` for every pair whose maximum is not 0, divided as the value is.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        What becomes of the terms, one for each sample; see `Loss`.

    Raises
    ------
    ValueError
        If the reduction is unknown, output and target are not of one shape (batch, classes), or, on the host, a label
        is neither a class nor -1. On a device such a label makes the value NaN.
    TypeError
        If the target is not of integers.

    Notes
    -----
    A sample's labels end at its first -1; the rest is padding. A label that stands there twice counts twice.
    Every class meets every other, in memory too: batch times the square of classes.
    """

    _: KW_ONLY
    reduction: str = "mean"

    accepts_indices: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_reduction(self)

    def __call__(self, output: Array, target: Array, sample_weight: Array | None = None) -> tuple[Array, Array]:
        """Return the loss, and its gradient with respect to the output; see `Loss`."""
        xp = namespace(output)
        where = "MultiLabelMarginLoss"
        _check_scores(where, output, target)
        check_shape(where, target, tuple(output.shape))
        safe, invalid = checked_labels(where, target, output.shape[1], -1)
        ended = xp.cumulative_sum(xp.astype(target < 0, xp.int64), axis=1) > 0
        hot = _one_hot(safe, output) & ~ended[:, :, None]
        times = xp.sum(xp.astype(hot, output.dtype), axis=1)
        pairs = times[:, :, None] * xp.astype(times == 0.0, output.dtype)[:, None, :]
        over = 1.0 - output[:, :, None] + output[:, None, :]
        pairs *= 1.0 / output.shape[1]
        terms = xp.sum(pairs * xp.maximum(over, constant(0.0, like=output)), axis=(1, 2))
        pairs *= xp.astype(over > 0.0, output.dtype)
        dy = xp.sum(pairs, axis=1) - xp.sum(pairs, axis=2)
        if invalid is not None:
            terms = xp.where(xp.any(invalid, axis=1), math.nan, terms)
        return self._weighted(terms, dy, sample_weight)

    def check_labels(self, labels: Array, output_shape: Shape | None) -> None:
        """Hold all labels of a data set against the network, once, before training; see `Loss`."""
        if output_shape is not None:
            check_sample_shape("MultiLabelMarginLoss", labels, output_shape)
            if output_shape[0] is not None:
                checked_labels("MultiLabelMarginLoss", labels, output_shape[0], -1)


def _check_scores(where: str, output: Array, target: Array) -> None:
    """Refuse anything but scores of shape (batch, classes), with labels beside them."""
    check_output(where, output)
    if output.ndim != 2 or output.shape[1] == 0:
        raise ValueError(message(where, "output of shape (batch, classes)", tuple(output.shape)))
    check_beside(where, "target", target, output)
    check_integers(where, target)


def _one_hot(labels: Array, output: Array) -> Array:
    """Return True where a class is the label: labels (...) become (..., classes)."""
    xp = namespace(output)
    classes = xp.arange(output.shape[1], dtype=xp.int64, device=output.device)
    return xp.astype(labels, xp.int64, copy=False)[..., None] == classes
