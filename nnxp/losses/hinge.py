"""Answers of 1 or -1, element by element: a hinge on distances, and a smooth one on scores."""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from nnxp._backend import Array, constant, namespace
from nnxp._checks import check_number
from nnxp.losses.elementwise import ElementwiseLoss
from nnxp.losses.loss import check_reduction

__all__ = ["HingeEmbeddingLoss", "SoftMarginLoss"]


@dataclass(frozen=True)
class HingeEmbeddingLoss(ElementwiseLoss):
    """Small distances for likes, ``x`` where ``t = 1``; above a margin for others, ``max(0, margin - x)``.

    Backward: ``dy = 1`` where ``t = 1``; where ``t = -1``, -1 up to the margin and 0 beyond; divided as the value is.

    Parameters
    ----------
    margin : float
        How far apart unlikes are to be.
    reduction : {"mean", "sum", "none"}
        What becomes of the terms; see `Loss`.

    Raises
    ------
    ValueError
        If an argument is out of range, or the target is not shaped as the output.

    Notes
    -----
    A target that is neither 1 nor -1 has both terms, as in PyTorch.
    """

    margin: float = 1.0
    _: KW_ONLY
    reduction: str = "mean"

    def __post_init__(self) -> None:
        check_reduction(self)
        check_number("HingeEmbeddingLoss", "margin", self.margin)

    def terms(self, output: Array, target: Array) -> tuple[Array, Array]:
        """Return the terms and slopes."""
        xp = namespace(output)
        like, unlike = target != -1.0, target != 1.0
        short = self.margin - output
        terms = xp.where(unlike, xp.maximum(short, constant(0.0, like=output)), 0.0)
        terms += xp.where(like, output, 0.0)
        slopes = xp.astype(like, output.dtype)
        slopes -= xp.astype(unlike & (short >= 0.0), output.dtype)
        return terms, slopes


@dataclass(frozen=True)
class SoftMarginLoss(ElementwiseLoss):
    """Logistic loss of answers 1 and -1, ``log(1 + exp(-t x))`` with ``x`` the output: a logit.

    Backward: ``dy = -t / (1 + exp(t x))``, divided as the value is. Neither exponential overflows.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        What becomes of the terms; see `Loss`.

    Raises
    ------
    ValueError
        If the reduction is unknown, or the target is not shaped as the output.

    Examples
    --------
    >>> value, dy = SoftMarginLoss()(np.array([[0.0]]), np.array([[-1.0]]))
    >>> float(value), dy.tolist()
    (0.6931471805599453, [[0.5]])
    """

    _: KW_ONLY
    reduction: str = "mean"

    probabilities: ClassVar[str | None] = "sigmoid"

    def __post_init__(self) -> None:
        check_reduction(self)

    def terms(self, output: Array, target: Array) -> tuple[Array, Array]:
        """Return the terms and slopes."""
        xp = namespace(output)
        wrong = -(target * output)
        decay = xp.exp(-xp.abs(wrong))
        terms = xp.log1p(decay)
        terms += xp.maximum(wrong, constant(0.0, like=output))
        slopes = xp.where(wrong >= 0.0, -1.0, -decay)
        slopes /= 1.0 + decay
        slopes *= target
        return terms, slopes
