"""Softmax and the logarithmic loss in one, as they belong together."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from nnxp._backend import Array, fused, namespace
from nnxp._checks import Shape, Words, check_number, message
from nnxp.losses._inputs import check_dtype, check_shape, dtype_name, is_integral
from nnxp.losses._values import Values, per_class
from nnxp.losses.label_loss import LabelLoss, Rows, widen
from nnxp.losses.loss import check_sample_shape

__all__ = ["CrossEntropyLoss"]


@dataclass(frozen=True)
class CrossEntropyLoss(LabelLoss):
    """Cross-entropy of logits, ``-sum_c t_c log p_c`` with ``p = softmax(output)`` over axis 1.

    For a label ``y`` the target distribution ``t`` is ``weight[y]`` at ``y`` and 0 elsewhere. Smoothing by ``s``
    mixes in the uniform distribution [1]_: ``t_c = weight[c] ((1 - s) [c = y] + s / classes)``.
    Backward: ``dy = p sum(t) - t``, divided as the value is.

    Parameters
    ----------
    weight : array of shape (classes,), optional
        What each class counts for.
    ignore_index : int
        The label of rows that do not count.
    reduction : {"mean", "sum", "none"}
        What becomes of the rows' terms; ``"mean"`` divides by the sum of ``weight[y]`` over the rows that count
        or, where targets are probabilities, by the number of rows.
    label_smoothing : float
        The ``s`` above, in [0, 1].

    Raises
    ------
    ValueError
        If an argument is out of range, the target is shaped neither as labels nor as probabilities, or, on the
        host, a label is neither a class nor `ignore_index`. On a device such a label makes the value NaN.
    TypeError
        If the target is neither of integers nor of the output's dtype.

    Notes
    -----
    Output (batch, classes, *extra); target (batch, *extra) of integers, or of the output's shape and dtype.
    Logarithms are taken as ``x - max - log(sum(exp(x - max)))``, and the gradient uses the same exponentials.
    With nothing to count the mean is NaN, and its gradient 0.

    References
    ----------
    .. [1] Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2015, arXiv:1512.00567,
       section 7.

    Examples
    --------
    >>> value, dy = CrossEntropyLoss()(np.array([[0.0, 0.0]]), np.array([1]))
    >>> float(value), dy.tolist()
    (0.6931471805599453, [[0.5, -0.5]])
    """

    weight: Values = None
    _: KW_ONLY
    ignore_index: int = -100
    reduction: str = "mean"
    label_smoothing: float = 0.0

    probabilities: ClassVar[str | None] = "softmax"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("CrossEntropyLoss", "label_smoothing", self.label_smoothing, low=0.0, high=1.0)

    def __call__(self, output: Array, target: Array, sample_weight: Array | None = None) -> tuple[Array, Array]:
        """Return the loss, and its gradient with respect to the output; see `Loss`."""
        if sample_weight is None and self.weight is None and self.reduction == "mean":
            return cross_entropy(output, target, self)
        return self.in_full(output, target, sample_weight)

    def in_full(self, output: Array, target: Array, sample_weight: Array | None) -> tuple[Array, Array]:
        """Take every kind of target, with every option."""
        self._check(output, target)
        if not is_integral(target):
            counts = None if sample_weight is None else self._row_counts(output, sample_weight)
            return self._soft(output, target, counts, self._divisor(output, counts), None)
        rows = self._rows(output, target, sample_weight)
        weights = self._row_weights(output, rows)
        divisor = self._divisor(output, weights)
        if self.label_smoothing:
            hot = namespace(output).astype(rows.hot, output.dtype)
            return self._soft(output, hot, rows.counts, divisor, rows.invalid)
        return self._hard(output, rows, weights, divisor)

    def _hard(self, output: Array, rows: Rows, weights: Array | None, divisor: Any) -> tuple[Array, Array]:
        """Take labels as they are: every target distribution has one entry."""
        xp = namespace(output)
        surprise, dy = _surprise(output)
        terms = xp.where(rows.hot, surprise, 0.0)
        dy -= xp.astype(rows.hot, output.dtype)
        if weights is not None:
            terms *= widen(weights)
            dy *= widen(weights)
        return self._reduced(terms, dy, divisor, rows.invalid)

    def _soft(
        self, output: Array, target: Array, counts: Array | None, divisor: Any, invalid: Array | None
    ) -> tuple[Array, Array]:
        """Take whole target distributions, smoothed and weighted."""
        xp = namespace(output)
        if self.label_smoothing:
            target = target * (1.0 - self.label_smoothing) + self.label_smoothing / output.shape[1]
        if self.weight is not None:
            target = target * per_class("CrossEntropyLoss", "weight", self.weight, output)
        if counts is not None:
            target = target * widen(counts)
        surprise, dy = _surprise(output)
        # What the target does not mention costs nothing, were it infinite.
        terms = xp.where(target == 0.0, 0.0, surprise)
        terms *= target
        dy *= xp.sum(target, axis=1, keepdims=True)
        dy -= target
        return self._reduced(terms, dy, divisor, invalid)

    def denominator(self, output: Array, target: Array, sample_weight: Array | None = None) -> Any:
        """Return the sum of the weights of the rows that count; see `Loss`."""
        if is_integral(target):
            return super().denominator(output, target, sample_weight)
        self._check(output, target)
        return self._divisor(output, None if sample_weight is None else self._row_counts(output, sample_weight))

    def check_labels(self, labels: Array, output_shape: Shape | None) -> None:
        """Hold all labels of a data set against the network, once, before training; see `Loss`."""
        if is_integral(labels):
            super().check_labels(labels, output_shape)
        elif output_shape is not None and labels.ndim <= len(output_shape):
            raise TypeError(_neither(labels, ("batch", *output_shape)))
        else:
            check_sample_shape("CrossEntropyLoss", labels, output_shape)

    def _check(self, output: Array, target: Array) -> None:
        self._check_rows(output, target)
        if is_integral(target):
            self._check_label_shape(output, target)
        elif target.ndim < output.ndim:
            raise TypeError(_neither(target, tuple(output.shape)))
        else:
            check_shape("CrossEntropyLoss", target, tuple(output.shape))
            check_dtype("CrossEntropyLoss", target, output)


@fused
def cross_entropy(output: Array, target: Array, loss: CrossEntropyLoss) -> tuple[Array, Array]:
    """Return the mean over rows that all count alike, unless ignored, and its gradient."""
    return loss.in_full(output, target, None)


def _neither(target: Array, shape: tuple[Any, ...]) -> str:
    """Say that a target is neither of labels nor of probabilities."""
    wanted = f"target of integer labels, or of probabilities of shape ({', '.join(map(str, shape))})"
    got = Words(f"{dtype_name(target)} of shape {tuple(target.shape)}")
    return message("CrossEntropyLoss", wanted, got, "cast labels to int64")


def _surprise(output: Array) -> tuple[Array, Array]:
    """Return ``-log softmax(output)`` and ``softmax(output)`` over axis 1, from one set of exponentials."""
    xp = namespace(output)
    shifted = output - xp.max(output, axis=1, keepdims=True)
    p = xp.exp(shifted)
    total = xp.sum(p, axis=1, keepdims=True)
    p /= total
    return xp.log(total) - shifted, p
