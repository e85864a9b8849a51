"""The negative logarithm of the right answer's probability."""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from nnxp._backend import Array, namespace
from nnxp.losses._values import Values
from nnxp.losses.label_loss import LabelLoss, widen

__all__ = ["NLLLoss"]


@dataclass(frozen=True)
class NLLLoss(LabelLoss):
    """Negative log-likelihood, ``-weight[y] * output[y]``, of labels ``y`` under log-probabilities.

    Backward: ``dy = -weight[y]`` at the label and 0 elsewhere, divided as the value is.

    Parameters
    ----------
    weight : array of shape (classes,), optional
        What each class counts for.
    ignore_index : int
        The label of rows that do not count.
    reduction : {"mean", "sum", "none"}
        What becomes of the rows' terms; ``"mean"`` divides by the sum of ``weight[y]`` over the rows that count.

    Raises
    ------
    ValueError
        If the reduction is unknown, the target has not one label for each row, or, on the host, a label is
        neither a class nor `ignore_index`. On a device such a label makes the value NaN.
    TypeError
        If the target is not of integers.

    Notes
    -----
    Output (batch, classes, *extra), target (batch, *extra). With nothing to count the mean is NaN, its gradient 0.
    """

    weight: Values = None
    _: KW_ONLY
    ignore_index: int = -100
    reduction: str = "mean"

    probabilities: ClassVar[str | None] = "exp"

    def __call__(self, output: Array, target: Array, sample_weight: Array | None = None) -> tuple[Array, Array]:
        """Return the loss, and its gradient with respect to the output; see `Loss`."""
        xp = namespace(output)
        self._check(output, target)
        rows = self._rows(output, target, sample_weight)
        weights = self._row_weights(output, rows)
        terms = xp.where(rows.hot, -output, 0.0)
        dy = -xp.astype(rows.hot, output.dtype)
        if weights is not None:
            terms *= widen(weights)
            dy *= widen(weights)
        return self._reduced(terms, dy, self._divisor(output, weights), rows.invalid)
