"""Squared, absolute, and in between: the losses of regression."""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from nnxp._backend import Array, constant, namespace
from nnxp._checks import check_number
from nnxp.losses.elementwise import ElementwiseLoss
from nnxp.losses.loss import check_reduction

__all__ = ["HuberLoss", "L1Loss", "MSELoss", "SmoothL1Loss"]


@dataclass(frozen=True)
class MSELoss(ElementwiseLoss):
    """Squared error, ``(output - target)**2``; its mean is over all elements, not over samples.

    Backward: ``dy = 2 (output - target)``, divided as the value is.

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
    >>> value, dy = MSELoss()(np.array([[1.0, 2.0]]), np.array([[0.0, 4.0]]))
    >>> float(value), dy.tolist()
    (2.5, [[1.0, -2.0]])
    """

    _: KW_ONLY
    reduction: str = "mean"

    factor: ClassVar[float] = 2.0

    def __post_init__(self) -> None:
        check_reduction(self)

    def terms(self, output: Array, target: Array) -> tuple[Array, Array]:
        """Return the squares, and the differences."""
        difference = output - target
        return difference * difference, difference


@dataclass(frozen=True)
class L1Loss(ElementwiseLoss):
    """Absolute error, ``|output - target|``; its mean is over all elements.

    Backward: ``dy = sign(output - target)``, 0 where they are equal, divided as the value is.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        What becomes of the terms; see `Loss`.

    Raises
    ------
    ValueError
        If the reduction is unknown, or the target is not shaped as the output.
    """

    _: KW_ONLY
    reduction: str = "mean"

    def __post_init__(self) -> None:
        check_reduction(self)

    def terms(self, output: Array, target: Array) -> tuple[Array, Array]:
        """Return the sizes and the signs of the differences."""
        xp = namespace(output)
        difference = output - target
        return xp.abs(difference), xp.sign(difference)


@dataclass(frozen=True)
class HuberLoss(ElementwiseLoss):
    """Squared error near the target, absolute error far from it [1]_.

    With ``d = output - target`` a term is ``d**2 / 2`` where ``|d| <= delta``, else ``delta (|d| - delta / 2)``.
    Backward: ``dy = d``, kept within ``[-delta, delta]``, divided as the value is.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        What becomes of the terms; see `Loss`.
    delta : float
        Where the two meet; above 0.

    Raises
    ------
    ValueError
        If an argument is out of range, or the target is not shaped as the output.

    References
    ----------
    .. [1] Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics 35 (1964), 73-101.
    """

    reduction: str = "mean"
    delta: float = 1.0

    def __post_init__(self) -> None:
        check_reduction(self)
        check_number("HuberLoss", "delta", self.delta, low=0.0, open_low=True)

    def terms(self, output: Array, target: Array) -> tuple[Array, Array]:
        """Return both branches as one, ``q (|d| - q / 2)`` with ``q = min(|d|, delta)``."""
        return _huber(output, target, self.delta)


@dataclass(frozen=True)
class SmoothL1Loss(ElementwiseLoss):
    """Huber's loss divided by `beta`: absolute error but for a rounded tip [1]_.

    With ``d = output - target`` a term is ``d**2 / (2 beta)`` where ``|d| <= beta``, else ``|d| - beta / 2``.
    Backward: ``dy = d / beta``, kept within [-1, 1], divided as the value is.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        What becomes of the terms; see `Loss`.
    beta : float
        Half the width of the tip; at 0 this is `L1Loss`.

    Raises
    ------
    ValueError
        If an argument is out of range, or the target is not shaped as the output.

    References
    ----------
    .. [1] Girshick, "Fast R-CNN", 2015, arXiv:1504.08083, eq. 3.
    """

    _: KW_ONLY
    reduction: str = "mean"
    beta: float = 1.0

    def __post_init__(self) -> None:
        check_reduction(self)
        check_number("SmoothL1Loss", "beta", self.beta, low=0.0)

    def terms(self, output: Array, target: Array) -> tuple[Array, Array]:
        """Return Huber's terms and slopes over `beta`."""
        if self.beta == 0:
            return L1Loss().terms(output, target)
        terms, slopes = _huber(output, target, self.beta)
        terms /= self.beta
        slopes /= self.beta
        return terms, slopes


def _huber(output: Array, target: Array, delta: float) -> tuple[Array, Array]:
    xp = namespace(output)
    difference = output - target
    size = xp.abs(difference)
    near = xp.minimum(size, constant(float(delta), like=output))
    size -= 0.5 * near
    size *= near
    # |d| clipped, with d's sign back, is d clipped.
    return size, near * xp.sign(difference)
