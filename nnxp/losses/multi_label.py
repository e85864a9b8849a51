"""Yes or no for each class, and one term for each sample."""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from nnxp._backend import Array, namespace
from nnxp._checks import message
from nnxp.losses._inputs import check_beside, check_dtype, check_output, check_shape
from nnxp.losses._values import Values, freeze_classes
from nnxp.losses.binary import BCEWithLogitsLoss
from nnxp.losses.counted_loss import CountedLoss
from nnxp.losses.loss import check_reduction

__all__ = ["MultiLabelSoftMarginLoss"]


@dataclass(frozen=True)
class MultiLabelSoftMarginLoss(CountedLoss):
    """Binary cross-entropy of logits, mean over classes: ``-mean_c weight[c] (t log s(x) + (1 - t) log(1 - s(x)))``.

    With ``s`` the sigmoid. Backward: ``dy = weight[c] (s(x) - t) / classes``, divided as the value is.

    Parameters
    ----------
    weight : array of shape (classes,), optional
        Multiplies the classes' terms; the mean does not divide by it.
    reduction : {"mean", "sum", "none"}
        What becomes of the terms, one for each row of classes; see `Loss`.

    Raises
    ------
    ValueError
        If an argument is out of range, the output is not of shape (batch, ..., classes), or the target is not shaped
        as it.
    TypeError
        If the arrays are not on one device, or not of one dtype.
    """

    weight: Values = None
    _: KW_ONLY
    reduction: str = "mean"

    probabilities: ClassVar[str | None] = "sigmoid"

    def __post_init__(self) -> None:
        check_reduction(self)
        object.__setattr__(self, "weight", freeze_classes("MultiLabelSoftMarginLoss", "weight", self.weight))
        object.__setattr__(self, "_each_class", BCEWithLogitsLoss(self.weight))

    def terms_shape(self, output: Array) -> tuple[int, ...]:
        """Return the shape of the rows of classes."""
        return tuple(output.shape[:-1])

    def __call__(self, output: Array, target: Array, sample_weight: Array | None = None) -> tuple[Array, Array]:
        """Return the loss, and its gradient with respect to the output; see `Loss`."""
        where = "MultiLabelSoftMarginLoss"
        check_output(where, output)
        if output.ndim < 2 or output.shape[-1] == 0:
            raise ValueError(message(where, "output of shape (batch, ..., classes)", tuple(output.shape)))
        if self.weight is not None and len(self.weight) != output.shape[-1]:
            raise ValueError(message(where, f"weight of shape ({output.shape[-1]},)", (len(self.weight),)))
        check_beside(where, "target", target, output)
        check_shape(where, target, tuple(output.shape))
        check_dtype(where, target, output)
        terms, dy = self._each_class.terms(output, target)  # type: ignore[attr-defined]
        dy *= 1.0 / output.shape[-1]
        return self._weighted(namespace(output).mean(terms, axis=-1), dy, sample_weight)
