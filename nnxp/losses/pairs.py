"""Losses of pairs: which of two ranks higher, and whether two are alike."""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from nnxp._backend import Array, constant, namespace
from nnxp._checks import check_number, message
from nnxp.losses._inputs import check_beside, check_dtype, check_output, check_shape
from nnxp.losses.counted_loss import SeveralInputsLoss
from nnxp.losses.loss import check_reduction

__all__ = ["CosineEmbeddingLoss", "MarginRankingLoss"]

# Keeps the cosine of a vector of zeros 0, and its gradient finite.
_LEAST_SQUARE = 1e-12


@dataclass(frozen=True)
class MarginRankingLoss(SeveralInputsLoss):
    """Ranks ``x1`` above ``x2`` where ``t = 1``, below where ``t = -1``: ``max(0, margin - t (x1 - x2))``.

    Called as ``value, (dx1, dx2) = loss(x1, x2, target)``.
    Backward: ``dx1 = -t`` and ``dx2 = t`` where ``t (x1 - x2) <= margin``, divided as the value is.

    Parameters
    ----------
    margin : float
        By how much.
    reduction : {"mean", "sum", "none"}
        What becomes of the terms; see `Loss`.

    Raises
    ------
    ValueError
        If an argument is out of range, or the three arrays are not of one shape.
    TypeError
        If they are not on one device, or not of one dtype.
    """

    margin: float = 0.0
    _: KW_ONLY
    reduction: str = "mean"

    outputs: ClassVar[tuple[int, ...]] = (0, 1)
    targets: ClassVar[tuple[int, ...]] = (2,)

    def __post_init__(self) -> None:
        check_reduction(self)
        check_number("MarginRankingLoss", "margin", self.margin)

    def terms_shape(self, output: Array) -> tuple[int, ...]:
        """Return the shape of the inputs: every pair of elements has a term."""
        return tuple(output.shape)

    def __call__(  # type: ignore[override]
        self, input1: Array, input2: Array, target: Array, sample_weight: Array | None = None
    ) -> tuple[Array, tuple[Array, Array]]:
        """Return the loss, and its gradients with respect to both inputs; see `Loss`."""
        xp = namespace(input1)
        self._check("input1", input1, input2=input2, target=target)
        short = self.margin - target * (input1 - input2)
        dx2 = xp.where(short >= 0.0, target, 0.0)
        terms = xp.maximum(short, constant(0.0, like=short))
        return self._weighted(terms, (-dx2, dx2), sample_weight)


@dataclass(frozen=True)
class CosineEmbeddingLoss(SeveralInputsLoss):
    """Turns likes to each other, ``1 - cos(x1, x2)`` at ``t = 1``; others away, ``max(0, cos - margin)`` at ``t = -1``.

    Called as ``value, (dx1, dx2) = loss(x1, x2, target)``.
    Backward: ``dcos/dx1 = x2 / |x1||x2| - cos(x1, x2) x1 / |x1|**2``, and likewise for ``x2``.

    Parameters
    ----------
    margin : float
        The cosine that unlikes may have; 0 to 0.5 is usual.
    reduction : {"mean", "sum", "none"}
        What becomes of the terms, one for each sample; see `Loss`.

    Raises
    ------
    ValueError
        If an argument is out of range, the inputs are not of one shape (batch, features), or the target is not of
        shape (batch,).
    TypeError
        If the arrays are not on one device, or not of one dtype.

    Notes
    -----
    Squares of norms have 1e-12 added, as in PyTorch. A target that is neither 1 nor -1 has the term 0.
    """

    margin: float = 0.0
    _: KW_ONLY
    reduction: str = "mean"

    outputs: ClassVar[tuple[int, ...]] = (0, 1)
    targets: ClassVar[tuple[int, ...]] = (2,)

    def __post_init__(self) -> None:
        check_reduction(self)
        check_number("CosineEmbeddingLoss", "margin", self.margin)

    def __call__(  # type: ignore[override]
        self, input1: Array, input2: Array, target: Array, sample_weight: Array | None = None
    ) -> tuple[Array, tuple[Array, Array]]:
        """Return the loss, and its gradients with respect to both inputs; see `Loss`."""
        xp = namespace(input1)
        self._check_pair(input1, input2, target)
        square1 = xp.sum(input1 * input1, axis=1) + _LEAST_SQUARE
        square2 = xp.sum(input2 * input2, axis=1) + _LEAST_SQUARE
        norms = xp.sqrt(square1 * square2)
        cosine = xp.sum(input1 * input2, axis=1) / norms
        like, over = target == 1.0, cosine - self.margin
        unlike = (target == -1.0) & (over >= 0.0)
        terms = xp.where(like, 1.0 - cosine, xp.where(unlike, over, 0.0))
        slope = xp.astype(unlike, input1.dtype) - xp.astype(like, input1.dtype)
        across, along = (slope / norms)[:, None], slope * cosine
        dx1 = across * input2 - (along / square1)[:, None] * input1
        dx2 = across * input1 - (along / square2)[:, None] * input2
        return self._weighted(terms, (dx1, dx2), sample_weight)

    def _check_pair(self, input1: Array, input2: Array, target: Array) -> None:
        where = "CosineEmbeddingLoss"
        check_output(where, input1, "input1")
        if input1.ndim != 2:
            raise ValueError(message(where, "input1 of shape (batch, features)", tuple(input1.shape)))
        self._check("input1", input1, input2=input2)
        check_beside(where, "target", target, input1)
        check_shape(where, target, (input1.shape[0],))
        check_dtype(where, target, input1)
