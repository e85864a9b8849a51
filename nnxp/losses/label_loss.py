"""The losses whose targets are labels: one class for each row of the output."""

import math
from typing import Any, ClassVar, NamedTuple

from nnxp._backend import Array, checked_labels, namespace
from nnxp._checks import Shape, check_whole_number, message
from nnxp.losses._inputs import check_beside, check_integers, check_output, check_shape, spread
from nnxp.losses._values import freeze_classes, per_class
from nnxp.losses.loss import Loss, check_reduction, check_sample_shape, reduced

__all__ = ["LabelLoss", "Rows", "widen"]


class Rows(NamedTuple):
    """What the labels say about the rows; a row is what one label speaks of, (batch, *extra) are all of them.

    Attributes
    ----------
    hot : array of bool, shape (batch, classes, *extra)
        True at each row's label; nowhere true in a row that is ignored.
    counts : array of shape (batch, *extra), or None
        How often each row counts: its sample's weight, 0 if ignored. None: each counts once.
    invalid : array of bool, shape (batch, *extra), or None
        Where a label was no class at all. None: nowhere.
    """

    hot: Array
    counts: Array | None
    invalid: Array | None


class LabelLoss(Loss):
    """The base of losses over labels: classes on axis 1, one label for each row.

    Attributes
    ----------
    weight : tuple of float or None
        What each class counts for.
    ignore_index : int
        The label of rows that do not count.
    """

    weight: Any
    ignore_index: int
    accepts_indices: ClassVar[bool] = True

    def __post_init__(self) -> None:
        where = type(self).__name__
        check_reduction(self)
        object.__setattr__(self, "weight", freeze_classes(where, "weight", self.weight))
        check_whole_number(where, "ignore_index", self.ignore_index)
        object.__setattr__(self, "ignore_index", self.ignore_index.__index__())

    def denominator(self, output: Array, target: Array, sample_weight: Array | None = None) -> Any:
        """Return the sum of the weights of the rows that count; see `Loss`."""
        self._check(output, target)
        return self._divisor(output, self._row_weights(output, self._rows(output, target, sample_weight)))

    def check_labels(self, labels: Array, output_shape: Shape | None) -> None:
        """Hold all labels of a data set against the network, once, before training; see `Loss`."""
        where = type(self).__name__
        if output_shape is None:
            return
        check_sample_shape(where, labels, output_shape[1:])
        if output_shape[0] is not None:
            checked_labels(where, labels, output_shape[0], self.ignore_index)

    def _check(self, output: Array, target: Array) -> None:
        """Refuse anything but labels, one for each row of the output."""
        where = type(self).__name__
        self._check_rows(output, target)
        check_integers(where, target)
        self._check_label_shape(output, target)

    def _check_rows(self, output: Array, target: Array) -> None:
        where = type(self).__name__
        check_output(where, output)
        if output.ndim < 2 or output.shape[1] == 0:
            raise ValueError(message(where, "output of shape (batch, classes, ...)", tuple(output.shape)))
        check_beside(where, "target", target, output)

    def _check_label_shape(self, output: Array, target: Array) -> None:
        check_shape(type(self).__name__, target, (output.shape[0], *output.shape[2:]))

    def _rows(self, output: Array, target: Array, sample_weight: Array | None) -> Rows:
        """Read integer labels."""
        xp = namespace(output)
        where, classes = type(self).__name__, output.shape[1]
        labels = target if target.dtype == xp.int64 else xp.astype(target, xp.int64)
        safe, invalid = checked_labels(where, labels, classes, self.ignore_index)
        column = xp.arange(classes, dtype=xp.int64, device=output.device)
        if output.ndim > 2:
            column = xp.reshape(column, (classes, *(1,) * (output.ndim - 2)))
        hot = column == widen(safe)
        counts = None if sample_weight is None else self._row_counts(output, sample_weight)
        # The host hands labels back as they are when every one is a class: then none is ignored, but for a class.
        if safe is not labels or 0 <= self.ignore_index < classes:
            kept = labels != self.ignore_index
            hot = hot & widen(kept)
            kept = xp.astype(kept, output.dtype)
            counts = kept if counts is None else kept * counts
        return Rows(hot, counts, invalid)

    def _row_counts(self, output: Array, sample_weight: Array) -> Array:
        """Give each row its sample's weight."""
        weights = spread(type(self).__name__, sample_weight, output)[:, 0, ...]
        return namespace(output).broadcast_to(weights, (output.shape[0], *output.shape[2:]))

    def _row_weights(self, output: Array, rows: Rows) -> Array | None:
        """Return what each row weighs, its class's weight included; None: all weigh 1."""
        if self.weight is None:
            return rows.counts
        xp = namespace(output)
        weights = xp.sum(xp.where(rows.hot, per_class(type(self).__name__, "weight", self.weight, output), 0.0), axis=1)
        return weights if rows.counts is None else weights * rows.counts

    def _divisor(self, output: Array, weights: Array | None) -> Any:
        """Sum the weights of the rows; where all weigh 1, count them."""
        if weights is None:
            return float(math.prod(output.shape) // output.shape[1])
        return namespace(output).sum(weights)

    def _reduced(self, terms: Array, dy: Array, denominator: Any, invalid: Array | None) -> tuple[Array, Array]:
        """Reduce terms of shape (batch, classes, *extra); an invalid label makes its row NaN."""
        xp = namespace(terms)
        if invalid is not None:
            terms = xp.where(widen(invalid), math.nan, terms)
        if self.reduction == "none":
            terms = xp.sum(terms, axis=1)
        return reduced(self.reduction, terms, dy, denominator)


def widen(rows: Array) -> Array:
    """Give an array over the rows, (batch, *extra), an axis for the classes."""
    return rows[:, None, ...]
